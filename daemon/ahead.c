// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What is claimed ahead of its need, on a hint: kept for the account's next request, and the first to
 * go when anybody lacks memory. Pure.
 */
#include <errno.h>

#include "ahead.h"
#include "policy.h"

bool ahead_is_worth_keeping(const struct broker_request *request)
{
	return request->ask.is_ahead && request->claimed > 0 && request->account->rule &&
	       (request->status == BROKER_COMPLETE || request->status == BROKER_PARTIAL) &&
	       request->error != -ENODEV;
}

void ahead_keep(struct broker *broker, struct broker_request *request)
{
	ledger_keep(&broker->ledger, request);
	request->was_kept = true;
	request->account->pending--;
}

void ahead_check_accounts(struct broker *broker)
{
	for (GList *link = broker->requests.head; link; link = link->next) {
		struct broker_request *request = link->data;

		if (request->stage == REQUEST_KEPT && !request->account->rule)
			broker_cancel(broker, request);
	}
}

/*
 * Taking over
 */

static bool suits(const struct broker_request *kept, const struct broker_request *request)
{
	return kept->stage == REQUEST_KEPT && kept->account == request->account &&
	       kept->ask.order == request->ask.order && kept->ask.align >= request->ask.align;
}

/* The most that it needs, and of what is more than it needs the least: the rest goes back. */
static bool suits_better(const struct broker_request *kept, const struct broker_request *best,
			 uint64_t chunks)
{
	if (!best)
		return true;
	if (kept->claimed <= chunks)
		return best->claimed > chunks || kept->claimed > best->claimed;
	return best->claimed > chunks && kept->claimed < best->claimed;
}

static struct broker_request *find_kept(const struct broker *broker,
					const struct broker_request *request)
{
	struct broker_request *best = NULL;

	for (GList *link = broker->requests.head; link; link = link->next)
		if (suits(link->data, request) &&
		    suits_better(link->data, best, request->ask.chunks))
			best = link->data;
	return best;
}

void ahead_take_over(struct broker *broker, struct broker_request *request)
{
	struct broker_request *kept = find_kept(broker, request);

	if (!kept || !ledger_take_over(&broker->ledger, request, kept))
		return;
	request->taken_from = kept;
	request->ahead = request->claimed;
	request->reservation = kept->reservation;
	request->stage = REQUEST_BOOKED;
	request->booking = ++broker->last_booking;
	policy_begin(request);
	kept->reservation = 0;
	kept->claimed = 0;
	broker_end_with(broker, kept, BROKER_COMPLETE, 0);
	if (request->claimed == request->ask.chunks)
		broker_end_with(broker, request, BROKER_COMPLETE, 0);
}

/*
 * Letting go
 */

bool ahead_lacks_memory(const struct broker *broker, const struct broker_request *request)
{
	if (request->stage != REQUEST_QUEUED || request->ask.is_ahead || !ledger_allows(request))
		return false;
	return request->wait == REQUEST_WAITS_FOR_RELEASE || !ledger_fits(&broker->ledger, request);
}

struct broker_request *ahead_find_lacking(const struct broker *broker)
{
	for (GList *link = broker->requests.head; link; link = link->next)
		if (ahead_lacks_memory(broker, link->data))
			return link->data;
	return NULL;
}

/* Others cannot have what is guaranteed to its account. */
static bool may_go(const struct broker_request *request)
{
	return request->ask.is_ahead && request->booked_pages && !request->is_cancelled &&
	       (request->stage == REQUEST_KEPT || request_is_running(request)) &&
	       ledger_may_drop_ahead(request->account);
}

bool ahead_drop_one(struct broker *broker)
{
	for (GList *link = broker->requests.tail; link; link = link->prev)
		if (may_go(link->data)) {
			broker_cancel(broker, link->data);
			return true;
		}
	return false;
}
