// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a broker may and must say, worked out the slow way: lists and loops over all that
 * it was told and has said. Shares no code with it, and aborts when it does otherwise.
 */
#include <errno.h>
#include <string.h>

#include "model.h"

#define WAIT_NS UINT64_C(1000000000)

static struct model_request *get(const struct model *model, unsigned int index)
{
	return &g_array_index(model->requests, struct model_request, index);
}

static struct model_buffer *get_buffer(const struct model *model, unsigned int index)
{
	return &g_array_index(model->buffers, struct model_buffer, index);
}

void model_init(struct model *model, uint64_t pages)
{
	*model = (struct model){
		.pages = pages,
		.requests = g_array_new(FALSE, FALSE, sizeof(struct model_request)),
		.buffers = g_array_new(FALSE, FALSE, sizeof(struct model_buffer)),
	};
}

void model_clear(struct model *model)
{
	g_array_unref(model->requests);
	g_array_unref(model->buffers);
}

struct model_request *model_find(const struct model *model, const struct broker_request *handle)
{
	for (unsigned int i = 0; i < model->requests->len; i++)
		if (get(model, i)->handle == handle)
			return get(model, i);
	g_assert_not_reached();
}

/*
 * Sums
 */

static uint64_t exported_pages(const struct model *model, unsigned int account, uint64_t *ret_count)
{
	uint64_t pages = 0;

	*ret_count = 0;
	for (unsigned int i = 0; i < model->buffers->len; i++) {
		if (get_buffer(model, i)->account != (int)account)
			continue;
		pages += get_buffer(model, i)->pages;
		++*ret_count;
	}
	return pages;
}

/* What of it was given back and has not arrived. */
static uint64_t draining_pages(const struct model *model, unsigned int account, uint64_t *ret_count)
{
	uint64_t pages = 0;

	*ret_count = 0;
	for (unsigned int i = 0; i < model->buffers->len; i++) {
		const struct model_buffer *buffer = get_buffer(model, i);

		if (buffer->account != (int)account || !buffer->is_draining)
			continue;
		pages += buffer->pages;
		++*ret_count;
	}
	return pages;
}

/* What it has or may get. */
static uint64_t promised_pages(const struct model_request *request)
{
	switch (request->stage) {
	case MODEL_RUNS:
	case MODEL_FILLS:
		/* What was called off gets no more, whether that was said or not. */
		if (request->is_decided)
			return request->held << request->ask.order;
		return request->promised << request->ask.order;
	case MODEL_DONE:
		return (request->claimed - request->exported) << request->ask.order;
	default:
		return 0;
	}
}

static uint64_t promised_buffers(const struct model_request *request)
{
	if (request->stage != MODEL_RUNS && request->stage != MODEL_FILLS)
		return 0;
	if (!request->is_decided)
		return request->ask.buffers;
	return request->is_cancelled || request->held < request->ask.minimum ?
		       0 :
		       MIN(request->held, request->ask.buffers);
}

static uint64_t held_pages(const struct model_request *request)
{
	uint64_t chunks = request->stage == MODEL_DONE ? request->claimed : request->held;

	return (chunks - request->exported) << request->ask.order;
}

static uint64_t pending_of(const struct model *model, unsigned int account)
{
	uint64_t count = 0;

	for (unsigned int i = 0; i < model->requests->len; i++)
		count += get(model, i)->account == account && get(model, i)->stage != MODEL_DONE;
	return count;
}

/* Within its limits with all of this on top of what it has and is getting? */
static bool is_allowed(const struct model *model, const struct model_request *request)
{
	const struct model_account *account = &model->accounts[request->account];
	uint64_t buffers;
	uint64_t pages = exported_pages(model, request->account, &buffers);

	for (unsigned int i = 0; i < model->requests->len; i++) {
		const struct model_request *other = get(model, i);

		if (other == request || other->account != request->account)
			continue;
		pages += promised_pages(other);
		buffers += promised_buffers(other);
	}
	return account->is_known &&
	       pages + (request->ask.chunks << request->ask.order) <= account->maximum &&
	       buffers + request->ask.buffers <= account->max_buffers;
}

