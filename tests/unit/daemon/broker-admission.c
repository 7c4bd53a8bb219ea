// SPDX-License-Identifier: LGPL-2.1-or-later
/* Who is let in, and what those that are not are told. */
#include <glib.h>

#include "scene.h"
#include "suites.h"

static void assert_refusal(const struct broker_refusal *refusal, const char *reason, uint64_t asked,
			   uint64_t used, uint64_t maximum)
{
	g_assert_cmpstr(refusal->reason, ==, reason);
	g_assert_cmpuint(refusal->asked, ==, asked);
	g_assert_cmpuint(refusal->used, ==, used);
	g_assert_cmpuint(refusal->maximum, ==, maximum);
}

static void assert_invalid(struct scene *scene, struct broker_ask ask)
{
	g_assert_cmpint(scene_refused(scene, 1000, &ask, NULL), ==, -EINVAL);
}

static void what_makes_no_sense(void)
{
	struct scene scene;
	struct broker_ask ask;

	scene_init(&scene);
	ask = scene_ask(&scene, 10);
	assert_invalid(&scene, (ask.order = 5, ask));
	assert_invalid(&scene, (ask.order = UINT32_MAX, ask));
	assert_invalid(&scene, (ask.order = 0, ask.align = 5, ask));
	assert_invalid(&scene, (ask.align = 0, ask.minimum = 0, ask));
	assert_invalid(&scene, (ask.minimum = 11, ask));
	assert_invalid(&scene, (ask.minimum = 10, ask.buffers = 0, ask));
	assert_invalid(&scene, (ask.buffers = 11, ask));
	assert_invalid(&scene, (ask.buffers = 1, ask.effort = 3, ask));
	assert_invalid(&scene, scene_ask(&scene, 0));
	scene_clear(&scene);
}

static void more_than_there_is(void)
{
	struct broker_refusal refusal;
	struct scene scene;
	struct broker_ask ask;

	scene_init(&scene);
	ask = scene_ask(&scene, SCENE_PAGES + 1);
	g_assert_cmpint(scene_refused(&scene, 1000, &ask, &refusal), ==, -E2BIG);
	assert_refusal(&refusal, "size", (SCENE_PAGES + 1) * SCENE_PAGE, 0,
		       SCENE_PAGES * SCENE_PAGE);
	ask = scene_ask(&scene, UINT64_MAX / SCENE_PAGE + 1);
	g_assert_cmpint(scene_refused(&scene, 1000, &ask, &refusal), ==, -EOVERFLOW);
	ask = scene_ask(&scene, UINT64_MAX);
	ask.order = 4;
	g_assert_cmpint(scene_refused(&scene, 1000, &ask, &refusal), ==, -EOVERFLOW);
	scene_clear(&scene);
}

static void more_than_its_share(void)
{
	struct broker_refusal refusal;
	struct scene scene;
	struct broker_ask ask;
	uint64_t id;

	scene_init(&scene);
	id = scene_give(&scene, 1001, 300);
	ask = scene_ask(&scene, 201);
	g_assert_cmpint(scene_refused(&scene, 1001, &ask, &refusal), ==, -EDQUOT);
	assert_refusal(&refusal, "quota", 201 * SCENE_PAGE, 300 * SCENE_PAGE, 500 * SCENE_PAGE);
	g_assert_cmpstr(refusal.account, ==, "half:1001");
	scene_released(&scene, id, 300);
	scene_give(&scene, 1001, 201);
	scene_clear(&scene);
}

/* As a snapshot finds it. */
static void load_one(struct scene *scene, uint64_t id, uint64_t pages, const char *account,
		     enum cmabulk_state state)
{
	struct cmabulk_buffer_info info = {
		.id = id,
		.object = CMABULK_OBJECT_BUFFER,
		.state = state,
		.chunks = pages,
		.pages = pages,
		.owner.cookie = id * 10,
	};

	g_strlcpy(info.owner.account, account, sizeof(info.owner.account));
	broker_load(scene->broker, &info, 1, scene->sequence);
}

/* It was given back: whoever asks again waits until it has arrived, and gets nothing before. */
static void what_drains_makes_wait(void)
{
	struct broker_refusal refusal;
	struct broker_request *request;
	struct scene scene;
	struct broker_ask ask;
	uint64_t id;

	scene_init(&scene);
	id = scene_give(&scene, 1001, 400);
	ask = scene_ask(&scene, 400);
	load_one(&scene, id, 400, "half:1001", CMABULK_STATE_EXPORTED);
	g_assert_cmpint(scene_refused(&scene, 1001, &ask, &refusal), ==, -EDQUOT);
	load_one(&scene, id, 400, "half:1001", CMABULK_STATE_DRAINING);
	g_assert_cmpuint(scene_usage(&scene, "half:1001").exported_bytes, ==, 400 * SCENE_PAGE);
	g_assert_cmpuint(scene_usage(&scene, "half:1001").draining_bytes, ==, 400 * SCENE_PAGE);
	g_assert_cmpuint(scene_usage(&scene, "half:1001").draining_buffers, ==, 1);
	request = scene_submit_ask(&scene, 1001, &ask);
	scene_expect_nothing(&scene);
	ask = scene_ask(&scene, 501);
	g_assert_cmpint(scene_refused(&scene, 1001, &ask, &refusal), ==, -EDQUOT);
	assert_refusal(&refusal, "quota", 501 * SCENE_PAGE, 0, 500 * SCENE_PAGE);
	scene_released(&scene, id, 400);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 400);
	scene_filled(&scene, request, 0, 400);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 400);
	g_assert_cmpuint(scene_usage(&scene, "half:1001").draining_bytes, ==, 0);
	scene_clear(&scene);
}

