// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is claimed ahead of its need: who takes it over, and what it is charged. */
#include "scene-ahead.h"
#include "suites.h"

/* All of it is there when it is asked for: no fill. */
static void is_there_when_it_is_needed(void)
{
	struct broker_request *ahead, *request;
	struct broker_usage usage;
	struct scene scene;

	scene_init(&scene);
	ahead = scene_keep_ahead(&scene, 1000, 300, 77);
	usage = scene_usage(&scene, "default:1000");
	g_assert_cmpuint(usage.booked_bytes, ==, 300 * SCENE_PAGE);
	g_assert_cmpuint(usage.ahead_bytes, ==, 300 * SCENE_PAGE);
	g_assert_cmpuint(usage.pending, ==, 0);
	request = scene_submit(&scene, 1000, 300);
	scene_expect_taken_over(&scene, request, ahead);
	g_assert_null(broker_request_take_over(request));
	g_assert_cmpuint(broker_request_get_ahead(request), ==, 300);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 300);
	usage = scene_usage(&scene, "default:1000");
	g_assert_cmpuint(usage.booked_bytes, ==, 0);
	g_assert_cmpuint(usage.ahead_bytes, ==, 0);
	g_assert_cmpuint(usage.exported_bytes, ==, 300 * SCENE_PAGE);
	scene_clear(&scene);
}

static void the_rest_is_filled(void)
{
	struct broker_request *ahead, *request;
	struct scene scene;

	scene_init(&scene);
	ahead = scene_keep_ahead(&scene, 1000, 300, 77);
	request = scene_submit(&scene, 1000, 500);
	scene_expect_taken_over(&scene, request, ahead);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 200);
	scene_filled(&scene, request, 0, 200);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 500);
	scene_clear(&scene);
}

/* What is too much goes back with the reservation. */
static void what_is_too_much_goes_back(void)
{
	struct broker_request *ahead, *request;
	struct scene scene;

	scene_init(&scene);
	ahead = scene_keep_ahead(&scene, 1000, 300, 77);
	request = scene_submit(&scene, 1000, 100);
	scene_expect_taken_over(&scene, request, ahead);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 100);
	g_assert_cmpuint(scene_usage(&scene, "default:1000").booked_bytes, ==, 0);
	scene_comes_back(&scene, 200);
	scene_give(&scene, 2000, 900);
	scene_clear(&scene);
}

/* The most that is not too much, of the right order and alignment. */
static void the_best_is_taken(void)
{
	struct broker_request *small, *large, *best, *aligned, *request;
	struct broker_ask ask;
	struct scene scene;

	scene_init(&scene);
	small = scene_keep_ahead(&scene, 1000, 50, 71);
	large = scene_keep_ahead(&scene, 1000, 300, 72);
	best = scene_keep_ahead(&scene, 1000, 100, 73);
	ask = scene_ask_ahead(&scene, 120);
	ask.align = 2;
	aligned = scene_submit_ask(&scene, 1000, &ask);
	scene_expect_kept(&scene, aligned, 120);
	ask = scene_ask(&scene, 119);
	request = scene_submit_ask(&scene, 1000, &ask);
	scene_expect_taken_over(&scene, request, best);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 19);
	scene_filled(&scene, request, 0, 19);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 119);
	ask.align = 3;
	request = scene_submit_ask(&scene, 1000, &ask);
	g_assert_null(broker_request_take_over(request));
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 119);
	scene_filled(&scene, request, 0, 119);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 119);
	ask.align = 2;
	request = scene_submit_ask(&scene, 1000, &ask);
	scene_expect_taken_over(&scene, request, aligned);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 119);
	scene_sleep_until(&scene, 25 * SCENE_SECOND);
	scene_expect_finish(&scene, small, BROKER_TIMED_OUT, -ETIME, 50);
	scene_expect_finish(&scene, large, BROKER_TIMED_OUT, -ETIME, 300);
	scene_clear(&scene);
}

static void others_do_not_get_it(void)
{
	struct broker_request *ahead, *request;
	struct scene scene;

	scene_init(&scene);
	ahead = scene_keep_ahead(&scene, 1000, 300, 77);
	request = scene_submit(&scene, 2000, 300);
	g_assert_null(broker_request_take_over(request));
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 300);
	scene_filled(&scene, request, 0, 300);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 300);
	scene_drop_ahead(&scene, ahead, 300);
	scene_clear(&scene);
}

static void it_expires(void)
{
	struct broker_request *ahead;
	struct scene scene;

	scene_init(&scene);
	ahead = scene_keep_ahead(&scene, 1000, 300, 77);
	scene_sleep_until(&scene, 25 * SCENE_SECOND);
	scene_expect_finish(&scene, ahead, BROKER_TIMED_OUT, -ETIME, 300);
	g_assert_cmpuint(scene_usage(&scene, "default:1000").booked_bytes, ==, 0);
	scene_clear(&scene);
}

