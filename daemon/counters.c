// SPDX-License-Identifier: LGPL-2.1-or-later
/* What happened in a pool, and in each of its accounts. Pure. */
#include <errno.h>
#include <string.h>

#include "counters.h"

#define NSEC_PER_USEC UINT64_C(1000)

/*
 * Accounts
 */

void pool_counters_init(struct pool_counters *pool)
{
	*pool = (struct pool_counters){
		.accounts = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free),
	};
	g_queue_init(&pool->recent);
}

void pool_counters_clear(struct pool_counters *pool)
{
	g_hash_table_unref(pool->accounts);
}

static struct account_counters *account_new(struct pool_counters *pool, const char *name)
{
	struct account_counters *account = g_new0(struct account_counters, 1);
	char rule[64];

	g_strlcpy(account->name, name, sizeof(account->name));
	account->uid = ACCOUNT_UID_SHARED;
	account_parse(name, rule, &account->uid);
	account->pool = pool;
	account->link.data = account;
	g_hash_table_insert(pool->accounts, account->name, account);
	return account;
}

/* It is the one that was in use last. */
static void push_recent(struct account_counters *account)
{
	struct pool_counters *pool = account->pool;
	struct account_counters *oldest;

	g_queue_push_tail_link(&pool->recent, &account->link);
	if (pool->recent.length <= COUNTERS_RECENT_MAX)
		return;
	oldest = g_queue_peek_head(&pool->recent);
	g_queue_unlink(&pool->recent, &oldest->link);
	g_hash_table_remove(pool->accounts, oldest->name);
}

struct account_counters *pool_counters_use(struct pool_counters *pool, const char *name)
{
	struct account_counters *account = g_hash_table_lookup(pool->accounts, name);

	if (!account)
		account = account_new(pool, name);
	else if (!account->is_used)
		g_queue_unlink(&pool->recent, &account->link);
	account->is_used = true;
	return account;
}

void pool_counters_rest(struct account_counters *account)
{
	account->is_used = false;
	push_recent(account);
}

struct account_counters *pool_counters_get(struct pool_counters *pool, const char *name)
{
	struct account_counters *account = g_hash_table_lookup(pool->accounts, name);

	if (account && account->is_used)
		return account;
	account = pool_counters_use(pool, name);
	pool_counters_rest(account);
	return account;
}

/*
 * Counting: what is an account's is the pool's too
 */

static void admit(struct counters *counters, uint64_t chunks, uint64_t bytes)
{
	counters->admitted++;
	counters->chunks_asked += chunks;
	counters->bytes_asked += bytes;
}

void counters_admit(struct account_counters *account, uint64_t chunks, uint64_t bytes)
{
	admit(&account->counters, chunks, bytes);
	admit(&account->pool->all, chunks, bytes);
}

static const char *const reason_names[COUNTERS_REASONS] = {
	[COUNTERS_REASON_INVALID] = "invalid", [COUNTERS_REASON_SIZE] = "size",
	[COUNTERS_REASON_EFFORT] = "effort",   [COUNTERS_REASON_QUOTA] = "quota",
	[COUNTERS_REASON_BUFFERS] = "buffers", [COUNTERS_REASON_GUARANTEE] = "guarantee",
	[COUNTERS_REASON_PENDING] = "pending", [COUNTERS_REASON_RATE] = "rate",
	[COUNTERS_REASON_AHEAD] = "ahead",     [COUNTERS_REASON_GONE] = "gone",
};

const char *counters_reason_name(enum counters_reason reason)
{
	return reason_names[reason];
}

void counters_refuse(struct account_counters *account, const char *reason)
{
	for (unsigned int i = 0; i < COUNTERS_REASONS; i++) {
		if (strcmp(reason_names[i], reason) != 0)
			continue;
		account->counters.refused[i]++;
		account->pool->all.refused[i]++;
	}
}

static enum counters_result result_of(int error)
{
	switch (-error) {
	case 0:
		return COUNTERS_RESULT_COMPLETE;
	case EBUSY:
		return COUNTERS_RESULT_BUSY;
	case ENOMEM:
		return COUNTERS_RESULT_NO_MEMORY;
	case ETIME:
		return COUNTERS_RESULT_TIMED_OUT;
	case EINTR:
		return COUNTERS_RESULT_INTERRUPTED;
	case ENODEV:
		return COUNTERS_RESULT_GONE;
	default:
		return COUNTERS_RESULT_FAILED;
	}
}

const char *counters_result_name(enum counters_result result)
{
	static const char *const names[COUNTERS_RESULTS] = {
		[COUNTERS_RESULT_COMPLETE] = "complete",
		[COUNTERS_RESULT_BUSY] = "busy",
		[COUNTERS_RESULT_NO_MEMORY] = "no-memory",
		[COUNTERS_RESULT_TIMED_OUT] = "timed-out",
		[COUNTERS_RESULT_INTERRUPTED] = "interrupted",
		[COUNTERS_RESULT_GONE] = "gone",
		[COUNTERS_RESULT_FAILED] = "failed",
	};

	return names[result];
}

void counters_fill(struct account_counters *account, unsigned int effort, int result,
		   uint64_t elapsed_ns)
{
	enum counters_result counted = result_of(result);

	account->counters.fills[effort][counted]++;
	account->counters.worker_ns += elapsed_ns;
	account->pool->all.fills[effort][counted]++;
	account->pool->all.worker_ns += elapsed_ns;
}

void counters_interrupt(struct account_counters *account)
{
	account->counters.interrupts++;
	account->pool->all.interrupts++;
}

void counters_give_back(struct account_counters *account)
{
	account->counters.give_backs++;
	account->pool->all.give_backs++;
}

/* From a single chunk of free memory to what waits for somebody's release. */
static const uint64_t bucket_bounds_usec[COUNTERS_BUCKETS] = {
	100,	300,	 1000,	  3000,	    10000,    30000,	  100000,
	300000, 1000000, 3000000, 10000000, 30000000, UINT64_MAX,
};

uint64_t counters_bucket_usec(unsigned int bucket)
{
	return bucket_bounds_usec[bucket];
}

static void count_latency(struct pool_counters *pool, uint64_t elapsed_ns)
{
	unsigned int bucket = 0;

	while (bucket < COUNTERS_BUCKETS - 1 &&
	       elapsed_ns > bucket_bounds_usec[bucket] * NSEC_PER_USEC)
		bucket++;
	pool->latency[bucket]++;
	pool->latency_ns += elapsed_ns;
}

void counters_finish(struct account_counters *account, enum broker_status status,
		     uint64_t queued_ns, uint64_t elapsed_ns)
{
	account->counters.finished[status]++;
	account->counters.queued_ns += queued_ns;
	account->pool->all.finished[status]++;
	account->pool->all.queued_ns += queued_ns;
	count_latency(account->pool, elapsed_ns);
}

void counters_grant(struct account_counters *account, uint64_t chunks, uint64_t bytes)
{
	account->counters.chunks_granted += chunks;
	account->counters.bytes_granted += bytes;
	account->pool->all.chunks_granted += chunks;
	account->pool->all.bytes_granted += bytes;
}

void counters_release(struct account_counters *account, uint64_t bytes)
{
	account->counters.bytes_released += bytes;
	account->pool->all.bytes_released += bytes;
}
