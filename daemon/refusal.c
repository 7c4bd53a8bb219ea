// SPDX-License-Identifier: LGPL-2.1-or-later
/* Why a request was not admitted: what was asked, what is there, what to do. */
#include <errno.h>

#include <glib.h>

#include "clock.h"
#include "effort.h"
#include "errors.h"
#include "refusal.h"
#include "text.h"

/* Nobody waits so long for another try. */
#define LONG_WAIT_NS (UINT64_C(86400) * 1000 * NSEC_PER_MSEC)

static int refuse_quota(const struct broker_refusal *refusal, const char *pool, sd_bus_error *error)
{
	char asked[TEXT_SIZE_MAX], used[TEXT_SIZE_MAX], maximum[TEXT_SIZE_MAX];

	return sd_bus_error_setf(error, CMABULK_ERROR_QUOTA_EXCEEDED,
				 "account %s has %s of its maximum of %s in pool %s and asked for "
				 "%s more; close buffers, ask for less, or have MaxBytes= raised",
				 refusal->account, text_size(used, refusal->used),
				 text_size(maximum, refusal->maximum), pool,
				 text_size(asked, refusal->asked));
}

static int refuse_rate(const struct broker_refusal *refusal, const char *pool, sd_bus_error *error)
{
	if (refusal->asked > LONG_WAIT_NS)
		return sd_bus_error_setf(
			error, CMABULK_ERROR_RATE_LIMITED,
			"account %s made %" PRIu64 " requests in pool %s, its "
			"RateLimitBurst=, and has to wait for days; have it raised",
			refusal->account, refusal->used, pool);
	return sd_bus_error_setf(error, CMABULK_ERROR_RATE_LIMITED,
				 "account %s made %" PRIu64 " requests in pool %s in a row, its "
				 "RateLimitBurst=; try again in %" PRIu64 " ms",
				 refusal->account, refusal->used, pool,
				 refusal->asked / NSEC_PER_MSEC + 1);
}

static int refuse_guaranteed(const struct broker_refusal *refusal, const char *pool,
			     sd_bus_error *error)
{
	char asked[TEXT_SIZE_MAX], guaranteed[TEXT_SIZE_MAX], size[TEXT_SIZE_MAX];

	return sd_bus_error_setf(error, CMABULK_ERROR_TOO_LARGE,
				 "account %s asked for at least %s; pool %s has %s in all, and %s "
				 "of it are guaranteed to others; ask for less, or have their "
				 "MinBytes= lowered",
				 refusal->account, text_size(asked, refusal->asked), pool,
				 text_size(size, refusal->maximum),
				 text_size(guaranteed, refusal->used));
}

static int refuse_size(const struct pool *pool, const struct broker_ask *ask, sd_bus_error *error)
{
	const struct cmabulk_query *query = pool_get_query(pool);
	char chunk[TEXT_SIZE_MAX], asked[TEXT_SIZE_MAX], size[TEXT_SIZE_MAX];
	uint64_t bytes;

	text_size(chunk, (uint64_t)query->page_size << ask->order);
	text_size(size, query->pages * query->page_size);
	if (__builtin_mul_overflow(ask->chunks, (uint64_t)query->page_size << ask->order, &bytes))
		g_strlcpy(asked, "more than can be counted", sizeof(asked));
	else
		text_size(asked, bytes);
	return sd_bus_error_setf(error, CMABULK_ERROR_TOO_LARGE,
				 "asked for were %" PRIu64
				 " chunks of %s, %s; pool %s has %s in all",
				 ask->chunks, chunk, asked, pool_get_name(pool), size);
}

int refusal_set_error(const struct broker_refusal *refusal, int r, const struct pool *pool,
		      const struct broker_ask *ask, sd_bus_error *error)
{
	const char *name = pool_get_name(pool);
	const struct cmabulk_query *query = pool_get_query(pool);

	switch (-r) {
	case EDQUOT:
		if (g_strcmp0(refusal->reason, "buffers") != 0)
			return refuse_quota(refusal, name, error);
		return sd_bus_error_setf(
			error, CMABULK_ERROR_QUOTA_EXCEEDED,
			"account %s has %" PRIu64 " of its maximum of %" PRIu64
			" buffers in pool %s and asked for %" PRIu64
			" more; close buffers, ask for fewer, or have MaxBuffers= raised",
			refusal->account, refusal->used, refusal->maximum, name, refusal->asked);
	case EACCES:
		return sd_bus_error_setf(
			error, CMABULK_ERROR_NOT_AUTHORIZED,
			"account %s may not use an effort as low as '%s' in pool %s; %s"
			"have Efforts= or RetrySteps= changed",
			refusal->account, effort_name(ask->effort), name,
			ask->effort < CMABULK_EFFORT_HARD ? "ask for more, or " : "");
	case EAGAIN:
		return refuse_rate(refusal, name, error);
	case ENOSPC:
		return refuse_guaranteed(refusal, name, error);
	case EUSERS:
		if (g_strcmp0(refusal->reason, "ahead") == 0)
			return sd_bus_error_setf(
				error, CMABULK_ERROR_QUEUE_FULL,
				"account %s has had memory claimed ahead %" PRIu64
				" times in pool %s, which is the most; allocate it, or cancel some",
				refusal->account, refusal->used, name);
		return sd_bus_error_setf(error, CMABULK_ERROR_QUEUE_FULL,
					 "account %s has %" PRIu64
					 " requests%s waiting in pool %s, its maximum is %" PRIu64
					 "; wait for some of them, or have MaxPending= raised",
					 refusal->account, refusal->used,
					 ask->is_ahead ? " of Prepare" : "", name,
					 refusal->maximum);
	case E2BIG:
	case EOVERFLOW:
		return refuse_size(pool, ask, error);
	case EINVAL:
		return sd_bus_error_setf(
			error, CMABULK_ERROR_INVALID_ARGUMENT,
			"pool %s has chunks of orders %u to %u, aligned to at most "
			"the largest; asked for were order %u and alignment %u",
			name, query->order_per_bit, query->max_order, ask->order, ask->align);
	case ENODEV:
		return sd_bus_error_setf(error, CMABULK_ERROR_POOL_GONE, "pool %s is going away",
					 name);
	default:
		return r;
	}
}
