// SPDX-License-Identifier: LGPL-2.1-or-later
/* One request in its pool: let in, what it holds there, not wanted any more. What becomes of it pool.c carries out. */
#include <errno.h>
#include <stdarg.h>

#include "pool-state.h"

/* --- Let in, or not -------------------------------------------------------------------------- */

static struct pool_request *request_new(const struct cmabulk_owner *owner, uint64_t since_ns,
					void *userdata)
{
	struct pool_request *request = g_new0(struct pool_request, 1);

	request->owner = *owner;
	request->userdata = userdata;
	request->link.data = request;
	request->start_ns = since_ns;
	return request;
}

/*
 * Who is refused for what the account has may have it draining by now, which no event tells: a refusal
 * stands on books that are newer than the question. These are not loaded here, in front of everybody.
 */
static bool is_hasty(const struct pool *pool, const struct broker_refusal *refusal,
		     uint64_t since_ns)
{
	return !pool->is_gone && refusal->asked <= refusal->maximum && pool->snapshot_ns < since_ns;
}

/*
 * What was claimed ahead is its own now. In the kernel's books it stays what the asker was that had it
 * claimed.
 */
static void take_over(struct pool_request *request)
{
	struct broker_request *ahead = broker_request_take_over(request->request);
	struct pool_request *from = broker_request_get_userdata(ahead);

	if (!from)
		return;
	request->reservation_owner = from->reservation_owner;
	request->reservation = from->reservation;
	request->reservation_id = from->reservation_id;
	from->reservation = NULL;
}

int pool_submit(struct pool *pool, const struct account_rule *rule,
		const struct cmabulk_owner *owner, const struct broker_ask *ask, uint64_t since_ns,
		void *userdata, struct pool_request **ret, struct broker_refusal *ret_refusal)
{
	struct pool_request *request = request_new(owner, since_ns, userdata);
	struct broker_refusal refusal = { 0 };
	int r = broker_submit(pool->broker, rule, owner->uid, ask, since_ns, request,
			      &request->request, &refusal);

	if (r < 0) {
		g_free(request);
		*ret_refusal = refusal;
		if (r == -EDQUOT && is_hasty(pool, &refusal, since_ns))
			return -ESTALE;
		broker_count_refusal(pool->broker, &refusal);
		return r;
	}
	g_strlcpy(request->owner.account, broker_request_get_account(request->request),
		  sizeof(request->owner.account));
	take_over(request);
	g_queue_push_tail_link(&pool->requests, &request->link);
	/* What other users of the area did since no event told. */
	pool->is_query_stale = true;
	pool_wake(pool);
	*ret = request;
	return 0;
}

void pool_request_set_queued(struct pool_request *request, uint64_t queued_ns)
{
	broker_request_set_queued(request->request, queued_ns);
}

void pool_cancel(struct pool *pool, struct pool_request *request)
{
	broker_cancel(pool->broker, request->request);
	pool_wake(pool);
}

void pool_abandon(struct pool *pool, struct pool_request *request)
{
	request->is_abandoned = true;
	pool_cancel(pool, request);
}

/* --- What it holds --------------------------------------------------------------------------- */

int pool_request_reserve(struct pool *pool, struct pool_request *request)
{
	const struct broker_ask *ask = broker_request_get_ask(request->request);
	int r;

	if (request->reservation)
		return 0;
	r = pool_ops(pool)->reserve(pool->backend, &request->owner, ask->order, ask->align,
				    &request->reservation, &request->reservation_id);
	if (r < 0)
		return r;
	request->reservation_owner = request->owner;
	broker_request_set_reservation(request->request, request->reservation_id);
	pool->is_snapshot_stale = true;
	return 0;
}

void pool_request_give_back(struct pool *pool, struct pool_request *request)
{
	if (!request->reservation)
		return;
	pool_ops(pool)->close(request->reservation);
	request->reservation = NULL;
	pool_books_changed(pool);
}

void pool_request_free(struct pool *pool, struct pool_request *request)
{
	pool_request_give_back(pool, request);
	broker_request_free(pool->broker, request->request);
	g_queue_unlink(&pool->requests, &request->link);
	g_free(request);
}

/* --- What is said of it ---------------------------------------------------------------------- */

void pool_request_warn(struct pool *pool, const struct pool_request *request, const char *format,
		       ...)
{
	g_autofree char *problem = NULL;
	g_autofree char *sentence = NULL;
	va_list arguments;

	va_start(arguments, format);
	problem = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	sentence = g_strdup_printf("pool %s: a request of account %s: %s", pool_get_name(pool),
				   request->owner.account, problem);
	pool->listener->warned(pool, request->owner.account, sentence, pool->userdata);
}
