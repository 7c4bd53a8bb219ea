// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What to do now. How much anybody may have is the ledger's to say, whose turn it is
 * the queue's, which step is next the policy's. Pure.
 */
#include <errno.h>

#include "ahead.h"
#include "broker-state.h"
#include "policy.h"
#include "pressure.h"

/* What is booked is in the way of an older one that waited for a release, and so has to be done first. */
static struct broker_request *running_of(const struct queue_member *member)
{
	for (const GList *link = member->requests.head; link; link = link->next) {
		struct broker_request *request = link->data;

		if (request_is_running(request) && !request->ask.is_ahead &&
		    request->wait != REQUEST_WAITS_FOR_RELEASE)
			return request;
	}
	return NULL;
}

/*
 * What runs, or the oldest that does not wait for a release, which would hold up those behind it; what is
 * ahead comes last.
 */
static struct broker_request *head_of(const struct queue_member *member)
{
	struct broker_request *running = running_of(member);
	struct broker_request *ahead = NULL;

	if (running)
		return running;
	for (const GList *link = member->requests.head; link; link = link->next) {
		struct broker_request *request = link->data;

		if (request->wait == REQUEST_WAITS_FOR_RELEASE)
			continue;
		if (!request->ask.is_ahead)
			return request;
		ahead = ahead ? ahead : request;
	}
	if (ahead)
		return ahead;
	return member->requests.head ? member->requests.head->data : NULL;
}

/* It has ended, and what it holds goes back as soon as that is said. */
static bool gives_back_at_end(const struct broker_request *request)
{
	return (request->stage == REQUEST_ENDED || request->stage == REQUEST_FINISHED) &&
	       request->held_pages > 0 && !broker_request_is_kept(request);
}

static bool is_anything_given_back(const struct broker *broker)
{
	for (const GList *link = broker->requests.head; link; link = link->next)
		if (gives_back_at_end(link->data))
			return true;
	return false;
}

/* Pages are on their way back, or will be in a moment. */
bool broker_is_draining(const struct broker *broker)
{
	return broker->draining_pages || broker->books.states.draining ||
	       is_anything_given_back(broker);
}

/*
 * The clock
 */

/* What a request waited for that got no turn in time. */
static int late_error(const struct broker *broker, const struct broker_request *request)
{
	if (request->stage != REQUEST_QUEUED)
		return -ETIME;
	if (!ledger_allows(request))
		return -EDQUOT;
	return ledger_fits(&broker->ledger, request) ? -ETIME :
						       ledger_shortage(&broker->ledger, request);
}

/* It has all that could be booked: take what has become free since, or be content. */
static void top_up(struct broker *broker, struct broker_request *request)
{
	uint64_t chunks = ledger_offer_more(&broker->ledger, request);

	if (!chunks) {
		broker_end_with(broker, request, BROKER_PARTIAL,
				ledger_shortage(&broker->ledger, request));
		return;
	}
	ledger_book(&broker->ledger, request, chunks);
	policy_begin(request);
}

/* A buffer lives, or another request has memory: that may come back. */
bool broker_can_wait(const struct broker *broker, const struct broker_request *request)
{
	return broker->books.buffers || broker->ledger.booked_pages > request->booked_pages;
}

static bool wait_is_over(const struct broker *broker, const struct broker_request *request,
			 uint64_t now_ns)
{
	if (request->wait == REQUEST_WAITS_FOR_PAGES && !broker_is_draining(broker))
		return true;
	if (request->wait == REQUEST_WAITS_FOR_RELEASE && !broker_can_wait(broker, request))
		return true;
	return now_ns >= request->waits_until_ns;
}

static void look_at_clock(struct broker *broker, struct broker_request *request, uint64_t now_ns)
{
	if (request->stage != REQUEST_QUEUED && request->stage != REQUEST_BOOKED &&
	    request->stage != REQUEST_KEPT)
		return;
	if (now_ns >= request->ask.deadline_ns)
		broker_end_with(broker, request, BROKER_TIMED_OUT, late_error(broker, request));
	else if (request->wait && wait_is_over(broker, request, now_ns))
		request_end_wait(request);
	else if (request->stage == REQUEST_BOOKED && request->claimed >= request->target)
		top_up(broker, request);
}

