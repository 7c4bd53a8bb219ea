// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the model adds up: who has how much, may have how much, and would go on now. */

#include "model-state.h"

uint64_t model_exported_pages(const struct model *model, unsigned int account, uint64_t *ret_count)
{
	uint64_t pages = 0;

	*ret_count = 0;
	for (unsigned int i = 0; i < model->buffers->len; i++) {
		if (model_buffer_at(model, i)->account != (int)account)
			continue;
		pages += model_buffer_at(model, i)->pages;
		++*ret_count;
	}
	return pages;
}

uint64_t model_draining_pages(const struct model *model, unsigned int account, uint64_t *ret_count)
{
	uint64_t pages = 0;

	*ret_count = 0;
	for (unsigned int i = 0; i < model->buffers->len; i++) {
		const struct model_buffer *buffer = model_buffer_at(model, i);

		if (buffer->account != (int)account || !buffer->is_draining)
			continue;
		pages += buffer->pages;
		++*ret_count;
	}
	return pages;
}

uint64_t model_promised_pages(const struct model_request *request)
{
	switch (request->stage) {
	case MODEL_RUNS:
	case MODEL_FILLS:
		/* What was called off gets no more, whether that was said or not. */
		if (request->is_decided)
			return model_held_pages(request);
		return (request->promised << request->ask.order) + request->surplus;
	case MODEL_KEPT:
	case MODEL_DONE:
		return model_held_pages(request);
	default:
		return 0;
	}
}

uint64_t model_promised_buffers(const struct model_request *request)
{
	if (request->stage != MODEL_RUNS && request->stage != MODEL_FILLS)
		return 0;
	if (!request->is_decided)
		return request->ask.buffers;
	return request->ask.is_ahead || request->is_cancelled ||
			       request->held < request->ask.minimum ?
		       0 :
		       MIN(request->held, request->ask.buffers);
}

uint64_t model_held_pages(const struct model_request *request)
{
	uint64_t chunks = request->stage == MODEL_DONE ? request->claimed : request->held;

	return ((chunks - request->exported) << request->ask.order) + request->surplus;
}

uint64_t model_pending_of(const struct model *model, unsigned int account, bool is_ahead)
{
	uint64_t count = 0;

	for (unsigned int i = 0; i < model->requests->len; i++)
		count += model_request_at(model, i)->account == account &&
			 model_request_at(model, i)->ask.is_ahead == is_ahead &&
			 model_request_at(model, i)->stage != MODEL_DONE &&
			 !model_request_at(model, i)->was_kept;
	return count;
}

bool model_is_allowed(const struct model *model, const struct model_request *request)
{
	const struct model_account *account = &model->accounts[request->account];
	uint64_t buffers;
	uint64_t pages = model_exported_pages(model, request->account, &buffers);

	for (unsigned int i = 0; i < model->requests->len; i++) {
		const struct model_request *other = model_request_at(model, i);

		if (other == request || other->account != request->account)
			continue;
		pages += model_promised_pages(other);
		buffers += model_promised_buffers(other);
	}
	return account->is_known &&
	       pages + (request->ask.chunks << request->ask.order) <= account->maximum &&
	       buffers + request->ask.buffers <= account->max_buffers;
}

uint64_t model_pages_left(const struct model *model, uint64_t free_pages)
{
	uint64_t promised = 0;

	for (unsigned int i = 0; i < model->requests->len; i++) {
		promised += model_promised_pages(model_request_at(model, i));
		free_pages += model_held_pages(model_request_at(model, i));
	}
	return free_pages > promised ? free_pages - promised : 0;
}

uint64_t model_used_pages(const struct model *model, unsigned int account)
{
	uint64_t buffers;
	uint64_t pages = model_exported_pages(model, account, &buffers);

	for (unsigned int i = 0; i < model->requests->len; i++)
		if (model_request_at(model, i)->account == account)
			pages += model_promised_pages(model_request_at(model, i));
	return pages;
}

uint64_t model_lacking(const struct model *model, unsigned int account)
{
	uint64_t used = model_used_pages(model, account);

	if (!model->accounts[account].is_known || used > model->accounts[account].minimum)
		return 0;
	return model->accounts[account].minimum - used;
}

uint64_t model_others_lack(const struct model *model, unsigned int account)
{
	uint64_t pages = 0;

	for (unsigned int i = 0; i < model->n_accounts; i++)
		if (i != account)
			pages += model_lacking(model, i);
	return pages;
}

