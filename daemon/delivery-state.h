/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What deliveries are made of, for those of their files that work on the whole of it:
 * delivery.c (what is sent, and whether the bus takes it), held.c (calls that come before it was read),
 * offender.c (those who do not read).
 */
#ifndef CMABULKD_DELIVERY_STATE_H
#define CMABULKD_DELIVERY_STATE_H

#include <glib.h>

#include "delivery.h"
#include "stall.h"

struct parcel {
	struct client *client;
	struct allocation *allocation; /* NULL: it is no more */
	bool is_sent;
	unsigned int n_fds; /* wanted, then sent */
	uint64_t serial;
	uint64_t sent_bytes; /* of the reader, after it was sent */
	uint64_t since_usec; /* offered, or sent */
	GList link;
};

struct delivery {
	struct manager *manager;
	GQueue waiting; /* struct parcel, in the order they were offered */
	GQueue unconfirmed; /* struct parcel */
	GQueue held; /* struct held_call */
	unsigned int unconfirmed_fds;
	sd_event_source *run; /* defer: nobody is called from inside a call */
	sd_event_source *tick;
	sd_bus_slot *self_ping;
	uint64_t self_ping_usec;
	struct stall stall;
};

/* Something changed: to be looked at on the next turn of the loop. */
void delivery_wake(struct delivery *delivery);

static inline bool user_is_penalised(const struct user *user)
{
	return user->offender != NULL;
}

/* Those calls whose client may ask now, and those that waited for too long. */
void held_run(struct delivery *delivery);
void held_forget_client(struct delivery *delivery, const struct client *client);
/* The bus has answered them, or they get no answer. */
void held_clear(struct delivery *delivery);

/* Whose time is over gets no more. */
void offender_look(struct delivery *delivery);

#endif