/* Pages that nobody is promised, when @free are free. */
static uint64_t left(const struct model *model, uint64_t free_pages)
{
	uint64_t promised = 0;

	for (unsigned int i = 0; i < model->requests->len; i++) {
		promised += promised_pages(get(model, i));
		free_pages += held_pages(get(model, i));
	}
	return free_pages > promised ? free_pages - promised : 0;
}

static bool is_anybody_promised(const struct model *model)
{
	for (unsigned int i = 0; i < model->requests->len; i++)
		if (promised_pages(get(model, i)))
			return true;
	return false;
}

/* The oldest of the account that is not done; NULL for none. */
static struct model_request *head(const struct model *model, unsigned int account)
{
	for (unsigned int i = 0; i < model->requests->len; i++)
		if (get(model, i)->account == account && get(model, i)->stage != MODEL_DONE)
			return get(model, i);
	return NULL;
}

/* Surely could have a fill now, whatever the broker waits for. */
static bool is_ready(const struct model *model, const struct model_request *request,
		     uint64_t free_pages, uint64_t now_ns)
{
	if (request->stage == MODEL_RUNS)
		return now_ns > request->since + WAIT_NS || !request->was_short;
	return request->stage == MODEL_WAITS && !request->has_given_way &&
	       is_allowed(model, request) &&
	       request->ask.chunks << request->ask.order <= left(model, free_pages);
}

static bool is_other_ready(const struct model *model, unsigned int but, uint64_t free_pages,
			   uint64_t now_ns)
{
	for (unsigned int i = 0; i < MODEL_ACCOUNTS; i++) {
		const struct model_request *request = i == but ? NULL : head(model, i);

		if (request && is_ready(model, request, free_pages, now_ns))
			return true;
	}
	return false;
}

/*
 * Facts
 */

static bool fits_64_bits(uint64_t chunks, unsigned int order)
{
	return (unsigned __int128)chunks * MODEL_PAGE_SIZE * ((unsigned __int128)1 << order) <=
	       UINT64_MAX;
}

int model_admit(const struct model *model, unsigned int index, const struct broker_ask *ask)
{
	const struct model_account *account = &model->accounts[index];
	uint64_t all_buffers;
	uint64_t draining_buffers;
	uint64_t pages = exported_pages(model, index, &all_buffers) -
			 draining_pages(model, index, &draining_buffers);
	uint64_t buffers = all_buffers - draining_buffers;

	if (model->is_gone)
		return -ENODEV;
	if (ask->order > 4 || ask->align > 4 || ask->effort > 2 || ask->minimum == 0 ||
	    ask->minimum > ask->chunks || ask->buffers == 0 || ask->buffers > ask->chunks)
		return -EINVAL;
	if (!fits_64_bits(ask->chunks, ask->order))
		return -EOVERFLOW;
	if (ask->chunks * (1 << ask->order) > model->pages)
		return -E2BIG;
	if (pages + ask->chunks * (1 << ask->order) > account->maximum ||
	    buffers + ask->buffers > account->max_buffers)
		return -EDQUOT;
	return pending_of(model, index) >= account->max_pending ? -EUSERS : 0;
}

static void look_who_goes_first(struct model *model, struct model_request *request)
{
	struct model_account *account = &model->accounts[request->account];

	if (!head(model, request->account)) {
		account->is_fresh = true;
		account->served = 0;
	}
	if (!account->is_rested)
		return;
	account->is_rested = false;
	request->goes_first = request->ask.chunks == 1;
	for (unsigned int i = 0; i < MODEL_ACCOUNTS; i++)
		if (i != request->account && head(model, i) && model->accounts[i].is_fresh)
			request->ahead |= UINT64_C(1) << i;
}

