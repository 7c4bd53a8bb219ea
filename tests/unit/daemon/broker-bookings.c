// SPDX-License-Identifier: LGPL-2.1-or-later
/* Nobody holds memory while it waits for more: what is promised always fits. */
#include <glib.h>

#include "scene.h"
#include "suites.h"

static uint64_t complete(struct scene *scene, struct broker_request *request, uint64_t chunks)
{
	scene_expect_fill(scene, request, CMABULK_EFFORT_FAST, chunks);
	scene_filled(scene, request, 0, chunks);
	return scene_expect_export(scene, request, BROKER_COMPLETE, 0, chunks);
}

static void three_of_three_quarters(void)
{
	struct broker_request *requests[3];
	struct scene scene;
	uint64_t id;

	scene_init(&scene);
	for (unsigned int i = 0; i < 3; i++)
		requests[i] = scene_submit(&scene, 2000 + i, 750);
	for (unsigned int i = 0; i < 3; i++) {
		id = complete(&scene, requests[i], 750);
		/* The buffer lives: that is no reason to try anything. */
		scene_expect_nothing(&scene);
		scene.now_ns += SCENE_SECOND;
		scene_expect_nothing(&scene);
		scene_released(&scene, id, 750);
	}
	scene_clear(&scene);
}

/* It could be booked beside the first one, not beside both. */
static void small_ones_pass(void)
{
	struct broker_request *first;
	struct broker_request *second;
	struct broker_request *small;
	struct scene scene;

	scene_init(&scene);
	first = scene_submit(&scene, 2000, 750);
	second = scene_submit(&scene, 2001, 750);
	scene_expect_fill(&scene, first, CMABULK_EFFORT_FAST, 750);
	scene_expect_nothing(&scene);
	small = scene_submit(&scene, 2002, 1);
	scene_expect_interrupt(&scene, first);
	scene_expect_nothing(&scene);
	scene_filled(&scene, first, -EINTR, 10);
	complete(&scene, small, 1);
	/* Alone again, but it was disturbed: the rest of its turn for itself, and then all. */
	scene_expect_fill(&scene, first, CMABULK_EFFORT_FAST, SCENE_TURN - 10);
	scene_filled(&scene, first, 0, SCENE_TURN - 10);
	scene_expect_fill(&scene, first, CMABULK_EFFORT_FAST, 750 - SCENE_TURN);
	scene_filled(&scene, first, 0, 750 - SCENE_TURN);
	scene_expect_export(&scene, first, BROKER_COMPLETE, 0, 750);
	broker_cancel(scene.broker, second);
	scene_expect_finish(&scene, second, BROKER_CANCELLED, -ECANCELED, 0);
	scene_clear(&scene);
}

static void what_can_be_had(void)
{
	struct broker_request *request;
	struct scene scene;
	struct broker_ask ask;

	scene_init(&scene);
	scene_free_pages(&scene, 300);
	ask = scene_ask(&scene, 750);
	ask.minimum = 200;
	request = scene_submit_ask(&scene, 2000, &ask);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 300);
	scene_filled(&scene, request, 0, 300);
	scene_expect_export(&scene, request, BROKER_PARTIAL, -EBUSY, 300);
	scene_clear(&scene);
}

static void what_came_back_meanwhile(void)
{
	struct broker_request *request;
	struct scene scene;
	struct broker_ask ask;

	scene_init(&scene);
	scene_free_pages(&scene, 300);
	ask = scene_ask(&scene, 750);
	ask.minimum = 1;
	request = scene_submit_ask(&scene, 2000, &ask);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 300);
	scene_filled(&scene, request, 0, 300);
	scene_free_pages(&scene, 700);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 450);
	scene_filled(&scene, request, 0, 450);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 750);
	scene_clear(&scene);
}

/* More is there, and it may not have it any more: what it has is within the new limit, and kept. */
static void a_lower_limit_takes_nothing_away(void)
{
	struct broker_request *request;
	struct scene scene;
	struct broker_ask ask;

	scene_init(&scene);
	scene_free_pages(&scene, 400);
	ask = scene_ask(&scene, 450);
	ask.minimum = 300;
	request = scene_submit_ask(&scene, 1001, &ask);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 400);
	scene_filled(&scene, request, 0, 400);
	scene_limit(&scene, 420);
	scene_free_pages(&scene, 100);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 20);
	scene_filled(&scene, request, 0, 20);
	scene_expect_export(&scene, request, BROKER_PARTIAL, -ENOSPC, 420);
	scene_clear(&scene);
}

