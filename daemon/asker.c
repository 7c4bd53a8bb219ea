// SPDX-License-Identifier: LGPL-2.1-or-later
/* Who hears of a release, and who is asked for one. */
#include <stdarg.h>
#include <string.h>

#include "asker.h"
#include "bus.h"
#include "delivery.h"
#include "manager.h"

/* Lives with the buffers of an allocation. */
struct asker {
	struct client *client;
	uint64_t cookie;
	unsigned int n_live;
};

void asker_add(struct client *client, uint64_t cookie, unsigned int n_buffers)
{
	struct asker *asker;

	if (n_buffers == 0)
		return;
	asker = g_new(struct asker, 1);
	asker->client = client;
	asker->cookie = cookie;
	asker->n_live = n_buffers;
	g_hash_table_insert(client->manager->askers, &asker->cookie, asker);
}

void asker_remove(struct client *client, uint64_t cookie)
{
	g_hash_table_remove(client->manager->askers, &cookie);
}

/*
 * A signal to @client alone, with these arguments: 1; none while it is far behind with reading, or nobody can be
 * told: 0.
 */
static int tell(struct client *client, const char *member, const char *types, ...)
{
	sd_bus_message *signal = NULL;
	bool is_far;
	va_list arguments;
	int r;

	/* On another bus the name may be somebody else's. */
	if (!client->manager->is_on_bus)
		return 0;
	if (reader_is_behind(client, &is_far))
		return 0;
	r = sd_bus_message_new_signal(client->manager->bus, &signal, BUS_PATH_MANAGER, BUS_MANAGER,
				      member);
	va_start(arguments, types);
	if (r >= 0)
		r = sd_bus_message_appendv(signal, types, arguments);
	va_end(arguments);
	if (r >= 0)
		r = sd_bus_message_set_destination(signal, client->name);
	if (r >= 0)
		r = delivery_reply(client, signal, READER_BYTES_REPLY / 4);
	sd_bus_message_unref(signal);
	return r < 0 ? r : 1;
}

void asker_forget_buffer(struct manager *manager, uint64_t cookie)
{
	struct asker *asker = g_hash_table_lookup(manager->askers, &cookie);

	if (asker && --asker->n_live == 0)
		g_hash_table_remove(manager->askers, &cookie);
}

void asker_tell_released(struct manager *manager, const struct pool *pool, uint64_t id,
			 uint64_t inode, uint64_t cookie)
{
	struct asker *asker = g_hash_table_lookup(manager->askers, &cookie);

	if (!asker)
		return;
	if (tell(asker->client, "BufferReleased", "stt", pool_get_name(pool), id, inode) < 0)
		client_warning(asker->client, "%s cannot be told of a release",
			       asker->client->name);
	asker_forget_buffer(manager, cookie);
}

/* --- Pressure -------------------------------------------------------------------------------- */

static const char *pressure_name(enum broker_pressure pressure)
{
	return pressure == BROKER_PRESSURE_CRITICAL ? "critical" : "moderate";
}

static bool is_of_account(const struct client *client, const char *account)
{
	char name[CMABULK_ACCOUNT_LEN];

	if (!client->is_known)
		return false;
	client_get_account(client, name);
	return strcmp(name, account) == 0;
}

bool asker_tell_pressure(struct manager *manager, const struct pool *pool, const char *account,
			 uint64_t bytes, enum broker_pressure pressure)
{
	g_autoptr(GList) clients = g_hash_table_get_values(manager->clients);
	bool is_heard = false;

	for (GList *link = clients; link; link = link->next) {
		struct client *client = link->data;
		int r = 0;

		if (is_of_account(client, account))
			r = tell(client, "MemoryPressure", "sst", pool_get_name(pool),
				 pressure_name(pressure), bytes);
		if (r < 0)
			client_warning(client, "%s cannot be told that memory is wanted",
				       client->name);
		is_heard = is_heard || r > 0;
	}
	return is_heard;
}

static gboolean asker_is_client(gpointer cookie, gpointer asker, gpointer client)
{
	return ((struct asker *)asker)->client == client;
}

void asker_forget_client(struct client *client)
{
	g_hash_table_foreach_remove(client->manager->askers, asker_is_client, client);
}
