// SPDX-License-Identifier: LGPL-2.1-or-later
/* ListBuffers and ListAccounts. */
#include <errno.h>

#include "access.h"
#include "bus.h"
#include "clock.h"
#include "list.h"

#define BYTES_PER_BUFFER  UINT64_C(512)
#define BYTES_PER_ACCOUNT UINT64_C(640)
/* Of a key that was changed. */
#define BYTES_PER_KEY	  UINT64_C(24)

/* --- Buffers --------------------------------------------------------------------------------- */

static const char *state_name(uint32_t state)
{
	static const char *const names[] = {
		[CMABULK_STATE_CACHED] = "cached",
		[CMABULK_STATE_RESERVED] = "reserved",
		[CMABULK_STATE_EXPORTED] = "exported",
		[CMABULK_STATE_DRAINING] = "draining",
	};

	return state < G_N_ELEMENTS(names) && names[state] ? names[state] : "unknown";
}

static const char *standing_of(const struct config *config, const struct cmabulk_owner *owner)
{
	char rule[CMABULK_ACCOUNT_LEN];
	uid_t uid;

	if (account_parse(owner->account, rule, &uid) < 0)
		return "unmanaged";
	return account_rules_find_of(config->accounts, owner->account) ? "managed" : "orphaned";
}

/* The kernel keeps bytes; the bus takes UTF-8 alone. */
static int append_text(sd_bus_message *message, const char *key, const char *text, size_t size)
{
	g_autofree char *copy = g_strndup(text, size);
	g_autofree char *valid = g_utf8_make_valid(copy, -1);

	return bus_append_string(message, key, valid);
}

static int append_owner(sd_bus_message *message, const struct config *config,
			const struct cmabulk_owner *owner)
{
	int r = bus_append_u32(message, "uid", owner->uid);

	if (r >= 0)
		r = bus_append_u32(message, "pid", owner->pid);
	if (r >= 0)
		r = bus_append_u64(message, "cookie", owner->cookie);
	if (r >= 0)
		r = append_text(message, "account", owner->account, sizeof(owner->account));
	if (r >= 0)
		r = append_text(message, "label", owner->label, sizeof(owner->label));
	return r < 0 ? r : bus_append_string(message, "standing", standing_of(config, owner));
}

static int append_sizes(sd_bus_message *message, const struct cmabulk_buffer_info *info,
			uint64_t page_size)
{
	int r = bus_append_u32(message, "order", info->order);

	if (r >= 0)
		r = bus_append_u64(message, "chunks", info->chunks);
	if (r >= 0)
		r = bus_append_u64(message, "size", info->pages * page_size);
	if (r >= 0)
		r = bus_append_u64(message, "age-usec", info->age_ns / NSEC_PER_USEC);
	return r < 0 ? r : bus_append_u64(message, "reservation", info->reservation);
}

static int append_buffer(sd_bus_message *message, const struct config *config,
			 const struct cmabulk_buffer_info *info, uint64_t page_size)
{
	int r = sd_bus_message_open_container(message, 'a', "{sv}");

	if (r >= 0)
		r = bus_append_u64(message, "id", info->id);
	if (r >= 0)
		r = bus_append_u64(message, "inode", info->inode);
	if (r >= 0)
		r = bus_append_string(message, "kind",
				      info->object == CMABULK_OBJECT_RESERVATION ? "reservation" :
										   "buffer");
	if (r >= 0)
		r = bus_append_string(message, "state", state_name(info->state));
	if (r >= 0)
		r = append_sizes(message, info, page_size);
	if (r >= 0)
		r = append_text(message, "name", info->name, sizeof(info->name));
	if (r >= 0)
		r = append_owner(message, config, &info->owner);
	return r < 0 ? r : sd_bus_message_close_container(message);
}

static bool may_see_buffer(const struct client *client, const struct cmabulk_buffer_info *info)
{
	return access_may_manage(client) || info->owner.uid == client->user->uid;
}

int list_append_buffers(sd_bus_message *message, const struct client *client,
			const struct pool *pool, const struct backend_snapshot *snapshot,
			uint64_t after, uint64_t *ret_bytes)
{
	uint64_t page_size = pool_get_query(pool)->page_size;
	unsigned int count = 0;
	bool has_more = false;
	int r = sd_bus_message_open_container(message, 'a', "a{sv}");

	for (size_t i = 0; i < snapshot->count && r >= 0; i++) {
		const struct cmabulk_buffer_info *info = &snapshot->entries[i];

		if (info->id <= after || !may_see_buffer(client, info))
			continue;
		has_more = count == LIST_BUFFERS_MAX;
		if (has_more)
			break;
		r = append_buffer(message, client->manager->config, info, page_size);
		count++;
	}
	*ret_bytes = READER_BYTES_REPLY + count * BYTES_PER_BUFFER;
	if (r >= 0)
		r = sd_bus_message_close_container(message);
	return r < 0 ? r : sd_bus_message_append(message, "b", (int)has_more);
}

/* --- Accounts -------------------------------------------------------------------------------- */

