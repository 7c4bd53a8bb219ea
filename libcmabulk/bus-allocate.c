// SPDX-License-Identifier: LGPL-2.1-or-later
/* Allocating and preparing through the daemon, and waiting for it. */
#include "bus-ask.h"
#include "bus-backend.h"
#include "bus-call.h"
#include "bus.h"

/* A lost bus ends the call by itself, unless there is no memory for that. */
static int wait_for_call(struct cmabulk_connection *connection, const struct cmabulk_call *call)
{
	int r = 0;

	while (r >= 0 && !call->is_done)
		r = bus_process(connection, UINT64_MAX);
	return call->is_done ? 0 : r;
}

int bus_allocate(struct cmabulk_connection *connection, struct cmabulk_request *request,
		 struct cmabulk_allocation **ret)
{
	struct cmabulk_call *call CLEANUP(cmabulk_call_unrefp) = NULL;
	int r = call_new(&call);

	if (r >= 0)
		r = bus_call_start(connection, request, call);
	if (r >= 0)
		r = wait_for_call(connection, call);
	if (r < 0)
		return r;
	if (call->sentence)
		connection_explain(connection, call->sentence);
	if (call->result < 0)
		return call->result;
	*ret = TAKE(call->allocation);
	return 0;
}

int bus_prepare(struct cmabulk_connection *connection, struct cmabulk_request *request,
		uint64_t expire_usec)
{
	sd_bus_message *call CLEANUP(bus_message_unrefp) = NULL;
	sd_bus_message *reply CLEANUP(bus_message_unrefp) = NULL;
	char token[TOKEN_SIZE];
	int r = bus_check_owner(connection, request);

	if (r < 0)
		return r;
	bus_ask_new_token(connection, token);
	r = bus_ask_prepare(connection, request, token, expire_usec, &call);
	if (r >= 0)
		r = bus_call(connection, call, &reply);
	/* Who was told that it failed is not to be charged for it. */
	if (r == -ETIMEDOUT)
		bus_ask_send_cancel(connection, token);
	return r;
}