static void less_than_it_needs(void)
{
	struct broker_request *request;
	struct scene scene;

	scene_init(&scene);
	scene_free_pages(&scene, 300);
	request = scene_submit(&scene, 2000, 301);
	scene_expect_nothing(&scene);
	scene_sleep_until(&scene, 25 * SCENE_SECOND);
	scene_expect_finish(&scene, request, BROKER_TIMED_OUT, -EBUSY, 0);
	scene_clear(&scene);
}

static void waits_for_pages_on_their_way(void)
{
	struct broker_request *request;
	struct scene scene;
	struct broker_ask ask;

	scene_init(&scene);
	scene_free_pages(&scene, 300);
	broker_set_draining(scene.broker, 600);
	ask = scene_ask(&scene, 750);
	ask.minimum = 1;
	request = scene_submit_ask(&scene, 2000, &ask);
	scene_expect_nothing(&scene);
	g_assert_cmpuint(broker_wakeup(scene.broker), ==, 6 * SCENE_SECOND);
	scene_free_pages(&scene, 900);
	broker_set_draining(scene.broker, 0);
	complete(&scene, request, 750);
	scene_clear(&scene);
}

static void but_not_for_ever(void)
{
	struct broker_request *request;
	struct scene scene;
	struct broker_ask ask;

	scene_init(&scene);
	scene_free_pages(&scene, 300);
	broker_set_draining(scene.broker, 600);
	ask = scene_ask(&scene, 750);
	ask.minimum = 1;
	request = scene_submit_ask(&scene, 2000, &ask);
	scene_expect_nothing(&scene);
	scene.now_ns = broker_wakeup(scene.broker);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 300);
	scene_filled(&scene, request, 0, 300);
	scene_expect_export(&scene, request, BROKER_PARTIAL, -EBUSY, 300);
	scene_clear(&scene);
}

static void load_draining(struct scene *scene, uint64_t pages)
{
	const struct cmabulk_buffer_info info = {
		.id = 70,
		.object = CMABULK_OBJECT_BUFFER,
		.state = CMABULK_STATE_DRAINING,
		.chunks = pages,
		.pages = pages,
	};

	broker_load(scene->broker, &info, 1, scene->sequence);
}

/* The books are read for anybody who asks for a list. */
static void who_looks_ends_no_wait(void)
{
	struct broker_request *request;
	struct scene scene;
	struct broker_ask ask;

	scene_init(&scene);
	scene_free_pages(&scene, 300);
	load_draining(&scene, 600);
	ask = scene_ask(&scene, 750);
	ask.minimum = 1;
	request = scene_submit_ask(&scene, 2000, &ask);
	scene_expect_nothing(&scene);
	load_draining(&scene, 600);
	scene_expect_nothing(&scene);
	load_draining(&scene, 500);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 300);
	scene_filled(&scene, request, 0, 300);
	scene_expect_export(&scene, request, BROKER_PARTIAL, -EBUSY, 300);
	scene_clear(&scene);
}

/* Two that share, and the older one comes short; the younger one's reservation is 50. */
static void two_share(struct scene *scene, struct broker_request **older,
		      struct broker_request **younger)
{
	scene_init(scene);
	*older = scene_submit(scene, 2000, 400);
	*younger = scene_submit(scene, 2001, 400);
	scene_expect_fill(scene, *older, CMABULK_EFFORT_FAST, SCENE_TURN);
	scene_filled(scene, *older, 0, SCENE_TURN);
	scene_expect_fill(scene, *younger, CMABULK_EFFORT_FAST, SCENE_TURN);
	broker_request_set_reservation(*younger, 50);
	scene_filled(scene, *younger, 0, SCENE_TURN);
	scene_expect_fill(scene, *older, CMABULK_EFFORT_FAST, SCENE_TURN);
	scene_filled(scene, *older, -EBUSY, 5);
}

/* Once what the younger one held has come back, and not before: fast again, and all of it. */
static void older_goes_on(struct scene *scene, struct broker_request *older)
{
	scene_expect_nothing(scene);
	g_assert_cmpint(scene_event(scene, CMABULK_CMD_DROPPED, 50, SCENE_TURN), ==, 0);
	scene_free_pages(scene, scene->free_pages + SCENE_TURN);
	scene_expect_fill(scene, older, CMABULK_EFFORT_FAST, 400 - SCENE_TURN - 5);
	scene_filled(scene, older, 0, 400 - SCENE_TURN - 5);
	scene_expect_export(scene, older, BROKER_COMPLETE, 0, 400);
}

