// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Who is asked to give memory back when requests wait for it, and how much: accounts above their
 * guarantee, those most above it first. Pure.
 */
#include "ahead.h"
#include "pressure.h"

/* Besides what is on its way back. Where enough is free and would not move, any memory may do. */
static uint64_t pages_wanted(const struct broker *broker, const struct broker_request *request)
{
	uint64_t pages = ledger_lacking(&broker->ledger, request);

	if (!pages)
		pages = request_pages(request, request->ask.chunks);
	return pages > broker->draining_pages ? pages - broker->draining_pages : 0;
}

/* The request that others are asked for, with what it wants; NULL: there is none. */
static const struct broker_request *find_waiting(const struct broker *broker, uint64_t *ret_pages)
{
	const struct broker_request *request = ahead_find_lacking(broker);

	/* What its own account has claimed ahead is nobody else's trouble. */
	if (!request || !ledger_allows(request))
		return NULL;
	*ret_pages = pages_wanted(broker, request);
	return *ret_pages ? request : NULL;
}

static struct account *most_above(const struct broker *broker, uint64_t now_ns)
{
	struct account *most = NULL;
	GHashTableIter iterator;
	void *value;

	g_hash_table_iter_init(&iterator, broker->ledger.accounts);
	while (g_hash_table_iter_next(&iterator, NULL, &value)) {
		struct account *account = value;

		if (account->spared_until_ns > now_ns || !ledger_excess(account))
			continue;
		if (!most || ledger_excess(account) > ledger_excess(most))
			most = account;
	}
	return most;
}

static uint64_t begins_at(const struct broker_request *request)
{
	return request->submitted_ns + PRESSURE_AFTER_NS;
}

/*
 * In one round as many are asked as have enough together. Who was asked before and still has it is not counted
 * on any more.
 */
void pressure_say(struct broker *broker, uint64_t now_ns, struct broker_action *ret)
{
	uint64_t wanted = 0;
	const struct broker_request *request = find_waiting(broker, &wanted);
	uint64_t page_size = broker->ledger.geometry.page_size;
	struct account *account;
	uint64_t pages;

	if (!request || now_ns < begins_at(request)) {
		broker->round_pages = 0;
		return;
	}
	if (!broker->round_pages && now_ns < broker->next_round_ns)
		return;
	account = most_above(broker, now_ns);
	if (!account) {
		broker->round_pages = 0;
		return;
	}
	if (!broker->round_pages) {
		broker->round_pages = wanted;
		broker->next_round_ns = now_ns + PRESSURE_ROUND_NS;
	}
	pages = MIN(ledger_excess(account), broker->round_pages);
	broker->round_pages -= pages;
	account->spared_until_ns = now_ns + PRESSURE_ACCOUNT_NS;
	*ret = (struct broker_action){
		.type = BROKER_ASK_BACK,
		.account = account->name,
		.bytes = pages * page_size,
		.pressure = ledger_is_guaranteed(request) ? BROKER_PRESSURE_CRITICAL :
							    BROKER_PRESSURE_MODERATE,
	};
}

/* Who was to be asked is spared all the same: else his turn would come again at once. */
void broker_not_heard(struct broker *broker, uint64_t bytes)
{
	broker->round_pages += bytes / broker->ledger.geometry.page_size;
}

uint64_t pressure_wakeup(const struct broker *broker)
{
	uint64_t wanted = 0;
	const struct broker_request *request = find_waiting(broker, &wanted);
	uint64_t wakeup = UINT64_MAX;
	uint64_t begin;
	GHashTableIter iterator;
	void *value;

	if (!request)
		return UINT64_MAX;
	begin = MAX(begins_at(request), broker->next_round_ns);
	g_hash_table_iter_init(&iterator, broker->ledger.accounts);
	while (g_hash_table_iter_next(&iterator, NULL, &value)) {
		const struct account *account = value;

		if (ledger_excess(account))
			wakeup = MIN(wakeup, MAX(begin, account->spared_until_ns));
	}
	return wakeup;
}
