// SPDX-License-Identifier: LGPL-2.1-or-later
/* org.cmabulk1.Manager: vtable and marshalling, but for Allocate, Prepare and Cancel. */
#include <errno.h>

#include "access.h"
#include "authority.h"
#include "bus.h"
#include "clock.h"
#include "delivery.h"
#include "errors.h"
#include "inquiry.h"
#include "list.h"
#include "list-counters.h"
#include "text.h"

/* --- Lists ----------------------------------------------------------------------------------- */

static int append_pool(sd_bus_message *reply, struct pool *pool)
{
	g_autofree char *path = bus_pool_format_path(pool);
	int r = sd_bus_message_open_container(reply, 'r', "oa{sv}");

	if (r >= 0)
		r = sd_bus_message_append(reply, "o", path);
	if (r >= 0)
		r = bus_pool_append(reply, pool);
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_pools(sd_bus_message *reply, const struct manager *manager)
{
	int r = sd_bus_message_open_container(reply, 'a', "(oa{sv})");

	for (unsigned int i = 0; i < manager->pools->len && r >= 0; i++)
		r = append_pool(reply, g_ptr_array_index(manager->pools, i));
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int list_pools(struct client *client, sd_bus_message *call, sd_bus_error *error)
{
	sd_bus_message *reply = NULL;
	int r = sd_bus_message_new_method_return(call, &reply);

	if (r >= 0)
		r = append_pools(reply, client->manager);
	if (r >= 0)
		r = delivery_reply(client, reply, READER_BYTES_REPLY * client->manager->pools->len);
	sd_bus_message_unref(reply);
	return r < 0 ? r : 1;
}

static int method_list_pools(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	return client_call(userdata, call, list_pools, error);
}

static int reply_buffers(struct client *client, sd_bus_message *call, const struct pool *pool,
			 const struct backend_snapshot *snapshot, uint64_t after)
{
	sd_bus_message *reply = NULL;
	uint64_t bytes = 0;
	int r = sd_bus_message_new_method_return(call, &reply);

	if (r >= 0)
		r = list_append_buffers(reply, client, pool, snapshot, after, &bytes);
	if (r >= 0)
		r = delivery_reply(client, reply, bytes);
	sd_bus_message_unref(reply);
	return r < 0 ? r : 1;
}

static int list_buffers_since(struct client *client, sd_bus_message *call, uint64_t since_ns,
			      sd_bus_error *error);

static int list_buffers_in_turn(struct client *client, sd_bus_message *call, uint64_t since_ns,
				sd_bus_error *error)
{
	return inquiry_put(client, call, list_buffers_since, since_ns, 0);
}

/* Positive: the authority is asked, and list_buffers_since() has its turn when it says yes. */
static int read_list_buffers(struct client *client, sd_bus_message *call, uint64_t since_ns,
			     struct pool **ret, uint64_t *ret_after, sd_bus_error *error)
{
	const struct authority_ask ask = {
		.action = AUTHORIZATION_ALLOCATE,
		.function = list_buffers_in_turn,
		.since_ns = since_ns,
	};
	const char *name;
	bool is_asked;
	int r = sd_bus_message_read(call, "st", &name, ret_after);

	if (r >= 0)
		r = access_check_allocate(client, error);
	is_asked = r > 0;
	if (r >= 0)
		r = bus_find_pool(client->manager, name, ret, error);
	if (r < 0)
		return r;
	return is_asked ? authority_ask(client, call, &ask, error) : 0;
}

static int list_buffers_since(struct client *client, sd_bus_message *call, uint64_t since_ns,
			      sd_bus_error *error)
{
	const struct backend_snapshot *snapshot;
	struct pool *pool = NULL;
	uint64_t after, when;
	int r = read_list_buffers(client, call, since_ns, &pool, &after, error);

	if (r != 0)
		return r;
	r = pool_list(pool, since_ns, &snapshot, &when);
	if (r == -EAGAIN)
		return inquiry_put(client, call, list_buffers_since, since_ns, when);
	return r < 0 ? bus_look_error(pool, r, error) :
		       reply_buffers(client, call, pool, snapshot, after);
}

static int list_buffers(struct client *client, sd_bus_message *call, sd_bus_error *error)
{
	struct pool *pool = NULL;
	uint64_t since_ns = clock_now_ns();
	uint64_t after;
	int r = read_list_buffers(client, call, since_ns, &pool, &after, error);

	/* What is refused anyway is not kept: its name of a pool may be as long as a message. */
	return r != 0 ? r : inquiry_put(client, call, list_buffers_since, since_ns, 0);
}

static int method_list_buffers(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	return client_call(userdata, call, list_buffers, error);
}

/* All that @append has, as far as the caller may see. -E2BIG: that is more than a message holds. */
static int reply_list(struct client *client, sd_bus_message *call,
		      int (*append)(sd_bus_message *message, const struct client *client,
				    uint64_t *ret_bytes))
{
	sd_bus_message *reply = NULL;
	uint64_t bytes = 0;
	int r = sd_bus_message_new_method_return(call, &reply);

	if (r >= 0)
		r = append(reply, client, &bytes);
	if (r >= 0)
		r = delivery_reply(client, reply, bytes);
	sd_bus_message_unref(reply);
	return r < 0 ? r : 1;
}

static int list_accounts_since(struct client *client, sd_bus_message *call, uint64_t since_ns,
			       sd_bus_error *error)
{
	int r = reply_list(client, call, list_append_accounts);

	if (r == -E2BIG)
		return sd_bus_error_setf(
			error, SD_BUS_ERROR_LIMITS_EXCEEDED,
			"the accounts of %u pools are more than a message holds, which are some "
			"%u; leave rules that are not needed out of %s",
			client->manager->pools->len, LIST_ACCOUNTS_MAX,
			client->manager->options->config_file);
	return r;
}

static int list_accounts(struct client *client, sd_bus_message *call, sd_bus_error *error)
{
	return inquiry_put(client, call, list_accounts_since, clock_now_ns(), 0);
}

static int method_list_accounts(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	return client_call(userdata, call, list_accounts, error);
}

static int get_counters_since(struct client *client, sd_bus_message *call, uint64_t since_ns,
			      sd_bus_error *error)
{
	int r = reply_list(client, call, list_append_counters);

	if (r == -E2BIG)
		return sd_bus_error_setf(
			error, SD_BUS_ERROR_LIMITS_EXCEEDED,
			"the counters of %u pools and their accounts are more than a message holds, "
			"which are %u; those of accounts that have nothing any more go first",
			client->manager->pools->len, LIST_COUNTERS_MAX);
	return r;
}

static int get_counters(struct client *client, sd_bus_message *call, sd_bus_error *error)
{
	return inquiry_put(client, call, get_counters_since, clock_now_ns(), 0);
}

static int method_get_counters(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	return client_call(userdata, call, get_counters, error);
}

/* --- Reload and properties ------------------------------------------------------------------- */

static int reload_since(struct client *client, sd_bus_message *call, uint64_t since_ns,
			sd_bus_error *error)
{
	const struct authority_ask ask = {
		.action = AUTHORIZATION_MANAGE,
		.what = "have the configuration read again",
		.function = reload_since,
		.since_ns = since_ns,
	};
	int r = access_check_manage(client, ask.what, error);

	if (r > 0)
		return authority_ask(client, call, &ask, error);
	if (r < 0)
		return r;
	manager_reload(client->manager);
	return sd_bus_reply_method_return(call, NULL);
}

static int reload(struct client *client, sd_bus_message *call, sd_bus_error *error)
{
	return reload_since(client, call, clock_now_ns(), error);
}

static int method_reload(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	return client_call(userdata, call, reload, error);
}

static int get_version(sd_bus *bus, const char *path, const char *interface, const char *name,
		       sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	return sd_bus_message_append(reply, "s", CMABULK_VERSION);
}

static int get_simulated(sd_bus *bus, const char *path, const char *interface, const char *name,
			 sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	return sd_bus_message_append(reply, "b", (int)manager_is_simulated(userdata));
}

static int get_problems(sd_bus *bus, const char *path, const char *interface, const char *name,
			sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	const GPtrArray *problems = ((const struct manager *)userdata)->problems.all;
	int r = sd_bus_message_open_container(reply, 'a', "s");

	for (unsigned int i = 0; i < problems->len && r >= 0; i++)
		r = sd_bus_message_append(reply, "s", g_ptr_array_index(problems, i));
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD_WITH_ARGS("Allocate", SD_BUS_ARGS("s", token, "a{sv}", request),
				SD_BUS_RESULT("o", allocation, "s", status, "t", granted, "u",
					      buffers, "a{sv}", report, "ah", first),
				bus_method_allocate, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("Prepare", SD_BUS_ARGS("s", token, "a{sv}", request),
				SD_BUS_NO_RESULT, bus_method_prepare, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("Cancel", SD_BUS_ARGS("s", token), SD_BUS_NO_RESULT,
				bus_method_cancel, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("ListPools", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(oa{sv})", pools),
				method_list_pools, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("ListBuffers", SD_BUS_ARGS("s", pool, "t", after),
				SD_BUS_RESULT("aa{sv}", buffers, "b", more), method_list_buffers,
				SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("ListAccounts", SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", accounts),
				method_list_accounts, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("GetPoolForDevice", SD_BUS_ARGS("s", device),
				SD_BUS_RESULT("s", pool, "as", fallbacks),
				bus_method_get_pool_for_device, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("GetCounters", SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", counters),
				method_get_counters, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("SetAccount",
				SD_BUS_ARGS("s", name, "a{ss}", keys, "b", persistent),
				SD_BUS_NO_RESULT, bus_account_set, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("UnsetAccount", SD_BUS_ARGS("s", name), SD_BUS_NO_RESULT,
				bus_account_unset, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("Reload", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_reload,
				SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_SIGNAL_WITH_ARGS("BufferReleased", SD_BUS_ARGS("s", pool, "t", id, "t", inode), 0),
	SD_BUS_SIGNAL_WITH_ARGS("MemoryPressure", SD_BUS_ARGS("s", pool, "s", level, "t", bytes),
				0),
	SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("Simulated", "b", get_simulated, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("ConfigurationProblems", "as", get_problems, 0, 0),
	SD_BUS_VTABLE_END,
};

int bus_manager_add(struct manager *manager)
{
	return sd_bus_add_object_vtable(manager->bus, NULL, BUS_PATH_MANAGER, BUS_MANAGER, vtable,
					manager);
}
