/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The authority that is asked about callers who are allowed nothing by themselves: polkit, over the bus.
 * Their calls wait here for its answer, and go on where they were.
 */
#ifndef CMABULKD_AUTHORITY_H
#define CMABULKD_AUTHORITY_H

#include "authorization.h"
#include "client.h"

struct authority;

struct authority *authority_new(struct manager *manager);
struct authority *authority_free(struct authority *authority);

/* What a call that has to be asked about wants, and how it goes on. */
struct authority_ask {
	enum authorization_action action;
	const char *what; /* as in "user 5 may not ..."; lives for ever */
	client_since_function function; /* finds it granted, and is not run when it is denied */
	uint64_t since_ns;
};

/*
 * Keeps @call until the authority has answered: 1. Negative, with @error set, when it cannot be asked. What is refused
 * anyway does not belong here: the call is kept with all that it holds.
 */
int authority_ask(struct client *client, sd_bus_message *call, const struct authority_ask *ask,
		  sd_bus_error *error);
/* Takes the Allocate with that token out. NULL: it does not wait here. */
sd_bus_message *authority_take(struct client *client, const char *token, uint64_t *ret_since_ns);
/* The daemon ends: all that wait are told so. */
void authority_stop(struct authority *authority);
/* The client is gone: it waits for no answer any more. */
void authority_forget_client(struct authority *authority, const struct client *client);
/* The connection is given up, and with it all answers and all that waited for them. */
void authority_disconnected(struct authority *authority);

#endif