static void buffers_that_drain_make_wait(void)
{
	struct broker_request *request;
	struct scene scene;
	struct broker_ask ask;
	uint64_t id;

	scene_init(&scene);
	id = scene_give(&scene, 1002, 1);
	ask = scene_ask(&scene, 2);
	ask.buffers = 2;
	g_assert_cmpint(scene_refused(&scene, 1002, &ask, NULL), ==, -EDQUOT);
	load_one(&scene, id, 1, "buffers:1002", CMABULK_STATE_DRAINING);
	request = scene_submit_ask(&scene, 1002, &ask);
	scene_expect_nothing(&scene);
	/* Should it never arrive: late, and why. */
	scene.now_ns = broker_wakeup(scene.broker);
	scene_expect_finish(&scene, request, BROKER_TIMED_OUT, -EDQUOT, 0);
	scene_clear(&scene);
}

static void too_many_buffers(void)
{
	struct broker_refusal refusal;
	struct scene scene;
	struct broker_ask ask;

	scene_init(&scene);
	scene_give(&scene, 1002, 1);
	ask = scene_ask(&scene, 2);
	ask.buffers = 2;
	g_assert_cmpint(scene_refused(&scene, 1002, &ask, &refusal), ==, -EDQUOT);
	assert_refusal(&refusal, "buffers", 2, 1, 2);
	scene_give(&scene, 1002, 2);
	scene_clear(&scene);
}

static void too_many_pending(void)
{
	struct broker_refusal refusal;
	struct broker_request *request;
	struct scene scene;
	struct broker_ask ask;

	scene_init(&scene);
	ask = scene_ask(&scene, 1);
	request = scene_submit_ask(&scene, 1003, &ask);
	g_assert_cmpint(scene_refused(&scene, 1003, &ask, &refusal), ==, -EUSERS);
	assert_refusal(&refusal, "pending", 1, 1, 1);
	broker_cancel(scene.broker, request);
	scene_expect_finish(&scene, request, BROKER_CANCELLED, -ECANCELED, 0);
	scene_give(&scene, 1003, 1);
	scene_clear(&scene);
}

/* Both fit one by one, not together: the second one waits, and is late. */
static void what_runs_makes_wait(void)
{
	struct broker_request *first;
	struct broker_request *second;
	struct scene scene;

	scene_init(&scene);
	first = scene_submit(&scene, 1001, 400);
	second = scene_submit(&scene, 1001, 200);
	scene_expect_fill(&scene, first, CMABULK_EFFORT_FAST, 400);
	scene_expect_nothing(&scene);
	scene_filled(&scene, first, 0, 400);
	scene_expect_export(&scene, first, BROKER_COMPLETE, 0, 400);
	scene_expect_nothing(&scene);
	scene_sleep_until(&scene, 25 * SCENE_SECOND);
	scene_expect_finish(&scene, second, BROKER_TIMED_OUT, -EDQUOT, 0);
	scene_clear(&scene);
}

/* Two in a second, from the first on; those that are refused do not count. */
static void too_many_of_late(void)
{
	struct broker_refusal refusal;
	struct scene scene;
	struct broker_ask ask;

	scene_init(&scene);
	ask = scene_ask(&scene, 1);
	scene_give(&scene, 1007, 1);
	scene.now_ns += SCENE_SECOND / 4;
	scene_give(&scene, 1007, 1);
	for (unsigned int i = 1; i <= 3; i++) {
		g_assert_cmpint(scene_refused(&scene, 1007, &ask, &refusal), ==, -EAGAIN);
		assert_refusal(&refusal, "rate", SCENE_SECOND * (4 - i) / 4, 2, 2);
		scene.now_ns += SCENE_SECOND / 4;
	}
	scene_give(&scene, 1007, 1);
	scene_give(&scene, 1007, 1);
	g_assert_cmpint(scene_refused(&scene, 1007, &ask, NULL), ==, -EAGAIN);
	scene_clear(&scene);
}