static void the_youngest_gives_back(void)
{
	struct broker_request *older;
	struct broker_request *younger;
	struct scene scene;

	two_share(&scene, &older, &younger);
	scene_expect_give_back(&scene, younger);
	g_assert_cmpuint(scene_usage(&scene, "default:2001").booked_bytes, ==, 0);
	/* It is on its way: wait for that, then fast again. The other one waits until it is done. */
	older_goes_on(&scene, older);
	complete(&scene, younger, 400);
	scene_clear(&scene);
}

/* It is cancelled before it is told to give back: what it held is waited for all the same. */
static void the_youngest_is_cancelled(void)
{
	struct broker_request *older;
	struct broker_request *younger;
	struct scene scene;

	two_share(&scene, &older, &younger);
	broker_cancel(scene.broker, younger);
	scene_expect_finish(&scene, younger, BROKER_CANCELLED, -ECANCELED, SCENE_TURN);
	older_goes_on(&scene, older);
	scene_clear(&scene);
}

/* The younger one comes short: it makes room itself. */
static void the_youngest_gives_way(void)
{
	struct broker_request *older;
	struct broker_request *younger;
	struct scene scene;

	scene_init(&scene);
	older = scene_submit(&scene, 2000, 200);
	younger = scene_submit(&scene, 2001, 200);
	scene_expect_fill(&scene, older, CMABULK_EFFORT_FAST, SCENE_TURN);
	scene_filled(&scene, older, 0, SCENE_TURN);
	scene_expect_fill(&scene, younger, CMABULK_EFFORT_FAST, SCENE_TURN);
	scene_filled(&scene, younger, -EBUSY, 5);
	scene_expect_give_back(&scene, younger);
	scene_expect_fill(&scene, older, CMABULK_EFFORT_FAST, 75);
	scene_filled(&scene, older, 0, 75);
	scene_expect_export(&scene, older, BROKER_COMPLETE, 0, 200);
	complete(&scene, younger, 200);
	scene_clear(&scene);
}

static void a_newcomer_takes_nothing_away(void)
{
	struct broker_request *older;
	struct broker_request *newcomer;
	struct scene scene;

	scene_init(&scene);
	older = scene_submit(&scene, 2000, 400);
	scene_expect_fill(&scene, older, CMABULK_EFFORT_FAST, 400);
	newcomer = scene_submit(&scene, 2001, 1);
	scene_expect_interrupt(&scene, older);
	scene_filled(&scene, older, -EINTR, 390);
	scene_expect_fill(&scene, newcomer, CMABULK_EFFORT_FAST, 1);
	scene_filled(&scene, newcomer, -EBUSY, 0);
	scene_expect_fill(&scene, newcomer, CMABULK_EFFORT_NORMAL, 1);
	scene_filled(&scene, newcomer, 0, 1);
	scene_expect_export(&scene, newcomer, BROKER_COMPLETE, 0, 1);
	scene_expect_fill(&scene, older, CMABULK_EFFORT_FAST, 10);
	scene_filled(&scene, older, 0, 10);
	scene_expect_export(&scene, older, BROKER_COMPLETE, 0, 400);
	scene_clear(&scene);
}

void add_bookings(void)
{
	g_test_add_func("/booking/three-of-three-quarters", three_of_three_quarters);
	g_test_add_func("/booking/small-ones-pass", small_ones_pass);
	g_test_add_func("/booking/what-can-be-had", what_can_be_had);
	g_test_add_func("/booking/what-came-back-meanwhile", what_came_back_meanwhile);
	g_test_add_func("/booking/a-lower-limit-takes-nothing-away",
			a_lower_limit_takes_nothing_away);
	g_test_add_func("/booking/less-than-it-needs", less_than_it_needs);
	g_test_add_func("/booking/waits-for-pages-on-their-way", waits_for_pages_on_their_way);
	g_test_add_func("/booking/but-not-for-ever", but_not_for_ever);
	g_test_add_func("/booking/who-looks-ends-no-wait", who_looks_ends_no_wait);
	g_test_add_func("/booking/the-youngest-gives-back", the_youngest_gives_back);
	g_test_add_func("/booking/the-youngest-is-cancelled", the_youngest_is_cancelled);
	g_test_add_func("/booking/the-youngest-gives-way", the_youngest_gives_way);
	g_test_add_func("/booking/a-newcomer-takes-nothing-away", a_newcomer_takes_nothing_away);
}
