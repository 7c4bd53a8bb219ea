/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The [Account NAME] groups of the configuration, while its files are read.
 */
#ifndef CMABULKD_CONFIG_ACCOUNT_H
#define CMABULKD_CONFIG_ACCOUNT_H

#include <stdbool.h>

#include <glib.h>

#include "account.h"
#include "config-place.h"

struct config_accounts;

struct config_accounts *config_accounts_new(void);
/* Takes NULL. */
void config_accounts_free(struct config_accounts *accounts);

/* Whether an account may have that name. */
bool config_account_name_is_valid(const char *name);
/* Whether there is such a key; and one that says whom the account matches. */
bool config_account_has_key(const char *key);
bool config_account_key_decides_whom(const char *key);

/* A group of that name: makes the account unless there is one. */
void config_accounts_begin(struct config_accounts *accounts, const struct config_place *place,
			   const char *name);
/* A key of the group that began last. */
void config_accounts_set(struct config_accounts *accounts, const struct config_place *place,
			 const char *key, const char *value);
/*
 * What was asked for, but for those that would match others than was meant. What is only changed at run time,
 * and says for nobody in particular, would match everybody.
 */
struct account_rules *config_accounts_finish(struct config_accounts *accounts, GPtrArray *problems);

#endif