/*
 * Turns
 */

/* Those it gave way to must be done first, or it would be in their way again. */
static bool gives_way(const struct broker *broker, const struct broker_request *request)
{
	if (!request->waits_for)
		return false;
	for (const GList *link = broker->requests.head; link; link = link->next) {
		const struct broker_request *other = link->data;

		if (!other->ask.is_ahead && request_is_running(other) &&
		    other->booking <= request->waits_for)
			return true;
	}
	return false;
}

/* Chunks that a queued request may be booked now. */
static uint64_t offer(const struct broker *broker, const struct broker_request *request)
{
	uint64_t chunks;

	if (gives_way(broker, request) || request->wait == REQUEST_WAITS_FOR_RELEASE)
		return 0;
	chunks = ledger_offer(&broker->ledger, request);
	if (request->wait && chunks < request->ask.chunks)
		return 0;
	return chunks;
}

static bool could_go_on(const struct broker *broker, const struct broker_request *request)
{
	if (request->stage == REQUEST_QUEUED)
		return offer(broker, request) > 0;
	return request->stage == REQUEST_BOOKED && !request->wait;
}

static bool is_ready(const struct queue_member *member, void *userdata)
{
	const struct broker_request *request = head_of(member);

	return !request->ask.is_ahead && could_go_on(userdata, request);
}

/* Only asked when nobody is ready. */
static bool is_ready_ahead(const struct queue_member *member, void *userdata)
{
	const struct broker_request *request = head_of(member);

	return request->ask.is_ahead && could_go_on(userdata, request);
}

/* Could go on, or could but for those it gave way to, or for the memory that others have. */
static bool wants_worker(const struct queue_member *member, void *userdata)
{
	const struct broker_request *request = head_of(member);

	if (request->ask.is_ahead)
		return false;
	return is_ready(member, userdata) || gives_way(userdata, request) ||
	       ahead_lacks_memory(userdata, request);
}

/* Before it is content with less than it asked for, it waits for pages on their way back, once. */
static void be_patient(struct broker *broker, struct broker_request *request, uint64_t now_ns)
{
	uint64_t chunks;

	if (request->stage != REQUEST_QUEUED || request->has_waited || request->wait ||
	    !broker_is_draining(broker) || request != head_of(&request->account->member))
		return;
	chunks = offer(broker, request);
	if (!chunks || chunks == request->ask.chunks)
		return;
	request->has_waited = true;
	request_wait(request, REQUEST_WAITS_FOR_PAGES, now_ns + POLICY_WAIT_NS);
}

static void book(struct broker *broker, struct broker_request *request)
{
	ledger_book(&broker->ledger, request, offer(broker, request));
	request->booking = ++broker->last_booking;
	request->stage = REQUEST_BOOKED;
	request->waits_for = 0;
	policy_begin(request);
}

/* Whoever shares, or was interrupted for others, gets what is left of its account's turn. */
static uint64_t slice(const struct broker *broker, const struct broker_request *request)
{
	uint64_t wanted = request->target - request->claimed;
	uint64_t chunk_bytes = request_pages(request, 1) * broker->ledger.geometry.page_size;
	const struct queue_member *member = &request->account->member;
	uint64_t turn;

	if (broker->fill_yields)
		return wanted;
	/* In debt, and alone: as much as of a turn of its own. */
	turn = member->deficit > 0 ? (uint64_t)member->deficit : member->quantum;
	return CLAMP(turn / chunk_bytes, 1, wanted);
}

/* What is ahead gives way to its own account, too. */
static bool is_other_ready(const struct broker *broker, const struct broker_request *request)
{
	return queue_has_other(&broker->queue,
			       request->ask.is_ahead ? NULL : &request->account->member, is_ready,
			       (void *)broker);
}

