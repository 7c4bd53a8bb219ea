/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a broker may and must say, worked out the slow way: lists and loops over all that
 * it was told and has said. Shares no code with it, and aborts when it does otherwise.
 */
#ifndef DAEMON_MODEL_H
#define DAEMON_MODEL_H

#include "broker.h"
#include "fake-pool.h"

#define MODEL_ACCOUNTS	 50 /* at most: one bit each in 64 */
#define MODEL_PAGE_SIZE	 4096
/* What somebody writes for an account, and the daemon never would. */
#define MODEL_NO_ACCOUNT "what:is:this"

/* Limits in force; the tests' own, not as they are configured. */
struct model_account {
	const char *name; /* in the kernel's books */
	bool is_known;
	uint64_t minimum; /* pages: kept for it */
	uint64_t maximum; /* pages */
	uint64_t max_buffers;
	uint64_t max_pending;
	unsigned int efforts; /* bits; 0: all */
	uint64_t rate_burst;
	uint64_t rate_interval_ns;
	GArray *let_in; /* uint64_t: when each of its requests was */
	uint64_t quantum; /* bytes */
	bool had_requests; /* when it was checked last */
	/* When everybody had nothing to do it had nothing either: it goes first. */
	bool is_rested;
	bool is_fresh; /* had nothing to do, came, and has not had its turn */
	uint64_t served; /* bytes since */
};

#define MODEL_WAIT 3 /* a step that is no effort */

/* How a pool is tried. */
struct model_retry {
	unsigned int count;
	unsigned int steps[16];
	uint64_t longest_ns; /* of what lies between two of them */
};

/* Ahead, one is kept when it has what it gets. */
enum model_stage { MODEL_WAITS, MODEL_RUNS, MODEL_FILLS, MODEL_KEPT, MODEL_DONE };

struct model_request {
	struct broker_request *handle;
	unsigned int account;
	struct broker_ask ask;
	uint64_t number;
	enum model_stage stage;
	bool is_cancelled;
	bool is_doomed; /* a fill said ENODEV, or something unheard of */
	bool is_late; /* a fill said ETIME */
	bool is_decided; /* how it ends: to be said */
	int late_error;
	bool was_kept;
	bool is_taken; /* what it held, by another */
	uint64_t surplus; /* pages it took over and does not need */
	uint64_t held; /* chunks */
	uint64_t exported; /* chunks */
	uint64_t promised; /* chunks */
	bool is_content; /* with less than it asked for */
	int content_error; /* why */
	uint64_t claimed; /* at the end */
	int last_result;
	unsigned int efforts; /* bits */
	struct model_retry retry; /* as it was when it came */
	unsigned int positions; /* bits: where in it this may be, as far as can be told */
	unsigned int last_effort;
	bool had_company; /* when it gave back: somebody to whom it may have given way */
	bool may_wait; /* gave back what it had, for a release or for others */
	bool was_short;
	unsigned int fast_shorts; /* fills that came short with the first effort, in a row */
	bool has_given_way;
	bool was_interrupted;
	uint64_t since; /* of the last thing that let it go on */
	bool goes_first; /* a single chunk of a rested account */
	uint64_t ahead; /* accounts that came so before it: bits */
};

struct model_buffer {
	uint64_t id;
	uint64_t pages;
	int account; /* -1: of none, -2: of one that nobody knows */
	uint64_t cookie;
	bool is_draining; /* in the last snapshot */
};

/* What is counted: all of it, in the order in which it happened. */
enum model_happening_kind {
	MODEL_ADMITTED,
	MODEL_ASKED, /* 0: chunks, 1: bytes */
	MODEL_REFUSED, /* the error */
	MODEL_FINISHED, /* the status */
	MODEL_GRANTED, /* as MODEL_ASKED */
	MODEL_RELEASED,
	MODEL_WORKED,
	MODEL_INTERRUPTED,
	MODEL_GAVE_BACK,
	MODEL_FILLED, /* with the first effort, and the result; then with the others */
};

struct model_happening {
	enum model_happening_kind kind;
	int account; /* as of a struct model_buffer */
	int detail;
	uint64_t amount;
};

struct model {
	uint64_t pages;
	uint64_t free_pages; /* as told last */
	uint64_t free_at_fill;
	uint64_t draining; /* as told last */
	bool is_gone;
	bool has_changed; /* what accounts use, or may, since it was checked last */
	struct model_retry retry;
	struct model_account accounts[MODEL_ACCOUNTS];
	unsigned int n_accounts;
	GArray *requests; /* struct model_request, not freed, by age */
	GArray *buffers; /* struct model_buffer: that it was told of */
	GArray *happenings; /* struct model_happening */
	uint64_t sequence;
	uint64_t last_number;

	bool is_filling;
	bool is_interrupted;
	bool is_long; /* the fill that runs is more than a turn */
	/* How often what was tried, so that a test knows that it saw it. */
	uint64_t fills, slices, interrupts, give_backs, short_bookings, finished[4], one_chunks,
		refusals, waits_for_draining, guarded, uncovered, rated, waits, kept, taken,
		dropped, asked_back;
};

void model_init(struct model *model, uint64_t pages, unsigned int n_accounts);
void model_clear(struct model *model);
struct model_request *model_find(const struct model *model, const struct broker_request *handle);

/* What broker_submit() must say. */
int model_admit(const struct model *model, unsigned int account, const struct broker_ask *ask,
		uint64_t now_ns);
void model_admitted(struct model *model, struct broker_request *handle, unsigned int account,
		    const struct broker_ask *ask, uint64_t now_ns);
void model_refused(struct model *model, unsigned int account, int error);
/* The one it takes over, of those kept ahead; NULL: none. To be asked when it was admitted. */
struct broker_request *model_take_over(struct model *model, struct broker_request *handle);
void model_cancelled(struct model *model, struct broker_request *handle);
/* It said so: may it? */
void model_action(struct model *model, const struct broker_action *action, uint64_t now_ns);
void model_filled(struct model *model, struct broker_request *handle, int result, uint64_t granted,
		  uint64_t elapsed_ns, uint64_t now_ns);
void model_exported(struct model *model, struct broker_request *handle,
		    const struct cmabulk_buffer_info *buffer);
/* A buffer is no more. */
void model_released(struct model *model, uint64_t now_ns);
void model_freed(struct model *model, struct broker_request *handle);
/* What broker_event() must return. */
int model_event(struct model *model, const struct fake_event *event, uint64_t *ret_cookie);
void model_loaded(struct model *model, const struct fake_pool *pool);

/* There is a new broker, which knows of nothing yet. */
void model_restarted(struct model *model);

/* It has nothing more to say: is it right? */
void model_check(struct model *model, const struct broker *broker, uint64_t now_ns);
/* All that happened is gone through again. */
void model_check_counters(const struct model *model, const struct broker *broker);
/* Nothing is on its way: its books are the kernel's. */
void model_check_settled(const struct model *model, const struct broker *broker,
			 const struct fake_pool *pool);

#endif
