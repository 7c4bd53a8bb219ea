/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Events that nobody has read yet, so many at most: whoever sends them, they take no more memory than that.
 * Pure.
 */
#ifndef LIBCMABULK_EVENT_QUEUE_H
#define LIBCMABULK_EVENT_QUEUE_H

#include <stdbool.h>

#include "event.h"

/* Some seconds of releases; the last place is for saying that there were more. */
#define EVENT_QUEUE_SIZE 256

struct event_queue {
	uint64_t mask; /* types that are wanted */
	unsigned int first;
	unsigned int count;
	struct event_record records[EVENT_QUEUE_SIZE]; /* a ring */
};

/* What is not wanted any more goes. */
void event_queue_set_mask(struct event_queue *queue, uint64_t mask);

/* Unless its type is not wanted. When there is no room, it is counted as lost. */
void event_queue_add(struct event_queue *queue, const struct event_record *record);

/* The oldest; NULL: there is none. Valid until the next call. */
const struct event_record *event_queue_peek(const struct event_queue *queue);

/* It was read. */
void event_queue_drop(struct event_queue *queue);

#endif
