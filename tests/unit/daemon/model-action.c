// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the broker says, held against the model. */
#include <errno.h>

#include "model-state.h"

/*
 * Who has more than it is guaranteed leaves the others what they are guaranteed, and who was there
 * before it had what it was promised.
 */
static void check_guarantees(struct model *model, const struct model_request *request)
{
	uint64_t lacking = model_others_lack(model, request->account);

	if (!lacking)
		return;
	model->guarded++;
	if (model_pages_left(model, model->free_pages) < lacking)
		g_assert_cmpuint(model_used_pages(model, request->account), <=,
				 model->accounts[request->account].minimum);
}

/* All of it, or what there is when nobody else can be waited for. */
static void book(struct model *model, struct model_request *request)
{
	uint64_t available = model_pages_for(model, request->account, model->free_pages);

	g_assert_true(model_is_allowed(model, request));
	request->promised = request->ask.chunks;
	request->fast_shorts = 0;
	request->stage = MODEL_RUNS;
	if (request->ask.chunks << request->ask.order <= available) {
		check_guarantees(model, request);
		return;
	}
	request->stage = MODEL_WAITS;
	g_assert_false(model_is_anybody_promised(model));
	request->promised = available >> request->ask.order;
	g_assert_cmpuint(request->promised, >=, request->ask.minimum);
	request->stage = MODEL_RUNS;
	check_guarantees(model, request);
	model->short_bookings++;
}

/* There is not enough for it: would there be, if nobody else was guaranteed anything? */
static int shortage(const struct model *model, const struct model_request *request,
		    uint64_t free_pages)
{
	uint64_t missing = request->ask.chunks - request->promised;

	return missing << request->ask.order <= model_pages_left(model, free_pages) ? -ENOSPC :
										      -EBUSY;
}

/* It was booked short and has that: what has become free since. */
static void book_more(struct model *model, struct model_request *request)
{
	const struct model_account *account = &model->accounts[request->account];
	uint64_t available = model_pages_for(model, request->account, model->free_pages) >>
			     request->ask.order;
	uint64_t more = MIN(available, request->ask.chunks - request->promised);
	uint64_t buffers;
	uint64_t pages = model_exported_pages(model, request->account, &buffers);

	for (unsigned int i = 0; i < model->requests->len; i++) {
		const struct model_request *other = model_request_at(model, i);

		if (other->account != request->account)
			continue;
		pages += model_promised_pages(other);
		buffers += model_promised_buffers(other);
	}
	while (more && pages + (more << request->ask.order) > account->maximum)
		more--;
	if (!account->is_known || buffers > account->max_buffers)
		more = 0;
	if (!more)
		request->content_error =
			shortage(model, request, MAX(model->free_pages, model->free_at_fill));
	request->promised += more;
	request->fast_shorts = 0;
	/* It ends, whether that is said now or later. */
	request->is_content = !more;
}

bool model_is_over(const struct model *model, const struct model_request *request, uint64_t now_ns)
{
	return request->is_cancelled || model->is_gone || now_ns >= request->ask.deadline_ns;
}

/* Why one that waits is late: as it is when its time is over, not when that is said. */
static int late_error(const struct model *model, const struct model_request *request)
{
	uint64_t free_pages = MAX(model->free_pages, model->free_at_fill);

	if (!model_is_allowed(model, request))
		return -EDQUOT;
	if (request->ask.chunks << request->ask.order >
	    model_pages_for(model, request->account, free_pages))
		return shortage(model, request, free_pages);
	return -ETIME;
}

static void look_at_clock(struct model *model, uint64_t now_ns)
{
	for (unsigned int i = 0; i < model->requests->len; i++) {
		struct model_request *request = model_request_at(model, i);

		if (request->stage == MODEL_WAITS && !request->late_error &&
		    now_ns >= request->ask.deadline_ns)
			request->late_error = late_error(model, request);
		request->is_decided |= request->stage == MODEL_RUNS &&
				       model_is_over(model, request, now_ns);
		if (request->stage == MODEL_RUNS && request->held == request->promised &&
		    request->held < request->ask.chunks && !model_is_over(model, request, now_ns) &&
		    !request->is_late && !request->is_doomed && !request->is_content)
			book_more(model, request);
	}
}

