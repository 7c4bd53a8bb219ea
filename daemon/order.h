/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The order of a pool's numbered events: which of them are news, and where some are
 * missing. Snapshots come from any thread, events from one.
 */
#ifndef CMABULKD_ORDER_H
#define CMABULKD_ORDER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct event_order {
	pthread_mutex_t lock; /* all that follows */
	bool is_known; /* there is a snapshot, and nothing was lost since */
	uint64_t newest; /* told, by an event or a snapshot */
};

enum event_news {
	EVENT_OLD, /* known by a snapshot, or not to be told before the next */
	EVENT_NEW, /* the next one: tell */
	EVENT_GAP, /* some are missing: nothing is told before the next snapshot */
};

void event_order_init(struct event_order *order);
void event_order_destroy(struct event_order *order);
/* A snapshot that includes everything up to @sequence. */
void event_order_snapshot(struct event_order *order, uint64_t sequence);
/* Returns whether that is news: false before the first snapshot and when it was known. */
bool event_order_lost(struct event_order *order);
enum event_news event_order_next(struct event_order *order, uint64_t sequence);

#endif
