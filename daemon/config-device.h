/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The [Device NAME] groups of the configuration: which pools the memory of a device comes from.
 */
#ifndef CMABULKD_CONFIG_DEVICE_H
#define CMABULKD_CONFIG_DEVICE_H

#include <glib.h>

#include "config-place.h"
#include "device.h"

struct config_devices;

struct config_devices *config_devices_new(void);
/* Takes NULL. */
void config_devices_free(struct config_devices *devices);

/* A group of that name. */
void config_devices_begin(struct config_devices *devices, const struct config_place *place,
			  const char *name);
/* A key of the group that began last. */
void config_devices_set(struct config_devices *devices, const struct config_place *place,
			const char *key, const char *value);

/* What they came to, in the order of the groups; none is left. */
struct device_rules *config_devices_finish(struct config_devices *devices, GPtrArray *problems);

#endif
