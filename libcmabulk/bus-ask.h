/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The messages of an allocate: made and sent, never waited for. */
#ifndef LIBCMABULK_BUS_ASK_H
#define LIBCMABULK_BUS_ASK_H

#include "bus-reply.h"
#include "bus.h"
#include "request.h"

#define TOKEN_SIZE 32

/* One that this connection has not used yet. */
void bus_ask_new_token(struct cmabulk_connection *connection, char token[TOKEN_SIZE]);

/* Allocate, Prepare, and Fetch of the next buffers, to be sent. */
int bus_ask_allocate(struct cmabulk_connection *connection, const struct cmabulk_request *request,
		     const char *token, sd_bus_message **ret);
int bus_ask_prepare(struct cmabulk_connection *connection, const struct cmabulk_request *request,
		    const char *token, uint64_t expire_usec, sd_bus_message **ret);
int bus_ask_fetch(struct cmabulk_connection *connection, const struct bus_reply *reply,
		  sd_bus_message **ret);

void bus_ask_send_cancel(struct cmabulk_connection *connection, const char *token);

/* Tells the daemon that the last reply came, and that nothing more is wanted. */
void bus_ask_send_release(struct cmabulk_connection *connection, const struct bus_reply *reply);

/* Nobody waits for the reply any more: if it is on its way, nobody will fetch what is left either. */
void bus_ask_give_up(struct cmabulk_connection *connection, const char *token);

#endif
