// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is claimed ahead, and somebody who lacks memory: it is the first to go, and nobody waits for it. */
#include "scene-ahead.h"
#include "suites.h"

/* The youngest first, and no more than it takes. */
static void it_goes_when_somebody_lacks_memory(void)
{
	struct broker_request *older, *younger, *request;
	struct scene scene;

	scene_init(&scene);
	older = scene_keep_ahead(&scene, 1000, 300, 71);
	younger = scene_keep_ahead(&scene, 1000, 300, 72);
	request = scene_submit(&scene, 2000, 600);
	scene_expect_dropped(&scene, younger, 300);
	scene_expect_nothing(&scene);
	scene_comes_back(&scene, 300);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 600);
	scene_filled(&scene, request, 0, 600);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 600);
	scene_drop_ahead(&scene, older, 300);
	scene_clear(&scene);
}

/* Enough is free, but would not move. */
static void it_goes_when_somebody_comes_short(void)
{
	struct broker_request *ahead, *request;
	struct scene scene;

	scene_init(&scene);
	ahead = scene_keep_ahead(&scene, 1000, 300, 77);
	request = scene_submit(&scene, 2000, 300);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 300);
	scene_filled(&scene, request, -EBUSY, 100);
	scene_expect_dropped(&scene, ahead, 300);
	scene_expect_nothing(&scene);
	scene_comes_back(&scene, 300);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 200);
	scene_filled(&scene, request, 0, 200);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 300);
	scene_clear(&scene);
}

/* Others could not have it anyway. */
static void what_is_guaranteed_does_not_go(void)
{
	struct broker_request *ahead, *request;
	struct scene scene;

	scene_init(&scene);
	scene_guarantee(&scene, 300, 0);
	ahead = scene_keep_ahead(&scene, 1001, 300, 77);
	scene_give(&scene, 1004, 300);
	request = scene_submit(&scene, 2000, 500);
	scene_expect_nothing(&scene);
	broker_cancel(scene.broker, request);
	scene_expect_finish(&scene, request, BROKER_CANCELLED, -ECANCELED, 0);
	scene_drop_ahead(&scene, ahead, 300);
	scene_clear(&scene);
}

/* That it is kept is no reason to wait: who is content with less has it at once. */
static void nobody_waits_for_what_is_kept(void)
{
	struct broker_request *ahead, *request;
	struct broker_ask ask;
	struct scene scene;

	scene_init(&scene);
	scene_guarantee(&scene, 300, 0);
	ahead = scene_keep_ahead(&scene, 1001, 300, 77);
	ask = scene_ask(&scene, 1000);
	ask.minimum = 100;
	request = scene_submit_ask(&scene, 2000, &ask);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 700);
	scene_filled(&scene, request, 0, 700);
	scene_expect_export(&scene, request, BROKER_PARTIAL, -EBUSY, 700);
	scene_drop_ahead(&scene, ahead, 300);
	scene_clear(&scene);
}

/* Until then that much was claimed. */
static void newcomer_goes_first(struct scene *scene, uid_t uid, struct broker_request *ahead,
				uint64_t claimed)
{
	struct broker_request *request = scene_submit(scene, uid, 10);

	scene_expect_interrupt(scene, ahead);
	scene_filled(scene, ahead, -EINTR, claimed);
	scene_expect_fill(scene, request, CMABULK_EFFORT_FAST, 10);
	scene_filled(scene, request, 0, 10);
	scene_expect_export(scene, request, BROKER_COMPLETE, 0, 10);
}

/* Whoever comes, of its own account, too. */
static void its_fill_gives_way(void)
{
	struct broker_request *ahead;
	struct scene scene;

	scene_init(&scene);
	ahead = scene_submit_ahead(&scene, 1000, 300);
	scene_expect_fill(&scene, ahead, CMABULK_EFFORT_FAST, 300);
	newcomer_goes_first(&scene, 1000, ahead, 100);
	scene_expect_fill(&scene, ahead, CMABULK_EFFORT_FAST, 200);
	newcomer_goes_first(&scene, 2000, ahead, 0);
	scene_expect_kept(&scene, ahead, 200);
	scene_drop_ahead(&scene, ahead, 300);
	scene_clear(&scene);
}

/* Nothing is claimed for nobody while somebody waits for it. */
static void it_waits_for_those_who_lack_memory(void)
{
	struct broker_request *ahead, *request;
	struct scene scene;
	uint64_t id;

	scene_init(&scene);
	id = scene_give(&scene, 1004, 600);
	request = scene_submit(&scene, 2000, 500);
	ahead = scene_submit_ahead(&scene, 1000, 100);
	scene_expect_nothing(&scene);
	scene_released(&scene, id, 600);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 500);
	scene_filled(&scene, request, 0, 500);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 500);
	scene_expect_kept(&scene, ahead, 100);
	scene_drop_ahead(&scene, ahead, 100);
	scene_clear(&scene);
}

