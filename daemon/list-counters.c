// SPDX-License-Identifier: LGPL-2.1-or-later
/* GetCounters. */
#include <errno.h>
#include <string.h>

#include "access.h"
#include "bus.h"
#include "clock.h"
#include "counters.h"
#include "effort.h"
#include "list-counters.h"

/* What nothing happened to is left out of it, and takes less. */
#define BYTES_PER_ENTRY UINT64_C(2048)

/* --- Dictionaries ---------------------------------------------------------------------------- */

/* Opens "key": variant of an array of @contents, up to its elements. */
static int open_array(sd_bus_message *message, const char *key, const char *contents)
{
	g_autofree char *type = g_strconcat("a", contents, NULL);
	int r = sd_bus_message_open_container(message, 'e', "sv");

	if (r >= 0)
		r = sd_bus_message_append(message, "s", key);
	if (r >= 0)
		r = sd_bus_message_open_container(message, 'v', type);
	return r < 0 ? r : sd_bus_message_open_container(message, 'a', contents);
}

static int close_array(sd_bus_message *message, int r)
{
	for (unsigned int i = 0; i < 3 && r >= 0; i++)
		r = sd_bus_message_close_container(message);
	return r;
}

static int append_refusals(sd_bus_message *message, const struct counters *counters)
{
	int r = open_array(message, "refused", "(st)");

	for (unsigned int i = 0; i < COUNTERS_REASONS && r >= 0; i++)
		if (counters->refused[i])
			r = sd_bus_message_append(message, "(st)", counters_reason_name(i),
						  counters->refused[i]);
	return close_array(message, r);
}

static int append_fills(sd_bus_message *message, const struct counters *counters)
{
	int r = open_array(message, "fills", "(sst)");

	for (unsigned int i = 0; i < COUNTERS_EFFORTS * COUNTERS_RESULTS && r >= 0; i++) {
		unsigned int effort = i / COUNTERS_RESULTS;
		unsigned int result = i % COUNTERS_RESULTS;

		if (counters->fills[effort][result])
			r = sd_bus_message_append(message, "(sst)", effort_name(effort),
						  counters_result_name(result),
						  counters->fills[effort][result]);
	}
	return close_array(message, r);
}

static int append_numbers(sd_bus_message *message, const struct counters *counters)
{
	const struct {
		const char *key;
		uint64_t value;
	} fields[] = {
		{ "admitted", counters->admitted },
		{ "complete", counters->finished[BROKER_COMPLETE] },
		{ "partial", counters->finished[BROKER_PARTIAL] },
		{ "timed-out", counters->finished[BROKER_TIMED_OUT] },
		{ "cancelled", counters->finished[BROKER_CANCELLED] },
		{ "chunks-asked", counters->chunks_asked },
		{ "bytes-asked", counters->bytes_asked },
		{ "chunks-granted", counters->chunks_granted },
		{ "bytes-granted", counters->bytes_granted },
		{ "bytes-released", counters->bytes_released },
		{ "queued-usec", counters->queued_ns / NSEC_PER_USEC },
		{ "worker-usec", counters->worker_ns / NSEC_PER_USEC },
		{ "interrupts", counters->interrupts },
		{ "give-backs", counters->give_backs },
	};
	int r = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(fields) && r >= 0; i++)
		r = bus_append_u64(message, fields[i].key, fields[i].value);
	return r;
}

static int append_counters(sd_bus_message *message, const struct counters *counters)
{
	int r = append_numbers(message, counters);

	if (r >= 0)
		r = append_refusals(message, counters);
	return r < 0 ? r : append_fills(message, counters);
}

/* --- Of a pool ------------------------------------------------------------------------------- */

static int append_latency(sd_bus_message *message, const struct pool_counters *counters)
{
	int r = open_array(message, "latency", "(tt)");

	for (unsigned int i = 0; i < COUNTERS_BUCKETS && r >= 0; i++)
		r = sd_bus_message_append(message, "(tt)", counters_bucket_usec(i),
					  counters->latency[i]);
	r = close_array(message, r);
	return r < 0 ? r :
		       bus_append_u64(message, "latency-usec",
				      counters->latency_ns / NSEC_PER_USEC);
}

