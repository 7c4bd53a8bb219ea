/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Allocates that run on a connection to the daemon, any number of them side by side. */
#ifndef LIBCMABULK_BUS_CALL_H
#define LIBCMABULK_BUS_CALL_H

#include "call.h"
#include "connection.h"

/* What only direct mode can is refused. */
int bus_check_owner(struct cmabulk_connection *connection, const struct cmabulk_request *request);

/* Asks the daemon; nothing waits. The call is done at once when there is nothing to ask. */
int bus_call_start(struct cmabulk_connection *connection, struct cmabulk_request *request,
		   struct cmabulk_call *call);

/* Nobody wants it any more: what it brings goes back. */
void bus_call_abandon(struct cmabulk_call *call);

/* Passes cancellations on, and ends what has waited long enough: true when any has ended. */
bool bus_calls_run(struct cmabulk_connection *connection);

/* When that is to be done again; 0: at once, UINT64_MAX: never. CLOCK_MONOTONIC. */
uint64_t bus_calls_deadline_ns(const struct cmabulk_connection *connection);

/* The connection is closed: none of them ends any more. */
void bus_calls_end(struct cmabulk_connection *connection);

#endif
