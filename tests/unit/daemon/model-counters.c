// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the broker counted, held against a list of all that happened. */
#include <errno.h>

#include "counters.h"
#include "model-state.h"

void model_happened(struct model *model, enum model_happening_kind kind, int account, int detail,
		    uint64_t amount)
{
	struct model_happening happening = { kind, account, detail, amount };

	g_array_append_val(model->happenings, happening);
}

static bool is_model_buffer(const struct model *model, uint64_t id)
{
	for (unsigned int i = 0; i < model->buffers->len; i++)
		if (model_buffer_at(model, i)->id == id)
			return true;
	return false;
}

void model_missing(struct model *model, const GArray *before)
{
	for (unsigned int i = 0; i < before->len; i++) {
		const struct model_buffer *buffer = &g_array_index(before, struct model_buffer, i);

		if (buffer->account != -1 && !is_model_buffer(model, buffer->id))
			model_happened(model, MODEL_RELEASED, buffer->account, 0,
				       buffer->pages * MODEL_PAGE_SIZE);
	}
}

/* The sum of the amounts; MODEL_ACCOUNTS is for all of them. */
static uint64_t sum_of(const struct model *model, unsigned int account,
		       enum model_happening_kind kind, int detail)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < model->happenings->len; i++) {
		const struct model_happening *happening =
			&g_array_index(model->happenings, struct model_happening, i);

		if (happening->kind == kind && happening->detail == detail &&
		    (account == MODEL_ACCOUNTS || happening->account == (int)account))
			sum += happening->amount;
	}
	return sum;
}

static void check_refusals(const struct model *model, unsigned int account,
			   const struct counters *counters)
{
	const uint64_t *refused = counters->refused;
	const struct {
		int error;
		uint64_t count;
	} expected[] = {
		{ -EINVAL, refused[COUNTERS_REASON_INVALID] },
		{ -EACCES, refused[COUNTERS_REASON_EFFORT] },
		{ -EDQUOT, refused[COUNTERS_REASON_QUOTA] + refused[COUNTERS_REASON_BUFFERS] },
		{ -ENOSPC, refused[COUNTERS_REASON_GUARANTEE] },
		{ -EUSERS, refused[COUNTERS_REASON_PENDING] },
		{ -EAGAIN, refused[COUNTERS_REASON_RATE] },
		{ -ENODEV, refused[COUNTERS_REASON_GONE] },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(expected); i++)
		g_assert_cmpuint(expected[i].count, ==,
				 sum_of(model, account, MODEL_REFUSED, expected[i].error));
	g_assert_cmpuint(refused[COUNTERS_REASON_SIZE], ==,
			 sum_of(model, account, MODEL_REFUSED, -E2BIG) +
				 sum_of(model, account, MODEL_REFUSED, -EOVERFLOW));
}

static void check_fills(const struct model *model, unsigned int account,
			const struct counters *counters)
{
	static const int results[COUNTERS_RESULTS] = { 0,      -EBUSY,	-ENOMEM, -ETIME,
						       -EINTR, -ENODEV, -EIO };

	for (int effort = 0; effort < COUNTERS_EFFORTS; effort++)
		for (unsigned int i = 0; i < COUNTERS_RESULTS; i++)
			g_assert_cmpuint(counters->fills[effort][i], ==,
					 sum_of(model, account, MODEL_FILLED + effort, results[i]));
}

static void check(const struct model *model, unsigned int account, const struct counters *counters)
{
	for (int status = 0; status < COUNTERS_STATUSES; status++)
		g_assert_cmpuint(counters->finished[status], ==,
				 sum_of(model, account, MODEL_FINISHED, status));
	g_assert_cmpuint(counters->admitted, ==, sum_of(model, account, MODEL_ADMITTED, 0));
	g_assert_cmpuint(counters->chunks_asked, ==, sum_of(model, account, MODEL_ASKED, 0));
	g_assert_cmpuint(counters->bytes_asked, ==, sum_of(model, account, MODEL_ASKED, 1));
	g_assert_cmpuint(counters->chunks_granted, ==, sum_of(model, account, MODEL_GRANTED, 0));
	g_assert_cmpuint(counters->bytes_granted, ==, sum_of(model, account, MODEL_GRANTED, 1));
	g_assert_cmpuint(counters->bytes_released, ==, sum_of(model, account, MODEL_RELEASED, 0));
	g_assert_cmpuint(counters->worker_ns, ==, sum_of(model, account, MODEL_WORKED, 0));
	g_assert_cmpuint(counters->interrupts, ==, sum_of(model, account, MODEL_INTERRUPTED, 0));
	g_assert_cmpuint(counters->give_backs, ==, sum_of(model, account, MODEL_GAVE_BACK, 0));
	check_refusals(model, account, counters);
	check_fills(model, account, counters);
}

void model_check_counters(const struct model *model, const struct broker *broker)
{
	static const struct counters nothing;
	const struct pool_counters *pool = broker_get_counters(broker);
	uint64_t finished = 0;
	uint64_t measured = 0;

	check(model, MODEL_ACCOUNTS, &pool->all);
	for (unsigned int i = 0; i < model->n_accounts; i++) {
		const struct account_counters *account =
			g_hash_table_lookup(pool->accounts, model->accounts[i].name);

		check(model, i, account ? &account->counters : &nothing);
	}
	for (unsigned int i = 0; i < COUNTERS_STATUSES; i++)
		finished += pool->all.finished[i];
	for (unsigned int i = 0; i < COUNTERS_BUCKETS; i++)
		measured += pool->latency[i];
	g_assert_cmpuint(measured, ==, finished);
}

void model_restarted(struct model *model)
{
	g_array_set_size(model->happenings, 0);
	g_array_set_size(model->buffers, 0);
}
