// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One pool's requests, accounts and books: takes in the facts, and hands them on to
 * those they concern. Pure.
 */
#include <errno.h>

#include "ahead.h"
#include "broker-state.h"

struct broker *broker_new(const struct broker_geometry *geometry, struct account_rules *rules)
{
	struct broker *broker = g_new0(struct broker, 1);

	ledger_init(&broker->ledger, geometry, rules);
	books_init(&broker->books, &broker->ledger);
	queue_init(&broker->queue, geometry->pages * geometry->page_size);
	g_queue_init(&broker->requests);
	g_queue_init(&broker->ended);
	retry_init(&broker->retry);
	broker->random = g_rand_new();
	return broker;
}

struct broker *broker_free(struct broker *broker)
{
	if (!broker)
		return NULL;
	/* Where requests of a driver that ended in the middle still stood. */
	g_queue_clear(&broker->ended);
	books_clear(&broker->books);
	ledger_clear(&broker->ledger);
	g_rand_free(broker->random);
	g_free(broker);
	return NULL;
}

void broker_set_weight(struct broker *broker, struct account *account)
{
	queue_member_set_weight(&broker->queue, &account->member,
				account->rule ? account->rule->weight : QUEUE_DEFAULT_WEIGHT);
}

void broker_set_rules(struct broker *broker, struct account_rules *rules)
{
	GHashTableIter iterator;
	void *account;

	ledger_set_rules(&broker->ledger, rules);
	g_hash_table_iter_init(&iterator, broker->ledger.accounts);
	while (g_hash_table_iter_next(&iterator, NULL, &account))
		broker_set_weight(broker, account);
	ahead_check_accounts(broker);
}

void broker_set_retry(struct broker *broker, const struct retry *retry)
{
	broker->retry = *retry;
}

void broker_set_seed(struct broker *broker, uint32_t seed)
{
	g_rand_set_seed(broker->random, seed);
}

/*
 * Memory that came back
 */

static void end_wait_for_pages(struct broker_request *request)
{
	if (request->wait != REQUEST_WAITS_FOR_RELEASE)
		request_end_wait(request);
}

/* More is free than was. It may be what a request gave back by itself, to wait. */
static void end_waits_for_pages(struct broker *broker)
{
	for (GList *link = broker->requests.head; link; link = link->next)
		end_wait_for_pages(link->data);
}

/* What is all back is not kept in mind: who waits long may give back often. */
static bool has_given_back(struct broker_request *request, uint64_t id, bool is_all)
{
	for (guint i = 0; i < request->given_back->len; i++) {
		if (g_array_index(request->given_back, uint64_t, i) != id)
			continue;
		if (is_all)
			g_array_remove_index_fast(request->given_back, i);
		return true;
	}
	return false;
}

/*
 * What had that id is memory again, all of it or some. Who gave it back himself, to wait, does not wait for
 * that.
 */
static void end_waits(struct broker *broker, uint64_t id, bool is_all)
{
	for (GList *link = broker->requests.head; link; link = link->next) {
		struct broker_request *request = link->data;

		if (has_given_back(request, id, is_all)) {
			end_wait_for_pages(request);
			continue;
		}
		request->was_released |= request->stage == REQUEST_FILLING;
		request_end_wait(request);
	}
}

void broker_set_free(struct broker *broker, uint64_t free_pages)
{
	/* Just after a fill there is nothing to compare with. */
	if (!broker->is_free_stale && free_pages > broker->ledger.free_pages)
		end_waits_for_pages(broker);
	broker->ledger.free_pages = free_pages;
	broker->is_free_stale = false;
}

void broker_set_draining(struct broker *broker, uint64_t pages)
{
	broker->draining_pages = pages;
}

static GHashTable *own_reservations(struct broker *broker)
{
	GHashTable *ids = g_hash_table_new(g_int64_hash, g_int64_equal);

	for (GList *link = broker->requests.head; link; link = link->next) {
		struct broker_request *request = link->data;

		if (request->reservation)
			g_hash_table_add(ids, &request->reservation);
	}
	return ids;
}

/* Of those that died without an event, while their accounts are still there. */
static void count_missing(struct broker *broker, const GArray *before)
{
	for (guint i = 0; i < before->len; i++) {
		const struct books_holding *holding =
			&g_array_index(before, struct books_holding, i);

		if (holding->account && !books_get_pages(&broker->books, holding->id))
			counters_release(holding->account->counters,
					 holding->pages * broker->ledger.geometry.page_size);
	}
}

/* Whoever only looks at the books, as often as he likes, ends nobody's wait. */
static void end_waits_for_missing(struct broker *broker, const GArray *before)
{
	for (guint i = 0; i < before->len; i++) {
		const struct books_holding *holding =
			&g_array_index(before, struct books_holding, i);

		uint64_t pages = books_get_pages(&broker->books, holding->id);

		if (pages < holding->pages)
			end_waits(broker, holding->id, pages == 0);
	}
}

