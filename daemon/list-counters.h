/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GetCounters: what happened in pools and accounts, as far as the caller may see. */
#ifndef CMABULKD_LIST_COUNTERS_H
#define CMABULKD_LIST_COUNTERS_H

#include "client.h"
#include "pool.h"

/* All there are, of pools and accounts: some 16 MiB, of the 32 that the bus takes. */
#define LIST_COUNTERS_MAX 8192

/* aa{sv}. -E2BIG: they are more than LIST_COUNTERS_MAX. */
int list_append_counters(sd_bus_message *message, const struct client *client, uint64_t *ret_bytes);

#endif