uint64_t model_pages_for(const struct model *model, unsigned int account, uint64_t free_pages)
{
	uint64_t left = model_pages_left(model, free_pages);
	uint64_t others = model_others_lack(model, account);
	uint64_t own = model_lacking(model, account);

	/* Nobody's guarantee is held against what is one's own. */
	if (left <= own + others)
		return MIN(left, own);
	return left - others;
}

bool model_is_anybody_promised(const struct model *model)
{
	for (unsigned int i = 0; i < model->requests->len; i++)
		if (!model_request_at(model, i)->ask.is_ahead &&
		    model_promised_pages(model_request_at(model, i)))
			return true;
	return false;
}

static bool is_at_work(const struct model_request *request, unsigned int account)
{
	return request->account == account && request->stage != MODEL_DONE &&
	       request->stage != MODEL_KEPT;
}

static bool is_running(const struct model_request *request, unsigned int account)
{
	return request->account == account && !request->ask.is_ahead &&
	       (request->stage == MODEL_RUNS || request->stage == MODEL_FILLS);
}

struct model_request *model_head(const struct model *model, unsigned int account)
{
	for (unsigned int i = 0; i < model->requests->len; i++)
		if (is_running(model_request_at(model, i), account))
			return model_request_at(model, i);
	for (unsigned int i = 0; i < model->requests->len; i++)
		if (is_at_work(model_request_at(model, i), account) &&
		    !model_request_at(model, i)->ask.is_ahead)
			return model_request_at(model, i);
	for (unsigned int i = 0; i < model->requests->len; i++)
		if (is_at_work(model_request_at(model, i), account))
			return model_request_at(model, i);
	return NULL;
}

bool model_is_first(const struct model *model, const struct model_request *request)
{
	for (unsigned int i = 0; i < model->requests->len; i++) {
		const struct model_request *other = model_request_at(model, i);

		if (other == request || !is_at_work(other, request->account) || other->may_wait)
			continue;
		/* What runs is done before one that waited when it began, and before any other begins. */
		if (is_running(other, request->account))
			return false;
		if (is_running(request, request->account))
			continue;
		/* What is ahead comes after all others. */
		if (other->ask.is_ahead == request->ask.is_ahead ? other->number < request->number :
								   request->ask.is_ahead)
			return false;
	}
	return true;
}

bool model_lacks_memory(const struct model *model, const struct model_request *request)
{
	return request->stage == MODEL_WAITS && !request->ask.is_ahead &&
	       model_is_allowed(model, request) &&
	       request->ask.chunks << request->ask.order >
		       model_pages_for(model, request->account,
				       MAX(model->free_pages, model->free_at_fill));
}

bool model_is_ready(const struct model *model, const struct model_request *request,
		    uint64_t free_pages, uint64_t now_ns)
{
	if (request->ask.is_ahead)
		return false;
	if (request->stage == MODEL_RUNS)
		return now_ns > request->since + MAX(WAIT_NS, request->retry.longest_ns) ||
		       !request->was_short;
	return request->stage == MODEL_WAITS && !request->has_given_way &&
	       model_is_allowed(model, request) &&
	       request->ask.chunks << request->ask.order <=
		       model_pages_for(model, request->account, free_pages);
}

bool model_is_other_ready(const struct model *model, unsigned int but, uint64_t free_pages,
			  uint64_t now_ns)
{
	for (unsigned int i = 0; i < model->n_accounts; i++) {
		const struct model_request *request = i == but ? NULL : model_head(model, i);

		if (request && model_is_ready(model, request, free_pages, now_ns))
			return true;
	}
	return false;
}

unsigned int model_next_position(const struct model_request *request, unsigned int position)
{
	const struct model_retry *retry = &request->retry;

	while (position < retry->count && (retry->steps[position] == MODEL_WAIT ||
					   !(request->efforts & (1u << retry->steps[position]))))
		position++;
	return position;
}

unsigned int model_first_effort(const struct model_request *request)
{
	return request->retry.steps[model_next_position(request, 0)];
}

bool model_has_waits(const struct model_request *request)
{
	for (unsigned int i = 0; i < request->retry.count; i++)
		if (request->retry.steps[i] == MODEL_WAIT)
			return true;
	return false;
}
