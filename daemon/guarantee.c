// SPDX-License-Identifier: LGPL-2.1-or-later
/* What accounts are guaranteed, held against a pool that is there. Pure. */
#include <glib.h>

#include "guarantee.h"
#include "text.h"

static uint64_t get_sum(const struct account_rules *rules, const struct guarantee_pool *pool)
{
	g_autofree char *names = NULL;

	return account_rules_get_guaranteed(rules, pool->name, pool->bytes, &names);
}

char *guarantee_find_problem(const struct account_rules *rules, const struct guarantee_pool *pool)
{
	char size[TEXT_SIZE_MAX], guaranteed[TEXT_SIZE_MAX];
	g_autofree char *names = NULL;
	uint64_t sum = account_rules_get_guaranteed(rules, pool->name, pool->bytes, &names);

	if (sum <= pool->bytes)
		return NULL;
	return g_strdup_printf("pool %s has %s, and accounts %s are guaranteed %s of it together",
			       pool->name, text_size(size, pool->bytes), names,
			       text_size(guaranteed, sum));
}

bool guarantee_has_grown(const struct account_rules *rules, const struct account_rules *before,
			 const struct guarantee_pool *pool)
{
	return get_sum(rules, pool) > get_sum(before, pool);
}