/* It has nothing, and is remembered nevertheless, as long as that matters. */
static void a_rate_is_not_forgotten(void)
{
	struct scene scene;
	struct broker_ask ask;

	scene_init(&scene);
	ask = scene_ask(&scene, 1);
	for (unsigned int i = 0; i < 2; i++) {
		struct broker_request *request = scene_submit(&scene, 1007, 1);

		broker_cancel(scene.broker, request);
		scene_expect_finish(&scene, request, BROKER_CANCELLED, -ECANCELED, 0);
	}
	broker_load(scene.broker, NULL, 0, scene.sequence);
	g_assert_cmpint(scene_refused(&scene, 1007, &ask, NULL), ==, -EAGAIN);
	scene.now_ns += SCENE_SECOND;
	scene_give(&scene, 1007, 1);
	scene_clear(&scene);
}

static void an_effort_it_may_not_use(void)
{
	struct broker_refusal refusal;
	struct broker_request *request;
	struct scene scene;
	struct broker_ask ask;

	scene_init(&scene);
	ask = scene_ask(&scene, 10);
	ask.effort = CMABULK_EFFORT_FAST;
	g_assert_cmpint(scene_refused(&scene, 1008, &ask, &refusal), ==, -EACCES);
	g_assert_cmpstr(refusal.reason, ==, "effort");
	/* Neither those before it nor those after it are tried. */
	request = scene_submit(&scene, 1008, 10);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_NORMAL, 10);
	scene_filled(&scene, request, -EBUSY, 5);
	scene_expect_finish(&scene, request, BROKER_PARTIAL, -EBUSY, 5);
	scene_clear(&scene);
}

static void the_limit_in_force_counts(void)
{
	struct broker_request *first;
	struct broker_request *second;
	struct scene scene;

	scene_init(&scene);
	first = scene_submit(&scene, 1001, 100);
	second = scene_submit(&scene, 1001, 300);
	scene_expect_fill(&scene, first, CMABULK_EFFORT_FAST, 100);
	scene_limit(&scene, 399);
	scene_filled(&scene, first, 0, 100);
	scene_expect_export(&scene, first, BROKER_COMPLETE, 0, 100);
	scene_expect_nothing(&scene);
	scene_limit(&scene, 400);
	scene_expect_fill(&scene, second, CMABULK_EFFORT_FAST, 300);
	scene_filled(&scene, second, 0, 300);
	scene_expect_export(&scene, second, BROKER_COMPLETE, 0, 300);
	scene_clear(&scene);
}

/* Booked under another limit, or a rule that is no more: what it got goes back. */
static void a_limit_that_came_later_counts(void)
{
	static const int64_t limits[] = { 299, -1 };
	struct scene scene;

	scene_init(&scene);
	for (size_t i = 0; i < G_N_ELEMENTS(limits); i++) {
		struct broker_request *request = scene_submit(&scene, 1001, 300);

		scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 300);
		scene_limit(&scene, limits[i]);
		scene_filled(&scene, request, 0, 300);
		scene_expect_finish(&scene, request, BROKER_PARTIAL, -EDQUOT, 300);
		scene_limit(&scene, 300);
	}
	scene_clear(&scene);
}

static void the_pool_is_gone(void)
{
	struct broker_request *running;
	struct broker_request *waiting;
	struct scene scene;
	struct broker_ask ask;

	scene_init(&scene);
	running = scene_submit(&scene, 1000, 10);
	waiting = scene_submit(&scene, 1000, 10);
	scene_expect_fill(&scene, running, CMABULK_EFFORT_FAST, 10);
	broker_gone(scene.broker);
	scene_expect_finish(&scene, waiting, BROKER_PARTIAL, -ENODEV, 0);
	scene_expect_interrupt(&scene, running);
	scene_expect_nothing(&scene);
	scene_filled(&scene, running, 0, 10);
	scene_expect_finish(&scene, running, BROKER_PARTIAL, -ENODEV, 10);
	ask = scene_ask(&scene, 1);
	g_assert_cmpint(scene_refused(&scene, 1000, &ask, NULL), ==, -ENODEV);
	scene_clear(&scene);
}

void add_admission(void)
{
	g_test_add_func("/admission/what-makes-no-sense", what_makes_no_sense);
	g_test_add_func("/admission/more-than-there-is", more_than_there_is);
	g_test_add_func("/admission/more-than-its-share", more_than_its_share);
	g_test_add_func("/admission/what-drains-makes-wait", what_drains_makes_wait);
	g_test_add_func("/admission/buffers-that-drain-make-wait", buffers_that_drain_make_wait);
	g_test_add_func("/admission/too-many-buffers", too_many_buffers);
	g_test_add_func("/admission/too-many-pending", too_many_pending);
	g_test_add_func("/admission/too-many-of-late", too_many_of_late);
	g_test_add_func("/admission/a-rate-is-not-forgotten", a_rate_is_not_forgotten);
	g_test_add_func("/admission/an-effort-it-may-not-use", an_effort_it_may_not_use);
	g_test_add_func("/admission/what-runs-makes-wait", what_runs_makes_wait);
	g_test_add_func("/admission/the-limit-in-force-counts", the_limit_in_force_counts);
	g_test_add_func("/admission/a-limit-that-came-later-counts",
			a_limit_that_came_later_counts);
	g_test_add_func("/admission/the-pool-is-gone", the_pool_is_gone);
}