void broker_load(struct broker *broker, const struct cmabulk_buffer_info *entries, size_t count,
		 uint64_t sequence)
{
	g_autoptr(GHashTable) own = own_reservations(broker);
	g_autoptr(GArray) before = books_get_holdings(&broker->books);

	books_reset(&broker->books, sequence);
	for (size_t i = 0; i < count; i++)
		if (!g_hash_table_contains(own, &entries[i].id))
			books_add(&broker->books, &entries[i]);
	count_missing(broker, before);
	ledger_collect(&broker->ledger);
	end_waits_for_missing(broker, before);
}

/* A driver that closes before it frees may hear of it first. */
static void forget_reservation(struct broker *broker, uint64_t id)
{
	for (GList *link = broker->requests.head; link; link = link->next) {
		struct broker_request *request = link->data;

		if (request->reservation == id && request->stage == REQUEST_FINISHED) {
			ledger_release(&broker->ledger, request);
			request->reservation = 0;
		}
	}
}

int broker_event(struct broker *broker, enum cmabulk_genl_command command, uint64_t sequence,
		 uint64_t id, uint64_t pages, uint64_t *ret_cookie)
{
	int r = books_apply(&broker->books, command, sequence, id, pages, ret_cookie);

	if (r < 0)
		return r;
	if (command == CMABULK_CMD_DROPPED)
		forget_reservation(broker, id);
	if (command == CMABULK_CMD_RELEASED || command == CMABULK_CMD_DROPPED) {
		/* What became buffers as a whole leaves nothing behind. */
		if (pages)
			end_waits(broker, id, true);
		ledger_collect(&broker->ledger);
	}
	return r;
}

/*
 * Endings
 */

static void leave_queue(struct broker *broker, struct broker_request *request)
{
	struct queue_member *member = &request->account->member;

	g_queue_remove(&member->requests, request);
	if (g_queue_is_empty(&member->requests))
		queue_rest(&broker->queue, member);
}

void broker_end(struct broker *broker, struct broker_request *request)
{
	bool is_kept = broker_request_is_kept(request);

	if (request->stage != REQUEST_KEPT) {
		leave_queue(broker, request);
		if (ahead_is_worth_keeping(request)) {
			ahead_keep(broker, request);
			return;
		}
	}
	request->stage = REQUEST_ENDED;
	ledger_settle(&broker->ledger, request,
		      is_kept ? MIN(request->claimed, request->ask.buffers) : 0);
	g_queue_push_tail(&broker->ended, request);
}

void broker_end_with(struct broker *broker, struct broker_request *request,
		     enum broker_status status, int error)
{
	request_set_result(request, status, error);
	broker_end(broker, request);
}

/* Whether it was decided already or not, unless it was said: not kept. */
static void call_off(struct broker *broker, struct broker_request *request,
		     enum broker_status status, int error)
{
	switch (request->stage) {
	case REQUEST_QUEUED:
	case REQUEST_BOOKED:
	case REQUEST_KEPT:
		broker_end_with(broker, request, status, error);
		break;
	case REQUEST_ENDED:
		request_set_result(request, status, error);
		ledger_settle(&broker->ledger, request, 0);
		break;
	case REQUEST_FILLING:
	case REQUEST_FINISHED:
		break;
	}
}

void broker_cancel(struct broker *broker, struct broker_request *request)
{
	request->is_cancelled = true;
	call_off(broker, request, BROKER_CANCELLED, -ECANCELED);
}

void broker_gone(struct broker *broker)
{
	broker->is_gone = true;
	for (GList *link = broker->requests.head; link; link = link->next) {
		struct broker_request *request = link->data;

		if (!request->is_cancelled)
			call_off(broker, request, BROKER_PARTIAL, -ENODEV);
	}
}

void broker_request_exported(struct broker *broker, struct broker_request *request,
			     const struct cmabulk_buffer_info *buffer)
{
	books_add_own(&broker->books, buffer, request->account);
	counters_grant(request->account->counters, buffer->pages >> request->ask.order,
		       buffer->pages * broker->ledger.geometry.page_size);
	ledger_export(&broker->ledger, request, buffer->pages);
}

void broker_count_refusal(struct broker *broker, const struct broker_refusal *refusal)
{
	counters_refuse(pool_counters_get(&broker->ledger.counters, refusal->account),
			refusal->reason);
}

void broker_count_resync(struct broker *broker)
{
	broker->ledger.counters.resyncs++;
}

struct broker_request *broker_request_free(struct broker *broker, struct broker_request *request)
{
	uint64_t pages = ledger_release(&broker->ledger, request);

	books_add_draining(&broker->books, request->reservation, pages);
	request->account->n_ahead -= request->ask.is_ahead;
	g_queue_remove(&broker->requests, request);
	request_free(request);
	ledger_collect(&broker->ledger);
	return NULL;
}
