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
	ledger_settle(&broker->ledger, request, 0);
	request->stage = REQUEST_KEPT;
	request->was_kept = true;
	request->account->pending_ahead--;
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
	       kept->uid == request->uid && kept->ask.order == request->ask.order &&
	       kept->ask.align >= request->ask.align;
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

/* Somebody who might have the memory that is free. */
static bool is_anybody_else_pending(const struct broker *broker,
				    const struct broker_request *request)
{
	for (const GList *link = broker->requests.head; link; link = link->next) {
		const struct broker_request *other = link->data;

		if (other != request && !other->ask.is_ahead && other->stage < REQUEST_KEPT)
			return true;
	}
	return false;
}

/* What else it needs it has out of its turn: not while others wait for theirs. */
void ahead_take_over(struct broker *broker, struct broker_request *request)
{
	struct broker_request *kept = find_kept(broker, request);

	if (!kept || !ledger_take_over(&broker->ledger, request, kept,
				       !is_anybody_else_pending(broker, request)))
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
	if (request->stage != REQUEST_QUEUED || request->ask.is_ahead)
		return false;
	if (!ledger_allows(request))
		return ledger_allows_but_for_ahead(request);
	return request->wait == REQUEST_WAITS_FOR_RELEASE || !ledger_fits(&broker->ledger, request);
}

struct broker_request *ahead_find_lacking(const struct broker *broker)
{
	for (GList *link = broker->requests.head; link; link = link->next)
		if (ahead_lacks_memory(broker, link->data))
			return link->data;
	return NULL;
}

/* What of the account's was let go before, and is not gone yet. */
static uint64_t leaving_pages(const struct broker *broker, const struct account *account)
{
	uint64_t pages = 0;

	for (const GList *link = broker->requests.head; link; link = link->next) {
		const struct broker_request *request = link->data;

		if (request->account == account && request->ask.is_ahead && request->is_cancelled)
			pages += request->booked_pages;
	}
	return pages;
}

/* Others cannot have what is guaranteed to its account. */
static bool may_go(const struct broker *broker, const struct broker_request *request,
		   const struct broker_request *lacking)
{
	if (!request->ask.is_ahead || !request->booked_pages || request->is_cancelled)
		return false;
	if (request->stage != REQUEST_KEPT && !request_is_running(request))
		return false;
	return request->account == lacking->account ||
	       ledger_is_above_minimum(request->account, leaving_pages(broker, request->account));
}

/* Of what is in the way of its account's own, others' memory is no help. */
static bool is_of_use(const struct broker_request *request, const struct broker_request *lacking)
{
	return ledger_allows(lacking) || request->account == lacking->account;
}

bool ahead_drop_one(struct broker *broker, const struct broker_request *lacking)
{
	for (GList *link = broker->requests.tail; link; link = link->prev)
		if (may_go(broker, link->data, lacking) && is_of_use(link->data, lacking)) {
			broker_cancel(broker, link->data);
			return true;
		}
	return false;
}
