// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A fill ended: what it cost, and what becomes of its request, and of those that are in its way. Pure.
 */
#include <errno.h>

#include "ahead.h"
#include "broker-state.h"
#include "policy.h"

static void charge(struct broker *broker, struct broker_request *request, uint64_t granted,
		   uint64_t elapsed_ns, int result)
{
	queue_charge(&broker->queue, &request->account->member,
		     &(struct queue_slice){
			     .bytes = request_pages(request, granted) *
				      broker->ledger.geometry.page_size,
			     .elapsed_ns = elapsed_ns,
			     .is_contended = broker->fill_is_contended,
			     .is_interrupted = result == -EINTR,
		     });
}

/* Of what is ahead all went that could: nobody waits for the rest. */
static bool is_rival(const struct broker_request *request)
{
	return !request->ask.is_ahead && request_is_partial_holder(request);
}

static struct broker_request *youngest_other_holder(struct broker *broker,
						    const struct broker_request *request)
{
	for (GList *link = broker->requests.tail; link; link = link->prev)
		if (link->data != request && is_rival(link->data))
			return link->data;
	return NULL;
}

static void give_way(struct broker *broker, struct broker_request *request)
{
	request->gives_back = true;
	request->waits_for = broker->last_booking;
}

static void raise_effort(struct broker *broker, struct broker_request *request, int error,
			 uint64_t now_ns)
{
	const struct policy_facts facts = {
		.now_ns = now_ns,
		.is_draining = broker_is_draining(broker),
		/* Who has enough is content with it: it could not be sure to get it again. */
		.can_wait = !request->ask.is_ahead && request->claimed < request->ask.minimum &&
			    broker_can_wait(broker, request),
		.random = g_rand_int(broker->random),
	};

	switch (policy_raise(request, error, &facts)) {
	case POLICY_NEXT_STEP:
		break;
	case POLICY_NEXT_WAIT:
		/* Nobody holds, while he waits, what others may wait for. */
		request->gives_back = true;
		/* The fill may have been past it. */
		if (request->was_released)
			request_end_wait(request);
		break;
	case POLICY_NEXT_NONE:
		broker_end(broker, request);
		break;
	}
}

/* Nobody gives anything back for what is only a hint: it is content with what it got. */
static void come_short_ahead(struct broker *broker, struct broker_request *request, int error,
			     uint64_t now_ns)
{
	if (youngest_other_holder(broker, request))
		broker_end_with(broker, request, BROKER_PARTIAL, error);
	else
		raise_effort(broker, request, error, now_ns);
}

/* What @loser has to get again is the doing of @winner, who came short. */
static void shift_charge(const struct broker *broker, struct broker_request *loser,
			 struct broker_request *winner)
{
	queue_shift_charge(&loser->account->member, &winner->account->member,
			   loser->held_pages * broker->ledger.geometry.page_size);
}

/* Once for a request: more may be claimed ahead meanwhile, and it would begin anew each time. */
static bool drop_all_ahead(struct broker *broker, struct broker_request *request)
{
	bool has_dropped = false;

	if (request->has_dropped)
		return false;
	while (ahead_drop_one(broker, request))
		has_dropped = true;
	request->has_dropped = has_dropped;
	return has_dropped;
}

/*
 * Although all that is promised fits, chunks of one can be in the way of another's. The youngest
 * starts again when the others are done, so that the oldest always gets on.
 */
static void come_short(struct broker *broker, struct broker_request *request, int error,
		       uint64_t now_ns)
{
	struct broker_request *other = youngest_other_holder(broker, request);
	bool is_enough = request->claimed >= request->ask.minimum;
	bool is_last = policy_is_last(request, !is_enough && broker_can_wait(broker, request));

	if (request->ask.is_ahead) {
		come_short_ahead(broker, request, error, now_ns);
	} else if (drop_all_ahead(broker, request)) {
		policy_wait(request, now_ns);
	} else if (other && other->number > request->number) {
		give_way(broker, other);
		shift_charge(broker, other, request);
		policy_wait(request, now_ns);
	} else if (other && request->claimed > 0 && !(is_last && is_enough)) {
		give_way(broker, request);
	} else {
		raise_effort(broker, request, error, now_ns);
	}
}

static void judge(struct broker *broker, struct broker_request *request, int result,
		  uint64_t granted, uint64_t now_ns)
{
	int error = result < 0 ? result : -EBUSY;

	if (broker->is_gone && !request->is_cancelled)
		result = -ENODEV;
	switch (policy_judge(request, result, broker->fill_chunks, granted, now_ns)) {
	case POLICY_GO_ON:
	case POLICY_SATED:
		break;
	case POLICY_SHORT:
		come_short(broker, request, error, now_ns);
		break;
	case POLICY_END:
		broker_end(broker, request);
		break;
	}
}

void broker_filled(struct broker *broker, struct broker_request *request, int result,
		   const struct cmabulk_fill *fill, uint64_t elapsed_ns, uint64_t now_ns)
{
	uint64_t granted = fill ? fill->nr_allocated : 0;
	struct broker_step step = {
		.effort = request->effort,
		.error = result,
		.requested = broker->fill_chunks,
		.granted = granted,
		.elapsed_ns = elapsed_ns,
	};

	if (fill)
		step.report = fill->report;
	request_add_step(request, &step);
	counters_fill(request->account->counters, step.effort, result, elapsed_ns);
	charge(broker, request, granted, elapsed_ns, result);
	ledger_claim(&broker->ledger, request, granted);
	broker->ledger.free_before = 0;
	broker->is_free_stale = true;
	broker->filling = NULL;
	request->stage = REQUEST_BOOKED;
	judge(broker, request, result, granted, now_ns);
}
