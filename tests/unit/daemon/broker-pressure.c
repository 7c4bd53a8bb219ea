// SPDX-License-Identifier: LGPL-2.1-or-later
/* Who is asked to give memory back, how much, and how often. */
#include "scene.h"
#include "suites.h"

#define MSEC UINT64_C(1000000)

/* Three accounts have it all, and one waits for 300 pages; 0.1 s later. */
static struct broker_request *wait_for_300(struct scene *scene)
{
	struct broker_request *request;

	scene_init(scene);
	scene_give(scene, 1000, 500);
	scene_give(scene, 1004, 100);
	scene_give(scene, 1005, 400);
	request = scene_submit(scene, 2000, 300);
	scene_expect_asked(scene, "");
	g_assert_cmpuint(broker_wakeup(scene->broker), ==, scene->now_ns + 100 * MSEC);
	scene->now_ns += 100 * MSEC;
	return request;
}

static void end(struct scene *scene, struct broker_request *request)
{
	broker_cancel(scene->broker, request);
	scene_expect_finish(scene, request, BROKER_CANCELLED, -ECANCELED, 0);
	scene_expect_asked(scene, "");
	scene_clear(scene);
}

/* Who has most is asked first, and nobody more than it takes. */
static void most_over_first(void)
{
	struct broker_request *request;
	struct scene scene;

	request = wait_for_300(&scene);
	scene_expect_asked(&scene, "default:1000 300");
	end(&scene, request);
}

/* He has a second; then the next is, and after five he is again. */
static void who_does_nothing_is_not_counted_on(void)
{
	struct broker_request *request;
	struct scene scene;

	request = wait_for_300(&scene);
	scene_expect_asked(&scene, "default:1000 300");
	g_assert_cmpuint(broker_wakeup(scene.broker), ==, scene.now_ns + SCENE_SECOND);
	scene.now_ns += SCENE_SECOND;
	scene_expect_asked(&scene, "light:1005 300");
	scene.now_ns += SCENE_SECOND;
	scene_expect_asked(&scene, "heavy:1004 100");
	scene.now_ns += SCENE_SECOND;
	scene_expect_asked(&scene, "");
	g_assert_cmpuint(broker_wakeup(scene.broker), ==, scene.now_ns + 2 * SCENE_SECOND);
	scene.now_ns += 2 * SCENE_SECOND;
	scene_expect_asked(&scene, "default:1000 300");
	end(&scene, request);
}

/* Nobody of the account that has most is there: no second is lost for that. */
static void who_cannot_hear_is_passed_over(void)
{
	struct broker_request *request;
	struct scene scene;

	request = wait_for_300(&scene);
	scene.deaf = "default:1000";
	scene_expect_asked(&scene, "light:1005 300");
	g_assert_cmpuint(broker_wakeup(scene.broker), ==, scene.now_ns + SCENE_SECOND);
	scene.now_ns += SCENE_SECOND;
	scene_expect_asked(&scene, "heavy:1004 100");
	/* Somebody comes. */
	scene.deaf = NULL;
	scene.now_ns += 4 * SCENE_SECOND;
	scene_expect_asked(&scene, "default:1000 300");
	end(&scene, request);
}

/* There is nobody else, and an end to looking. */
static void nobody_can_hear(void)
{
	struct broker_request *request;
	struct scene scene;

	scene_init(&scene);
	scene_give(&scene, 1000, 1000);
	scene.deaf = "default:1000";
	request = scene_submit(&scene, 2000, 300);
	scene.now_ns += 100 * MSEC;
	scene_expect_asked(&scene, "");
	g_assert_cmpuint(broker_wakeup(scene.broker), ==, scene.now_ns + 5 * SCENE_SECOND);
	end(&scene, request);
}

/* As many as it takes, at once. */
static void together_they_have_enough(void)
{
	struct broker_request *request;
	struct scene scene;

	scene_init(&scene);
	scene_give(&scene, 1000, 500);
	scene_give(&scene, 1004, 100);
	scene_give(&scene, 1005, 400);
	request = scene_submit(&scene, 2000, 950);
	scene.now_ns += 100 * MSEC;
	scene_expect_asked(&scene, "default:1000 500, light:1005 400, heavy:1004 50");
	end(&scene, request);
}

