/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whose turn it is: weighted deficit round robin between accounts, first come first
 * served inside one. Who had nothing to do goes before those that have been at it,
 * once. Knows no memory and no limits. Pure.
 */
#ifndef CMABULKD_QUEUE_H
#define CMABULKD_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

/* Bytes of one turn at the default weight; of a small pool an eighth of it. */
#define QUEUE_QUANTUM_BYTES  (UINT64_C(32) << 20)
#define QUEUE_DEFAULT_WEIGHT 100
/* No slice, however slow, puts an account further behind than so many turns. */
#define QUEUE_DEBT_TURNS     16

enum queue_place { QUEUE_AWAY, QUEUE_FRESH, QUEUE_REGULAR };

/* An account's part in it. */
struct queue_member {
	GQueue requests; /* in the order they are served */
	GList link; /* in one of the lists, as place says */
	enum queue_place place;
	uint64_t quantum; /* bytes per turn: by its weight */
	int64_t deficit; /* bytes it may have until its turn is over */
};

struct queue {
	GQueue fresh; /* had nothing to do until now */
	GQueue regular;
	uint64_t quantum; /* at the default weight */
	uint64_t rate; /* bytes per second that the pool's worker gets, moving average; 0: unknown */
};

/* What a turn took. */
struct queue_slice {
	uint64_t bytes;
	uint64_t elapsed_ns;
	bool is_contended; /* somebody else could have had it */
	bool is_interrupted; /* it would have gone on */
};

typedef bool (*queue_is_ready)(const struct queue_member *member, void *userdata);

void queue_init(struct queue *queue, uint64_t pool_bytes);
void queue_member_init(struct queue_member *member);
void queue_member_set_weight(const struct queue *queue, struct queue_member *member,
			     unsigned int weight);

/* It has something to do. */
void queue_join(struct queue *queue, struct queue_member *member);
/* It has nothing to do any more. */
void queue_rest(struct queue *queue, struct queue_member *member);
/* The member whose turn it is, of those that are ready; NULL for none. */
struct queue_member *queue_next(struct queue *queue, queue_is_ready is_ready, void *userdata);
/* Is anybody but @member ready? */
bool queue_has_other(const struct queue *queue, const struct queue_member *member,
		     queue_is_ready is_ready, void *userdata);
void queue_charge(struct queue *queue, struct queue_member *member,
		  const struct queue_slice *slice);
/* @loser gave back so much of what it was charged for, because of @winner, which is charged for it instead. */
void queue_shift_charge(struct queue_member *loser, struct queue_member *winner, uint64_t bytes);

#endif
