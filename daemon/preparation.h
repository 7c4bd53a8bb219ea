/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a client had claimed ahead, by Prepare: it outlives its client, until it is taken over, given back
 * or over.
 */
#ifndef CMABULKD_PREPARATION_H
#define CMABULKD_PREPARATION_H

#include "allocation.h"

/* For the manager: a set of them. */
GHashTable *preparations_new(void);

/* So long, when the client says nothing. */
#define PREPARATION_USEC (UINT64_C(30) * 1000000)

/* Admits it. -ESTALE: as pool_submit() returns it. Else negative: @error is set. */
int preparation_new(struct client *client, struct pool *pool, const struct account_rule *rule,
		    const struct allocation_ask *ask, sd_bus_error *error);
/* It goes back. -ESRCH: the client has none of that token. */
int preparation_cancel(struct client *client, const char *token);
bool preparation_has_token(const struct client *client, const char *token);
/* The client is gone: what it had claimed stays. */
void preparation_forget_client(struct client *client);

/* What a pool tells. */
void preparation_ended(void *userdata);

#endif
