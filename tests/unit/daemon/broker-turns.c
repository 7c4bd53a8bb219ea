// SPDX-License-Identifier: LGPL-2.1-or-later
/* Who is next: accounts take turns, in proportion to their weights. */
#include <glib.h>

#include "scene.h"
#include "suites.h"

static void alone_it_is_one_fill(void)
{
	struct broker_request *request;
	struct scene scene;

	request = scene_begin(&scene, 1000, 1000);
	scene_filled(&scene, request, 0, 1000);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 1000);
	scene_clear(&scene);
}

static void one_account_is_first_come_first_served(void)
{
	struct broker_request *first;
	struct broker_request *second;
	struct scene scene;

	scene_init(&scene);
	first = scene_submit(&scene, 1000, 500);
	scene_expect_fill(&scene, first, CMABULK_EFFORT_FAST, 500);
	second = scene_submit(&scene, 1000, 1);
	/* Its own request is no reason to interrupt it. */
	scene_expect_nothing(&scene);
	scene_filled(&scene, first, -EBUSY, 300);
	scene_expect_fill(&scene, first, CMABULK_EFFORT_NORMAL, 200);
	scene_filled(&scene, first, 0, 200);
	scene_expect_export(&scene, first, BROKER_COMPLETE, 0, 500);
	scene_expect_fill(&scene, second, CMABULK_EFFORT_FAST, 1);
	scene_filled(&scene, second, 0, 1);
	scene_expect_export(&scene, second, BROKER_COMPLETE, 0, 1);
	scene_clear(&scene);
}

/* Grants whatever is said to whoever it is said, and counts. */
static void serve(struct scene *scene, struct broker_request *const *requests, uint64_t *granted,
		  unsigned int count, unsigned int fills, uint64_t elapsed_per_page_ns[])
{
	for (unsigned int i = 0; i < fills; i++) {
		struct broker_action action;

		broker_next(scene->broker, scene->now_ns, &action);
		g_assert_cmpint(action.type, ==, BROKER_FILL);
		for (unsigned int j = 0; j < count; j++) {
			if (action.request != requests[j])
				continue;
			granted[j] += action.chunks;
			scene_filled_slowly(scene, action.request, 0, action.chunks,
					    action.chunks * elapsed_per_page_ns[j]);
		}
	}
}

static void drop(struct scene *scene, struct broker_request *request, uint64_t claimed)
{
	broker_cancel(scene->broker, request);
	scene_expect_finish(scene, request, BROKER_CANCELLED, -ECANCELED, claimed);
}

static void by_weight(void)
{
	struct broker_request *requests[2];
	uint64_t granted[2] = { 0 };
	struct scene scene;

	scene_init(&scene);
	requests[0] = scene_submit(&scene, 1005, 400);
	requests[1] = scene_submit(&scene, 1004, 600);
	serve(&scene, requests, granted, 2, 3, (uint64_t[]){ 1, 1 });
	/* 50 : 300, but for the page that did not fit whole */
	g_assert_cmpuint(granted[0], ==, SCENE_TURN / 2 + 1);
	g_assert_cmpuint(granted[1], ==, SCENE_TURN * 3);
	drop(&scene, requests[0], granted[0]);
	drop(&scene, requests[1], granted[1]);
	scene_clear(&scene);
}

/* Memory that is hard to get costs the worker's time, which others could have had. */
static void slow_memory_is_dear(void)
{
	struct broker_request *requests[2];
	uint64_t granted[2] = { 0 };
	struct scene scene;

	scene_init(&scene);
	requests[0] = scene_submit(&scene, 2000, 450);
	requests[1] = scene_submit(&scene, 2001, 550);
	serve(&scene, requests, granted, 2, 4, (uint64_t[]){ 1000, 10000 });
	g_assert_cmpuint(granted[0], >, granted[1] * 2);
	drop(&scene, requests[0], granted[0]);
	drop(&scene, requests[1], granted[1]);
	scene_clear(&scene);
}

static void nothing_costs_a_turn(void)
{
	struct broker_request *first;
	struct broker_request *second;
	struct scene scene;

	scene_init(&scene);
	first = scene_submit(&scene, 2000, 400);
	second = scene_submit(&scene, 2001, 400);
	scene_expect_fill(&scene, first, CMABULK_EFFORT_FAST, SCENE_TURN);
	scene_filled(&scene, first, -EBUSY, 0);
	scene_expect_fill(&scene, second, CMABULK_EFFORT_FAST, SCENE_TURN);
	scene_filled(&scene, second, 0, SCENE_TURN);
	scene_expect_fill(&scene, first, CMABULK_EFFORT_NORMAL, SCENE_TURN);
	scene_filled(&scene, first, 0, SCENE_TURN);
	drop(&scene, first, SCENE_TURN);
	drop(&scene, second, SCENE_TURN);
	scene_clear(&scene);
}