static void check_turn(const struct model *model, const struct model_request *request,
		       uint64_t now_ns)
{
	for (unsigned int i = 0; i < model->n_accounts; i++) {
		const struct model_request *other = model_head(model, i);

		if (i == request->account || !other || !other->goes_first ||
		    other->stage != MODEL_WAITS)
			continue;
		/* It waits for none but those that came as it did, before it. */
		if (model_is_ready(model, other, model->free_pages, now_ns) &&
		    model->accounts[i].is_fresh)
			g_assert_true(other->ahead & (UINT64_C(1) << request->account));
	}
}

static void check_slice(struct model *model, const struct model_request *request,
			const struct broker_action *action, uint64_t now_ns)
{
	uint64_t rest = request->promised - request->held;
	uint64_t bytes = (action->chunks << request->ask.order) * MODEL_PAGE_SIZE;

	g_assert_cmpuint(action->chunks, >=, 1);
	g_assert_cmpuint(action->chunks, <=, rest);
	model->is_long = action->chunks > 1 && bytes > model->accounts[request->account].quantum;
	if (model_is_other_ready(model, request->account, model->free_pages, now_ns) &&
	    action->chunks > 1)
		g_assert_cmpuint(bytes, <=, model->accounts[request->account].quantum);
	if (action->chunks == rest)
		return;
	model->slices++;
	/* Not without reason. */
	if (request->was_interrupted)
		return;
	for (unsigned int i = 0; i < model->n_accounts; i++)
		if (i != request->account && model_head(model, i))
			return;
	g_assert_not_reached();
}

/* Nobody but those that were promised something has anything, and all of that fits. */
static void check_promises(const struct model *model, uint64_t before)
{
	uint64_t promised = 0;
	uint64_t available = model->free_pages;

	for (unsigned int i = 0; i < model->requests->len; i++) {
		const struct model_request *request = model_request_at(model, i);

		promised += model_promised_pages(request);
		available += model_held_pages(request);
		if (request->stage == MODEL_WAITS)
			g_assert_cmpuint(request->held, ==, 0);
	}
	/* Foreign hands may have taken what was promised before; nothing is promised on top. */
	if (promised > before)
		g_assert_cmpuint(promised, <=, available);
}

static uint64_t all_promises(const struct model *model)
{
	uint64_t promised = 0;

	for (unsigned int i = 0; i < model->requests->len; i++)
		promised += model_promised_pages(model_request_at(model, i));
	return promised;
}

/* How often the first effort may come short: for each time it is written, and for pages that come back. */
static unsigned int most_fast_shorts(const struct model_request *request)
{
	unsigned int written = 0, waits = 0;

	for (unsigned int i = 0; i < request->retry.count; i++) {
		written += request->retry.steps[i] == model_first_effort(request);
		waits += request->retry.steps[i] == MODEL_WAIT;
	}
	return (written + 1) * (waits + 1);
}

/* From where it may be: on in the same step, from the first step again, or the next one. */
static void check_effort(struct model_request *request, const struct broker_action *action)
{
	bool goes_on = !request->last_result || request->last_result == -EINTR;
	unsigned int first = model_next_position(request, 0);
	unsigned int positions = 1u << first;
	unsigned int fitting = 0;

	g_assert_cmpuint(action->effort, <=, request->ask.effort);
	g_assert_true(request->efforts & (1u << action->effort));
	g_assert_true(action->effort != model_first_effort(request) ||
		      request->fast_shorts < most_fast_shorts(request));
	for (unsigned int i = 0; i < request->retry.count; i++)
		if (request->positions & (1u << i))
			positions |= 1u << (goes_on ? i : model_next_position(request, i + 1));
	for (unsigned int i = 0; i < request->retry.count; i++)
		if ((positions & (1u << i)) && request->retry.steps[i] == action->effort)
			fitting |= 1u << i;
	g_assert_cmpuint(fitting, !=, 0);
	request->positions = fitting;
}

/* Was the last of its steps tried? */
static bool is_at_end(const struct model_request *request)
{
	for (unsigned int i = 0; i < request->retry.count; i++)
		if ((request->positions & (1u << i)) &&
		    model_next_position(request, i + 1) == request->retry.count)
			return true;
	return false;
}

