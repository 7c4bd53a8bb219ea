// SPDX-License-Identifier: LGPL-2.1-or-later
/* What top makes of a look, for screens of all sizes. */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "account.h"
#include "pool.h"
#include "screen.h"
#include "suites.h"
#include "top-view.h"

/* The last pool first, and every account of one of the first two. */
static struct look make_look(unsigned int pools, unsigned int accounts)
{
	struct look look = {
		.pools = calloc(pools + 1, sizeof(struct cmabulk_pool *)),
		.accounts = calloc(accounts + 1, sizeof(struct cmabulk_account *)),
	};
	char name[32];

	for (unsigned int i = 0; i < pools; i++) {
		snprintf(name, sizeof(name), "pool-%03u", pools - 1 - i);
		g_assert_cmpint(pool_new(name, "area", &look.pools[i]), ==, 0);
		look.pools[i]->page_size = 4096;
		look.pools[i]->pages = 1000;
	}
	for (unsigned int i = 0; i < accounts; i++) {
		snprintf(name, sizeof(name), "account-%03u", i);
		g_assert_cmpint(account_new(name, i % 2 ? "pool-001" : "pool-000",
					    &look.accounts[i]),
				==, 0);
		look.accounts[i]->used = i * 7 % 5;
		look.accounts[i]->n_buffers = i * 3 % 7;
		look.accounts[i]->n_pending = i * 5 % 3;
	}
	return look;
}

static void check_size(const struct look *look, unsigned int columns, unsigned int rows,
		       bool is_help)
{
	const struct top_view view = {
		.look = look,
		.version = "1.2.3",
		.trouble = columns % 2 ? "something is wrong" : NULL,
		.pool = columns % 3 ? NULL : "evil\033[2J\nname",
		.interval = "1s",
		.is_help = is_help,
		.has_keys = true,
		.columns = columns,
		.rows = rows,
	};
	g_autofree char *text = top_view_draw(&view);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	g_assert_cmpuint(g_strv_length(lines), ==, rows);
	g_assert_null(strchr(text, '\033'));
	for (unsigned int i = 0; i < rows; i++) {
		const char *line = lines[i] + (lines[i][0] == SCREEN_STRONG);

		g_assert_cmpuint(strlen(line), <=, columns);
		g_assert_null(strchr(line, SCREEN_STRONG));
	}
	g_assert_true(g_str_has_prefix(lines[rows - 1] + 1, is_help ? "a" : "q"));
}

static void fits_any_screen(void)
{
	static const unsigned int sizes[] = { 1, 2, 3, 5, 8, 13, 24, 25, 50, 80, 200 };
	static const unsigned int counts[] = { 0, 1, 5, 100 };

	for (size_t i = 0; i < G_N_ELEMENTS(counts); i++) {
		struct look look = make_look(counts[i], counts[G_N_ELEMENTS(counts) - 1 - i]);

		for (size_t c = 0; c < G_N_ELEMENTS(sizes); c++)
			for (size_t r = 0; r < G_N_ELEMENTS(sizes); r++) {
				check_size(&look, sizes[c], sizes[r], false);
				check_size(&look, sizes[c], sizes[r], true);
			}
		look_clear(&look);
	}
}

static char *draw(const struct look *look, enum top_sort sort, const char *pool)
{
	const struct top_view view = { .look = look, .interval = "1s", .sort = sort, .pool = pool };

	return top_view_draw(&view);
}

/* The first of these stands before the second. */
static void check_order(const struct look *look, enum top_sort sort, const char *first,
			const char *second)
{
	g_autofree char *text = draw(look, sort, NULL);
	const char *one = strstr(text, first);
	const char *other = strstr(text, second);

	g_assert_nonnull(one);
	g_assert_nonnull(other);
	g_assert_true(one < other);
}

static void sorts_accounts(void)
{
	struct look look = make_look(2, 6);

	/* Used 0 2 4 1 3 0, buffers 0 3 6 2 5 1, waiting 0 2 1 0 2 1. */
	check_order(&look, TOP_SORT_USED, "account-002", "account-004");
	check_order(&look, TOP_SORT_USED, "account-000", "account-005");
	check_order(&look, TOP_SORT_BUFFERS, "account-004", "account-001");
	check_order(&look, TOP_SORT_BUFFERS, "account-005", "account-000");
	check_order(&look, TOP_SORT_WAITING, "account-001", "account-004");
	check_order(&look, TOP_SORT_WAITING, "account-004", "account-002");
	check_order(&look, TOP_SORT_NAME, "account-001", "account-002");
	look_clear(&look);
}

static void shows_pool_by_pool(void)
{
	struct look look = make_look(3, 4);
	g_autofree char *text = draw(&look, TOP_SORT_NAME, "pool-001");

	g_assert_nonnull(strstr(text, "account-001"));
	g_assert_nonnull(strstr(text, "account-003"));
	g_assert_null(strstr(text, "account-002"));
	g_assert_null(strstr(text, "pool-002"));
	g_assert_cmpstr(top_view_next_pool(&look, NULL), ==, "pool-000");
	g_assert_cmpstr(top_view_next_pool(&look, "pool-000"), ==, "pool-001");
	/* One that went meanwhile. */
	g_assert_cmpstr(top_view_next_pool(&look, "pool-0011"), ==, "pool-002");
	g_assert_null(top_view_next_pool(&look, "pool-002"));
	look_clear(&look);
	g_assert_null(top_view_next_pool(&look, NULL));
}

void add_top(void)
{
	g_test_add_func("/cli/top-fits-any-screen", fits_any_screen);
	g_test_add_func("/cli/top-sorts-accounts", sorts_accounts);
	g_test_add_func("/cli/top-shows-pool-by-pool", shows_pool_by_pool);
}
