// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a broker may and must say, worked out the slow way: lists and loops over all that
 * it was told and has said. Shares no code with it, and aborts when it does otherwise. Here is
 * what it is told.
 */
#include <errno.h>
#include <string.h>

#include "model-state.h"

void model_init(struct model *model, uint64_t pages, unsigned int n_accounts)
{
	*model = (struct model){
		.n_accounts = n_accounts,
		.pages = pages,
		.requests = g_array_new(FALSE, FALSE, sizeof(struct model_request)),
		.buffers = g_array_new(FALSE, FALSE, sizeof(struct model_buffer)),
		.happenings = g_array_new(FALSE, FALSE, sizeof(struct model_happening)),
	};
	for (unsigned int i = 0; i < MODEL_ACCOUNTS; i++)
		model->accounts[i].let_in = g_array_new(FALSE, FALSE, sizeof(uint64_t));
}

void model_clear(struct model *model)
{
	g_array_unref(model->requests);
	g_array_unref(model->buffers);
	g_array_unref(model->happenings);
	for (unsigned int i = 0; i < MODEL_ACCOUNTS; i++)
		g_array_unref(model->accounts[i].let_in);
}

struct model_request *model_find(const struct model *model, const struct broker_request *handle)
{
	for (unsigned int i = 0; i < model->requests->len; i++)
		if (model_request_at(model, i)->handle == handle)
			return model_request_at(model, i);
	g_assert_not_reached();
}

static bool fits_64_bits(uint64_t chunks, unsigned int order)
{
	return (unsigned __int128)chunks * MODEL_PAGE_SIZE * ((unsigned __int128)1 << order) <=
	       UINT64_MAX;
}

static uint64_t guaranteed_to_others(const struct model *model, unsigned int index)
{
	uint64_t pages = 0;

	for (unsigned int i = 0; i < model->n_accounts; i++)
		if (i != index && model->accounts[i].is_known)
			pages += model->accounts[i].minimum;
	return pages;
}

/*
 * Requests are counted from the first one on for so long, then anew from the next one. All of them are
 * gone through again each time.
 */
static bool is_too_often(const struct model_account *account, uint64_t now_ns)
{
	uint64_t begin_ns = 0;
	uint64_t count = 0;

	for (unsigned int i = 0; i < account->let_in->len; i++) {
		uint64_t when_ns = g_array_index(account->let_in, uint64_t, i);

		if (count > 0 && when_ns - begin_ns < account->rate_interval_ns) {
			count++;
		} else {
			begin_ns = when_ns;
			count = 1;
		}
	}
	return account->rate_burst > 0 && count >= account->rate_burst &&
	       now_ns - begin_ns < account->rate_interval_ns;
}

static unsigned int efforts_of(const struct model *model, const struct model_account *account,
			       const struct broker_ask *ask)
{
	unsigned int efforts = 0;

	for (unsigned int i = 0; i < model->retry.count; i++)
		if (model->retry.steps[i] != MODEL_WAIT && model->retry.steps[i] <= ask->effort)
			efforts |= 1u << model->retry.steps[i];
	return account->efforts ? efforts & account->efforts : efforts;
}

static unsigned int count_ahead(const struct model *model, unsigned int account)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < model->requests->len; i++)
		count += model_request_at(model, i)->account == account &&
			 model_request_at(model, i)->ask.is_ahead;
	return count;
}

int model_admit(const struct model *model, unsigned int index, const struct broker_ask *ask,
		uint64_t now_ns)
{
	const struct model_account *account = &model->accounts[index];
	uint64_t all_buffers;
	uint64_t draining_buffers;
	uint64_t pages = model_exported_pages(model, index, &all_buffers) -
			 model_draining_pages(model, index, &draining_buffers);
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
	if (!efforts_of(model, account, ask))
		return -EACCES;
	if (pages + ask->chunks * (1 << ask->order) > account->maximum ||
	    buffers + ask->buffers > account->max_buffers)
		return -EDQUOT;
	if (ask->minimum * (1 << ask->order) + guaranteed_to_others(model, index) > model->pages)
		return -ENOSPC;
	if (model_pending_of(model, index, ask->is_ahead) >= account->max_pending)
		return -EUSERS;
	if (ask->is_ahead && count_ahead(model, index) >= 16)
		return -EUSERS;
	return is_too_often(account, now_ns) ? -EAGAIN : 0;
}

static void look_who_goes_first(struct model *model, struct model_request *request)
{
	struct model_account *account = &model->accounts[request->account];

	if (!model_head(model, request->account)) {
		account->is_fresh = true;
		account->served = 0;
	}
	if (!account->is_rested)
		return;
	account->is_rested = false;
	request->goes_first = request->ask.chunks == 1 && !request->ask.is_ahead;
	for (unsigned int i = 0; i < model->n_accounts; i++)
		if (i != request->account && model_head(model, i) && model->accounts[i].is_fresh)
			request->ahead |= UINT64_C(1) << i;
}

