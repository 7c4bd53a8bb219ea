/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Draining: pages of closed objects on their way back to the area.
 */
#ifndef BULK_DRAIN_H
#define BULK_DRAIN_H

#include <linux/types.h>

struct bulk_object;
struct bulk_pool;
struct page;

int bulk_drain_module_init(void);
void bulk_drain_module_exit(void);
void bulk_drain_init(struct bulk_pool *pool);
void bulk_drain_finish(struct bulk_pool *pool);
void bulk_drain_queue(struct bulk_object *object);
bool bulk_pages_referenced(struct page *page, unsigned long nr_pages);

#endif /* BULK_DRAIN_H */