/* One chunk at a time, each time interrupting: that stops nobody. */
static void who_asks_often_asks_in_turn(void)
{
	struct broker_request *big;
	struct scene scene;
	uint64_t got = 0;

	scene_init(&scene);
	big = scene_submit(&scene, 2000, 900);
	scene_expect_fill(&scene, big, CMABULK_EFFORT_FAST, 900);
	for (unsigned int i = 0; i < 5; i++) {
		struct broker_request *small = scene_submit(&scene, 2001, 1);
		struct broker_action action;

		if (i == 0) {
			scene_expect_interrupt(&scene, big);
			scene_filled(&scene, big, -EINTR, 0);
		} else {
			/* It has its turn to itself. */
			scene_expect_nothing(&scene);
			scene_filled(&scene, big, 0, SCENE_TURN);
			got += SCENE_TURN;
		}
		scene_expect_fill(&scene, small, CMABULK_EFFORT_FAST, 1);
		scene_filled(&scene, small, 0, 1);
		scene_expect_export(&scene, small, BROKER_COMPLETE, 0, 1);
		broker_next(scene.broker, scene.now_ns, &action);
		g_assert_true(action.type == BROKER_FILL && action.request == big);
		if (i > 0) {
			scene_expect_nothing(&scene);
			small = scene_submit(&scene, 2001, 1);
			scene_expect_interrupt(&scene, big);
			scene_filled(&scene, big, -EINTR, 0);
			scene_expect_fill(&scene, small, CMABULK_EFFORT_FAST, 1);
			scene_filled(&scene, small, 0, 1);
			scene_expect_export(&scene, small, BROKER_COMPLETE, 0, 1);
			broker_next(scene.broker, scene.now_ns, &action);
			g_assert_true(action.type == BROKER_FILL && action.request == big);
		}
		g_assert_cmpuint(action.chunks, ==, SCENE_TURN);
	}
	g_assert_cmpuint(got, ==, 4 * SCENE_TURN);
	scene_filled(&scene, big, 0, SCENE_TURN);
	drop(&scene, big, 5 * SCENE_TURN);
	scene_clear(&scene);
}

static void who_has_no_room_interrupts_nobody(void)
{
	struct broker_request *first;
	struct broker_request *second;
	struct scene scene;

	scene_init(&scene);
	first = scene_submit(&scene, 2000, 600);
	scene_expect_fill(&scene, first, CMABULK_EFFORT_FAST, 600);
	second = scene_submit(&scene, 2001, 401);
	scene_expect_nothing(&scene);
	/* The kernel's count goes down as the fill goes on: that is no other's. */
	scene_free_pages(&scene, 700);
	scene_expect_nothing(&scene);
	drop(&scene, second, 0);
	second = scene_submit(&scene, 2001, 400);
	scene_expect_interrupt(&scene, first);
	scene_free_pages(&scene, 1000);
	scene_filled(&scene, first, -EINTR, 300);
	scene_expect_fill(&scene, second, CMABULK_EFFORT_FAST, SCENE_TURN);
	scene_filled(&scene, second, 0, SCENE_TURN);
	drop(&scene, second, SCENE_TURN);
	drop(&scene, first, 300);
	scene_clear(&scene);
}

static void a_shared_account_is_one(void)
{
	struct broker_request *first;
	struct broker_request *second;
	struct scene scene;

	scene_init(&scene);
	first = scene_submit(&scene, 1006, 10);
	second = scene_submit(&scene, 1006, 10);
	g_assert_cmpstr(broker_request_get_account(first), ==, "team@7");
	g_assert_cmpuint(broker_request_get_uid(first), ==, ACCOUNT_UID_SHARED);
	g_assert_cmpuint(scene_usage(&scene, "team@7").pending, ==, 2);
	drop(&scene, first, 0);
	drop(&scene, second, 0);
	scene_clear(&scene);
}

void add_turns(void)
{
	g_test_add_func("/turn/alone-it-is-one-fill", alone_it_is_one_fill);
	g_test_add_func("/turn/one-account-is-first-come-first-served",
			one_account_is_first_come_first_served);
	g_test_add_func("/turn/by-weight", by_weight);
	g_test_add_func("/turn/slow-memory-is-dear", slow_memory_is_dear);
	g_test_add_func("/turn/nothing-costs-a-turn", nothing_costs_a_turn);
	g_test_add_func("/turn/who-asks-often-asks-in-turn", who_asks_often_asks_in_turn);
	g_test_add_func("/turn/who-has-no-room-interrupts-nobody",
			who_has_no_room_interrupts_nobody);
	g_test_add_func("/turn/a-shared-account-is-one", a_shared_account_is_one);
}