void model_admitted(struct model *model, struct broker_request *handle, unsigned int account,
		    const struct broker_ask *ask)
{
	struct model_request request = {
		.handle = handle,
		.account = account,
		.ask = *ask,
		.number = ++model->last_number,
	};
	uint64_t exported;
	uint64_t buffers;

	look_who_goes_first(model, &request);
	exported = exported_pages(model, account, &buffers);
	model->waits_for_draining += exported + (ask->chunks << ask->order) >
					     model->accounts[account].maximum ||
				     buffers + ask->buffers > model->accounts[account].max_buffers;
	g_array_append_val(model->requests, request);
}

void model_cancelled(struct model *model, struct broker_request *handle)
{
	struct model_request *request = model_find(model, handle);

	if (request->stage != MODEL_DONE)
		request->is_cancelled = true;
	request->is_decided |= request->stage == MODEL_RUNS;
}

void model_filled(struct model *model, struct broker_request *handle, int result, uint64_t granted,
		  uint64_t now_ns)
{
	struct model_request *request = model_find(model, handle);
	struct model_account *account = &model->accounts[request->account];

	g_assert_cmpint(request->stage, ==, MODEL_FILLS);
	request->stage = MODEL_RUNS;
	request->held += granted;
	request->last_result = result;
	request->was_short = result == -EBUSY || result == -ENOMEM;
	request->fast_shorts += result == -EBUSY && request->last_effort == 0;
	request->is_late |= result == -ETIME;
	request->is_doomed |= result == -ENODEV || result == -EIO;
	request->is_decided = request->is_cancelled || request->is_late || request->is_doomed ||
			      model->is_gone;
	request->since = now_ns;
	model->is_filling = false;
	model->free_at_fill = 0;
	account->served += (granted << request->ask.order) * MODEL_PAGE_SIZE;
	if (!granted || result == -EINTR || account->served >= account->quantum)
		account->is_fresh = false;
}

void model_exported(struct model *model, struct broker_request *handle,
		    const struct cmabulk_buffer_info *info)
{
	struct model_request *request = model_find(model, handle);
	struct model_buffer buffer = { info->id, info->pages, (int)request->account,
				       info->owner.cookie, false };

	request->exported += info->chunks;
	for (unsigned int i = 0; i < model->buffers->len; i++)
		if (get_buffer(model, i)->id == info->id) {
			*get_buffer(model, i) = buffer;
			return;
		}
	g_array_append_val(model->buffers, buffer);
}

void model_freed(struct model *model, struct broker_request *handle)
{
	struct model_request *request = model_find(model, handle);

	g_assert_cmpint(request->stage, ==, MODEL_DONE);
	g_array_remove_index(model->requests, (unsigned int)(request - get(model, 0)));
}

static int apply_event(struct model *model, const struct fake_event *event, uint64_t *ret_cookie)
{
	struct model_buffer unknown = { event->id, event->pages, -1, 0, false };

	for (unsigned int i = 0; i < model->buffers->len; i++) {
		if (get_buffer(model, i)->id != event->id)
			continue;
		if (event->command == CMABULK_CMD_RELEASED) {
			*ret_cookie = get_buffer(model, i)->cookie;
			g_array_remove_index(model->buffers, i);
		}
		return 0;
	}
	if (event->command != CMABULK_CMD_EXPORTED)
		return 0;
	g_array_append_val(model->buffers, unknown);
	return 1;
}

int model_event(struct model *model, const struct fake_event *event, uint64_t *ret_cookie)
{
	*ret_cookie = 0;
	if (event->sequence <= model->sequence)
		return -ESTALE;
	if (event->sequence > model->sequence + 1)
		return -EL2HLT;
	model->sequence++;
	return apply_event(model, event, ret_cookie);
}

static int account_of(const struct model *model, const char *name)
{
	if (!name[0])
		return -1;
	for (int i = 0; i < MODEL_ACCOUNTS; i++)
		if (strcmp(model->accounts[i].name, name) == 0)
			return i;
	return -2;
}

