/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Attributes of the pools' class and devices.
 */
#ifndef BULK_SYSFS_H
#define BULK_SYSFS_H

struct attribute_group;

extern const struct attribute_group *bulk_pool_groups[];
extern const struct attribute_group *bulk_class_groups[];

int bulk_pool_add_spec(char *spec);

#endif /* BULK_SYSFS_H */