/* What could be had is better than nothing. */
static void part_of_it_is_kept(void)
{
	struct broker_request *ahead, *request;
	struct broker_ask ask;
	struct scene scene;

	scene_init(&scene);
	ask = scene_ask_ahead(&scene, 300);
	ask.effort = CMABULK_EFFORT_FAST;
	ahead = scene_submit_ask(&scene, 1000, &ask);
	scene_expect_fill(&scene, ahead, CMABULK_EFFORT_FAST, 300);
	scene_filled(&scene, ahead, -EBUSY, 200);
	scene_expect_nothing(&scene);
	request = scene_submit(&scene, 1000, 200);
	scene_expect_taken_over(&scene, request, ahead);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 200);
	ahead = scene_submit_ask(&scene, 1000, &ask);
	scene_expect_fill(&scene, ahead, CMABULK_EFFORT_FAST, 300);
	scene_filled(&scene, ahead, -EBUSY, 0);
	scene_expect_finish(&scene, ahead, BROKER_PARTIAL, -EBUSY, 0);
	scene_clear(&scene);
}

/* It counts for its account's limits, and is in nobody's way, least of all its own account's. */
static void it_is_charged(void)
{
	struct broker_request *ahead, *request;
	struct broker_ask ask;
	struct scene scene;

	scene_init(&scene);
	ahead = scene_keep_ahead(&scene, 1001, 400, 77);
	g_assert_cmpuint(scene_usage(&scene, "half:1001").booked_bytes, ==, 400 * SCENE_PAGE);
	/* Not of its order, so that it cannot take it over. */
	ask = scene_ask(&scene, 75);
	ask.order = 1;
	request = scene_submit_ask(&scene, 1001, &ask);
	g_assert_null(broker_request_take_over(request));
	scene_expect_dropped(&scene, ahead, 400);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 75);
	scene_filled(&scene, request, 0, 75);
	scene_comes_back(&scene, 400);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 75);
	scene_clear(&scene);
}

/* Asked for before it was there: it goes, and what was asked is claimed as ever. */
static void asked_for_too_soon(void)
{
	struct broker_request *ahead, *request;
	struct scene scene;

	scene_init(&scene);
	ahead = scene_submit_ahead(&scene, 1001, 400);
	scene_expect_fill(&scene, ahead, CMABULK_EFFORT_FAST, 400);
	request = scene_submit(&scene, 1001, 400);
	g_assert_null(broker_request_take_over(request));
	scene_expect_interrupt(&scene, ahead);
	scene_filled(&scene, ahead, -EINTR, 100);
	scene_expect_dropped(&scene, ahead, 100);
	scene_comes_back(&scene, 100);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 400);
	scene_filled(&scene, request, 0, 400);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 400);
	scene_clear(&scene);
}

/* Two that together are all that its account may have: one is taken over, or both go. */
static void more_than_one_of_them(void)
{
	struct broker_request *one, *other, *request;
	struct scene scene;

	scene_init(&scene);
	one = scene_keep_ahead(&scene, 1001, 250, 71);
	other = scene_keep_ahead(&scene, 1001, 250, 72);
	request = scene_submit(&scene, 1001, 500);
	g_assert_null(broker_request_take_over(request));
	scene_expect_dropped(&scene, other, 250);
	scene_expect_finish(&scene, one, BROKER_CANCELLED, -ECANCELED, 250);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 500);
	scene_filled(&scene, request, 0, 500);
	scene_comes_back(&scene, 500);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 500);
	scene_clear(&scene);
}

/* What an account is guaranteed it can have, whatever it had claimed ahead. */
static void its_own_guarantee_is_not_in_its_way(void)
{
	struct broker_request *ahead, *request;
	struct broker_ask ask;
	struct scene scene;

	scene_init(&scene);
	scene_guarantee(&scene, 300, 0);
	scene_give(&scene, 1000, 700);
	ahead = scene_keep_ahead(&scene, 1001, 300, 77);
	ask = scene_ask(&scene, 120);
	ask.order = 1;
	request = scene_submit_ask(&scene, 1001, &ask);
	scene_expect_dropped(&scene, ahead, 300);
	scene_expect_nothing(&scene);
	scene_comes_back(&scene, 300);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 120);
	scene_filled(&scene, request, 0, 120);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 120);
	scene_clear(&scene);
}