void model_loaded(struct model *model, const struct fake_pool *pool)
{
	g_array_set_size(model->buffers, 0);
	model->sequence = pool->sequence;
	for (unsigned int i = 0; i < pool->objects->len; i++) {
		const struct cmabulk_buffer_info *info =
			&g_array_index(pool->objects, struct cmabulk_buffer_info, i);
		struct model_buffer buffer = { info->id, info->pages,
					       account_of(model, info->owner.account),
					       info->owner.cookie,
					       info->state == CMABULK_STATE_DRAINING };

		if (info->object == CMABULK_OBJECT_BUFFER)
			g_array_append_val(model->buffers, buffer);
	}
}

/*
 * What it says
 */

/* All of it, or what there is when nobody else can be waited for. */
static void book(struct model *model, struct model_request *request)
{
	uint64_t available = left(model, model->free_pages);

	g_assert_true(is_allowed(model, request));
	request->promised = request->ask.chunks;
	request->fast_shorts = 0;
	if (request->ask.chunks << request->ask.order <= available)
		return;
	g_assert_false(is_anybody_promised(model));
	request->promised = available >> request->ask.order;
	g_assert_cmpuint(request->promised, >=, request->ask.minimum);
	model->short_bookings++;
}

/* It was booked short and has that: what has become free since. */
static void book_more(struct model *model, struct model_request *request)
{
	const struct model_account *account = &model->accounts[request->account];
	uint64_t available = left(model, model->free_pages) >> request->ask.order;
	uint64_t more = MIN(available, request->ask.chunks - request->promised);
	uint64_t buffers;
	uint64_t pages = exported_pages(model, request->account, &buffers);

	for (unsigned int i = 0; i < model->requests->len; i++) {
		const struct model_request *other = get(model, i);

		if (other->account != request->account)
			continue;
		pages += promised_pages(other);
		buffers += promised_buffers(other);
	}
	if (!account->is_known || buffers > account->max_buffers ||
	    pages + (more << request->ask.order) > account->maximum)
		more = 0;
	request->promised += more;
	request->fast_shorts = 0;
	/* It ends, whether that is said now or later. */
	request->is_content = !more;
}

static bool is_over(const struct model *model, const struct model_request *request, uint64_t now_ns)
{
	return request->is_cancelled || model->is_gone || now_ns >= request->ask.deadline_ns;
}

/* Why one that waits is late: as it is when its time is over, not when that is said. */
static int late_error(const struct model *model, const struct model_request *request)
{
	if (!is_allowed(model, request))
		return -EDQUOT;
	if (request->ask.chunks << request->ask.order >
	    left(model, MAX(model->free_pages, model->free_at_fill)))
		return -EBUSY;
	return -ETIME;
}

static void look_at_clock(struct model *model, uint64_t now_ns)
{
	for (unsigned int i = 0; i < model->requests->len; i++) {
		struct model_request *request = get(model, i);

		if (request->stage == MODEL_WAITS && !request->late_error &&
		    now_ns >= request->ask.deadline_ns)
			request->late_error = late_error(model, request);
		request->is_decided |= request->stage == MODEL_RUNS &&
				       is_over(model, request, now_ns);
		if (request->stage == MODEL_RUNS && request->held == request->promised &&
		    request->held < request->ask.chunks && !is_over(model, request, now_ns) &&
		    !request->is_late && !request->is_doomed && !request->is_content)
			book_more(model, request);
	}
}

