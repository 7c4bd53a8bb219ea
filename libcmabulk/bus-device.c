// SPDX-License-Identifier: LGPL-2.1-or-later
/* From which pools the memory of a device comes, as the daemon knows. */
#include "bus-backend.h"
#include "bus-dictionary.h"
#include "bus.h"
#include "text.h"

struct listing {
	char **names; /* NULL after the last */
	size_t count;
};

static void listing_clear(struct listing *listing)
{
	cmabulk_pool_name_array_free(listing->names);
}

static int read_name(sd_bus_message *message, void *userdata)
{
	struct listing *listing = userdata;
	const char *name;
	char **names;
	int r = bus_read_result(sd_bus_message_read_basic(message, 's', &name));

	if (r < 0)
		return r;
	if (!text_is_pool_name(name))
		return -EPROTO;
	names = reallocarray(listing->names, listing->count + 2, sizeof(char *));
	if (!names)
		return -ENOMEM;
	listing->names = names;
	names[listing->count + 1] = NULL;
	names[listing->count] = strdup(name);
	return names[listing->count++] ? 0 : -ENOMEM;
}

static int ask(struct cmabulk_connection *connection, const char *device, sd_bus_message **ret)
{
	sd_bus_message *call CLEANUP(bus_message_unrefp) = NULL;
	int r = bus_new_call(connection, NULL, BUS_MANAGER_PATH, BUS_MANAGER_INTERFACE,
			     "GetPoolForDevice", &call);

	if (r >= 0)
		r = sd_bus_message_append(call, "s", device);
	return r < 0 ? r : bus_call(connection, call, ret);
}

int bus_list_device_pools(struct cmabulk_connection *connection, const char *device, char ***ret)
{
	struct listing listing CLEANUP(listing_clear) = { 0 };
	sd_bus_message *reply CLEANUP(bus_message_unrefp) = NULL;
	int r = ask(connection, device, &reply);

	if (r < 0)
		return r;
	r = read_name(reply, &listing);
	if (r >= 0)
		r = bus_read_array(reply, "s", read_name, &listing);
	if (r < 0)
		return bus_refuse(connection, r);
	*ret = TAKE(listing.names);
	return (int)listing.count;
}
