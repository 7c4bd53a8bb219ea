// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What is promised: the memory that requests may have, and what each account has
 * and may have. All in pages. Bookings are made here and nowhere else. Pure.
 */
#include <string.h>

#include "ledger.h"

static uint64_t subtract(uint64_t from, uint64_t what)
{
	return from > what ? from - what : 0;
}

static uint64_t add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static void account_free(void *data)
{
	struct account *account = data;

	g_queue_clear(&account->member.requests);
	g_free(account);
}

void ledger_init(struct ledger *ledger, const struct broker_geometry *geometry,
		 struct account_rules *rules)
{
	*ledger = (struct ledger){
		.geometry = *geometry,
		.rules = account_rules_ref(rules),
		.accounts = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, account_free),
	};
}

void ledger_clear(struct ledger *ledger)
{
	g_hash_table_unref(ledger->accounts);
	account_rules_unref(ledger->rules);
}

/*
 * Accounts
 */

uint64_t ledger_maximum_pages(const struct ledger *ledger, const struct account_rule *rule)
{
	const struct broker_geometry *geometry = &ledger->geometry;
	uint64_t bytes = amount_resolve(&rule->maximum, geometry->pages * geometry->page_size);

	return bytes / geometry->page_size;
}

static void apply_rule(struct account *account, const struct ledger *ledger)
{
	account->rule = account_rules_find_of(ledger->rules, account->name);
	account->maximum_pages = account->rule ? ledger_maximum_pages(ledger, account->rule) : 0;
}

struct account *ledger_get_account(struct ledger *ledger, const char *name, uid_t uid)
{
	struct account *account = g_hash_table_lookup(ledger->accounts, name);

	if (account)
		return account;
	account = g_new0(struct account, 1);
	queue_member_init(&account->member);
	g_strlcpy(account->name, name, sizeof(account->name));
	account->uid = uid;
	apply_rule(account, ledger);
	g_hash_table_insert(ledger->accounts, account->name, account);
	return account;
}

struct account *ledger_get_account_by_name(struct ledger *ledger, const char *name)
{
	char rule_name[64];
	uid_t uid = ACCOUNT_UID_SHARED;

	account_parse(name, rule_name, &uid);
	return ledger_get_account(ledger, name, uid);
}

void ledger_set_rules(struct ledger *ledger, struct account_rules *rules)
{
	GHashTableIter iterator;
	void *account;

	account_rules_ref(rules);
	account_rules_unref(ledger->rules);
	ledger->rules = rules;
	g_hash_table_iter_init(&iterator, ledger->accounts);
	while (g_hash_table_iter_next(&iterator, NULL, &account))
		apply_rule(account, ledger);
}

static gboolean is_unused(void *name, void *value, void *userdata)
{
	const struct account *account = value;

	return !account->exported_pages && !account->buffers && !account->booked_pages &&
	       !account->pending && account->member.place == QUEUE_AWAY &&
	       !account->member.requests.length;
}

void ledger_collect(struct ledger *ledger)
{
	g_hash_table_foreach_remove(ledger->accounts, is_unused, NULL);
}

/*
 * Bookings
 */

static bool has_rule_for(const struct account *account, uint64_t pages, uint64_t buffers)
{
	if (!account->rule)
		return false;
	return add(add(account->exported_pages, account->booked_pages), pages) <=
		       account->maximum_pages &&
	       add(add(account->buffers, account->booked_buffers), buffers) <=
		       account->rule->max_buffers;
}

bool ledger_allows(const struct broker_request *request)
{
	return has_rule_for(request->account, request_pages(request, request->ask.chunks),
			    request->ask.buffers);
}

/* What requests have and what they can get. */
static uint64_t unpromised(const struct ledger *ledger)
{
	uint64_t free_pages = MAX(ledger->free_pages, ledger->free_before);

	return subtract(add(free_pages, ledger->held_pages), ledger->booked_pages);
}

bool ledger_fits(const struct ledger *ledger, const struct broker_request *request)
{
	return request_pages(request, request->ask.chunks) <= unpromised(ledger);
}

uint64_t ledger_offer(const struct ledger *ledger, const struct broker_request *request)
{
	uint64_t chunks;

	if (!ledger_allows(request))
		return 0;
	if (ledger_fits(ledger, request))
		return request->ask.chunks;
	if (ledger->bookings)
		return 0;
	chunks = unpromised(ledger) >> request->ask.order;
	return chunks >= request->ask.minimum ? chunks : 0;
}

uint64_t ledger_offer_more(const struct ledger *ledger, const struct broker_request *request)
{
	uint64_t missing = subtract(request->ask.chunks, request->target);
	uint64_t chunks = MIN(missing, unpromised(ledger) >> request->ask.order);

	return has_rule_for(request->account, request_pages(request, chunks), 0) ? chunks : 0;
}

static void set_booked(struct ledger *ledger, struct broker_request *request, uint64_t pages)
{
	struct account *account = request->account;

	ledger->bookings += !!pages - !!request->booked_pages;
	ledger->booked_pages = ledger->booked_pages - request->booked_pages + pages;
	account->booked_pages = account->booked_pages - request->booked_pages + pages;
	request->booked_pages = pages;
}

static void set_booked_buffers(struct broker_request *request, uint64_t buffers)
{
	struct account *account = request->account;

	account->booked_buffers = account->booked_buffers - request->booked_buffers + buffers;
	request->booked_buffers = buffers;
}

void ledger_book(struct ledger *ledger, struct broker_request *request, uint64_t chunks)
{
	request->target += chunks;
	set_booked(ledger, request, request->booked_pages + request_pages(request, chunks));
	set_booked_buffers(request, request->ask.buffers);
}

void ledger_claim(struct ledger *ledger, struct broker_request *request, uint64_t chunks)
{
	uint64_t pages = request_pages(request, chunks);

	request->claimed += chunks;
	request->held_pages += pages;
	ledger->held_pages += pages;
	/* Until the kernel is asked again. */
	ledger->free_pages = subtract(ledger->free_pages, pages);
	if (request->held_pages > request->booked_pages)
		set_booked(ledger, request, request->held_pages);
}

void ledger_settle(struct ledger *ledger, struct broker_request *request, uint64_t buffers)
{
	set_booked(ledger, request, request->held_pages);
	set_booked_buffers(request, buffers);
}

void ledger_export(struct ledger *ledger, struct broker_request *request, uint64_t pages)
{
	pages = MIN(pages, request->held_pages);
	request->held_pages -= pages;
	ledger->held_pages -= pages;
	set_booked(ledger, request, request->booked_pages - pages);
	set_booked_buffers(request, subtract(request->booked_buffers, 1));
}

uint64_t ledger_release(struct ledger *ledger, struct broker_request *request)
{
	uint64_t pages = request->held_pages;

	request->held_pages = 0;
	request->target = 0;
	ledger->held_pages -= pages;
	set_booked(ledger, request, 0);
	set_booked_buffers(request, 0);
	return pages;
}