static void start_fill(struct broker *broker, struct broker_request *request, uint64_t now_ns,
		       struct broker_action *ret)
{
	uint64_t deadline_ns = request->ask.deadline_ns;

	broker->fill_is_contended =
		queue_has_other(&broker->queue, &request->account->member, wants_worker, broker);
	broker->fill_yields = !request->is_protected && !is_other_ready(broker, request);
	broker->fill_is_interrupted = false;
	broker->fill_chunks = slice(broker, request);
	broker->filling = request;
	broker->ledger.free_before = broker->ledger.free_pages;
	if (!request->has_started)
		request->queued_ns = now_ns - request->submitted_ns;
	request->has_started = true;
	request->is_protected = false;
	request->was_draining = broker_is_draining(broker);
	request->was_released = false;
	request->stage = REQUEST_FILLING;
	*ret = (struct broker_action){
		.type = BROKER_FILL,
		.request = request,
		.effort = request->effort,
		.chunks = broker->fill_chunks,
		.budget_ns = deadline_ns == UINT64_MAX ? 0 : deadline_ns - now_ns,
	};
}

/* Somebody who waits for a moment in the middle of it, and might need what is claimed ahead meanwhile. */
static bool is_anybody_at_work(const struct broker *broker)
{
	for (const GList *link = broker->requests.head; link; link = link->next) {
		const struct broker_request *request = link->data;

		if (!request->ask.is_ahead && request_is_running(request))
			return true;
	}
	return false;
}

static void say_fill(struct broker *broker, uint64_t now_ns, struct broker_action *ret)
{
	struct queue_member *member;
	struct broker_request *request;

	for (GList *link = broker->requests.head; link; link = link->next)
		be_patient(broker, link->data, now_ns);
	member = queue_next(&broker->queue, is_ready, broker);
	/* What anybody lacks is not claimed for nobody. */
	if (!member && !is_anybody_at_work(broker) && !ahead_find_lacking(broker))
		member = queue_next(&broker->queue, is_ready_ahead, broker);
	if (!member)
		return;
	request = head_of(member);
	if (request->stage == REQUEST_QUEUED)
		book(broker, request);
	start_fill(broker, request, now_ns, ret);
}

static void say_interrupt(struct broker *broker, uint64_t now_ns, struct broker_action *ret)
{
	struct broker_request *request = broker->filling;
	bool is_over = request->is_cancelled || broker->is_gone ||
		       now_ns >= request->ask.deadline_ns;

	if (broker->fill_is_interrupted)
		return;
	if (!is_over && !(broker->fill_yields && is_other_ready(broker, request)))
		return;
	broker->fill_is_interrupted = true;
	counters_interrupt(request->account->counters);
	/* However many come, it gets on: the next time it has its turn. */
	request->is_protected = !request->ask.is_ahead;
	*ret = (struct broker_action){ .type = BROKER_INTERRUPT, .request = request };
}

/* The limits may have been lowered, or the rule taken away, since it was booked. */
static void check_limits(struct broker *broker, struct broker_request *request)
{
	const struct account *account = request->account;
	uint64_t buffers = account->buffers + request->booked_buffers;

	if (!broker_request_is_kept(request))
		return;
	if (account->rule && buffers <= account->rule->max_buffers &&
	    account->exported_pages + request->held_pages <= account->maximum_pages)
		return;
	request_set_result(request, BROKER_PARTIAL, -EDQUOT);
	ledger_settle(&broker->ledger, request, 0);
}

static bool say_finish(struct broker *broker, uint64_t now_ns, struct broker_action *ret)
{
	struct broker_request *request = g_queue_pop_head(&broker->ended);

	if (!request)
		return false;
	check_limits(broker, request);
	request->stage = REQUEST_FINISHED;
	request->account->pending -= !request->ask.is_ahead;
	request->account->pending_ahead -= request->ask.is_ahead && !request->was_kept;
	if (!request->has_started)
		request->queued_ns = now_ns - request->submitted_ns;
	if (!request->ask.is_ahead)
		counters_finish(request->account->counters, request->status, request->queued_ns,
				now_ns - request->submitted_ns);
	*ret = (struct broker_action){ .type = BROKER_FINISH, .request = request };
	return true;
}

