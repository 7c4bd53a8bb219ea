// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a report has of the steps of a request that goes from pool to pool. */
#include <glib.h>
#include <stdio.h>

#include "report-step.h"
#include "suites.h"

/* Each step asked for one chunk more than the one before. */
static void add(struct report_steps *all, const char *pool, uint64_t *asked, size_t count)
{
	g_autofree struct broker_step *steps = g_new0(struct broker_step, count);

	for (size_t i = 0; i < count; i++)
		steps[i].requested = ++*asked;
	report_steps_add(all, pool, steps, count);
}

/* So many, the last of all that there were, in their order. */
static void expect_last(const struct report_steps *all, uint64_t asked, size_t count)
{
	g_assert_cmpuint(all->count, ==, count);
	for (size_t i = 0; i < count; i++)
		g_assert_cmpuint(all->steps[i].step.requested, ==, asked - count + 1 + i);
}

static void lost_ones_say_where(void)
{
	struct report_steps all = { 0 };
	uint64_t asked = 0;

	report_steps_lose(&all);
	add(&all, "camera", &asked, 0);
	g_assert_cmpuint(all.count, ==, 0);
	add(&all, "camera", &asked, 2);
	report_steps_lose(&all);
	add(&all, "main", &asked, 1);
	expect_last(&all, asked, 3);
	for (size_t i = 0; i < all.count; i++) {
		g_assert_cmpstr(all.steps[i].pool, ==, i < 2 ? "camera" : "main");
		g_assert_true(all.steps[i].is_lost == (i < 2));
	}
	report_steps_clear(&all);
	g_assert_cmpuint(all.count, ==, 0);
}

static void only_the_last_are_kept(void)
{
	struct report_steps all = { 0 };
	uint64_t asked = 0;

	add(&all, "first", &asked, REPORT_STEPS_MAX);
	expect_last(&all, asked, REPORT_STEPS_MAX);
	/* One over the bound is one that goes. */
	report_steps_lose(&all);
	add(&all, "second", &asked, 1);
	expect_last(&all, asked, REPORT_STEPS_MAX);
	g_assert_cmpstr(all.steps[REPORT_STEPS_MAX - 2].pool, ==, "first");
	g_assert_cmpstr(all.steps[REPORT_STEPS_MAX - 1].pool, ==, "second");
	/* However often it goes on elsewhere, and however much is tried there. */
	for (unsigned int i = 0; i < 1000; i++) {
		char pool[16];

		snprintf(pool, sizeof(pool), "pool%u", i);
		report_steps_lose(&all);
		add(&all, pool, &asked, (size_t)g_test_rand_int_range(0, 3 * REPORT_STEPS_MAX));
		expect_last(&all, asked, REPORT_STEPS_MAX);
	}
	report_steps_clear(&all);
}

void add_report_steps(void)
{
	g_test_add_func("/report-step/lost-ones-say-where", lost_ones_say_where);
	g_test_add_func("/report-step/only-the-last-are-kept", only_the_last_are_kept);
}
