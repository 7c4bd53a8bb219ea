/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an allocation is made of, for those of its files that work on the whole of it:
 * allocation.c (its life), allocation-move.c (its pool went).
 */
#ifndef CMABULKD_ALLOCATION_STATE_H
#define CMABULKD_ALLOCATION_STATE_H

#include "allocation.h"
#include "report.h"

struct allocation {
	struct client *client;
	char *token;
	char *path;
	struct cmabulk_owner owner;
	char account[CMABULK_ACCOUNT_LEN]; /* that is charged */
	/* As it was asked: to ask another pool when this one goes. */
	struct broker_ask ask;
	uint64_t since_ns;
	struct route route;
	struct pool *pool;
	struct pool_request *request; /* NULL: it ended, and the report is there */
	struct report report;
	/* The Allocate, until it returned; a Fetch that waits for its reply. */
	sd_bus_message *call;
	bool has_returned;
	struct parcel *parcel; /* a reply that waits, or is not confirmed */
	unsigned int offered_first; /* buffers in it */
	unsigned int offered_count;
	uint64_t last_serial;
	sd_event_source *timer; /* for what is not fetched */
};

/* Whom it is charged to, now that it was admitted by @rule. */
void allocation_set_account(struct allocation *allocation, const struct account_rule *rule);
/* What is known of how it ends when it is admitted. */
void allocation_fill_report(struct report *report, const struct pool *pool,
			    const struct broker_ask *ask);
/*
 * Another pool has it now, with all that it waited and was tried in the one where @outcome is how it ended, and the
 * time that it has left. False: there is none, or it is to have no other.
 */
bool allocation_move(struct allocation *allocation, const struct pool_outcome *outcome);

#endif