/* From here on it is at the head of its account again, where it never left. */
static void give_back(struct broker *broker, struct broker_request *request)
{
	uint64_t pages = ledger_release(&broker->ledger, request);

	books_add_draining(&broker->books, request->reservation, pages);
	/* What is empty ends nobody's wait. */
	if (request->reservation && pages)
		g_array_append_val(request->given_back, request->reservation);
	request->reservation = 0;
	request->claimed = 0;
	request->ahead = 0;
	request->gives_back = false;
	request->has_waited = false;
	if (request->wait != REQUEST_WAITS_FOR_RELEASE)
		request_end_wait(request);
	request->stage = REQUEST_QUEUED;
}

static bool say_give_back(struct broker *broker, struct broker_action *ret)
{
	for (GList *link = broker->requests.head; link; link = link->next) {
		struct broker_request *request = link->data;

		if (!request->gives_back)
			continue;
		give_back(broker, request);
		counters_give_back(request->account->counters);
		*ret = (struct broker_action){ .type = BROKER_GIVE_BACK, .request = request };
		return true;
	}
	return false;
}

/* As many pages as @request lacks will be free in a moment. What is stuck for good stands in the books, too. */
static bool are_pages_coming(const struct broker *broker, const struct broker_request *request)
{
	const struct broker_request *filling = broker->filling;

	if (is_anything_given_back(broker) ||
	    (filling && filling->ask.is_ahead && filling->is_cancelled))
		return true;
	return ledger_allows(request) && broker->draining_pages &&
	       broker->draining_pages >= ledger_lacking(&broker->ledger, request);
}

/* One at a time: what comes back of one may be enough. What the oldest may not have may help another. */
static void drop_ahead(struct broker *broker)
{
	for (const GList *link = broker->requests.head; link; link = link->next)
		if (ahead_lacks_memory(broker, link->data) &&
		    !are_pages_coming(broker, link->data) && ahead_drop_one(broker, link->data))
			return;
}

void broker_next(struct broker *broker, uint64_t now_ns, struct broker_action *ret)
{
	*ret = (struct broker_action){ .type = BROKER_NOTHING };
	broker->ledger.now_ns = MAX(broker->ledger.now_ns, now_ns);
	/* First, so that those who wait for it know that it is coming. */
	if (say_give_back(broker, ret))
		return;
	for (GList *link = broker->requests.head; link; link = link->next)
		look_at_clock(broker, link->data, now_ns);
	drop_ahead(broker);
	if (say_finish(broker, now_ns, ret))
		return;
	if (broker->filling)
		say_interrupt(broker, now_ns, ret);
	else
		say_fill(broker, now_ns, ret);
	if (ret->type == BROKER_NOTHING)
		pressure_say(broker, now_ns, ret);
}

static uint64_t wakeup_of(const struct broker *broker, const struct broker_request *request)
{
	switch (request->stage) {
	case REQUEST_QUEUED:
	case REQUEST_BOOKED:
		if (request->wait)
			return MIN(request->waits_until_ns, request->ask.deadline_ns);
		return request->ask.deadline_ns;
	case REQUEST_KEPT:
		return request->ask.deadline_ns;
	case REQUEST_FILLING:
		/* What there is to say has been said. */
		return broker->fill_is_interrupted ? UINT64_MAX : request->ask.deadline_ns;
	case REQUEST_ENDED:
		return 0;
	case REQUEST_FINISHED:
		break;
	}
	return UINT64_MAX;
}

uint64_t broker_wakeup(const struct broker *broker)
{
	uint64_t wakeup = UINT64_MAX;

	for (const GList *link = broker->requests.head; link; link = link->next)
		wakeup = MIN(wakeup, wakeup_of(broker, link->data));
	return MIN(wakeup, pressure_wakeup(broker));
}
