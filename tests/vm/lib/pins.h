/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pages of this process that cannot move because a pipe refers to them (vmsplice), as a program
 * that splices would do it: for good, or coming and going.
 */
#ifndef VM_PINS_H
#define VM_PINS_H

#include <glib.h>

struct pins {
	GArray *pipes; /* of int: read and write end of each pipe in turn */
	size_t room; /* pages the last pipe still takes */
};

void pins_init(struct pins *pins);
void pins_add(struct pins *pins, void *page);
/* Lets all pages go. */
void pins_clear(struct pins *pins);

/* A thread that pins and unpins pages at random until stopped. */
struct flicker;

/*
 * Each of @count pages is pinned, on average, half of the time, and for some @period_ms at a
 * stretch. All of them are pinned when this returns.
 */
struct flicker *flicker_start(void **pages, size_t count, guint period_ms, guint32 stream);
/* Unpins all and ends the thread; returns how often a page was pinned. */
guint64 flicker_stop(struct flicker *flicker);

#endif /* VM_PINS_H */
