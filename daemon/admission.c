// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Who is let in, and why not. Pure.
 */
#include <errno.h>

#include "ahead.h"
#include "broker-state.h"

static int check_ask(const struct ledger *ledger, const struct broker_ask *ask)
{
	const struct broker_geometry *geometry = &ledger->geometry;
	uint64_t pages;

	if (ask->order < geometry->min_order || ask->order > geometry->max_order ||
	    ask->align > geometry->max_order || ask->effort > CMABULK_EFFORT_HARD)
		return -EINVAL;
	if (ask->minimum < 1 || ask->minimum > ask->chunks || ask->buffers < 1 ||
	    ask->buffers > ask->chunks)
		return -EINVAL;
	if (__builtin_mul_overflow(ask->chunks, UINT64_C(1) << ask->order, &pages) ||
	    __builtin_mul_overflow(pages, geometry->page_size, &pages))
		return -EOVERFLOW;
	return ask->chunks << ask->order > geometry->pages ? -E2BIG : 0;
}

static int refuse(struct broker_refusal *ret, int error, const char *reason, uint64_t asked,
		  uint64_t used, uint64_t maximum)
{
	ret->reason = reason;
	ret->asked = asked;
	ret->used = used;
	ret->maximum = maximum;
	return error;
}

static int refuse_size(const struct ledger *ledger, const struct broker_ask *ask, int error,
		       struct broker_refusal *ret)
{
	uint64_t page_size = ledger->geometry.page_size;
	uint64_t asked = error == -EOVERFLOW ? UINT64_MAX : (ask->chunks << ask->order) * page_size;

	return refuse(ret, error, "size", asked, 0, ledger->geometry.pages * page_size);
}

/*
 * Only what it has in its hands is held against it. What is still being filled ends soon, one way or
 * the other, and what drains was given back: until then the request waits.
 */
static int check_account(const struct ledger *ledger, const struct account_rule *rule,
			 const struct account *account, const struct broker_ask *ask,
			 struct broker_refusal *ret)
{
	const struct broker_geometry *geometry = &ledger->geometry;
	uint64_t pages = ask->chunks << ask->order;
	uint64_t held_pages = account->exported_pages - account->draining_pages;
	uint64_t buffers = account->buffers - account->draining_buffers;
	uint64_t guaranteed = ledger_guaranteed_to_others(ledger, account);
	uint64_t pending = ask->is_ahead ? account->pending_ahead : account->pending;
	uint64_t wait_ns;

	if (pages + held_pages > ledger_maximum_pages(ledger, rule))
		return refuse(ret, -EDQUOT, "quota", pages * geometry->page_size,
			      held_pages * geometry->page_size,
			      amount_resolve(&rule->maximum,
					     geometry->pages * geometry->page_size));
	if (buffers + ask->buffers > rule->max_buffers)
		return refuse(ret, -EDQUOT, "buffers", ask->buffers, buffers, rule->max_buffers);
	if (ask->minimum << ask->order > geometry->pages - MIN(guaranteed, geometry->pages))
		return refuse(ret, -ENOSPC, "guarantee",
			      (ask->minimum << ask->order) * geometry->page_size,
			      guaranteed * geometry->page_size,
			      geometry->pages * geometry->page_size);
	if (pending >= rule->max_pending)
		return refuse(ret, -EUSERS, "pending", 1, pending, rule->max_pending);
	if (ask->is_ahead && account->n_ahead >= AHEAD_PER_ACCOUNT)
		return refuse(ret, -EUSERS, "ahead", 1, account->n_ahead, AHEAD_PER_ACCOUNT);
	wait_ns = ledger_get_rate_wait(ledger, rule, account);
	return wait_ns ? refuse(ret, -EAGAIN, "rate", wait_ns, account->rate_count,
				rule->rate_burst) :
			 0;
}

/* That it may try, as bits. */
static unsigned int get_efforts(const struct broker *broker, const struct account_rule *rule,
				const struct broker_ask *ask)
{
	return account_rule_get_efforts(rule, ask->effort) & retry_get_efforts(&broker->retry);
}

static int admit(struct broker *broker, const struct account_rule *rule, uid_t uid,
		 const struct broker_ask *ask, struct broker_refusal *ret_refusal,
		 struct account **ret)
{
	struct ledger *ledger = &broker->ledger;
	int r;

	account_rule_format(rule, uid, ret_refusal->account);
	if (broker->is_gone)
		return refuse(ret_refusal, -ENODEV, "gone", 0, 0, 0);
	r = check_ask(ledger, ask);
	if (r == -EINVAL)
		return refuse(ret_refusal, r, "invalid", 0, 0, 0);
	if (r < 0)
		return refuse_size(ledger, ask, r, ret_refusal);
	if (!get_efforts(broker, rule, ask))
		return refuse(ret_refusal, -EACCES, "effort", ask->effort, 0, 0);
	*ret = ledger_get_account(ledger, ret_refusal->account, account_rule_get_uid(rule, uid));
	return check_account(ledger, rule, *ret, ask, ret_refusal);
}

int broker_submit(struct broker *broker, const struct account_rule *rule, uid_t uid,
		  const struct broker_ask *ask, uint64_t now_ns, void *userdata,
		  struct broker_request **ret, struct broker_refusal *ret_refusal)
{
	struct broker_refusal refusal = { 0 };
	struct broker_request *request;
	struct account *account = NULL;
	int r;

	broker->ledger.now_ns = MAX(broker->ledger.now_ns, now_ns);
	r = admit(broker, rule, uid, ask, &refusal, &account);

	if (r < 0) {
		ledger_collect(&broker->ledger);
		if (ret_refusal)
			*ret_refusal = refusal;
		return r;
	}
	request = request_new(ask, ++broker->last_number, now_ns, userdata);
	/* That of what is ahead is not how long it is tried. */
	if (!ask->is_ahead && broker->retry.timeout_ns < UINT64_MAX - now_ns)
		request->ask.deadline_ns = MIN(ask->deadline_ns, now_ns + broker->retry.timeout_ns);
	request->account = account;
	request->uid = uid;
	request->retry = broker->retry;
	request->efforts = get_efforts(broker, rule, ask);
	account->pending += !ask->is_ahead;
	account->pending_ahead += ask->is_ahead;
	account->n_ahead += ask->is_ahead;
	ledger_count_request(&broker->ledger, rule, account);
	if (!ask->is_ahead)
		counters_admit(account->counters, ask->chunks,
			       (ask->chunks << ask->order) * broker->ledger.geometry.page_size);
	broker_set_weight(broker, account);
	g_queue_push_tail(&account->member.requests, request);
	queue_join(&broker->queue, &account->member);
	g_queue_push_tail(&broker->requests, request);
	if (!ask->is_ahead)
		ahead_take_over(broker, request);
	*ret = request;
	return 0;
}
