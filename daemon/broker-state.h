/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a broker is made of, for those of its files that work on the whole of it:
 * broker.c (what becomes known), admission.c, turn.c (what to do next), filled.c (what a fill
 * brought), ahead.c (what is claimed
 * ahead), pressure.c (who is asked to give back), usage.c.
 */
#ifndef CMABULKD_BROKER_STATE_H
#define CMABULKD_BROKER_STATE_H

#include "books.h"
#include "broker.h"
#include "ledger.h"
#include "queue.h"
#include "request.h"

struct broker {
	struct ledger ledger;
	struct books books;
	struct queue queue;
	GQueue requests; /* struct broker_request, all that are not freed, oldest first */
	GQueue ended; /* of those, to be said */
	uint64_t last_number;
	uint64_t last_booking;
	uint64_t draining_pages; /* as the driver was told */
	bool is_free_stale; /* a fill ended since the driver told the free pages */
	bool is_gone;
	struct retry retry; /* of requests to come */
	GRand *random;

	struct broker_request *filling; /* whose fill runs */
	uint64_t fill_chunks;
	bool fill_is_contended;
	bool fill_yields; /* to whoever comes */
	bool fill_is_interrupted; /* that was said */

	/* Asking others to give back. */
	uint64_t next_round_ns;
	uint64_t round_pages; /* still to be asked for in the round that goes on */
};

/* Its account's rule, or the want of one, says how long its turns are. */
void broker_set_weight(struct broker *broker, struct account *account);
/* Its result stands; it leaves the queue, and keeps what it holds until it is freed. */
void broker_end(struct broker *broker, struct broker_request *request);
void broker_end_with(struct broker *broker, struct broker_request *request,
		     enum broker_status status, int error);
/* Pages are on their way back, or will be in a moment. */
bool broker_is_draining(const struct broker *broker);
/* A buffer lives, or another request has memory: that may come back. */
bool broker_can_wait(const struct broker *broker, const struct broker_request *request);

#endif