/* What is ahead is only filled when nobody could be, or lacks what it takes. */
static void check_nobody_else(const struct model *model, uint64_t now_ns)
{
	g_assert_false(model_is_other_ready(model, MODEL_ACCOUNTS, model->free_pages, now_ns));
	for (unsigned int i = 0; i < model->requests->len; i++) {
		const struct model_request *other = model_request_at(model, i);

		g_assert_false(model_lacks_memory(model, other));
		g_assert_true(other->ask.is_ahead || other->stage == MODEL_WAITS ||
			      other->stage == MODEL_DONE);
	}
}

static void say_fill(struct model *model, struct model_request *request,
		     const struct broker_action *action, uint64_t now_ns)
{
	uint64_t before = all_promises(model);

	g_assert_false(model->is_filling);
	g_assert_false(model->is_gone);
	g_assert_false(request->is_cancelled || request->is_doomed || request->is_late);
	g_assert_true(model_is_first(model, request));
	g_assert_cmpuint(now_ns, <, request->ask.deadline_ns);
	g_assert_cmpuint(
		action->budget_ns, ==,
		request->ask.deadline_ns == UINT64_MAX ? 0 : request->ask.deadline_ns - now_ns);
	check_turn(model, request, now_ns);
	if (request->ask.is_ahead)
		check_nobody_else(model, now_ns);
	if (request->stage == MODEL_WAITS) {
		book(model, request);
		g_assert_cmpuint(action->effort, ==, model_first_effort(request));
		request->positions = 1u << model_next_position(request, 0);
	} else {
		/* Of one that took over, it is the first. */
		if (!request->positions)
			request->positions = 1u << model_next_position(request, 0);
		check_effort(request, action);
		g_assert_cmpuint(request->held, <, request->promised);
	}
	check_promises(model, before);
	request->stage = MODEL_FILLS;
	check_slice(model, request, action, now_ns);
	model->fills++;
	model->one_chunks += request->goes_first;
	request->last_effort = action->effort;
	request->was_interrupted = false;
	request->has_given_way = false;
	request->may_wait = false;
	model->is_filling = true;
	model->is_interrupted = false;
	model->free_at_fill = model->free_pages;
}

static void say_interrupt(struct model *model, struct model_request *request, uint64_t now_ns)
{
	bool is_somebody_there = false;

	g_assert_true(model->is_filling);
	g_assert_false(model->is_interrupted);
	g_assert_cmpint(request->stage, ==, MODEL_FILLS);
	for (unsigned int i = 0; i < model->n_accounts; i++)
		is_somebody_there |= (i != request->account || request->ask.is_ahead) &&
				     model_head(model, i);
	g_assert_true(model_is_over(model, request, now_ns) || is_somebody_there);
	model->is_interrupted = true;
	model->interrupts++;
	request->was_interrupted = true;
	model_happened(model, MODEL_INTERRUPTED, (int)request->account, 0, 1);
}

/* Whoever came short may try the first effort again. */
static void forget_fast_shorts(struct model *model)
{
	for (unsigned int i = 0; i < model->requests->len; i++)
		model_request_at(model, i)->fast_shorts = 0;
}

static bool is_anybody_running(const struct model *model, const struct model_request *but)
{
	for (unsigned int i = 0; i < model->requests->len; i++) {
		const struct model_request *other = model_request_at(model, i);

		if (other != but && (other->stage == MODEL_RUNS || other->stage == MODEL_FILLS))
			return true;
	}
	return false;
}

/* It waits for a release, as it has less than it needs, and others may wait for what it has. */
static bool may_give_back_to_wait(const struct model_request *request)
{
	return request->was_short && model_has_waits(request) &&
	       request->held < request->ask.minimum;
}

/* Of those that have some and not all, the youngest; and somebody else has some too. */
static void check_youngest(const struct model *model, const struct model_request *request)
{
	unsigned int holders = 0;

	g_assert_cmpuint(request->held, >, 0);
	for (unsigned int i = 0; i < model->requests->len; i++) {
		const struct model_request *other = model_request_at(model, i);

		if (other->stage != MODEL_RUNS || !other->held || other->ask.is_ahead)
			continue;
		holders++;
		if (other->held < other->promised)
			g_assert_cmpuint(other->number, <=, request->number);
	}
	/* One that was short without holding anything counts. */
	g_assert_true(holders > 1 || model->requests->len > 1);
}

