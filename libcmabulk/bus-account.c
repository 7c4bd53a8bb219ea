// SPDX-License-Identifier: LGPL-2.1-or-later
/* The daemon's accounts. */
#include <string.h>

#include "account.h"
#include "bus-backend.h"
#include "bus-dictionary.h"
#include "bus.h"

/* No user: the account is shared. */
#define NO_UID UINT32_MAX

struct line {
	const char *account;
	const char *pool;
	uint32_t uid;
	int is_default;
	uint64_t used;
	uint64_t minimum;
	uint64_t maximum;
	uint64_t buffers;
	uint64_t maximum_buffers;
	uint64_t pending;
	uint64_t maximum_pending;
	uint64_t weight;
	char **changes;
	char **persistent;
};

static void line_clear(struct line *line)
{
	strings_free(line->changes);
	strings_free(line->persistent);
}

static int read_changes(sd_bus_message *message, void *target)
{
	struct line *line = target;

	return bus_read_strings(message, &line->changes);
}

static int read_persistent(sd_bus_message *message, void *target)
{
	struct line *line = target;

	return bus_read_strings(message, &line->persistent);
}

static const struct bus_field line_fields[] = {
	{ "account", "s", offsetof(struct line, account), true },
	{ "pool", "s", offsetof(struct line, pool), true },
	{ "uid", "u", offsetof(struct line, uid), false },
	{ "default", "b", offsetof(struct line, is_default), false },
	{ "used", "t", offsetof(struct line, used), true },
	{ "minimum", "t", offsetof(struct line, minimum), false },
	{ "maximum", "t", offsetof(struct line, maximum), true },
	{ "buffers", "t", offsetof(struct line, buffers), true },
	{ "maximum-buffers", "t", offsetof(struct line, maximum_buffers), true },
	{ "pending", "t", offsetof(struct line, pending), true },
	{ "maximum-pending", "t", offsetof(struct line, maximum_pending), true },
	{ "weight", "t", offsetof(struct line, weight), false },
	{ "runtime", "as", 0, false, read_changes },
	{ "persistent", "as", 0, false, read_persistent },
};

static int make_account(struct line *line, struct cmabulk_account **ret)
{
	struct cmabulk_account *account;
	int r = account_new(line->account, line->pool, &account);

	if (r < 0)
		return r;
	account->has_uid = line->uid != NO_UID;
	account->uid = line->uid;
	account->is_default = line->is_default;
	account->used = line->used;
	account->minimum = line->minimum;
	account->maximum = line->maximum;
	account->n_buffers = line->buffers;
	account->maximum_buffers = line->maximum_buffers;
	account->n_pending = line->pending;
	account->maximum_pending = line->maximum_pending;
	account->weight = line->weight;
	account->changes = TAKE(line->changes);
	account->persistent = TAKE(line->persistent);
	*ret = account;
	return 0;
}

struct listing {
	struct cmabulk_account **accounts; /* NULL after the last */
	size_t count;
};

static void listing_clear(struct listing *listing)
{
	cmabulk_account_array_free(listing->accounts);
}

static int read_account(sd_bus_message *message, void *userdata)
{
	struct listing *listing = userdata;
	struct line line CLEANUP(line_clear) = { .uid = NO_UID };
	struct cmabulk_account **accounts;
	int r = bus_read_dictionary(message, line_fields, ARRAY_SIZE(line_fields), &line);

	if (r < 0)
		return r;
	accounts = reallocarray(listing->accounts, listing->count + 2,
				sizeof(struct cmabulk_account *));
	if (!accounts)
		return -ENOMEM;
	listing->accounts = accounts;
	accounts[listing->count] = NULL;
	r = make_account(&line, &accounts[listing->count]);
	if (r >= 0)
		accounts[++listing->count] = NULL;
	return r;
}

int bus_list_accounts(struct cmabulk_connection *connection, struct cmabulk_account ***ret)
{
	struct listing listing CLEANUP(listing_clear) = {
		.accounts = calloc(1, sizeof(struct cmabulk_account *)),
	};
	sd_bus_message *reply CLEANUP(bus_message_unrefp) = NULL;
	int r = listing.accounts ? bus_call_manager(connection, "ListAccounts", &reply) : -ENOMEM;

	if (r < 0)
		return r;
	r = bus_read_array(reply, "a{sv}", read_account, &listing);
	if (r < 0)
		return bus_refuse(connection, r);
	*ret = TAKE(listing.accounts);
	return (int)listing.count;
}

/* "KEY=VALUE" */
static int append_setting(struct cmabulk_connection *connection, sd_bus_message *call,
			  const char *setting)
{
	const char *equals = strchr(setting, '=');
	char *key;
	int r;

	if (!equals || equals == setting) {
		connection_explain(connection, "a setting of an account is KEY=VALUE");
		return -EINVAL;
	}
	key = strndup(setting, (size_t)(equals - setting));
	if (!key)
		return -ENOMEM;
	r = sd_bus_message_append(call, "{ss}", key, equals + 1);
	free(key);
	return r;
}

static int append_settings(struct cmabulk_connection *connection, sd_bus_message *call,
			   const char *const *settings)
{
	int r = sd_bus_message_open_container(call, 'a', "{ss}");

	for (; *settings && r >= 0; settings++)
		r = append_setting(connection, call, *settings);
	return r < 0 ? r : sd_bus_message_close_container(call);
}

static int new_call(struct cmabulk_connection *connection, const char *member, const char *name,
		    sd_bus_message **ret)
{
	sd_bus_message *call CLEANUP(bus_message_unrefp) = NULL;
	int r = bus_new_call(connection, NULL, BUS_MANAGER_PATH, BUS_MANAGER_INTERFACE, member,
			     &call);

	if (r >= 0)
		r = sd_bus_message_append(call, "s", name);
	if (r >= 0)
		*ret = TAKE(call);
	return r;
}

int bus_set_account(struct cmabulk_connection *connection, const char *name,
		    const char *const *settings, bool is_persistent)
{
	sd_bus_message *call CLEANUP(bus_message_unrefp) = NULL;
	sd_bus_message *reply CLEANUP(bus_message_unrefp) = NULL;
	int r = new_call(connection, "SetAccount", name, &call);

	if (r >= 0)
		r = append_settings(connection, call, settings);
	if (r >= 0)
		r = sd_bus_message_append(call, "b", (int)is_persistent);
	return r < 0 ? r : bus_call(connection, call, &reply);
}

int bus_unset_account(struct cmabulk_connection *connection, const char *name)
{
	sd_bus_message *call CLEANUP(bus_message_unrefp) = NULL;
	sd_bus_message *reply CLEANUP(bus_message_unrefp) = NULL;
	int r = new_call(connection, "UnsetAccount", name, &call);

	return r < 0 ? r : bus_call(connection, call, &reply);
}
