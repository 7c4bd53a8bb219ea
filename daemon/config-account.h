/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The [Account NAME] groups of the configuration, while its files are read.
 */
#ifndef CMABULKD_CONFIG_ACCOUNT_H
#define CMABULKD_CONFIG_ACCOUNT_H

#include <glib.h>

#include "account.h"
#include "config-place.h"

struct config_accounts;

struct config_accounts *config_accounts_new(void);
/* Takes NULL. */
void config_accounts_free(struct config_accounts *accounts);

/* A group of that name: makes the account unless there is one. */
void config_accounts_begin(struct config_accounts *accounts, const struct config_place *place,
			   const char *name);
/* A key of the group that began last. */
void config_accounts_set(struct config_accounts *accounts, const struct config_place *place,
			 const char *key, const char *value);
/* What was asked for, but for those that would match others than was meant. */
struct account_rules *config_accounts_finish(struct config_accounts *accounts, GPtrArray *problems);

#endif
