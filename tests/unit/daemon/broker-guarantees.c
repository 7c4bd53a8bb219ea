// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What is kept for accounts that are guaranteed something. In these scenes 1001 has at
 * least 300 pages and at most 500, 1006's shared account at least 200, of 1000.
 */
#include <glib.h>

#include "scene.h"
#include "suites.h"

static void init(struct scene *scene)
{
	scene_init(scene);
	scene_guarantee(scene, 300, 200);
}

/* Before any of those that are guaranteed something has asked for it. */
static void nobody_eats_it(void)
{
	struct broker_request *waiting;
	struct scene scene;

	init(&scene);
	scene_give(&scene, 1000, 500);
	waiting = scene_submit(&scene, 1000, 1);
	scene_expect_nothing(&scene);
	scene_give(&scene, 1001, 300);
	scene_give(&scene, 1006, 200);
	scene_sleep_until(&scene, 25 * SCENE_SECOND);
	scene_expect_finish(&scene, waiting, BROKER_TIMED_OUT, -EBUSY, 0);
	scene_clear(&scene);
}

static void who_waits_for_it_learns_why(void)
{
	struct broker_request *waiting;
	struct scene scene;

	init(&scene);
	scene_give(&scene, 1000, 500);
	waiting = scene_submit(&scene, 1000, 1);
	scene_expect_nothing(&scene);
	scene_sleep_until(&scene, 25 * SCENE_SECOND);
	scene_expect_finish(&scene, waiting, BROKER_TIMED_OUT, -ENOSPC, 0);
	scene_clear(&scene);
}

/* Whoever is content with less gets what nobody is guaranteed. */
static void what_is_left_over_can_be_had(void)
{
	struct broker_request *request;
	struct broker_ask ask;
	struct scene scene;

	init(&scene);
	ask = scene_ask(&scene, 600);
	ask.minimum = 400;
	request = scene_submit_ask(&scene, 1000, &ask);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 500);
	scene_filled(&scene, request, 0, 500);
	scene_expect_export(&scene, request, BROKER_PARTIAL, -ENOSPC, 500);
	scene_clear(&scene);
}

static void what_can_never_be_is_refused(void)
{
	struct broker_refusal refusal;
	struct broker_ask ask;
	struct scene scene;

	init(&scene);
	ask = scene_ask(&scene, 501);
	g_assert_cmpint(scene_refused(&scene, 1000, &ask, &refusal), ==, -ENOSPC);
	g_assert_cmpstr(refusal.reason, ==, "guarantee");
	g_assert_cmpuint(refusal.asked, ==, 501 * SCENE_PAGE);
	g_assert_cmpuint(refusal.used, ==, 500 * SCENE_PAGE);
	g_assert_cmpuint(refusal.maximum, ==, SCENE_PAGES * SCENE_PAGE);
	/* One's own is not held against oneself. */
	scene_give(&scene, 1006, 700);
	scene_clear(&scene);
}

/* Above its guarantee it is one of many. */
static void more_than_it_is_not_guaranteed(void)
{
	struct broker_request *waiting;
	struct scene scene;
	uint64_t id;

	init(&scene);
	id = scene_give(&scene, 1000, 400);
	scene_give(&scene, 1001, 400);
	waiting = scene_submit(&scene, 1001, 1);
	scene_expect_nothing(&scene);
	scene_released(&scene, id, 400);
	scene_expect_fill(&scene, waiting, CMABULK_EFFORT_FAST, 1);
	scene_filled(&scene, waiting, 0, 1);
	scene_expect_export(&scene, waiting, BROKER_COMPLETE, 0, 1);
	scene_clear(&scene);
}

/* What is given back is kept for who gave it, not for the first who asks. */
static void it_comes_back(void)
{
	struct broker_request *waiting;
	struct scene scene;
	uint64_t id;

	init(&scene);
	id = scene_give(&scene, 1001, 300);
	scene_give(&scene, 1000, 500);
	scene_released(&scene, id, 300);
	waiting = scene_submit(&scene, 1000, 1);
	scene_expect_nothing(&scene);
	scene_give(&scene, 1001, 300);
	broker_cancel(scene.broker, waiting);
	scene_expect_finish(&scene, waiting, BROKER_CANCELLED, -ECANCELED, 0);
	scene_clear(&scene);
}