static void say_give_back(struct model *model, struct model_request *request)
{
	g_assert_cmpint(request->stage, ==, MODEL_RUNS);
	if (may_give_back_to_wait(request)) {
		model->waits++;
		request->may_wait = true;
		request->had_company = is_anybody_running(model, request);
	} else {
		check_youngest(model, request);
	}
	request->stage = MODEL_WAITS;
	request->held = 0;
	request->promised = 0;
	request->has_given_way = true;
	model->give_backs++;
	model_happened(model, MODEL_GAVE_BACK, (int)request->account, 0, 1);
	forget_fast_shorts(model);
}

static void check_partial(const struct model_request *request, int error)
{
	g_assert_cmpuint(request->held, <, request->ask.chunks);
	if (error == -EIO || error == -ENODEV)
		g_assert_true(request->is_doomed);
	else if (request->held == request->promised)
		g_assert_cmpint(error, ==, request->content_error);
	else {
		/* Nothing was left untried. */
		g_assert_cmpint(error, ==, request->last_result);
		g_assert_true(request->was_short);
		g_assert_true(is_at_end(request));
	}
}

static void check_late(const struct model_request *request, int error, uint64_t now_ns)
{
	g_assert_true(now_ns >= request->ask.deadline_ns || request->is_late);
	g_assert_cmpint(error, ==, request->stage == MODEL_WAITS ? request->late_error : -ETIME);
}

/* With all it has, and what it had before, within the limits of this moment? */
static bool is_within_limits(const struct model *model, const struct model_request *request)
{
	const struct model_account *account = &model->accounts[request->account];
	uint64_t buffers;
	uint64_t pages = model_exported_pages(model, request->account, &buffers);

	return account->is_known && pages + model_held_pages(request) <= account->maximum &&
	       buffers + MIN(request->held, request->ask.buffers) <= account->max_buffers;
}

/* It had enough, and lost it to a limit that came later. */
static bool is_above_limits(const struct model *model, const struct model_request *request)
{
	return !request->is_cancelled && !model->is_gone && request->held >= request->ask.minimum &&
	       !is_within_limits(model, request);
}

static void check_result(const struct model *model, const struct model_request *request,
			 uint64_t now_ns)
{
	enum broker_status status = broker_request_get_status(request->handle);
	int error = broker_request_get_error(request->handle);

	g_assert_cmpuint(broker_request_get_claimed(request->handle), ==, request->held);
	g_assert_cmpint(broker_request_is_kept(request->handle), ==,
			!request->is_cancelled && error != -ENODEV && error != -EDQUOT &&
				request->held >= request->ask.minimum);
	g_assert_cmpint(request->is_cancelled, ==, status == BROKER_CANCELLED);
	if (status == BROKER_CANCELLED)
		g_assert_cmpint(error, ==, -ECANCELED);
	else if (model->is_gone)
		g_assert_cmpint(error, ==, -ENODEV);
	else if (is_above_limits(model, request))
		g_assert_true(status == BROKER_PARTIAL && error == -EDQUOT);
	else if (status == BROKER_COMPLETE)
		g_assert_true(!error && request->held == request->ask.chunks);
	else if (status == BROKER_TIMED_OUT)
		check_late(request, error, now_ns);
	else
		check_partial(request, error);
}

/* Somebody who may need what was ahead. */
static bool is_anybody_else_there(const struct model *model)
{
	for (unsigned int i = 0; i < model->requests->len; i++)
		if (model_request_at(model, i)->stage != MODEL_DONE &&
		    !model_request_at(model, i)->ask.is_ahead)
			return true;
	return false;
}

bool model_has_requests(const struct model *model, unsigned int account)
{
	for (unsigned int i = 0; i < model->requests->len; i++)
		if (model_request_at(model, i)->account == account &&
		    !model_request_at(model, i)->ask.is_ahead)
			return true;
	return false;
}