static void the_release_wakes_who_waits(void)
{
	struct broker_request *request;
	struct scene scene;
	uint64_t id;

	scene_init(&scene);
	id = scene_give(&scene, 1000, 1000);
	request = scene_submit(&scene, 2000, 300);
	scene.now_ns += 100 * MSEC;
	scene_expect_asked(&scene, "default:1000 300");
	scene_released(&scene, id, 1000);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 300);
	scene_filled(&scene, request, 0, 300);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 300);
	scene_clear(&scene);
}

/* 1001 is guaranteed 300 pages and has 400, the team 200 and has 100. */
static void not_below_the_guarantee(void)
{
	struct broker_request *request;
	struct scene scene;

	scene_init(&scene);
	scene_guarantee(&scene, 300, 200);
	scene_give(&scene, 1001, 400);
	scene_give(&scene, 1006, 100);
	request = scene_submit(&scene, 2000, 500);
	scene.now_ns += 100 * MSEC;
	scene_expect_asked(&scene, "half:1001 100");
	end(&scene, request);
}

/* What is guaranteed and not there: others had eaten into it before it was. */
static void a_guarantee_is_critical(void)
{
	struct broker_request *request;
	struct scene scene;

	scene_init(&scene);
	scene_give(&scene, 1000, 900);
	scene_guarantee(&scene, 300, 0);
	request = scene_submit(&scene, 1001, 200);
	scene.now_ns += 100 * MSEC;
	scene_expect_asked(&scene, "default:1000 100!");
	end(&scene, request);
}

/* It lacks nothing but room in its own account. */
static void ones_own_limit_is_nobody_elses_trouble(void)
{
	struct broker_request *request, *waiting;
	struct scene scene;

	scene_init(&scene);
	scene_give(&scene, 1000, 400);
	request = scene_submit(&scene, 1001, 400);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 400);
	waiting = scene_submit(&scene, 1001, 200);
	scene.now_ns += 100 * MSEC;
	scene_expect_asked(&scene, "");
	scene_filled(&scene, request, 0, 400);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 400);
	scene_expect_asked(&scene, "");
	end(&scene, waiting);
}

/* What was released, and is on its way. */
static void what_is_coming_is_not_asked_for(void)
{
	struct broker_request *request;
	struct scene scene;

	request = wait_for_300(&scene);
	broker_set_draining(scene.broker, 300);
	scene_expect_asked(&scene, "");
	g_assert_cmpuint(broker_wakeup(scene.broker), ==, 25 * SCENE_SECOND);
	broker_set_draining(scene.broker, 250);
	scene_expect_asked(&scene, "default:1000 50");
	end(&scene, request);
}

/* The waiting step of the retry policy: 100 would not move, though 400 are free. */
static void what_would_not_move_is_asked_for(void)
{
	struct broker_request *request;
	struct retry retry;
	struct scene scene;

	scene_init(&scene);
	retry_init(&retry);
	g_assert_cmpint(retry_parse_steps("fast wait hard", &retry), ==, 0);
	broker_set_retry(scene.broker, &retry);
	scene_give(&scene, 1000, 600);
	request = scene_submit(&scene, 2000, 100);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 100);
	scene_filled(&scene, request, -EBUSY, 0);
	scene_expect_give_back(&scene, request);
	scene.now_ns += 100 * MSEC;
	scene_expect_asked(&scene, "default:1000 100");
	end(&scene, request);
}

void add_pressure(void)
{
	g_test_add_func("/pressure/most-over-first", most_over_first);
	g_test_add_func("/pressure/who-does-nothing-is-not-counted-on",
			who_does_nothing_is_not_counted_on);
	g_test_add_func("/pressure/who-cannot-hear-is-passed-over", who_cannot_hear_is_passed_over);
	g_test_add_func("/pressure/nobody-can-hear", nobody_can_hear);
	g_test_add_func("/pressure/together-they-have-enough", together_they_have_enough);
	g_test_add_func("/pressure/the-release-wakes-who-waits", the_release_wakes_who_waits);
	g_test_add_func("/pressure/not-below-the-guarantee", not_below_the_guarantee);
	g_test_add_func("/pressure/a-guarantee-is-critical", a_guarantee_is_critical);
	g_test_add_func("/pressure/ones-own-limit-is-nobody-elses-trouble",
			ones_own_limit_is_nobody_elses_trouble);
	g_test_add_func("/pressure/what-is-coming-is-not-asked-for",
			what_is_coming_is_not_asked_for);
	g_test_add_func("/pressure/what-would-not-move-is-asked-for",
			what_would_not_move_is_asked_for);
}
