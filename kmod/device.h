/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The character devices /dev/cmabulk/NAME and their class.
 */
#ifndef BULK_DEVICE_H
#define BULK_DEVICE_H

#include <linux/types.h>

struct bulk_engine;
struct bulk_pool;
struct device;

u64 bulk_device_features(const struct bulk_engine *engine);
int bulk_device_init(void);
void bulk_device_exit(void);
struct device *bulk_device_create(struct bulk_pool *pool);
void bulk_device_destroy(struct bulk_pool *pool);

#endif /* BULK_DEVICE_H */