/* Who needed it may have left meanwhile. */
static void check_dropped(struct model *model, const struct model_request *request)
{
	const struct model_account *account = &model->accounts[request->account];

	model->dropped++;
	/* Not what is guaranteed to it, and nobody else could have; but for its own. */
	if (account->is_known && request->was_kept && !model->has_changed &&
	    !account->had_requests && !model_has_requests(model, request->account))
		g_assert_cmpuint(model_used_pages(model, request->account), >, account->minimum);
}

static void check_ahead(struct model *model, const struct model_request *request, uint64_t now_ns)
{
	enum broker_status status = broker_request_get_status(request->handle);
	int error = broker_request_get_error(request->handle);

	g_assert_false(broker_request_is_kept(request->handle));
	g_assert_cmpuint(broker_request_get_claimed(request->handle), ==, request->held);
	if (request->is_taken && !request->is_cancelled && !model->is_gone) {
		g_assert_true(status == BROKER_COMPLETE && !error);
	} else if (status == BROKER_CANCELLED) {
		g_assert_cmpint(error, ==, -ECANCELED);
		if (!request->is_cancelled)
			check_dropped(model, request);
	} else if (model->is_gone) {
		g_assert_cmpint(error, ==, -ENODEV);
	} else if (status == BROKER_TIMED_OUT) {
		check_late(request, error, now_ns);
	} else {
		/* Nothing came of it; what did would have been kept, if there were somebody to keep it for. */
		g_assert_true(!request->held || error == -ENODEV ||
			      !model->accounts[request->account].is_known);
	}
	forget_fast_shorts(model);
}

static void say_finish(struct model *model, struct model_request *request, uint64_t now_ns)
{
	g_assert_cmpint(request->stage, !=, MODEL_FILLS);
	g_assert_cmpint(request->stage, !=, MODEL_DONE);
	if (request->ask.is_ahead)
		check_ahead(model, request, now_ns);
	else
		check_result(model, request, now_ns);
	request->claimed = request->held;
	request->stage = MODEL_DONE;
	/* It was to give back and was cancelled first: that comes to the same. */
	if (request->held && request->is_cancelled)
		forget_fast_shorts(model);
	if (!model_head(model, request->account))
		model->accounts[request->account].is_fresh = false;
	model->finished[broker_request_get_status(request->handle)]++;
	if (!request->ask.is_ahead)
		model_happened(model, MODEL_FINISHED, (int)request->account,
			       (int)broker_request_get_status(request->handle), 1);
}

/* Somebody waits, and it has so much above its guarantee. */
static void say_ask_back(struct model *model, const struct broker_action *action)
{
	int account = model_account_of(model, action->account);
	uint64_t draining, count;

	g_assert_true(is_anybody_else_there(model));
	g_assert_cmpuint(action->bytes, >, 0);
	model->asked_back++;
	if (account < 0)
		return;
	draining = model_draining_pages(model, (unsigned int)account, &count);
	g_assert_cmpuint(
		action->bytes / MODEL_PAGE_SIZE + draining +
			(model->accounts[account].is_known ? model->accounts[account].minimum : 0),
		<=, model_exported_pages(model, (unsigned int)account, &count));
}

void model_action(struct model *model, const struct broker_action *action, uint64_t now_ns)
{
	struct model_request *request = action->request ? model_find(model, action->request) : NULL;

	if (action->type != BROKER_GIVE_BACK)
		look_at_clock(model, now_ns);
	model_look_ahead(model);
	g_assert_true(request || action->type == BROKER_NOTHING || action->type == BROKER_ASK_BACK);
	switch (action->type) {
	case BROKER_NOTHING:
		g_assert_null(request);
		break;
	case BROKER_FILL:
		say_fill(model, request, action, now_ns);
		break;
	case BROKER_INTERRUPT:
		say_interrupt(model, request, now_ns);
		break;
	case BROKER_GIVE_BACK:
		say_give_back(model, request);
		break;
	case BROKER_FINISH:
		say_finish(model, request, now_ns);
		break;
	case BROKER_ASK_BACK:
		g_assert_null(request);
		say_ask_back(model, action);
		break;
	}
}
