/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One pool's requests, accounts and books: who may have how much, and who is next.
 * Pure: no I/O, no clock, no threads; time is an argument, in nanoseconds of a
 * monotonic clock. Whoever drives it (pool.c; the tests) tells it facts and then
 * carries out what broker_next() says until that says no more.
 *
 * A request is queued, then booked (its full size stands in the ledger), then
 * filled in one or more slices, then finished. Only requests whose booked sizes fit
 * together hold chunks.
 */
#ifndef CMABULKD_BROKER_H
#define CMABULKD_BROKER_H

#include <linux/cmabulk.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "account.h"
#include "retry.h"

struct broker;
struct pool_counters;
struct broker_request;

struct broker_geometry {
	uint64_t pages;
	uint64_t page_size;
	unsigned int min_order;
	unsigned int max_order;
	char name[CMABULK_POOL_NAME_LEN]; /* of the pool; empty: open to all accounts */
};

struct broker_ask {
	unsigned int order;
	unsigned int align; /* as an order, at least order */
	uint64_t chunks;
	uint64_t minimum; /* 1 to chunks */
	unsigned int buffers; /* 1 to chunks */
	unsigned int effort; /* ceiling: enum cmabulk_effort */
	uint64_t deadline_ns; /* UINT64_MAX: none */
	/*
	 * On a hint: claimed when the worker has nothing else to do, and kept until the deadline, for the first
	 * request of the account that it suits. It goes back as soon as anybody lacks memory. Of minimum
	 * and buffers nothing is asked.
	 */
	bool is_ahead;
};

enum broker_status { BROKER_COMPLETE, BROKER_PARTIAL, BROKER_TIMED_OUT, BROKER_CANCELLED };

/* Why it came short: what would have to be different. */
enum broker_cause {
	BROKER_CAUSE_NONE, /* it did not */
	BROKER_CAUSE_QUOTA, /* the account's maximum */
	BROKER_CAUSE_GUARANTEE, /* what is left is guaranteed to others */
	BROKER_CAUSE_EXHAUSTED, /* others have it */
	BROKER_CAUSE_PINNED, /* pages that look pinned */
	BROKER_CAUSE_BUSY, /* pages that would not move */
	BROKER_CAUSE_NO_MEMORY, /* nowhere to move pages to */
	BROKER_CAUSE_INTERRUPTED, /* by its end, or by the client, before all was tried */
	BROKER_CAUSE_GONE, /* the pool */
	BROKER_CAUSE_FAILED, /* anything else: the error says */
};

/* What a step did, for the report. */
struct broker_step {
	unsigned int effort;
	int error; /* 0 or negative errno, as FILL returned it */
	uint64_t requested;
	uint64_t granted;
	uint64_t elapsed_ns;
	struct cmabulk_report report;
};

enum broker_action_type {
	BROKER_NOTHING,
	/* Start a fill for request; there is never more than one. Answer: broker_filled(). */
	BROKER_FILL,
	/* Interrupt the fill that runs (said once per fill). */
	BROKER_INTERRUPT,
	/* Close the request's reservation: it starts again with nothing. Done when the call returns. */
	BROKER_GIVE_BACK,
	/*
	 * It ended: status, reason and claimed are final. The driver exports (when broker_request_is_kept()),
	 * answers the client, then calls broker_request_exported() and broker_request_free().
	 */
	BROKER_FINISH,
	/*
	 * Requests wait for memory: ask the account to give some back. There is no request. Answer, at once, where
	 * nobody is there to hear it: broker_not_heard().
	 */
	BROKER_ASK_BACK,
};

/* How badly it is needed. */
enum broker_pressure {
	BROKER_PRESSURE_MODERATE, /* somebody waits for it */
	BROKER_PRESSURE_CRITICAL, /* somebody who is guaranteed it */
};

struct broker_action {
	enum broker_action_type type;
	struct broker_request *request;
	/* BROKER_FILL */
	unsigned int effort;
	uint64_t chunks;
	uint64_t budget_ns; /* as in struct cmabulk_fill: 0 is no limit */
	/* BROKER_ASK_BACK */
	const char *account; /* until the next call */
	uint64_t bytes;
	enum broker_pressure pressure;
};