static bool is_default(const struct broker_usage *usage)
{
	return usage->rule && g_strcmp0(usage->rule->name, "default") == 0;
}

static const char *name_of(const struct broker_usage *usage, char rule[CMABULK_ACCOUNT_LEN])
{
	uid_t uid;

	if (usage->rule)
		return usage->rule->name;
	/* No user tells it from the one that the rule has now. */
	if (usage->uid == ACCOUNT_UID_SHARED)
		return usage->account;
	return account_parse(usage->account, rule, &uid) < 0 ? usage->account : rule;
}

static int append_rule(sd_bus_message *message, const struct account_rule *rule)
{
	int r = bus_append_u64(message, "weight", rule->weight);

	if (r >= 0)
		r = bus_append_u64(message, "rate-burst", rule->rate_burst);
	if (r >= 0)
		r = bus_append_u64(message, "rate-interval-usec", rule->rate_interval_usec);
	return r < 0 ? r : bus_append_u64(message, "maximum-timeout-usec", rule->max_timeout_usec);
}

int list_append_usage(sd_bus_message *message, const struct broker_usage *usage)
{
	const struct account_rule *rule = usage->rule;
	int r = bus_append_u64(message, "used", usage->exported_bytes + usage->booked_bytes);

	if (r >= 0)
		r = bus_append_u64(message, "minimum", usage->minimum_bytes);
	if (r >= 0)
		r = bus_append_u64(message, "maximum", usage->maximum_bytes);
	if (r >= 0)
		r = bus_append_u64(message, "buffers", usage->buffers);
	if (r >= 0)
		r = bus_append_u64(message, "maximum-buffers", rule ? rule->max_buffers : 0);
	if (r >= 0)
		r = bus_append_u64(message, "pending", usage->pending);
	if (r >= 0)
		r = bus_append_u64(message, "maximum-pending", rule ? rule->max_pending : 0);
	if (r >= 0 && rule)
		r = append_rule(message, rule);
	return r < 0 ? r : bus_append_bool(message, "default", is_default(usage));
}

static int append_keys(sd_bus_message *message, const struct config_runtime *runtime,
		       const struct account_rule *rule, uint64_t *bytes)
{
	g_auto(GStrv) changed = config_runtime_get_keys(runtime, rule->name, false);
	g_auto(GStrv) kept = config_runtime_get_keys(runtime, rule->name, true);
	int r = bus_append_strings(message, "runtime", changed);

	*bytes += (changed ? g_strv_length(changed) : 0) * BYTES_PER_KEY;
	*bytes += (kept ? g_strv_length(kept) : 0) * BYTES_PER_KEY;
	return r < 0 ? r : bus_append_strings(message, "persistent", kept);
}

static int append_object(sd_bus_message *message, const char *account)
{
	g_autofree char *path = bus_account_format_path(account);

	return sd_bus_message_append(message, "{sv}", "object", "o", path);
}

static int append_account(sd_bus_message *message, const struct manager *manager,
			  const struct broker_usage *usage, const char *pool, uint64_t *bytes)
{
	char rule[CMABULK_ACCOUNT_LEN];
	int r = sd_bus_message_open_container(message, 'a', "{sv}");

	if (r >= 0)
		r = append_text(message, "account", name_of(usage, rule), CMABULK_ACCOUNT_LEN);
	if (r >= 0 && usage->uid != ACCOUNT_UID_SHARED)
		r = bus_append_u32(message, "uid", usage->uid);
	if (r >= 0)
		r = bus_append_string(message, "pool", pool);
	if (r >= 0)
		r = append_object(message, usage->account);
	if (r >= 0)
		r = list_append_usage(message, usage);
	if (r >= 0 && usage->rule)
		r = append_keys(message, manager->runtime, usage->rule, bytes);
	return r < 0 ? r : sd_bus_message_close_container(message);
}

static int append_accounts_of_pool(sd_bus_message *message, const struct client *client,
				   struct pool *pool, uint64_t *bytes)
{
	struct broker_usage *usages = NULL;
	size_t count = broker_get_usage(pool_get_broker(pool), &usages);
	int r = 0;

	for (size_t i = 0; i < count && r >= 0; i++) {
		if (!access_see_usage(client, &usages[i]))
			continue;
		*bytes += BYTES_PER_ACCOUNT;
		r = *bytes > LIST_ACCOUNTS_MAX * BYTES_PER_ACCOUNT ?
			    -E2BIG :
			    append_account(message, client->manager, &usages[i],
					   pool_get_name(pool), bytes);
	}
	g_free(usages);
	return r;
}

int list_append_accounts(sd_bus_message *message, const struct client *client, uint64_t *ret_bytes)
{
	const GPtrArray *pools = client->manager->pools;
	int r = sd_bus_message_open_container(message, 'a', "a{sv}");

	*ret_bytes = 0;
	for (unsigned int i = 0; i < pools->len && r >= 0; i++)
		r = append_accounts_of_pool(message, client, g_ptr_array_index(pools, i),
					    ret_bytes);
	return r < 0 ? r : sd_bus_message_close_container(message);
}
