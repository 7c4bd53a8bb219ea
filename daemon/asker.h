/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who hears of a release: the connection that asked for the buffer, as long as it is there. And who is
 * asked for one: all connections of the account.
 */
#ifndef CMABULKD_ASKER_H
#define CMABULKD_ASKER_H

#include "client.h"
#include "pool.h"

/* Of @n_buffers, which the kernel knows by @cookie. */
void asker_add(struct client *client, uint64_t cookie, unsigned int n_buffers);
/* It never heard of them. */
void asker_remove(struct client *client, uint64_t cookie);
void asker_forget_client(struct client *client);
void asker_tell_released(struct manager *manager, const struct pool *pool, uint64_t id,
			 uint64_t inode, uint64_t cookie);
/* It lives on where nobody hears of it any more. */
void asker_forget_buffer(struct manager *manager, uint64_t cookie);
/* Whether anybody was told. */
bool asker_tell_pressure(struct manager *manager, const struct pool *pool, const char *account,
			 uint64_t bytes, enum broker_pressure pressure);

#endif
