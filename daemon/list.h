/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ListBuffers and ListAccounts: who has what, as far as the caller may see. */
#ifndef CMABULKD_LIST_H
#define CMABULKD_LIST_H

#include "client.h"
#include "pool.h"

/* In a reply: whoever has more asks again. It is some 400 KiB, and takes 12 ms to write. */
#define LIST_BUFFERS_MAX  1024
/* All there are: some 18 MiB, of the 32 that the bus takes; fewer when much was changed of them at run time. */
#define LIST_ACCOUNTS_MAX 32768

/*
 * aa{sv} and b: of @snapshot, in its order, those with ids above @after, and whether there are more of them.
 * *ret_bytes is about what it takes.
 */
int list_append_buffers(sd_bus_message *message, const struct client *client,
			const struct pool *pool, const struct backend_snapshot *snapshot,
			uint64_t after, uint64_t *ret_bytes);
/* aa{sv}. -E2BIG: they are more than LIST_ACCOUNTS_MAX. */
int list_append_accounts(sd_bus_message *message, const struct client *client, uint64_t *ret_bytes);
/* Entries of a{sv}: what an account has of a pool, and may have. */
int list_append_usage(sd_bus_message *message, const struct broker_usage *usage);

#endif
