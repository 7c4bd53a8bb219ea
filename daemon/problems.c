// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is wrong with the configuration, in sentences: as it is written, and for the pools that are there. */
#include <string.h>

#include "guarantee.h"
#include "journal.h"
#include "log.h"
#include "pool.h"
#include "problems.h"

void problems_init(struct problems *problems)
{
	problems->of_files = g_ptr_array_new_with_free_func(g_free);
	problems->all = g_ptr_array_new_with_free_func(g_free);
	problems->bytes = 0;
}

void problems_clear(struct problems *problems)
{
	g_ptr_array_unref(problems->of_files);
	g_ptr_array_unref(problems->all);
}

/* @before NULL: all of them are new. */
static void log_new(const GPtrArray *sentences, GPtrArray *before)
{
	for (unsigned int i = 0; i < sentences->len; i++) {
		const char *sentence = g_ptr_array_index(sentences, i);

		if (!before ||
		    !g_ptr_array_find_with_equal_func(before, sentence, g_str_equal, NULL))
			log_with_id(LOG_WARNING, JOURNAL_ID_CONFIGURATION, "%s", sentence);
	}
}

void problems_set_files(struct problems *problems, GPtrArray *sentences)
{
	g_ptr_array_unref(problems->of_files);
	problems->of_files = g_ptr_array_ref(sentences);
	log_new(sentences, NULL);
}

void problems_set_changed(struct problems *problems, GPtrArray *sentences)
{
	g_autoptr(GPtrArray) before = problems->of_files;

	problems->of_files = g_ptr_array_ref(sentences);
	log_new(sentences, before);
}

/* NULL: all that is guaranteed fits. */
static char *check_guarantees(const struct pool *pool, const struct account_rules *accounts)
{
	const struct cmabulk_query *query = pool_get_query(pool);
	const struct guarantee_pool size = { pool_get_name(pool), query->pages * query->page_size };
	g_autofree char *problem = guarantee_find_problem(accounts, &size);

	if (!problem)
		return NULL;
	return g_strdup_printf("%s; those that are written first have theirs: lower MinBytes=",
			       problem);
}

static void add(struct problems *problems, char *sentence)
{
	problems->bytes += strlen(sentence);
	g_ptr_array_add(problems->all, sentence);
}

void problems_set_pools(struct problems *problems, const GPtrArray *pools,
			const struct account_rules *accounts)
{
	g_autoptr(GPtrArray) before = problems->all;

	problems->all = g_ptr_array_new_with_free_func(g_free);
	problems->bytes = 0;
	for (unsigned int i = 0; i < problems->of_files->len; i++)
		add(problems, g_strdup(g_ptr_array_index(problems->of_files, i)));
	for (unsigned int i = 0; i < pools->len; i++) {
		char *sentence = check_guarantees(g_ptr_array_index(pools, i), accounts);

		if (!sentence)
			continue;
		if (!g_ptr_array_find_with_equal_func(before, sentence, g_str_equal, NULL))
			log_with_id(LOG_WARNING, JOURNAL_ID_CONFIGURATION, "%s", sentence);
		add(problems, sentence);
	}
}
