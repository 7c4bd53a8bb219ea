/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The [Pool NAME] groups of the configuration. [Pool *] is for pools that have none, and for
 * what a group of theirs does not say.
 */
#ifndef CMABULKD_CONFIG_POOL_H
#define CMABULKD_CONFIG_POOL_H

#include <glib.h>

#include "config-place.h"
#include "retry.h"

struct config_pools;

struct config_pools *config_pools_new(void);
/* Takes NULL. */
void config_pools_free(struct config_pools *pools);

/* A group of that name. */
void config_pools_begin(struct config_pools *pools, const struct config_place *place,
			const char *name);
/* A key of the group that began last. */
void config_pools_set(struct config_pools *pools, const struct config_place *place, const char *key,
		      const char *value);

/* How pool @name is tried. */
void config_pools_get_retry(const struct config_pools *pools, const char *name, struct retry *ret);

#endif