void model_admitted(struct model *model, struct broker_request *handle, unsigned int account,
		    const struct broker_ask *ask, uint64_t now_ns)
{
	struct model_request request = {
		.handle = handle,
		.account = account,
		.ask = *ask,
		.number = ++model->last_number,
		.efforts = efforts_of(model, &model->accounts[account], ask),
		.retry = model->retry,
	};
	uint64_t exported;
	uint64_t buffers;

	look_who_goes_first(model, &request);
	exported = model_exported_pages(model, account, &buffers);
	model->waits_for_draining += exported + (ask->chunks << ask->order) >
					     model->accounts[account].maximum ||
				     buffers + ask->buffers > model->accounts[account].max_buffers;
	g_array_append_val(model->accounts[account].let_in, now_ns);
	g_array_append_val(model->requests, request);
	if (ask->is_ahead)
		return;
	model_happened(model, MODEL_ADMITTED, (int)account, 0, 1);
	model_happened(model, MODEL_ASKED, (int)account, 0, ask->chunks);
	model_happened(model, MODEL_ASKED, (int)account, 1,
		       (ask->chunks << ask->order) * MODEL_PAGE_SIZE);
}

void model_refused(struct model *model, unsigned int account, int error)
{
	model_happened(model, MODEL_REFUSED, (int)account, error, 1);
}

void model_look_ahead(struct model *model)
{
	for (unsigned int i = 0; i < model->requests->len; i++) {
		struct model_request *request = model_request_at(model, i);

		if (request->stage == MODEL_KEPT || !broker_request_is_kept_ahead(request->handle))
			continue;
		g_assert_true(request->ask.is_ahead && request->held > 0);
		g_assert_cmpint(request->stage, ==, MODEL_RUNS);
		g_assert_false(request->is_cancelled || request->is_late || model->is_gone);
		request->stage = MODEL_KEPT;
		request->was_kept = true;
		model->kept++;
	}
}

static bool suits(const struct model_request *kept, const struct model_request *request)
{
	return kept->stage == MODEL_KEPT && kept->account == request->account &&
	       kept->ask.order == request->ask.order && kept->ask.align >= request->ask.align &&
	       !kept->is_cancelled;
}

/* The most of those that are not too much, else the least; the oldest of equals. */
static struct model_request *find_kept(const struct model *model,
				       const struct model_request *request)
{
	struct model_request *best = NULL;

	for (uint64_t chunks = request->ask.chunks; chunks > 0 && !best; chunks--)
		for (unsigned int i = 0; i < model->requests->len && !best; i++)
			if (suits(model_request_at(model, i), request) &&
			    model_request_at(model, i)->held == chunks)
				best = model_request_at(model, i);
	for (unsigned int i = 0; i < model->requests->len; i++) {
		struct model_request *kept = model_request_at(model, i);

		if (suits(kept, request) && kept->held > request->ask.chunks &&
		    (!best || (best->held > request->ask.chunks && kept->held < best->held)))
			best = kept;
	}
	return best;
}

static bool is_anybody_else_pending(const struct model *model, const struct model_request *request)
{
	for (unsigned int i = 0; i < model->requests->len; i++) {
		const struct model_request *other = model_request_at(model, i);

		/* What was decided and not said yet waits for nothing. */
		if (other != request && !other->ask.is_ahead && other->stage != MODEL_DONE &&
		    !other->is_cancelled)
			return true;
	}
	return false;
}

/* With what was kept for it instead of nothing, it would have all that it asks for. */
static bool would_be_whole(const struct model *model, struct model_request *request,
			   const struct model_request *kept)
{
	struct model_account *account = &((struct model *)model)->accounts[request->account];
	uint64_t pages = request->ask.chunks << request->ask.order;
	uint64_t there = MIN(pages, model_held_pages(kept));
	uint64_t free_pages = MAX(model->free_pages, model->free_at_fill);
	uint64_t buffers = request->ask.buffers;
	uint64_t count;

	if (there < pages && is_anybody_else_pending(model, request))
		return false;
	model_exported_pages(model, request->account, &count);
	for (unsigned int i = 0; i < model->requests->len; i++)
		if (model_request_at(model, i)->account == request->account)
			buffers += model_promised_buffers(model_request_at(model, i));
	return account->is_known && buffers + count <= account->max_buffers &&
	       model_used_pages(model, request->account) + pages - there <= account->maximum &&
	       pages - there <= model_pages_for(model, request->account, free_pages);
}

struct broker_request *model_take_over(struct model *model, struct broker_request *handle)
{
	struct model_request *request = model_find(model, handle);
	struct model_request *kept;

