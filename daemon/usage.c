// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What there is: the books and the accounts, for those who ask. Pure.
 */
#include <string.h>

#include "broker-state.h"

void broker_get_books(const struct broker *broker, struct broker_books *ret)
{
	GHashTableIter iterator;
	void *value;

	*ret = (struct broker_books){
		.states = broker->books.states,
		.buffers = broker->books.buffers,
		.reservations = broker->books.reservations,
		.unmanaged_pages = broker->books.unmanaged_pages,
		.sequence = broker->books.sequence,
	};
	ret->states.reserved += broker->ledger.held_pages;
	for (const GList *link = broker->requests.head; link; link = link->next)
		ret->reservations += ((const struct broker_request *)link->data)->reservation != 0;
	g_hash_table_iter_init(&iterator, broker->ledger.accounts);
	while (g_hash_table_iter_next(&iterator, NULL, &value)) {
		const struct account *account = value;

		if (!account->rule)
			ret->orphaned_pages += account->exported_pages;
	}
}

bool broker_has_guarantees(const struct broker *broker)
{
	return broker->ledger.guaranteed->len > 0;
}

uint64_t broker_get_uncovered(const struct broker *broker)
{
	uint64_t pages = ledger_uncovered(&broker->ledger);

	/* What is on its way back is nobody else's. */
	return pages > broker->draining_pages ? pages - broker->draining_pages : 0;
}

const struct pool_counters *broker_get_counters(const struct broker *broker)
{
	return &broker->ledger.counters;
}

unsigned int broker_get_pending(const struct broker *broker)
{
	unsigned int pending = 0;

	for (const GList *link = broker->requests.head; link; link = link->next)
		pending += request_is_pending(link->data);
	return pending;
}

static uint64_t maximum_bytes(const struct broker *broker, const struct account_rule *rule)
{
	const struct broker_geometry *geometry = &broker->ledger.geometry;

	return rule ? amount_resolve(&rule->maximum, geometry->pages * geometry->page_size) : 0;
}

static struct broker_usage usage_of_account(const struct broker *broker,
					    const struct account *account)
{
	uint64_t page_size = broker->ledger.geometry.page_size;
	struct broker_usage usage = {
		.is_known = account->rule,
		.uid = account->uid,
		.rule = account->rule,
		.exported_bytes = account->exported_pages * page_size,
		.booked_bytes = account->booked_pages * page_size,
		.buffers = account->buffers,
		.draining_bytes = account->draining_pages * page_size,
		.draining_buffers = account->draining_buffers,
		.pending = account->pending,
		.ahead_bytes = account->ahead_pages * page_size,
		.minimum_bytes = account->minimum_pages * page_size,
		.maximum_bytes = maximum_bytes(broker, account->rule),
	};

	memcpy(usage.account, account->name, sizeof(usage.account));
	return usage;
}

/* Of a rule of one instance, which may not be in use; false: it has not one. */
static bool usage_of_rule(const struct broker *broker, const struct account_rule *rule,
			  struct broker_usage *ret)
{
	struct broker_usage usage = {
		.is_known = true,
		.uid = account_rule_get_uid(rule, rule->uid),
		.rule = rule,
		.maximum_bytes = maximum_bytes(broker, rule),
	};

	if (!account_rule_is_single(rule, usage.account))
		return false;
	*ret = usage;
	return true;
}

static int compare_usages(const void *a, const void *b)
{
	return strcmp(((const struct broker_usage *)a)->account,
		      ((const struct broker_usage *)b)->account);
}

size_t broker_get_usage(const struct broker *broker, struct broker_usage **ret)
{
	GArray *usages = g_array_new(FALSE, FALSE, sizeof(struct broker_usage));
	const struct account_rules *rules = broker->ledger.rules;
	size_t count;
	GHashTableIter iterator;
	void *account;

	g_hash_table_iter_init(&iterator, broker->ledger.accounts);
	while (g_hash_table_iter_next(&iterator, NULL, &account)) {
		struct broker_usage usage = usage_of_account(broker, account);

		g_array_append_val(usages, usage);
	}
	for (size_t i = 0; i < account_rules_count(rules); i++) {
		struct broker_usage usage;

		if (usage_of_rule(broker, account_rules_get(rules, i), &usage) &&
		    !g_hash_table_contains(broker->ledger.accounts, usage.account))
			g_array_append_val(usages, usage);
	}
	g_array_sort(usages, compare_usages);
	*ret = (struct broker_usage *)g_array_steal(usages, &count);
	g_array_unref(usages);
	return count;
}

bool broker_find_usage(const struct broker *broker, const char *name, struct broker_usage *ret)
{
	const struct account *account = g_hash_table_lookup(broker->ledger.accounts, name);
	const struct account_rule *rule;
	struct broker_usage usage;

	if (account) {
		*ret = usage_of_account(broker, account);
		return true;
	}
	rule = account_rules_find_of(broker->ledger.rules, name);
	if (!rule || !usage_of_rule(broker, rule, &usage) || strcmp(usage.account, name) != 0)
		return false;
	*ret = usage;
	return true;
}