/* Other users of the area have taken what was guaranteed: whoever comes first has his. */
static void at_risk_it_is_first_come_first_served(void)
{
	struct broker_request *waiting;
	struct scene scene;

	init(&scene);
	g_assert_cmpuint(broker_get_uncovered(scene.broker), ==, 0);
	scene_free_pages(&scene, 400);
	g_assert_cmpuint(broker_get_uncovered(scene.broker), ==, 100);
	waiting = scene_submit(&scene, 1000, 1);
	scene_expect_nothing(&scene);
	scene_give(&scene, 1001, 300);
	g_assert_cmpuint(broker_get_uncovered(scene.broker), ==, 100);
	scene_give(&scene, 1006, 100);
	g_assert_cmpuint(broker_get_uncovered(scene.broker), ==, 100);
	scene_free_pages(&scene, 101);
	g_assert_cmpuint(broker_get_uncovered(scene.broker), ==, 0);
	scene_expect_fill(&scene, waiting, CMABULK_EFFORT_FAST, 1);
	scene_filled(&scene, waiting, 0, 1);
	scene_expect_export(&scene, waiting, BROKER_COMPLETE, 0, 1);
	scene_clear(&scene);
}

/* What does not fit into the pool is cut, in the order in which it was written. */
static void the_first_written_counts(void)
{
	struct scene scene;

	scene_init(&scene);
	scene_guarantee(&scene, 500, 900);
	g_assert_cmpuint(scene_usage(&scene, "half:1001").minimum_bytes, ==, 500 * SCENE_PAGE);
	g_assert_cmpuint(scene_usage(&scene, "team@7").minimum_bytes, ==, 500 * SCENE_PAGE);
	scene_give(&scene, 1006, 500);
	scene_give(&scene, 1001, 500);
	scene_clear(&scene);
}

static void never_more_than_its_maximum(void)
{
	struct scene scene;

	scene_init(&scene);
	scene_guarantee(&scene, 600, 0);
	g_assert_cmpuint(scene_usage(&scene, "half:1001").minimum_bytes, ==, 500 * SCENE_PAGE);
	g_assert_cmpuint(scene_usage(&scene, "half:1001").maximum_bytes, ==, 500 * SCENE_PAGE);
	scene_clear(&scene);
}

/* A reload takes nothing away: what others have of a new guarantee comes back to it by and by. */
static void a_new_one_waits_for_what_is_used(void)
{
	struct scene scene;
	uint64_t id;

	scene_init(&scene);
	id = scene_give(&scene, 1000, 900);
	scene_guarantee(&scene, 300, 0);
	g_assert_cmpuint(broker_get_uncovered(scene.broker), ==, 200);
	scene_give(&scene, 1001, 100);
	scene_released(&scene, id, 900);
	g_assert_cmpuint(broker_get_uncovered(scene.broker), ==, 0);
	scene_give(&scene, 1001, 200);
	scene_guarantee(&scene, 0, 0);
	scene_give(&scene, 1000, 700);
	scene_clear(&scene);
}

/* What an account may not use is not kept for it. */
static void only_where_it_may_be_used(void)
{
	static const char *const pools[] = { "other main", "other" };
	static const uint64_t kept[] = { 300, 0 };
	struct scene scene;

	init(&scene);
	for (size_t i = 0; i < G_N_ELEMENTS(pools); i++) {
		struct account_rule *rules = g_new0(struct account_rule, 1);
		struct account_rules *all;
		g_autofree char *names = NULL;

		rules[0] = (struct account_rule){
			.name = g_strdup("few"),
			.is_shared = true,
			.minimum = { .bytes = 300 * SCENE_PAGE },
			.maximum = { .is_share = true, .bytes = 10000 },
			.pools = g_strsplit(pools[i], " ", -1),
		};
		all = account_rules_new(rules, 1);
		broker_set_rules(scene.broker, all);
		scene_free_pages(&scene, 0);
		g_assert_cmpuint(broker_get_uncovered(scene.broker), ==, kept[i]);
		g_assert_cmpuint(account_rules_get_guaranteed(all, "main", SCENE_PAGES * SCENE_PAGE,
							      &names),
				 ==, kept[i] * SCENE_PAGE);
		account_rules_unref(all);
	}
	scene_clear(&scene);
}

void add_guarantees(void)
{
	g_test_add_func("/guarantee/only-where-it-may-be-used", only_where_it_may_be_used);
	g_test_add_func("/guarantee/nobody-eats-it", nobody_eats_it);
	g_test_add_func("/guarantee/who-waits-for-it-learns-why", who_waits_for_it_learns_why);
	g_test_add_func("/guarantee/what-is-left-over-can-be-had", what_is_left_over_can_be_had);
	g_test_add_func("/guarantee/what-can-never-be-is-refused", what_can_never_be_is_refused);
	g_test_add_func("/guarantee/more-than-it-is-not-guaranteed",
			more_than_it_is_not_guaranteed);
	g_test_add_func("/guarantee/it-comes-back", it_comes_back);
	g_test_add_func("/guarantee/at-risk-it-is-first-come-first-served",
			at_risk_it_is_first_come_first_served);
	g_test_add_func("/guarantee/the-first-written-counts", the_first_written_counts);
	g_test_add_func("/guarantee/never-more-than-its-maximum", never_more_than_its_maximum);
	g_test_add_func("/guarantee/a-new-one-waits-for-what-is-used",
			a_new_one_waits_for_what_is_used);
}
