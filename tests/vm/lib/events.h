/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The module's generic netlink events and counters, as a subscriber sees them. */
#ifndef VM_EVENTS_H
#define VM_EVENTS_H

#include <glib.h>
#include <linux/cmabulk.h>
#include <stdbool.h>

struct event {
	enum cmabulk_genl_command command;
	char pool[CMABULK_POOL_NAME_LEN];
	guint64 sequence;
	guint64 id;
	guint64 pages;
	guint64 inode;
	guint64 reservation;
	guint64 present; /* bit 1 << CMABULK_ATTR_* for each attribute there was */
};

/* One message of the POOL_GET dump; indexed by CMABULK_ATTR_*. */
struct counters {
	char pool[CMABULK_POOL_NAME_LEN];
	guint64 values[CMABULK_ATTR_MAX + 1];
	guint64 present;
};

struct events;

/* Subscribes. The family must exist. */
struct events *events_new(void);
void events_free(struct events *events);
/* Takes what has arrived, waiting for at most @timeout_ms when nothing has. */
void events_wait(struct events *events, int timeout_ms);
/*
 * The oldest event that was not returned yet, waiting for at most @timeout_ms: false when none
 * came.
 */
bool events_next(struct events *events, int timeout_ms, struct event *ret);
/* True once after the kernel said that events were lost (ENOBUFS). */
bool events_overrun(struct events *events);
/* Counters of all pools: 0 or a negative errno. Free @ret with g_array_unref(). */
int counters_dump(GArray **ret);

#endif /* VM_EVENTS_H */