/* What an account uses of this pool. */
struct broker_usage {
	char account[64]; /* as account_rule_format() writes it */
	bool is_known; /* its rule is configured */
	uid_t uid;
	const struct account_rule *rule; /* NULL when not known */
	uint64_t exported_bytes; /* buffers that live, wherever they are, draining ones too */
	uint64_t booked_bytes; /* in requests that hold or may hold chunks */
	uint64_t buffers; /* that live */
	/* Of those, what was draining in the last snapshot: no event tells when that begins. */
	uint64_t draining_bytes;
	uint64_t draining_buffers;
	uint64_t pending; /* requests not finished, but for those that are ahead */
	uint64_t ahead_bytes; /* of those that are booked: claimed ahead */
	uint64_t minimum_bytes;
	uint64_t maximum_bytes;
};

/* The books of the pool, in pages. */
struct broker_books {
	struct cmabulk_states states;
	uint64_t buffers;
	uint64_t reservations;
	uint64_t orphaned_pages; /* of accounts not configured any more */
	uint64_t unmanaged_pages; /* of no account */
	uint64_t sequence;
};

/* Takes a reference to @rules. */
struct broker *broker_new(const struct broker_geometry *geometry, struct account_rules *rules);
/* All requests must have been freed. */
struct broker *broker_free(struct broker *broker);

/* A new configuration: for new grants; what is used stays charged. */
void broker_set_rules(struct broker *broker, struct account_rules *rules);

/* How requests to come are tried; fast, normal and hard unless told. */
void broker_set_retry(struct broker *broker, const struct retry *retry);
/* For tests: delays are the same each time. */
void broker_set_seed(struct broker *broker, uint32_t seed);

/*
 * Pages in no CMA user's hands, as the kernel says: what can be had besides what we hold. To be told
 * after every event and every fill that ended, before broker_next() is asked.
 */
void broker_set_free(struct broker *broker, uint64_t free_pages);

/*
 * Pages on their way back to the area, as the kernel says in the same breath (without those that are
 * stuck). It tells of no such thing by itself; who does not say so here has requests go on to higher
 * efforts, or be content with less, where a moment's wait would do. Until the next call.
 */
void broker_set_draining(struct broker *broker, uint64_t pages);

/*
 * The truth about what lives replaces the books; entries are ours to copy. Reservations of running
 * requests are known by their ids (broker_request_set_reservation()) and not counted twice. The
 * snapshot must be newer than the last broker_request_exported().
 */
void broker_load(struct broker *broker, const struct cmabulk_buffer_info *entries, size_t count,
		 uint64_t sequence);

/*
 * One event, newer than the books and next in order (else -ESTALE: ignored, -EL2HLT: a gap, load again).
 * Released: *ret_cookie is the cookie of its owner, 0 if not known. Other events: 0.
 *
 * 1: applied, but somebody else made a buffer, and events do not say who: it counts as of no account
 * until the next broker_load(), which should follow soon. (Also for a buffer of ours whose event is
 * there before broker_request_exported(), which puts it right.)
 */
int broker_event(struct broker *broker, enum cmabulk_genl_command command, uint64_t sequence,
		 uint64_t id, uint64_t pages, uint64_t *ret_cookie);

/* Why a request was not admitted, for the sentence. All amounts in bytes. */
struct broker_refusal {
	/*
	 * "size", "quota", "buffers", "pending"; "guarantee": others are guaranteed what is used; "effort": asked
	 * for is the ceiling; "rate": used and maximum are requests, asked is the wait in ns; "invalid" and
	 * "gone" have no amounts.
	 */
	const char *reason;
	uint64_t asked;
	uint64_t used;
	uint64_t maximum;
	char account[64];
};

/*
 * Admit. 0; -EINVAL (order, align, counts), -E2BIG (more than the pool), -EOVERFLOW, -EDQUOT (above the
 * account's maximum with what it already has in buffers that do not drain), -ENOSPC (at least more than there is
 * besides what others are guaranteed), -EACCES (none of the efforts of account and pool is as low), -EUSERS (too many
 * pending, or kept ahead), -EAGAIN (too many of late), -ENODEV (the pool is gone), -ENOMEM.
 * Another request of the same account that still runs, or buffers of it that drain, do not refuse this one:
 * it waits. What drains only a snapshot tells: -EDQUOT is worth another try after broker_load(). @userdata is
 * the driver's.
 *
 * It may take over what is kept ahead for its account: the driver has to look, at once, with
 * broker_request_take_over().
 */
int broker_submit(struct broker *broker, const struct account_rule *rule, uid_t uid,
		  const struct broker_ask *ask, uint64_t now_ns, void *userdata,
		  struct broker_request **ret, struct broker_refusal *ret_refusal);

