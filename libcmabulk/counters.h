/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What happened in a pool, or to one of its accounts. */
#ifndef LIBCMABULK_COUNTERS_H
#define LIBCMABULK_COUNTERS_H

#include <stdbool.h>

#include "cmabulk.h"
#include "util.h"

struct counters_refusal {
	char *reason;
	uint64_t count;
};

struct counters_fill {
	char *effort;
	char *result;
	uint64_t count;
};

struct counters_bucket {
	uint64_t usec;
	uint64_t count;
};

struct cmabulk_counters {
	atomic_uint references;
	char *pool;
	char *account; /* "" for the pool */
	bool has_uid;
	uid_t uid;
	struct cmabulk_counter_values values;
	struct counters_refusal *refusals;
	size_t n_refusals;
	struct counters_fill *fills;
	size_t n_fills;
	struct counters_bucket *buckets;
	size_t n_buckets;
};

/* One reference, no names, all zero. */
int counters_new(struct cmabulk_counters **ret);

/* Copies what it is given. */
int counters_add_refusal(struct cmabulk_counters *counters, const char *reason, uint64_t count);
int counters_add_fill(struct cmabulk_counters *counters, const char *effort, const char *result,
		      uint64_t count);
int counters_add_bucket(struct cmabulk_counters *counters, uint64_t usec, uint64_t count);

#endif
