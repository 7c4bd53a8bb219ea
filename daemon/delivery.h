/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How file descriptors get to clients: the only part that sends any. The bus
 * disconnects who sends more than 16 in a message, and stops reading from who has 64 on their
 * way to receivers that do not read; hence one unconfirmed reply per user, 48 in all.
 */
#ifndef CMABULKD_DELIVERY_H
#define CMABULKD_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "client.h"

#define DELIVERY_FDS_MAX	     16 /* in a message */
#define DELIVERY_UNCONFIRMED_FDS_MAX 48

struct allocation;
struct delivery;
struct parcel; /* a reply with fds, until it is confirmed */

struct delivery *delivery_new(struct manager *manager);
struct delivery *delivery_free(struct delivery *delivery);

/* Sends a reply without fds, at once. */
int delivery_reply(struct client *client, sd_bus_message *message, uint64_t bytes);

/* Names a reply, for its receiver to confirm. Never 0. */
uint64_t delivery_new_serial(void);
/* Appends ah, to a message that allocation_compose() makes. -E2BIG above DELIVERY_FDS_MAX. */
int delivery_append_fds(sd_bus_message *message, const int *fds, unsigned int count);
/*
 * A reply is to be sent, when it is its user's turn: allocation_compose() then makes it, with no more
 * fds than there is room for. The allocation then hears allocation_sent(), and allocation_confirmed(), or
 * allocation_undeliverable() when it will not be sent.
 */
struct parcel *delivery_offer(struct delivery *delivery, struct client *client, unsigned int n_fds,
			      struct allocation *allocation);
/* The allocation is no more: not sent if it was not, else confirmed without telling. */
void delivery_withdraw(struct delivery *delivery, struct parcel *parcel);
bool delivery_is_sent(const struct parcel *parcel);

/* The client named a serial: whether it is that of the reply under way to it. */
bool delivery_confirm(struct client *client, uint64_t serial);
/* The client has read something; whether it has yet to read a reply with fds. */
void delivery_read(struct delivery *delivery, struct client *client);
bool delivery_wants_ping(const struct client *client);

/* What becomes of a call that is held. */
struct delivery_hold {
	client_since_function function; /* its client may ask */
	client_since_function late; /* it may not yet, at @deadline_ns */
	uint64_t since_ns; /* when it was asked: for both of them */
	uint64_t deadline_ns; /* UINT64_MAX: it has none */
};

/*
 * For a call that asks for more fds: 0 when its client may ask. Positive when the call is held until
 * the reply before was confirmed; a client's answer to a ping may be behind its next call. Negative, with @error
 * set, when the client, or its user, left one unread.
 */
int delivery_check(struct client *client, sd_bus_message *call, const struct delivery_hold *hold,
		   sd_bus_error *error);
/* Takes the Allocate with that token out of those that are held. NULL: it is not among them. */
sd_bus_message *delivery_take_held(struct client *client, const char *token,
				   uint64_t *ret_since_ns);

/* The daemon ends: all that is held is told so. */
void delivery_stop(struct delivery *delivery);
/* Something may be sent to the bus: until all is taken it is looked whether it takes anything. */
void delivery_watch_bus(struct delivery *delivery);

void delivery_forget_client(struct delivery *delivery, struct client *client);
/* The connection is given up; and a new one is there. */
void delivery_reconnected(struct delivery *delivery);
void delivery_ping_offenders(struct delivery *delivery);

#endif
