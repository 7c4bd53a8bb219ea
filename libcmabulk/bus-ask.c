// SPDX-License-Identifier: LGPL-2.1-or-later
/* The messages of an allocate: made and sent, never waited for. */
#include <inttypes.h>
#include <stdio.h>

#include "bus-ask.h"

#define ALLOCATIONS_PATH "/org/cmabulk1/allocation/"

static const char *const effort_names[] = {
	[CMABULK_REQUEST_EFFORT_FAST] = "fast",
	[CMABULK_REQUEST_EFFORT_NORMAL] = "normal",
	[CMABULK_REQUEST_EFFORT_HARD] = "hard",
};

/* What the daemon takes for granted is not said: each entry costs the bus time. */
static int append_what(sd_bus_message *call, const struct cmabulk_request *request)
{
	unsigned int align = cmabulk_request_get_align(request);
	int r = sd_bus_message_append(call, "{sv}{sv}", "count", "t", request->count, "order", "u",
				      (uint32_t)request->order);

	if (r >= 0 && align != request->order)
		r = sd_bus_message_append(call, "{sv}", "align", "u", (uint32_t)align);
	if (r >= 0 && request->label[0])
		r = sd_bus_message_append(call, "{sv}", "label", "s", request->label);
	if (r >= 0 && request->has_pool)
		r = sd_bus_message_append(call, "{sv}", "pool", "s", request->pool);
	if (r >= 0 && request->has_device)
		r = sd_bus_message_append(call, "{sv}", "device", "s", request->device);
	return r;
}

static int append_effort(sd_bus_message *call, const struct cmabulk_request *request)
{
	return sd_bus_message_append(call, "{sv}", "effort", "s", effort_names[request->effort]);
}

/* Fields of Allocate. */
static int append_request(sd_bus_message *call, const struct cmabulk_request *request)
{
	uint64_t minimum = cmabulk_request_get_minimum(request);
	int r = append_what(call, request);

	if (r >= 0)
		r = sd_bus_message_append(call, "{sv}", "timeout-usec", "t", request->timeout_usec);
	if (r >= 0 && request->buffers != 1)
		r = sd_bus_message_append(call, "{sv}", "buffers", "u", (uint32_t)request->buffers);
	if (r >= 0 && request->effort != CMABULK_REQUEST_EFFORT_HARD)
		r = append_effort(call, request);
	if (r >= 0 && minimum != request->count)
		r = sd_bus_message_append(call, "{sv}", "minimum", "t", minimum);
	return r;
}

/* Up to the fields, which are to be appended and closed. */
static int begin_call(struct cmabulk_connection *connection, const char *member, const char *token,
		      sd_bus_message **ret)
{
	sd_bus_message *call CLEANUP(bus_message_unrefp) = NULL;
	int r = bus_new_call(connection, NULL, BUS_MANAGER_PATH, BUS_MANAGER_INTERFACE, member,
			     &call);

	if (r >= 0)
		r = sd_bus_message_append(call, "s", token);
	if (r >= 0)
		r = sd_bus_message_open_container(call, SD_BUS_TYPE_ARRAY, "{sv}");
	if (r < 0)
		return r;
	*ret = TAKE(call);
	return 0;
}

int bus_ask_allocate(struct cmabulk_connection *connection, const struct cmabulk_request *request,
		     const char *token, sd_bus_message **ret)
{
	sd_bus_message *call CLEANUP(bus_message_unrefp) = NULL;
	int r = begin_call(connection, "Allocate", token, &call);

	if (r >= 0)
		r = append_request(call, request);
	if (r >= 0)
		r = sd_bus_message_close_container(call);
	if (r < 0)
		return r;
	*ret = TAKE(call);
	return 0;
}

int bus_ask_prepare(struct cmabulk_connection *connection, const struct cmabulk_request *request,
		    const char *token, uint64_t expire_usec, sd_bus_message **ret)
{
	sd_bus_message *call CLEANUP(bus_message_unrefp) = NULL;
	int r = begin_call(connection, "Prepare", token, &call);

	if (r >= 0)
		r = append_what(call, request);
	if (r >= 0)
		r = append_effort(call, request);
	if (r >= 0)
		r = sd_bus_message_append(call, "{sv}", "expire-usec", "t", expire_usec);
	if (r >= 0)
		r = sd_bus_message_close_container(call);
	if (r < 0)
		return r;
	*ret = TAKE(call);
	return 0;
}

/* By the name of who has it: after a restart nobody knows this allocation. */
int bus_ask_fetch(struct cmabulk_connection *connection, const struct bus_reply *reply,
		  sd_bus_message **ret)
{
	sd_bus_message *call CLEANUP(bus_message_unrefp) = NULL;
	int r = bus_new_call(connection, reply->sender, reply->path, BUS_ALLOCATION_INTERFACE,
			     "Fetch", &call);

	if (r >= 0)
		r = sd_bus_message_append(call, "ut", (uint32_t)reply->allocation->n_buffers,
					  reply->serial);
	if (r < 0)
		return r;
	*ret = TAKE(call);
	return 0;
}

void bus_ask_new_token(struct cmabulk_connection *connection, char token[TOKEN_SIZE])
{
	snprintf(token, TOKEN_SIZE, "l%" PRIu64, ++connection->bus->last_token);
}

void bus_ask_send_cancel(struct cmabulk_connection *connection, const char *token)
{
	sd_bus_message *call CLEANUP(bus_message_unrefp) = NULL;

	if (bus_new_call(connection, NULL, BUS_MANAGER_PATH, BUS_MANAGER_INTERFACE, "Cancel",
			 &call) >= 0 &&
	    sd_bus_message_append(call, "s", token) >= 0)
		bus_send(connection, call);
}

static void send_release(struct cmabulk_connection *connection, const char *destination,
			 const char *path, uint64_t serial)
{
	sd_bus_message *call CLEANUP(bus_message_unrefp) = NULL;

	if (bus_new_call(connection, destination, path, BUS_ALLOCATION_INTERFACE, "Release",
			 &call) >= 0 &&
	    sd_bus_message_append(call, "t", serial) >= 0)
		bus_send(connection, call);
}

/* ":1.42" and "l7" are /org/cmabulk1/allocation/1_42/l7. */
static int predict_path(struct cmabulk_connection *connection, const char *token, char *ret,
			size_t size)
{
	const char *sender;
	int length;

	if (sd_bus_get_unique_name(connection->bus->connection, &sender) < 0)
		return -ENOTCONN;
	length = snprintf(ret, size, ALLOCATIONS_PATH "%s/%s", sender + (*sender == ':'), token);
	if (length < 0 || (size_t)length >= size)
		return -EOVERFLOW;
	for (char *dot = strchr(ret, '.'); dot; dot = strchr(dot, '.'))
		*dot = '_';
	return 0;
}

void bus_ask_give_up(struct cmabulk_connection *connection, const char *token)
{
	char path[sizeof(ALLOCATIONS_PATH) + 256 + TOKEN_SIZE];

	bus_ask_send_cancel(connection, token);
	if (predict_path(connection, token, path, sizeof(path)) >= 0)
		send_release(connection, NULL, path, 0);
}

void bus_ask_send_release(struct cmabulk_connection *connection, const struct bus_reply *reply)
{
	send_release(connection, reply->sender, reply->path, reply->serial);
}