/* A refusal stands: it was told. Who looks at the books first and asks again does not say so. */
void broker_count_refusal(struct broker *broker, const struct broker_refusal *refusal);
/* Events were lost, and that is why broker_load() was called. */
void broker_count_resync(struct broker *broker);
/* What happened since the broker is there; it changes with whatever the broker is told. */
const struct pool_counters *broker_get_counters(const struct broker *broker);

/* The client does not want it any more; it finishes as cancelled. */
void broker_cancel(struct broker *broker, struct broker_request *request);

/* The pool is gone: everything finishes, with -ENODEV. */
void broker_gone(struct broker *broker);

/* What to do now. Call until BROKER_NOTHING after every fact and at broker_wakeup(). */
void broker_next(struct broker *broker, uint64_t now_ns, struct broker_action *ret);
/* When broker_next() may have something to say without a new fact; UINT64_MAX: never. */
uint64_t broker_wakeup(const struct broker *broker);

/* Nobody was asked: others are to give what that account, with BROKER_ASK_BACK, was to. */
void broker_not_heard(struct broker *broker, uint64_t bytes);

/*
 * The fill ended: @result as FILL returned it. @fill may be NULL when there was none (no reservation
 * could be made, say): the request finishes with @result then.
 */
void broker_filled(struct broker *broker, struct broker_request *request, int result,
		   const struct cmabulk_fill *fill, uint64_t elapsed_ns, uint64_t now_ns);

/* The kernel's id of the reservation that was opened for it. */
void broker_request_set_reservation(struct broker_request *request, uint64_t id);
/*
 * The request whose reservation is this one's from now on, with all its chunks: the driver moves it over. NULL: it
 * starts with none. To be asked once, after broker_submit().
 */
struct broker_request *broker_request_take_over(struct broker_request *request);
/*
 * It comes from a pool that went, where its first fill began when it had waited so long: that is how long it was
 * queued. To be told at once after broker_submit().
 */
void broker_request_set_queued(struct broker_request *request, uint64_t queued_ns);
/*
 * A buffer was made of its chunks: charged at once, whether or not the event is there already (known by
 * its id). To be told while we still have its file descriptor. Read: id, pages, owner.cookie.
 */
void broker_request_exported(struct broker *broker, struct broker_request *request,
			     const struct cmabulk_buffer_info *buffer);

void *broker_request_get_userdata(const struct broker_request *request);
const struct broker_ask *broker_request_get_ask(const struct broker_request *request);
const char *broker_request_get_account(const struct broker_request *request);
uid_t broker_request_get_uid(const struct broker_request *request);
enum broker_status broker_request_get_status(const struct broker_request *request);
/*
 * 0, or the negative errno that says why it came short; -EDQUOT (the account's maximum), -ENOSPC (what is left
 * is guaranteed to others), -EBUSY, -ENOMEM, -ETIME, -ECANCELED, -ENODEV.
 */
int broker_request_get_error(const struct broker_request *request);
/* The same as a cause, from the error and from what its steps did not get. */
enum broker_cause broker_request_get_cause(const struct broker_request *request);
/* Chunks it holds, at the end: could be had. */
uint64_t broker_request_get_claimed(const struct broker_request *request);
/* It is ahead, and has what it gets. */
bool broker_request_is_kept_ahead(const struct broker_request *request);
/* Of those, what had been claimed ahead. */
uint64_t broker_request_get_ahead(const struct broker_request *request);
/* Enough, and wanted. Never of a request ahead. */
bool broker_request_is_kept(const struct broker_request *request);
uint64_t broker_request_get_queued_ns(const struct broker_request *request);
const struct broker_step *broker_request_get_steps(const struct broker_request *request,
						   size_t *ret_count);
/* After BROKER_FINISH. What it held and did not export must be given back by then. */
struct broker_request *broker_request_free(struct broker *broker, struct broker_request *request);

void broker_get_books(const struct broker *broker, struct broker_books *ret);
bool broker_has_guarantees(const struct broker *broker);
/* Pages that accounts are guaranteed, do not use, and that are not there: in hands that are not ours. */
uint64_t broker_get_uncovered(const struct broker *broker);
/*
 * Accounts in use, and of configured rules that are not in use those that have one instance (shared, or
 * of one user); sorted by name; g_free().
 */
size_t broker_get_usage(const struct broker *broker, struct broker_usage **ret);
/* The one of that name among these; false: there is none. */
bool broker_find_usage(const struct broker *broker, const char *name, struct broker_usage *ret);
unsigned int broker_get_pending(const struct broker *broker);

#endif
