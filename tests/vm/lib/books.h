/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a pool says it owns, compared with what the kernel says, and with what it was before. */
#ifndef VM_BOOKS_H
#define VM_BOOKS_H

#include <glib.h>
#include <linux/cmabulk.h>

/* A pool's counters when nothing was on its way. */
struct books {
	struct cmabulk_query query;
	guint64 used; /* pages handed out, from the area's bitmap */
};

/* Pages in all states. */
guint64 books_owned(const struct cmabulk_states *states);
/*
 * Waits for the events that tell that nothing is draining any more, and until nothing is cached;
 * aborts after a long while.
 */
struct books books_settled(int pool);
/*
 * Aborts unless the pool's counters are the same, and agree with the area's bitmap and with what
 * BUFFERS adds up to. Event numbers may differ.
 */
void books_assert_same(int pool, const struct books *before);
/* Aborts unless the pool owns nothing and the area has no page in any kernel user's hands. */
void books_assert_empty(int pool);

#endif /* VM_BOOKS_H */