static int append_pool(sd_bus_message *message, const struct pool_counters *counters,
		       const char *pool)
{
	int r = sd_bus_message_open_container(message, 'a', "{sv}");

	if (r >= 0)
		r = bus_append_string(message, "pool", pool);
	if (r >= 0)
		r = append_counters(message, &counters->all);
	if (r >= 0)
		r = bus_append_u64(message, "resyncs", counters->resyncs);
	if (r >= 0)
		r = append_latency(message, counters);
	return r < 0 ? r : sd_bus_message_close_container(message);
}

/* --- Of its accounts ------------------------------------------------------------------------- */

static const struct account_rule *rule_of(const struct client *client,
					  const struct account_counters *account)
{
	return account_rules_find_of(client->manager->config->accounts, account->name);
}

static bool may_see(const struct client *client, const struct account_counters *account)
{
	return access_may_see_account(client, account->uid, rule_of(client, account));
}

/* As ListAccounts has it; g_free(). */
static char *name_of(const struct client *client, const struct account_counters *account)
{
	char rule[CMABULK_ACCOUNT_LEN];
	uid_t uid;

	if (account_parse(account->name, rule, &uid) < 0 ||
	    (uid == ACCOUNT_UID_SHARED && !rule_of(client, account)))
		return g_utf8_make_valid(account->name, -1);
	return g_utf8_make_valid(rule, -1);
}

static int append_account(sd_bus_message *message, const struct client *client,
			  const struct account_counters *account, const char *pool)
{
	g_autofree char *name = name_of(client, account);
	int r = sd_bus_message_open_container(message, 'a', "{sv}");

	if (r >= 0)
		r = bus_append_string(message, "pool", pool);
	if (r >= 0)
		r = bus_append_string(message, "account", name);
	if (r >= 0 && account->uid != ACCOUNT_UID_SHARED)
		r = bus_append_u32(message, "uid", account->uid);
	if (r >= 0)
		r = append_counters(message, &account->counters);
	return r < 0 ? r : sd_bus_message_close_container(message);
}

static int compare_accounts(gconstpointer one, gconstpointer other)
{
	return strcmp((*(const struct account_counters *const *)one)->name,
		      (*(const struct account_counters *const *)other)->name);
}

static GPtrArray *sort_accounts(const struct pool_counters *counters)
{
	GPtrArray *accounts = g_ptr_array_new();
	GHashTableIter iterator;
	void *account;

	g_hash_table_iter_init(&iterator, counters->accounts);
	while (g_hash_table_iter_next(&iterator, NULL, &account))
		g_ptr_array_add(accounts, account);
	g_ptr_array_sort(accounts, compare_accounts);
	return accounts;
}

static int charge(uint64_t *bytes)
{
	*bytes += BYTES_PER_ENTRY;
	return *bytes > LIST_COUNTERS_MAX * BYTES_PER_ENTRY ? -E2BIG : 0;
}

static int append_accounts(sd_bus_message *message, const struct client *client,
			   const struct pool_counters *counters, const char *pool, uint64_t *bytes)
{
	g_autoptr(GPtrArray) accounts = sort_accounts(counters);
	int r = 0;

	for (unsigned int i = 0; i < accounts->len && r >= 0; i++) {
		const struct account_counters *account = g_ptr_array_index(accounts, i);

		if (!may_see(client, account))
			continue;
		r = charge(bytes);
		if (r >= 0)
			r = append_account(message, client, account, pool);
	}
	return r;
}

int list_append_counters(sd_bus_message *message, const struct client *client, uint64_t *ret_bytes)
{
	const GPtrArray *pools = client->manager->pools;
	int r = sd_bus_message_open_container(message, 'a', "a{sv}");

	*ret_bytes = 0;
	for (unsigned int i = 0; i < pools->len && r >= 0; i++) {
		struct pool *pool = g_ptr_array_index(pools, i);
		const struct pool_counters *counters = broker_get_counters(pool_get_broker(pool));

		r = charge(ret_bytes);
		if (r >= 0)
			r = append_pool(message, counters, pool_get_name(pool));
		if (r >= 0)
			r = append_accounts(message, client, counters, pool_get_name(pool),
					    ret_bytes);
	}
	return r < 0 ? r : sd_bus_message_close_container(message);
}
