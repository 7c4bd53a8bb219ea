/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One request: what was asked, how far it is, and what its steps did. Decides
 * nothing. Pure.
 */
#ifndef CMABULKD_REQUEST_H
#define CMABULKD_REQUEST_H

#include <glib.h>

#include "broker.h"
#include "retry.h"

/* What the report is for is not every slice: beyond this, the last step is added to. */
#define REQUEST_MAX_STEPS 32

enum request_stage {
	REQUEST_QUEUED, /* not booked; holds nothing */
	REQUEST_BOOKED, /* may be filled, may hold chunks */
	REQUEST_FILLING, /* a fill runs */
	REQUEST_KEPT, /* ahead: has what it gets, until somebody wants it */
	REQUEST_ENDED, /* it is decided how; to be said */
	REQUEST_FINISHED, /* it was said; until it is freed it may hold chunks */
};

enum request_wait {
	REQUEST_WAITS_NOT,
	REQUEST_WAITS_FOR_PAGES, /* on their way back */
	REQUEST_WAITS_FOR_TIME, /* before it tries again */
	REQUEST_WAITS_FOR_RELEASE, /* by anybody else, for as long as it takes */
};

struct account;

struct broker_request {
	struct account *account;
	uid_t uid; /* who asked: users may share an account */
	struct broker_ask ask;
	void *userdata;
	uint64_t number; /* in the order of admission: the higher, the younger */
	enum request_stage stage;
	enum broker_status status;
	int error;
	bool is_cancelled;

	uint64_t submitted_ns;
	uint64_t queued_ns; /* until its first fill */
	bool has_started;

	/* What stands in the ledger. */
	uint64_t target; /* chunks: what was asked, or what could be had */
	uint64_t booked_pages;
	uint64_t booked_buffers;
	uint64_t booking; /* in the order of bookings */

	uint64_t reservation; /* the kernel's number, 0: none */
	GArray *given_back; /* uint64_t: those that it gave back and that are not memory again */
	uint64_t claimed; /* chunks that came */
	uint64_t held_pages; /* of those, not exported */
	uint64_t ahead; /* chunks of those that were claimed ahead */
	struct broker_request *taken_from; /* until the driver was told */
	bool was_kept; /* is, or was, REQUEST_KEPT */

	unsigned int efforts; /* bits: that it may try */
	struct retry retry; /* as the pool's was when it came */
	unsigned int step; /* of those, the next to try, or the one that is tried */
	unsigned int effort; /* which that is */
	unsigned int n_repeats; /* efforts after the first */
	unsigned int waits_done; /* of the steps that are waits */
	bool has_retried; /* the first effort, because pages were coming back */
	bool was_draining; /* when the fill that runs was started */
	bool was_released; /* memory, by anybody else, since it was started */
	bool is_continued; /* the next slice belongs to the last step */
	bool is_protected; /* was interrupted for others: has a turn to itself now */
	bool gives_back; /* to be said */
	enum request_wait wait;
	uint64_t waits_until_ns; /* at most */
	bool has_waited; /* once is enough */
	bool has_dropped; /* what was claimed ahead, for it: likewise */
	/* It gave way to those booked up to here, and may have the memory after them. */
	uint64_t waits_for;

	GArray *steps; /* struct broker_step */
};

struct broker_request *request_new(const struct broker_ask *ask, uint64_t number, uint64_t now_ns,
				   void *userdata);
struct broker_request *request_free(struct broker_request *request);

uint64_t request_pages(const struct broker_request *request, uint64_t chunks);
/* Booked, and neither decided nor done. */
bool request_is_running(const struct broker_request *request);
/* Has some of what it is to have, and goes on. */
bool request_is_partial_holder(const struct broker_request *request);
bool request_is_pending(const struct broker_request *request);

void request_wait(struct broker_request *request, enum request_wait wait, uint64_t until_ns);
void request_end_wait(struct broker_request *request);

void request_add_step(struct broker_request *request, const struct broker_step *step);
/* Decided: @error is 0 or says why it came short. The stage is the caller's. */
void request_set_result(struct broker_request *request, enum broker_status status, int error);

#endif
