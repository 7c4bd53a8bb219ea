/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Draining: pages of closed objects on their way back to the area.
 */
#ifndef BULK_DRAIN_H
#define BULK_DRAIN_H

struct bulk_object;
struct bulk_pool;

int bulk_drain_module_init(void);
void bulk_drain_module_exit(void);
void bulk_drain_init(struct bulk_pool *pool);
void bulk_drain_finish(struct bulk_pool *pool);
void bulk_drain_queue(struct bulk_object *object);

#endif /* BULK_DRAIN_H */
