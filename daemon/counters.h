/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What happened in a pool since it is there, and in each of its accounts: numbers that
 * only grow. Those of an account stay as long as it is in use; of others the most recent are kept, so
 * that nobody makes them many by asking as many. Pure.
 */
#ifndef CMABULKD_COUNTERS_H
#define CMABULKD_COUNTERS_H

#include <glib.h>

#include "broker.h"

/* Accounts not in use whose counters are kept, of a pool: some 160 KiB. */
#define COUNTERS_RECENT_MAX 256

#define COUNTERS_EFFORTS  (CMABULK_EFFORT_HARD + 1)
#define COUNTERS_STATUSES (BROKER_CANCELLED + 1)

/* Why a request was refused, also one that is ahead: the reasons of struct broker_refusal. */
enum counters_reason {
	COUNTERS_REASON_INVALID,
	COUNTERS_REASON_SIZE,
	COUNTERS_REASON_EFFORT,
	COUNTERS_REASON_QUOTA,
	COUNTERS_REASON_BUFFERS,
	COUNTERS_REASON_GUARANTEE,
	COUNTERS_REASON_PENDING,
	COUNTERS_REASON_RATE,
	COUNTERS_REASON_AHEAD,
	COUNTERS_REASON_GONE,
	COUNTERS_REASONS,
};

/* How a fill ended. */
enum counters_result {
	COUNTERS_RESULT_COMPLETE,
	COUNTERS_RESULT_BUSY,
	COUNTERS_RESULT_NO_MEMORY,
	COUNTERS_RESULT_TIMED_OUT,
	COUNTERS_RESULT_INTERRUPTED,
	COUNTERS_RESULT_GONE,
	COUNTERS_RESULT_FAILED,
	COUNTERS_RESULTS,
};

/* How long requests took, from being asked to their end: bounds in microseconds, and one above all. */
#define COUNTERS_BUCKETS 13

struct counters {
	uint64_t admitted; /* and not ahead, here and below */
	uint64_t refused[COUNTERS_REASONS];
	uint64_t finished[COUNTERS_STATUSES]; /* by enum broker_status */
	uint64_t chunks_asked; /* by what was admitted */
	uint64_t bytes_asked;
	uint64_t chunks_granted; /* in buffers */
	uint64_t bytes_granted;
	uint64_t bytes_released; /* by the death of buffers, also of those from before the daemon */
	uint64_t queued_ns; /* before the first fill, of what finished */
	uint64_t worker_ns;
	uint64_t fills[COUNTERS_EFFORTS][COUNTERS_RESULTS];
	uint64_t interrupts; /* of fills */
	uint64_t give_backs; /* of what a request held, to others or to wait */
};

struct pool_counters {
	struct counters all; /* of all accounts, those included that are not kept any more */
	uint64_t resyncs; /* events were lost, and the books read anew */
	uint64_t latency[COUNTERS_BUCKETS]; /* requests, each in one bucket */
	uint64_t latency_ns; /* their sum */
	GHashTable *accounts; /* name -> struct account_counters */
	GQueue recent; /* struct account_counters not in use, the one that rests longest first */
};

struct account_counters {
	char name[64]; /* as account_rule_format() writes it */
	uid_t uid;
	struct counters counters;
	struct pool_counters *pool;
	GList link; /* in recent */
	bool is_used;
};

void pool_counters_init(struct pool_counters *pool);
/* Accounts in use must have come to rest. */
void pool_counters_clear(struct pool_counters *pool);

/* Of an account, which now is in use: they stay where they are until it rests. */
struct account_counters *pool_counters_use(struct pool_counters *pool, const char *name);
/* The account is in use no more; they may be gone at the next call. */
void pool_counters_rest(struct account_counters *account);
/* Of an account in use or not; until the next call. */
struct account_counters *pool_counters_get(struct pool_counters *pool, const char *name);

void counters_admit(struct account_counters *account, uint64_t chunks, uint64_t bytes);
void counters_refuse(struct account_counters *account, const char *reason);
void counters_fill(struct account_counters *account, unsigned int effort, int result,
		   uint64_t elapsed_ns);
void counters_interrupt(struct account_counters *account);
void counters_give_back(struct account_counters *account);
void counters_finish(struct account_counters *account, enum broker_status status,
		     uint64_t queued_ns, uint64_t elapsed_ns);
void counters_grant(struct account_counters *account, uint64_t chunks, uint64_t bytes);
void counters_release(struct account_counters *account, uint64_t bytes);

const char *counters_reason_name(enum counters_reason reason);
const char *counters_result_name(enum counters_result result);
/* UINT64_MAX for the last. */
uint64_t counters_bucket_usec(unsigned int bucket);

#endif
