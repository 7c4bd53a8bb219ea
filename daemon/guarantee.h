/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What accounts are guaranteed, held against a pool that is there. Pure. */
#ifndef CMABULKD_GUARANTEE_H
#define CMABULKD_GUARANTEE_H

#include <stdbool.h>
#include <stdint.h>

#include "account.h"

struct guarantee_pool {
	const char *name;
	uint64_t bytes;
};

/* NULL: all of it fits; else a sentence with the numbers and the accounts, without what to do. g_free() */
char *guarantee_find_problem(const struct account_rules *rules, const struct guarantee_pool *pool);
/* Whether they are guaranteed more of the pool than they were. */
bool guarantee_has_grown(const struct account_rules *rules, const struct account_rules *before,
			 const struct guarantee_pool *pool);

#endif