static void sixteen_are_enough(void)
{
	struct broker_request *ahead[16];
	struct broker_refusal refusal;
	struct broker_ask ask;
	struct scene scene;

	scene_init(&scene);
	for (unsigned int i = 0; i < G_N_ELEMENTS(ahead); i++)
		ahead[i] = scene_keep_ahead(&scene, 1000, 10, 70 + i);
	ask = scene_ask_ahead(&scene, 10);
	g_assert_cmpint(scene_refused(&scene, 1000, &ask, &refusal), ==, -EUSERS);
	g_assert_cmpstr(refusal.reason, ==, "ahead");
	g_assert_cmpuint(refusal.used, ==, 16);
	scene_sleep_until(&scene, 25 * SCENE_SECOND);
	for (unsigned int i = 0; i < G_N_ELEMENTS(ahead); i++)
		scene_expect_finish(&scene, ahead[i], BROKER_TIMED_OUT, -ETIME, 10);
	scene_clear(&scene);
}

/* A hint that waits keeps no request of its account out, nor a request a hint; as many of them as of these may wait. */
static void it_is_in_the_way_of_no_request(void)
{
	struct broker_request *ahead, *request;
	struct broker_refusal refusal;
	struct broker_ask ask;
	struct scene scene;

	scene_init(&scene);
	ahead = scene_submit_ahead(&scene, 1003, 10);
	g_assert_cmpuint(scene_usage(&scene, "pending:1003").pending, ==, 0);
	g_assert_cmpuint(broker_get_pending(scene.broker), ==, 1);
	ask = scene_ask_ahead(&scene, 10);
	g_assert_cmpint(scene_refused(&scene, 1003, &ask, &refusal), ==, -EUSERS);
	g_assert_cmpstr(refusal.reason, ==, "pending");
	request = scene_submit(&scene, 1003, 10);
	ask = scene_ask(&scene, 10);
	g_assert_cmpint(scene_refused(&scene, 1003, &ask, &refusal), ==, -EUSERS);
	broker_cancel(scene.broker, ahead);
	broker_cancel(scene.broker, request);
	scene_expect_finish(&scene, ahead, BROKER_CANCELLED, -ECANCELED, 0);
	scene_expect_finish(&scene, request, BROKER_CANCELLED, -ECANCELED, 0);
	ahead = scene_keep_ahead(&scene, 1003, 10, 77);
	/* What is kept waits for nothing. */
	request = scene_submit_ahead(&scene, 1003, 10);
	broker_cancel(scene.broker, request);
	scene_expect_finish(&scene, request, BROKER_CANCELLED, -ECANCELED, 0);
	scene_drop_ahead(&scene, ahead, 10);
	scene_comes_back(&scene, 10);
	scene_clear(&scene);
}

static void it_goes_with_its_account(void)
{
	struct broker_request *ahead;
	struct scene scene;

	scene_init(&scene);
	ahead = scene_keep_ahead(&scene, 1001, 100, 77);
	scene_limit(&scene, -1);
	scene_expect_dropped(&scene, ahead, 100);
	scene_clear(&scene);
}

static void it_goes_with_the_pool(void)
{
	struct broker_request *ahead;
	struct scene scene;

	scene_init(&scene);
	ahead = scene_keep_ahead(&scene, 1000, 100, 77);
	broker_gone(scene.broker);
	scene_expect_finish(&scene, ahead, BROKER_PARTIAL, -ENODEV, 100);
	scene_clear(&scene);
}

void add_ahead(void)
{
	g_test_add_func("/ahead/is-there-when-it-is-needed", is_there_when_it_is_needed);
	g_test_add_func("/ahead/the-rest-is-filled", the_rest_is_filled);
	g_test_add_func("/ahead/what-is-too-much-goes-back", what_is_too_much_goes_back);
	g_test_add_func("/ahead/the-best-is-taken", the_best_is_taken);
	g_test_add_func("/ahead/others-do-not-get-it", others_do_not_get_it);
	g_test_add_func("/ahead/it-expires", it_expires);
	g_test_add_func("/ahead/part-of-it-is-kept", part_of_it_is_kept);
	g_test_add_func("/ahead/it-is-charged", it_is_charged);
	g_test_add_func("/ahead/asked-for-too-soon", asked_for_too_soon);
	g_test_add_func("/ahead/more-than-one-of-them", more_than_one_of_them);
	g_test_add_func("/ahead/its-own-guarantee-is-not-in-its-way",
			its_own_guarantee_is_not_in_its_way);
	g_test_add_func("/ahead/sixteen-are-enough", sixteen_are_enough);
	g_test_add_func("/ahead/it-is-in-the-way-of-no-request", it_is_in_the_way_of_no_request);
	g_test_add_func("/ahead/it-goes-with-its-account", it_goes_with_its_account);
	g_test_add_func("/ahead/it-goes-with-the-pool", it_goes_with_the_pool);
}
