/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the system knows of a device that somebody names: reads sysfs and udev's database. */
#ifndef CMABULKD_UDEV_DEVICE_H
#define CMABULKD_UDEV_DEVICE_H

#include "device-cache.h"

/* Says in words, in order, from which pools the device's memory comes. */
#define UDEV_POOLS_PROPERTY "CMABULK_POOLS"

/*
 * Of one that is named by its node, syspath or SUBSYSTEM:NAME; device_facts_clear(). -ENODEV: there is no
 * such device. What @cache knows at @now_usec is not read again.
 */
int udev_device_find(struct device_cache *cache, const struct device_text *text, uint64_t now_usec,
		     struct device_facts *ret);

#endif
