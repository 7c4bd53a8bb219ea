// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the planner promises, each promise a test by itself, against random
 * areas. CMABULK_SEED=N has a run again, CMABULK_SECONDS=N makes each test last
 * that long.
 */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>

#include "coverage.h"
#include "extremes.h"
#include "random.h"
#include "rules.h"

static void test_rule(const void *data)
{
	random_rule(data);
}

static void test_promise(const void *data)
{
	random_promise(data);
}

static void add(const char *name, const void *data, GTestDataFunc test)
{
	g_autofree char *path = g_strdup_printf("/planner/%s", name);

	g_test_add_data_func(path, data, test);
}

int main(int argc, char **argv)
{
	const struct promise *promise;
	const struct rule *rule;

	g_test_init(&argc, &argv, NULL);
	for (rule = rules; rule->name; rule++)
		add(rule->name, rule, test_rule);
	for (promise = promises; promise->name; promise++)
		add(promise->name, promise, test_promise);
	extremes_add();
	return g_test_run();
}
