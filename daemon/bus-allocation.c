// SPDX-License-Identifier: LGPL-2.1-or-later
/* org.cmabulk1.Allocation: vtable and marshalling. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "bus.h"
#include "clock.h"
#include "delivery.h"
#include "errors.h"

/* For its sender only: for others it does not exist. */
static int find(struct client *client, sd_bus_message *call, struct allocation **ret,
		sd_bus_error *error)
{
	const char *path = sd_bus_message_get_path(call);

	*ret = allocation_find(client, path);
	if (*ret)
		return 0;
	return sd_bus_error_setf(
		error, CMABULK_ERROR_NO_SUCH_ALLOCATION,
		"this connection has no allocation %s: all of it was delivered, or "
		"it was given back, or it is another's",
		path);
}

static int confirm(struct client *client, const struct allocation *allocation, uint64_t serial,
		   sd_bus_error *error)
{
	/* It may have been confirmed by the answer to a ping already. */
	if (serial == 0 || delivery_confirm(client, serial) ||
	    allocation_is_last_serial(allocation, serial))
		return 0;
	return sd_bus_error_setf(error, CMABULK_ERROR_INVALID_ARGUMENT,
				 "%" PRIu64 " is not the serial of the last reply", serial);
}

static int fetch_since(struct client *client, sd_bus_message *call, uint64_t since_ns,
		       sd_bus_error *error)
{
	struct delivery_hold hold = {
		.function = fetch_since,
		.since_ns = since_ns,
		.deadline_ns = UINT64_MAX,
	};
	struct allocation *allocation;
	uint64_t serial;
	uint32_t first;
	int r = sd_bus_message_read(call, "ut", &first, &serial);

	if (r >= 0)
		r = find(client, call, &allocation, error);
	if (r >= 0)
		r = confirm(client, allocation, serial, error);
	/* Confirming may have ended it. */
	if (r >= 0)
		r = find(client, call, &allocation, error);
	if (r >= 0)
		r = delivery_check(client, call, &hold, error);
	return r != 0 ? r : allocation_fetch(allocation, call, first, error);
}

static int fetch(struct client *client, sd_bus_message *call, sd_bus_error *error)
{
	return fetch_since(client, call, clock_now_ns(), error);
}

static int release(struct client *client, sd_bus_message *call, sd_bus_error *error)
{
	struct allocation *allocation;
	uint64_t serial;
	int r = sd_bus_message_read(call, "t", &serial);

	if (r >= 0)
		r = find(client, call, &allocation, error);
	if (r >= 0)
		r = confirm(client, allocation, serial, error);
	if (r < 0)
		return r;
	allocation = allocation_find(client, sd_bus_message_get_path(call));
	if (allocation) {
		r = allocation_release(allocation, error);
		if (r < 0)
			return r;
	}
	return sd_bus_reply_method_return(call, NULL);
}

static int method_fetch(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	/* Nothing could be delivered. */
	if (!sd_bus_message_get_expect_reply(call))
		return 1;
	return client_call(userdata, call, fetch, error);
}

static int method_release(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	return client_call(userdata, call, release, error);
}

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD_WITH_ARGS("Fetch", SD_BUS_ARGS("u", first, "t", confirm),
				SD_BUS_RESULT("ah", buffers, "t", serial), method_fetch,
				SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("Release", SD_BUS_ARGS("t", confirm), SD_BUS_NO_RESULT,
				method_release, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

/* Every path below: what is not there is an error of ours, and others' look no different. */
static int find_object(sd_bus *bus, const char *path, const char *interface, void *userdata,
		       void **ret, sd_bus_error *error)
{
	*ret = userdata;
	return strcmp(path, BUS_PATH_ALLOCATION) != 0;
}

int bus_allocation_add(struct manager *manager)
{
	return sd_bus_add_fallback_vtable(manager->bus, NULL, BUS_PATH_ALLOCATION, BUS_ALLOCATION,
					  vtable, find_object, manager);
}
