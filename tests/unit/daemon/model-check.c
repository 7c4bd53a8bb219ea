// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is true once the broker has nothing more to say. */
#include <string.h>

#include "model-state.h"

static void check_fill_that_runs(const struct model *model, uint64_t now_ns)
{
	for (unsigned int i = 0; i < model->requests->len; i++) {
		const struct model_request *request = model_request_at(model, i);

		if (request->stage != MODEL_FILLS || model->is_interrupted)
			continue;
		g_assert_false(model_is_over(model, request, now_ns));
		/* Nobody who could have a turn waits for more than one. */
		g_assert_false(model->is_long && model_is_other_ready(model, request->account,
								      model->free_pages, now_ns));
		if (request->ask.is_ahead)
			g_assert_false(model_is_other_ready(model, MODEL_ACCOUNTS,
							    model->free_pages, now_ns));
	}
}

/* The worker has nothing to do: then nobody could have had it. */
static void check_idle(struct model *model, uint64_t now_ns, uint64_t wakeup_ns)
{
	bool is_anybody = false;

	for (unsigned int i = 0; i < model->n_accounts; i++) {
		const struct model_request *request = model_head(model, i);

		if (!request)
			continue;
		is_anybody = true;
		g_assert_false(model_is_ready(model, request, model->free_pages, now_ns));
		/* Waiting with something in hand ends soon, by itself. */
		if (request->stage == MODEL_RUNS && !request->ask.is_ahead)
			g_assert_cmpuint(wakeup_ns, <=,
					 now_ns + MAX(WAIT_NS, request->retry.longest_ns));
	}
	for (unsigned int i = 0; i < model->n_accounts && !is_anybody; i++)
		model->accounts[i].is_rested = true;
}

static void check_nobody_is_overdue(const struct model *model, uint64_t now_ns)
{
	for (unsigned int i = 0; i < model->requests->len; i++) {
		const struct model_request *request = model_request_at(model, i);

		if (request->stage == MODEL_WAITS || request->stage == MODEL_RUNS ||
		    request->stage == MODEL_KEPT)
			g_assert_false(model_is_over(model, request, now_ns));
	}
}

static void check_usage(const struct model *model, const struct broker *broker)
{
	g_autofree struct broker_usage *usages = NULL;
	size_t count = broker_get_usage(broker, &usages);
	bool seen[MODEL_ACCOUNTS] = { false };

	for (size_t i = 0; i < count; i++) {
		int account = model_account_of(model, usages[i].account);
		uint64_t buffers;
		uint64_t booked = 0, ahead = 0;
		uint64_t pages;

		if (account < 0)
			continue;
		seen[account] = true;
		for (unsigned int j = 0; j < model->requests->len; j++)
			if (model_request_at(model, j)->account == (unsigned int)account) {
				uint64_t promised =
					model_promised_pages(model_request_at(model, j));

				booked += promised;
				ahead += model_request_at(model, j)->ask.is_ahead ? promised : 0;
			}
		pages = model_exported_pages(model, (unsigned int)account, &buffers);
		g_assert_cmpuint(usages[i].exported_bytes, ==, pages * MODEL_PAGE_SIZE);
		g_assert_cmpuint(usages[i].buffers, ==, buffers);
		pages = model_draining_pages(model, (unsigned int)account, &buffers);
		g_assert_cmpuint(usages[i].draining_bytes, ==, pages * MODEL_PAGE_SIZE);
		g_assert_cmpuint(usages[i].draining_buffers, ==, buffers);
		g_assert_cmpuint(usages[i].booked_bytes, ==, booked * MODEL_PAGE_SIZE);
		g_assert_cmpuint(usages[i].ahead_bytes, ==, ahead * MODEL_PAGE_SIZE);
		g_assert_cmpuint(usages[i].pending, ==,
				 model_pending_of(model, (unsigned int)account, false));
		g_assert_cmpint(usages[i].is_known, ==, model->accounts[account].is_known);
	}
	for (unsigned int i = 0; i < model->n_accounts; i++) {
		uint64_t buffers;
		uint64_t pages = model_exported_pages(model, i, &buffers);

		g_assert_true(seen[i] || (pages == 0 && model_pending_of(model, i, false) == 0));
	}
}

static void check_books(struct model *model, const struct broker *broker)
{
	uint64_t lacking = model_others_lack(model, MODEL_ACCOUNTS);
	struct broker_books books;
	uint64_t orphaned = 0;
	uint64_t left;

	broker_get_books(broker, &books);
	g_assert_cmpuint(books.sequence, ==, model->sequence);
	g_assert_cmpuint(books.buffers, ==, model->buffers->len);
	for (unsigned int i = 0; i < model->buffers->len; i++) {
		const struct model_buffer *buffer = model_buffer_at(model, i);

		if (buffer->account == -2 ||
		    (buffer->account >= 0 && !model->accounts[buffer->account].is_known))
			orphaned += buffer->pages;
	}
	g_assert_cmpuint(books.orphaned_pages, ==, orphaned);
	left = model_pages_left(model, MAX(model->free_pages, model->free_at_fill)) +
	       model->draining;
	g_assert_cmpuint(broker_get_uncovered(broker), ==, lacking > left ? lacking - left : 0);
	model->uncovered += lacking > left;
}

void model_check(struct model *model, const struct broker *broker, uint64_t now_ns)
{
	uint64_t wakeup_ns = broker_wakeup(broker);
	uint64_t pending = 0;

	model_look_ahead(model);

	/* Else the driver would never sleep. */
	g_assert_cmpuint(wakeup_ns, >, now_ns);
	for (unsigned int i = 0; i < model->n_accounts; i++)
		pending += model_pending_of(model, i, false) + model_pending_of(model, i, true);
	g_assert_cmpuint(broker_get_pending(broker), ==, pending);
	check_nobody_is_overdue(model, now_ns);
	if (model->is_filling)
		check_fill_that_runs(model, now_ns);
	else
		check_idle(model, now_ns, wakeup_ns);
	check_usage(model, broker);
	check_books(model, broker);
	model->has_changed = false;
	for (unsigned int i = 0; i < model->n_accounts; i++)
		model->accounts[i].had_requests = model_has_requests(model, i);
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
		if (model_account_of(model, info->owner.account) == -1)
			unmanaged += info->pages;
	}
	g_assert_cmpuint(books.states.cached, ==, pages_in(pool, CMABULK_STATE_CACHED));
	g_assert_cmpuint(books.states.reserved, ==, pages_in(pool, CMABULK_STATE_RESERVED));
	g_assert_cmpuint(books.states.exported, ==, pages_in(pool, CMABULK_STATE_EXPORTED));
	g_assert_cmpuint(books.states.draining, ==, pages_in(pool, CMABULK_STATE_DRAINING));
	g_assert_cmpuint(books.reservations, ==, reservations);
	g_assert_cmpuint(books.unmanaged_pages, ==, unmanaged);
}
