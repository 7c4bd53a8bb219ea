/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The generic netlink family: events and counters.
 */
#ifndef BULK_NETLINK_H
#define BULK_NETLINK_H

#include <linux/types.h>

struct bulk_pool;

int bulk_events_module_init(void);
void bulk_events_module_exit(void);
void bulk_events_init(struct bulk_pool *pool);
void bulk_events_schedule(struct bulk_pool *pool, bool awaited);
void bulk_events_finish(struct bulk_pool *pool);

#endif /* BULK_NETLINK_H */