static void check_turn(const struct model *model, const struct model_request *request,
		       uint64_t now_ns)
{
	for (unsigned int i = 0; i < MODEL_ACCOUNTS; i++) {
		const struct model_request *other = head(model, i);

		if (i == request->account || !other || !other->goes_first ||
		    other->stage != MODEL_WAITS)
			continue;
		/* It waits for none but those that came as it did, before it. */
		if (is_ready(model, other, model->free_pages, now_ns) &&
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
	if (is_other_ready(model, request->account, model->free_pages, now_ns) &&
	    action->chunks > 1)
		g_assert_cmpuint(bytes, <=, model->accounts[request->account].quantum);
	if (action->chunks == rest)
		return;
	model->slices++;
	/* Not without reason. */
	if (request->was_interrupted)
		return;
	for (unsigned int i = 0; i < MODEL_ACCOUNTS; i++)
		if (i != request->account && head(model, i))
			return;
	g_assert_not_reached();
}

/* Nobody but those that were promised something has anything, and all of that fits. */
static void check_promises(const struct model *model, uint64_t before)
{
	uint64_t promised = 0;
	uint64_t available = model->free_pages;

	for (unsigned int i = 0; i < model->requests->len; i++) {
		const struct model_request *request = get(model, i);

		promised += promised_pages(request);
		available += held_pages(request);
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
		promised += promised_pages(get(model, i));
	return promised;
}

static void check_effort(const struct model_request *request, const struct broker_action *action)
{
	g_assert_cmpuint(action->effort, <=, request->ask.effort);
	/* The first effort again is for pages that come back: once, or when somebody gave back. */
	g_assert_true(action->effort > 0 || request->fast_shorts < 2);
	if (!request->last_result || request->last_result == -EINTR)
		g_assert_true(action->effort == request->last_effort || action->effort == 0);
	else
		g_assert_true(action->effort == request->last_effort + 1 || action->effort == 0);
}

static void say_fill(struct model *model, struct model_request *request,
		     const struct broker_action *action, uint64_t now_ns)
{
	uint64_t before = all_promises(model);

	g_assert_false(model->is_filling);
	g_assert_false(model->is_gone);
	g_assert_false(request->is_cancelled || request->is_doomed || request->is_late);
	g_assert_true(request == head(model, request->account));
	g_assert_cmpuint(now_ns, <, request->ask.deadline_ns);
	g_assert_cmpuint(
		action->budget_ns, ==,
		request->ask.deadline_ns == UINT64_MAX ? 0 : request->ask.deadline_ns - now_ns);
	check_turn(model, request, now_ns);
	if (request->stage == MODEL_WAITS) {
		book(model, request);
		g_assert_cmpuint(action->effort, ==, 0);
	} else {
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
	for (unsigned int i = 0; i < MODEL_ACCOUNTS; i++)
		is_somebody_there |= i != request->account && head(model, i);
	g_assert_true(is_over(model, request, now_ns) || is_somebody_there);
	model->is_interrupted = true;
	model->interrupts++;
	request->was_interrupted = true;
}

/* Whoever came short may try the first effort again. */
static void forget_fast_shorts(struct model *model)
{
	for (unsigned int i = 0; i < model->requests->len; i++)
		get(model, i)->fast_shorts = 0;
}

/* Of those that have some and not all, the youngest; and somebody else has some too. */
static void say_give_back(struct model *model, struct model_request *request)
{
	unsigned int holders = 0;

	g_assert_cmpint(request->stage, ==, MODEL_RUNS);
	g_assert_cmpuint(request->held, >, 0);
	for (unsigned int i = 0; i < model->requests->len; i++) {
		const struct model_request *other = get(model, i);

		if (other->stage != MODEL_RUNS || !other->held)
			continue;
		holders++;
		if (other->held < other->promised)
			g_assert_cmpuint(other->number, <=, request->number);
	}
	/* One that was short without holding anything counts. */
	g_assert_true(holders > 1 || model->requests->len > 1);
	request->stage = MODEL_WAITS;
	request->held = 0;
	request->promised = 0;
	request->has_given_way = true;
	model->give_backs++;
	forget_fast_shorts(model);
}

static void check_partial(const struct model_request *request, int error)
{
	g_assert_cmpuint(request->held, <, request->ask.chunks);
	if (error == -EIO || error == -ENODEV)
		g_assert_true(request->is_doomed);
	else if (request->held == request->promised)
		g_assert_cmpint(error, ==, -EBUSY);
	else {
		/* Nothing was left untried. */
		g_assert_cmpint(error, ==, request->last_result);
		g_assert_true(request->was_short);
		g_assert_cmpuint(request->last_effort, ==, request->ask.effort);
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
	uint64_t pages = exported_pages(model, request->account, &buffers);

	return account->is_known && pages + held_pages(request) <= account->maximum &&
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

static void say_finish(struct model *model, struct model_request *request, uint64_t now_ns)
{
	g_assert_cmpint(request->stage, !=, MODEL_FILLS);
	g_assert_cmpint(request->stage, !=, MODEL_DONE);
	check_result(model, request, now_ns);
	request->claimed = request->held;
	request->stage = MODEL_DONE;
	/* It was to give back and was cancelled first: that comes to the same. */
	if (request->held && request->is_cancelled)
		forget_fast_shorts(model);
	if (!head(model, request->account))
		model->accounts[request->account].is_fresh = false;
	model->finished[broker_request_get_status(request->handle)]++;
}

void model_action(struct model *model, const struct broker_action *action, uint64_t now_ns)
{
	struct model_request *request = action->request ? model_find(model, action->request) : NULL;

	if (action->type != BROKER_GIVE_BACK)
		look_at_clock(model, now_ns);
	g_assert_true(request || action->type == BROKER_NOTHING);
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
	}
}

/*
 * When it has nothing to say
 */

static void check_fill_that_runs(const struct model *model, uint64_t now_ns)
{
	for (unsigned int i = 0; i < model->requests->len; i++) {
		const struct model_request *request = get(model, i);

		if (request->stage != MODEL_FILLS || model->is_interrupted)
			continue;
		g_assert_false(is_over(model, request, now_ns));
		/* Nobody who could have a turn waits for more than one. */
		g_assert_false(model->is_long &&
			       is_other_ready(model, request->account, model->free_pages, now_ns));
	}
}

/* The worker has nothing to do: then nobody could have had it. */
static void check_idle(struct model *model, uint64_t now_ns, uint64_t wakeup_ns)
{
	bool is_anybody = false;

	for (unsigned int i = 0; i < MODEL_ACCOUNTS; i++) {
		const struct model_request *request = head(model, i);

		if (!request)
			continue;
		is_anybody = true;
		g_assert_false(is_ready(model, request, model->free_pages, now_ns));
		/* Waiting with something in hand ends soon, by itself. */
		if (request->stage == MODEL_RUNS)
			g_assert_cmpuint(wakeup_ns, <=, now_ns + WAIT_NS);
	}
	for (unsigned int i = 0; i < MODEL_ACCOUNTS && !is_anybody; i++)
		model->accounts[i].is_rested = true;
}

static void check_nobody_is_overdue(const struct model *model, uint64_t now_ns)
{
	for (unsigned int i = 0; i < model->requests->len; i++) {
		const struct model_request *request = get(model, i);

		if (request->stage == MODEL_WAITS || request->stage == MODEL_RUNS)
			g_assert_false(is_over(model, request, now_ns));
	}
}

static void check_usage(const struct model *model, const struct broker *broker)
{
	g_autofree struct broker_usage *usages = NULL;
	size_t count = broker_get_usage(broker, &usages);
	bool seen[MODEL_ACCOUNTS] = { false };

	for (size_t i = 0; i < count; i++) {
		int account = account_of(model, usages[i].account);
		uint64_t buffers;
		uint64_t booked = 0;
		uint64_t pages;

		if (account < 0)
			continue;
		seen[account] = true;
		for (unsigned int j = 0; j < model->requests->len; j++)
			if (get(model, j)->account == (unsigned int)account)
				booked += promised_pages(get(model, j));
		pages = exported_pages(model, (unsigned int)account, &buffers);
		g_assert_cmpuint(usages[i].exported_bytes, ==, pages * MODEL_PAGE_SIZE);
		g_assert_cmpuint(usages[i].buffers, ==, buffers);
		pages = draining_pages(model, (unsigned int)account, &buffers);
		g_assert_cmpuint(usages[i].draining_bytes, ==, pages * MODEL_PAGE_SIZE);
		g_assert_cmpuint(usages[i].draining_buffers, ==, buffers);
		g_assert_cmpuint(usages[i].booked_bytes, ==, booked * MODEL_PAGE_SIZE);
		g_assert_cmpuint(usages[i].pending, ==, pending_of(model, (unsigned int)account));
		g_assert_cmpint(usages[i].is_known, ==, model->accounts[account].is_known);
	}
	for (unsigned int i = 0; i < MODEL_ACCOUNTS; i++) {
		uint64_t buffers;
		uint64_t pages = exported_pages(model, i, &buffers);

		g_assert_true(seen[i] || (pages == 0 && pending_of(model, i) == 0));
	}
}

static void check_books(const struct model *model, const struct broker *broker)
{
	struct broker_books books;
	uint64_t orphaned = 0;

	broker_get_books(broker, &books);
	g_assert_cmpuint(books.sequence, ==, model->sequence);
	g_assert_cmpuint(books.buffers, ==, model->buffers->len);
	for (unsigned int i = 0; i < model->buffers->len; i++) {
		const struct model_buffer *buffer = get_buffer(model, i);

		if (buffer->account == -2 ||
		    (buffer->account >= 0 && !model->accounts[buffer->account].is_known))
			orphaned += buffer->pages;
	}
	g_assert_cmpuint(books.orphaned_pages, ==, orphaned);
}

void model_check(struct model *model, const struct broker *broker, uint64_t now_ns)
{
	uint64_t wakeup_ns = broker_wakeup(broker);
	uint64_t pending = 0;

	/* Else the driver would never sleep. */
	g_assert_cmpuint(wakeup_ns, >, now_ns);
	for (unsigned int i = 0; i < MODEL_ACCOUNTS; i++)
		pending += pending_of(model, i);
	g_assert_cmpuint(broker_get_pending(broker), ==, pending);
	check_nobody_is_overdue(model, now_ns);
	if (model->is_filling)
		check_fill_that_runs(model, now_ns);
	else
		check_idle(model, now_ns, wakeup_ns);
	check_usage(model, broker);
	check_books(model, broker);
}

static uint64_t pages_in(const struct fake_pool *pool, enum cmabulk_state state)
{
	uint64_t pages = 0;

	for (unsigned int i = 0; i < pool->objects->len; i++) {
		const struct cmabulk_buffer_info *info =
			&g_array_index(pool->objects, struct cmabulk_buffer_info, i);

		if (info->state == state)
			pages += info->pages;
	}
	return pages;
}

void model_check_settled(const struct model *model, const struct broker *broker,
			 const struct fake_pool *pool)
{
	struct broker_books books;
	uint64_t unmanaged = 0;
	uint64_t reservations = 0;

	broker_get_books(broker, &books);
	for (unsigned int i = 0; i < pool->objects->len; i++) {
		const struct cmabulk_buffer_info *info =
			&g_array_index(pool->objects, struct cmabulk_buffer_info, i);

		reservations += info->object == CMABULK_OBJECT_RESERVATION;
		if (!info->owner.account[0])
			unmanaged += info->pages;
	}
	g_assert_cmpuint(books.states.cached, ==, pages_in(pool, CMABULK_STATE_CACHED));
	g_assert_cmpuint(books.states.reserved, ==, pages_in(pool, CMABULK_STATE_RESERVED));
	g_assert_cmpuint(books.states.exported, ==, pages_in(pool, CMABULK_STATE_EXPORTED));
	g_assert_cmpuint(books.states.draining, ==, pages_in(pool, CMABULK_STATE_DRAINING));
	g_assert_cmpuint(books.reservations, ==, reservations);
	g_assert_cmpuint(books.unmanaged_pages, ==, unmanaged);
}