/* Interrupted, it holds a part and cannot be dropped: nobody waits for its end. */
static void nobody_waits_for_what_is_being_filled(void)
{
	struct broker_request *ahead, *request;
	struct broker_ask ask;
	struct scene scene;

	scene_init(&scene);
	scene_guarantee(&scene, 300, 0);
	ahead = scene_submit_ahead(&scene, 1001, 300);
	scene_expect_fill(&scene, ahead, CMABULK_EFFORT_FAST, 300);
	ask = scene_ask(&scene, 1000);
	ask.minimum = 1;
	request = scene_submit_ask(&scene, 2000, &ask);
	scene_expect_interrupt(&scene, ahead);
	scene_filled(&scene, ahead, -EINTR, 100);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 700);
	scene_filled(&scene, request, -EBUSY, 500);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_NORMAL, 200);
	scene_filled(&scene, request, 0, 200);
	scene_expect_export(&scene, request, BROKER_PARTIAL, -EBUSY, 700);
	scene_expect_kept(&scene, ahead, 200);
	scene_drop_ahead(&scene, ahead, 300);
	scene_clear(&scene);
}

/* The oldest cannot be helped: that is no reason not to help the next. */
static void whoever_can_be_helped_is(void)
{
	struct broker_request *ahead, *hopeless, *request;
	struct broker_ask ask;
	struct scene scene;

	scene_init(&scene);
	scene_guarantee(&scene, 300, 0);
	scene_give(&scene, 1000, 700);
	ahead = scene_keep_ahead(&scene, 1001, 300, 77);
	hopeless = scene_submit(&scene, 2000, 500);
	scene_expect_nothing(&scene);
	ask = scene_ask(&scene, 150);
	ask.order = 1;
	request = scene_submit_ask(&scene, 1001, &ask);
	scene_expect_dropped(&scene, ahead, 300);
	scene_comes_back(&scene, 300);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 150);
	scene_filled(&scene, request, 0, 150);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 150);
	broker_cancel(scene.broker, hopeless);
	scene_expect_finish(&scene, hopeless, BROKER_CANCELLED, -ECANCELED, 0);
	scene_clear(&scene);
}

/* However many are claimed ahead meanwhile: it gets on to its next effort. */
static void it_is_dropped_once_for_a_request(void)
{
	struct broker_request *first, *second, *request;
	struct scene scene;

	scene_init(&scene);
	first = scene_keep_ahead(&scene, 1000, 100, 71);
	second = scene_keep_ahead(&scene, 1000, 100, 72);
	request = scene_submit(&scene, 2000, 300);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 300);
	scene_filled(&scene, request, -EBUSY, 0);
	scene_expect_dropped(&scene, second, 100);
	scene_expect_finish(&scene, first, BROKER_CANCELLED, -ECANCELED, 100);
	/* Nothing is claimed ahead while it waits for those. */
	first = scene_submit_ahead(&scene, 1000, 100);
	scene_expect_nothing(&scene);
	g_assert_cmpint(scene_event(&scene, CMABULK_CMD_DROPPED, 71, 100), ==, 0);
	g_assert_cmpint(scene_event(&scene, CMABULK_CMD_DROPPED, 72, 100), ==, 0);
	scene_comes_back(&scene, 200);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 300);
	scene_filled(&scene, request, -EBUSY, 0);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_NORMAL, 300);
	scene_filled(&scene, request, 0, 300);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 300);
	scene_expect_kept(&scene, first, 100);
	scene_drop_ahead(&scene, first, 100);
	scene_clear(&scene);
}

void add_ahead_lacking(void)
{
	g_test_add_func("/ahead/it-goes-when-somebody-lacks-memory",
			it_goes_when_somebody_lacks_memory);
	g_test_add_func("/ahead/it-goes-when-somebody-comes-short",
			it_goes_when_somebody_comes_short);
	g_test_add_func("/ahead/what-is-guaranteed-does-not-go", what_is_guaranteed_does_not_go);
	g_test_add_func("/ahead/nobody-waits-for-what-is-kept", nobody_waits_for_what_is_kept);
	g_test_add_func("/ahead/its-fill-gives-way", its_fill_gives_way);
	g_test_add_func("/ahead/it-waits-for-those-who-lack-memory",
			it_waits_for_those_who_lack_memory);
	g_test_add_func("/ahead/nobody-waits-for-what-is-being-filled",
			nobody_waits_for_what_is_being_filled);
	g_test_add_func("/ahead/whoever-can-be-helped-is", whoever_can_be_helped_is);
	g_test_add_func("/ahead/it-is-dropped-once-for-a-request",
			it_is_dropped_once_for_a_request);
}
