/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ListBuffers and ListAccounts: who has what, as far as the caller may see. */
#ifndef CMABULKD_LIST_H
#define CMABULKD_LIST_H

#include "client.h"
#include "pool.h"

/* aa{sv}; *ret_bytes is about what it takes. */
int list_append_buffers(sd_bus_message *message, const struct client *client, struct pool *pool,
			uint64_t *ret_bytes);
int list_append_accounts(sd_bus_message *message, const struct client *client, uint64_t *ret_bytes);

#endif
