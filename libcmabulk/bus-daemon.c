// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the daemon says of itself. */
#include "bus-backend.h"
#include "bus-dictionary.h"
#include "bus.h"
#include "daemon.h"

struct properties {
	const char *version;
	int is_simulated;
	char **problems; /* NULL for none, else NULL after the last */
};

static void properties_clear(struct properties *properties)
{
	for (char **problem = properties->problems; problem && *problem; problem++)
		free(*problem);
	free(properties->problems);
}

static int read_problems(sd_bus_message *message, void *target)
{
	struct properties *properties = target;

	return bus_read_strings(message, &properties->problems);
}

static const struct bus_field property_fields[] = {
	{ "Version", "s", offsetof(struct properties, version), true },
	{ "Simulated", "b", offsetof(struct properties, is_simulated), true },
	{ "ConfigurationProblems", "as", 0, false, read_problems },
};

static int call_get_all(struct cmabulk_connection *connection, sd_bus_message **ret)
{
	sd_bus_message *call CLEANUP(bus_message_unrefp) = NULL;
	int r = bus_new_call(connection, NULL, BUS_MANAGER_PATH, BUS_PROPERTIES_INTERFACE, "GetAll",
			     &call);

	if (r < 0)
		return r;
	r = sd_bus_message_append(call, "s", BUS_MANAGER_INTERFACE);
	return r < 0 ? r : bus_call(connection, call, ret);
}

int bus_get_daemon(struct cmabulk_connection *connection, struct cmabulk_daemon **ret)
{
	struct properties properties CLEANUP(properties_clear) = { 0 };
	sd_bus_message *reply CLEANUP(bus_message_unrefp) = NULL;
	struct cmabulk_daemon *daemon;
	int r = call_get_all(connection, &reply);

	if (r < 0)
		return r;
	r = bus_read_dictionary(reply, property_fields, ARRAY_SIZE(property_fields), &properties);
	if (r < 0)
		return bus_refuse(connection, r);
	r = daemon_new(properties.version, properties.problems, &daemon);
	if (r < 0)
		return r;
	daemon->is_simulated = properties.is_simulated;
	*ret = daemon;
	return 0;
}