	if (request->ask.is_ahead)
		return NULL;
	kept = find_kept(model, request);
	if (!kept || !would_be_whole(model, request, kept))
		return NULL;
	model->taken++;
	request->stage = MODEL_RUNS;
	request->held = MIN(kept->held, request->ask.chunks);
	request->promised = request->ask.chunks;
	request->surplus = (kept->held - request->held) << request->ask.order;
	kept->held = 0;
	kept->is_taken = true;
	return kept->handle;
}

void model_cancelled(struct model *model, struct broker_request *handle)
{
	struct model_request *request = model_find(model, handle);

	if (request->stage != MODEL_DONE)
		request->is_cancelled = true;
	request->is_decided |= request->stage == MODEL_RUNS;
}

void model_filled(struct model *model, struct broker_request *handle, int result, uint64_t granted,
		  uint64_t elapsed_ns, uint64_t now_ns)
{
	struct model_request *request = model_find(model, handle);
	struct model_account *account = &model->accounts[request->account];

	g_assert_cmpint(request->stage, ==, MODEL_FILLS);
	request->stage = MODEL_RUNS;
	request->held += granted;
	request->last_result = result;
	request->was_short = result == -EBUSY || result == -ENOMEM;
	request->fast_shorts += result == -EBUSY &&
				request->last_effort == model_first_effort(request);
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
	model_happened(model, MODEL_FILLED + (int)request->last_effort, (int)request->account,
		       result, 1);
	model_happened(model, MODEL_WORKED, (int)request->account, 0, elapsed_ns);
}

void model_exported(struct model *model, struct broker_request *handle,
		    const struct cmabulk_buffer_info *info)
{
	struct model_request *request = model_find(model, handle);
	struct model_buffer buffer = { info->id, info->pages, (int)request->account,
				       info->owner.cookie, false };

	request->exported += info->chunks;
	model_happened(model, MODEL_GRANTED, (int)request->account, 0, info->chunks);
	model_happened(model, MODEL_GRANTED, (int)request->account, 1,
		       info->pages * MODEL_PAGE_SIZE);
	for (unsigned int i = 0; i < model->buffers->len; i++)
		if (model_buffer_at(model, i)->id == info->id) {
			*model_buffer_at(model, i) = buffer;
			return;
		}
	g_array_append_val(model->buffers, buffer);
}

void model_released(struct model *model, uint64_t now_ns)
{
	for (unsigned int i = 0; i < model->requests->len; i++) {
		struct model_request *request = model_request_at(model, i);

		/* It waits for no more: for all that is known it gave way, too, but to nobody. */
		if (request->may_wait && !request->had_company)
			request->has_given_way = false;
		request->may_wait = false;
	}
}

void model_freed(struct model *model, struct broker_request *handle)
{
	struct model_request *request = model_find(model, handle);

	g_assert_cmpint(request->stage, ==, MODEL_DONE);
	g_array_remove_index(model->requests, (unsigned int)(request - model_request_at(model, 0)));
}

static int apply_event(struct model *model, const struct fake_event *event, uint64_t *ret_cookie)
{
	struct model_buffer unknown = { event->id, event->pages, -1, 0, false };

	for (unsigned int i = 0; i < model->buffers->len; i++) {
		if (model_buffer_at(model, i)->id != event->id)
			continue;
		if (event->command == CMABULK_CMD_RELEASED) {
			*ret_cookie = model_buffer_at(model, i)->cookie;
			if (model_buffer_at(model, i)->account != -1)
				model_happened(model, MODEL_RELEASED,
					       model_buffer_at(model, i)->account, 0,
					       model_buffer_at(model, i)->pages * MODEL_PAGE_SIZE);
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

int model_account_of(const struct model *model, const char *name)
{
	if (!name[0] || strcmp(name, MODEL_NO_ACCOUNT) == 0)
		return -1;
	for (unsigned int i = 0; i < model->n_accounts; i++)
		if (strcmp(model->accounts[i].name, name) == 0)
			return (int)i;
	return -2;
}

void model_loaded(struct model *model, const struct fake_pool *pool)
{
	g_autoptr(GArray) before = g_array_copy(model->buffers);

	model->has_changed = true;
	g_array_set_size(model->buffers, 0);
	model->sequence = pool->sequence;
	for (unsigned int i = 0; i < pool->objects->len; i++) {
		const struct cmabulk_buffer_info *info =
			&g_array_index(pool->objects, struct cmabulk_buffer_info, i);
		struct model_buffer buffer = { info->id, info->pages,
					       model_account_of(model, info->owner.account),
					       info->owner.cookie,
					       info->state == CMABULK_STATE_DRAINING };

		if (info->object == CMABULK_OBJECT_BUFFER)
			g_array_append_val(model->buffers, buffer);
	}
	model_missing(model, before);
}
