// SPDX-License-Identifier: LGPL-2.1-or-later
/* The order of efforts, the deadline they share, and how it ends. */
#include <glib.h>

#include "broker-state.h"
#include "counters.h"
#include "scene.h"
#include "suites.h"

static void each_tops_up(void)
{
	struct broker_request *request;
	const struct broker_step *steps;
	struct scene scene;
	size_t count;

	scene_init(&scene);
	request = scene_submit(&scene, 1000, 100);
	scene.now_ns += 3;
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 100);
	scene_filled_slowly(&scene, request, -EBUSY, 60, 1000);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_NORMAL, 40);
	scene_filled_slowly(&scene, request, -ENOMEM, 30, 2000);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_HARD, 10);
	scene_filled_slowly(&scene, request, 0, 10, 3000);
	steps = broker_request_get_steps(request, &count);
	g_assert_cmpuint(count, ==, 3);
	g_assert_cmpuint(steps[1].effort, ==, CMABULK_EFFORT_NORMAL);
	g_assert_cmpint(steps[1].error, ==, -ENOMEM);
	g_assert_cmpuint(steps[1].requested, ==, 40);
	g_assert_cmpuint(steps[1].granted, ==, 30);
	g_assert_cmpuint(steps[1].elapsed_ns, ==, 2000);
	g_assert_cmpuint(steps[1].report.blocks_surveyed, ==, 10);
	g_assert_cmpuint(broker_request_get_queued_ns(request), ==, 3);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 100);
	scene_clear(&scene);
}

/* It had its turn elsewhere, and began anew here: that is not time it was queued. */
static void it_had_its_turn_before(void)
{
	struct broker_request *request, *other;
	struct scene scene;

	scene_init(&scene);
	request = scene_submit(&scene, 1000, 100);
	broker_request_set_queued(request, 7);
	scene.now_ns += 30;
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 100);
	scene_filled(&scene, request, 0, 100);
	g_assert_cmpuint(broker_request_get_queued_ns(request), ==, 7);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 100);
	other = scene_submit(&scene, 1000, 100);
	broker_request_set_queued(other, 8);
	scene.now_ns += 30;
	broker_cancel(scene.broker, other);
	scene_expect_finish(&scene, other, BROKER_CANCELLED, -ECANCELED, 0);
	g_assert_cmpuint(broker_get_counters(scene.broker)->all.queued_ns, ==, 15);
	scene_clear(&scene);
}

static void stops_at_the_ceiling(void)
{
	struct broker_request *request;
	struct scene scene;
	struct broker_ask ask;

	scene_init(&scene);
	ask = scene_ask(&scene, 100);
	ask.effort = CMABULK_EFFORT_NORMAL;
	ask.minimum = 50;
	request = scene_submit_ask(&scene, 1000, &ask);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 100);
	scene_filled(&scene, request, -EBUSY, 30);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_NORMAL, 70);
	scene_filled(&scene, request, -ENOMEM, 20);
	scene_expect_export(&scene, request, BROKER_PARTIAL, -ENOMEM, 50);
	scene_clear(&scene);
}

static void too_little_is_not_kept(void)
{
	struct broker_request *request;
	struct scene scene;

	scene_init(&scene);
	request = scene_submit(&scene, 1000, 100);
	for (unsigned int effort = 0; effort <= CMABULK_EFFORT_HARD; effort++) {
		scene_expect_fill(&scene, request, effort, 100 - 30 * effort);
		scene_filled(&scene, request, -EBUSY, 30);
	}
	g_assert_false(broker_request_is_kept(request));
	scene_expect_finish(&scene, request, BROKER_PARTIAL, -EBUSY, 90);
	scene_clear(&scene);
}

static void fast_again_when_pages_were_returning(void)
{
	struct broker_request *request;
	struct scene scene;

	scene_init(&scene);
	request = scene_submit(&scene, 1000, 100);
	broker_set_draining(scene.broker, 10);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 100);
	scene_filled(&scene, request, -EBUSY, 60);
	scene_expect_nothing(&scene);
	scene_free_pages(&scene, scene.free_pages + 10);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 40);
	scene_filled(&scene, request, -EBUSY, 30);
	/* Once. */
	scene_expect_fill(&scene, request, CMABULK_EFFORT_NORMAL, 10);
	scene_filled(&scene, request, 0, 10);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 100);
	scene_clear(&scene);
}

static enum broker_cause cause_of(int result, const struct cmabulk_report *first,
				  const struct cmabulk_report *last)
{
	struct cmabulk_fill fill = { 0 };
	struct broker_request *request;
	enum broker_cause cause;
	struct scene scene;
	struct broker_ask ask;

	scene_init(&scene);
	ask = scene_ask(&scene, 100);
	ask.effort = CMABULK_EFFORT_NORMAL;
	request = scene_submit_ask(&scene, 1000, &ask);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 100);
	fill.report = *first;
	broker_filled(scene.broker, request, -EBUSY, &fill, 0, scene.now_ns);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_NORMAL, 100);
	fill.report = *last;
	broker_filled(scene.broker, request, result, &fill, 0, scene.now_ns);
	g_assert_cmpint(broker_request_get_error(request), ==, result);
	cause = broker_request_get_cause(request);
	scene_expect_finish(&scene, request, result == -ETIME ? BROKER_TIMED_OUT : BROKER_PARTIAL,
			    result, 0);
	scene_clear(&scene);
	return cause;
}

/* The first step left some alone that looked pinned; the last tried them, or did not. */
static void what_was_in_the_way(void)
{
	const struct cmabulk_report none = { 0 };
	const struct cmabulk_report pinned = { .skipped_suspect = 60, .skipped_taken = 900 };
	const struct cmabulk_report mixed = { .skipped_suspect = 20, .skipped_busy = 90 };
	const struct cmabulk_report tried = { .skipped_busy = 110, .skipped_taken = 900 };
	const struct cmabulk_report isolated = { .skipped_isolated = 100 };
	const struct cmabulk_report few = { .skipped_busy = 99, .skipped_taken = 1 };
	const struct cmabulk_report nowhere = { .skipped_busy = 40, .skipped_no_memory = 60 };

	g_assert_cmpint(cause_of(-EBUSY, &none, &none), ==, BROKER_CAUSE_EXHAUSTED);
	g_assert_cmpint(cause_of(-EBUSY, &none, &few), ==, BROKER_CAUSE_EXHAUSTED);
	g_assert_cmpint(cause_of(-EBUSY, &none, &tried), ==, BROKER_CAUSE_BUSY);
	g_assert_cmpint(cause_of(-EBUSY, &pinned, &tried), ==, BROKER_CAUSE_PINNED);
	g_assert_cmpint(cause_of(-EBUSY, &none, &mixed), ==, BROKER_CAUSE_BUSY);
	g_assert_cmpint(cause_of(-EBUSY, &pinned, &mixed), ==, BROKER_CAUSE_PINNED);
	g_assert_cmpint(cause_of(-EBUSY, &none, &isolated), ==, BROKER_CAUSE_BUSY);
	g_assert_cmpint(cause_of(-EBUSY, &none, &nowhere), ==, BROKER_CAUSE_NO_MEMORY);
	g_assert_cmpint(cause_of(-ENOMEM, &none, &tried), ==, BROKER_CAUSE_NO_MEMORY);
	g_assert_cmpint(cause_of(-ETIME, &none, &tried), ==, BROKER_CAUSE_INTERRUPTED);
}

static void time_ends_it(void)
{
	struct broker_request *request;
	struct scene scene;
	struct broker_ask ask;

	scene_init(&scene);
	ask = scene_ask(&scene, 100);
	ask.minimum = 10;
	request = scene_submit_ask(&scene, 1000, &ask);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 100);
	g_assert_cmpuint(broker_wakeup(scene.broker), ==, 25 * SCENE_SECOND);
	scene.now_ns = 25 * SCENE_SECOND;
	scene_expect_interrupt(&scene, request);
	/* That was said: nothing to wake up for. */
	g_assert_cmpuint(broker_wakeup(scene.broker), ==, UINT64_MAX);
	scene_filled(&scene, request, -EINTR, 10);
	scene_expect_export(&scene, request, BROKER_TIMED_OUT, -ETIME, 10);
	scene_clear(&scene);
}

static void late_but_complete(void)
{
	struct broker_request *request;
	struct scene scene;

	request = scene_begin(&scene, 1000, 100);
	scene_filled_slowly(&scene, request, 0, 100, 30 * SCENE_SECOND);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 100);
	scene_clear(&scene);
}

static void the_kernel_keeps_time_too(void)
{
	struct broker_request *request;
	struct scene scene;

	request = scene_begin(&scene, 1000, 100);
	scene_filled(&scene, request, -ETIME, 99);
	scene_expect_finish(&scene, request, BROKER_TIMED_OUT, -ETIME, 99);
	scene_clear(&scene);
}

static void cancelled_while_filling(void)
{
	struct broker_request *request;
	struct scene scene;

	request = scene_begin(&scene, 1000, 100);
	broker_cancel(scene.broker, request);
	scene_expect_interrupt(&scene, request);
	scene_expect_nothing(&scene);
	broker_cancel(scene.broker, request);
	scene_expect_nothing(&scene);
	/* Complete, but nobody wants it any more. */
	scene_filled(&scene, request, 0, 100);
	g_assert_false(broker_request_is_kept(request));
	scene_expect_finish(&scene, request, BROKER_CANCELLED, -ECANCELED, 100);
	scene_clear(&scene);
}

static void cancelled_at_the_last_moment(void)
{
	struct broker_request *request;
	struct scene scene;

	request = scene_begin(&scene, 1000, 100);
	scene_filled(&scene, request, 0, 100);
	broker_cancel(scene.broker, request);
	scene_expect_finish(&scene, request, BROKER_CANCELLED, -ECANCELED, 100);
	scene_clear(&scene);
}

static void the_pool_goes_away(void)
{
	struct broker_request *request;
	struct scene scene;
	struct broker_ask ask;

	scene_init(&scene);
	ask = scene_ask(&scene, 100);
	ask.minimum = 1;
	request = scene_submit_ask(&scene, 1000, &ask);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 100);
	scene_filled(&scene, request, -ENODEV, 10);
	g_assert_false(broker_request_is_kept(request));
	scene_expect_finish(&scene, request, BROKER_PARTIAL, -ENODEV, 10);
	scene_clear(&scene);
}

static void a_fill_that_cannot_start(void)
{
	struct broker_request *request;
	struct scene scene;

	request = scene_begin(&scene, 1000, 100);
	broker_filled(scene.broker, request, -EMFILE, NULL, 0, scene.now_ns);
	scene_expect_finish(&scene, request, BROKER_PARTIAL, -EMFILE, 0);
	scene_clear(&scene);
}

static void a_lying_kernel_cannot_hold_us(void)
{
	struct broker_request *request;
	struct scene scene;

	scene_init(&scene);
	request = scene_submit(&scene, 1000, 100);
	for (unsigned int effort = 0; effort <= CMABULK_EFFORT_HARD; effort++) {
		scene_expect_fill(&scene, request, effort, 100);
		scene_filled(&scene, request, 0, 0);
	}
	scene_expect_finish(&scene, request, BROKER_PARTIAL, -EBUSY, 0);
	scene_clear(&scene);
}

/* However long it is interrupted, the report stays one that fits a message. */
static void slices_make_one_step(void)
{
	struct broker_request *request;
	const struct broker_step *steps;
	struct scene scene;
	size_t count;

	scene_init(&scene);
	request = scene_submit(&scene, 1000, 100);
	for (unsigned int i = 0; i < 10; i++) {
		scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 100 - i);
		scene_filled_slowly(&scene, request, -EINTR, 1, 7);
	}
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 90);
	scene_filled_slowly(&scene, request, -EBUSY, 80, 30);
	steps = broker_request_get_steps(request, &count);
	g_assert_cmpuint(count, ==, 1);
	g_assert_cmpint(steps[0].error, ==, -EBUSY);
	g_assert_cmpuint(steps[0].requested, ==, 100);
	g_assert_cmpuint(steps[0].granted, ==, 90);
	g_assert_cmpuint(steps[0].elapsed_ns, ==, 100);
	g_assert_cmpuint(steps[0].report.blocks_surveyed, ==, 110);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_NORMAL, 10);
	scene_filled(&scene, request, 0, 10);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 100);
	scene_clear(&scene);
}

/* Who starts again and again has no more of them than fit a message: the last one has the sum of the rest. */
static void there_is_an_end_to_them(void)
{
	struct broker_request *request = request_new(&(struct broker_ask){ 0 }, 1, 0, NULL);
	const struct broker_step *steps;
	size_t count;

	for (unsigned int i = 0; i < REQUEST_MAX_STEPS + 10; i++)
		request_add_step(request, &(struct broker_step){ .granted = 1, .elapsed_ns = i });
	steps = broker_request_get_steps(request, &count);
	g_assert_cmpuint(count, ==, REQUEST_MAX_STEPS);
	g_assert_cmpuint(steps[count - 2].granted, ==, 1);
	g_assert_cmpuint(steps[count - 1].granted, ==, 11);
	g_assert_cmpuint(steps[count - 1].elapsed_ns, ==, 11 * (REQUEST_MAX_STEPS - 1) + 55);
	request_free(request);
}

void add_steps(void)
{
	g_test_add_func("/step/each-tops-up", each_tops_up);
	g_test_add_func("/step/it-had-its-turn-before", it_had_its_turn_before);
	g_test_add_func("/step/stops-at-the-ceiling", stops_at_the_ceiling);
	g_test_add_func("/step/too-little-is-not-kept", too_little_is_not_kept);
	g_test_add_func("/step/fast-again-when-pages-were-returning",
			fast_again_when_pages_were_returning);
	g_test_add_func("/step/what-was-in-the-way", what_was_in_the_way);
	g_test_add_func("/step/time-ends-it", time_ends_it);
	g_test_add_func("/step/late-but-complete", late_but_complete);
	g_test_add_func("/step/the-kernel-keeps-time-too", the_kernel_keeps_time_too);
	g_test_add_func("/step/cancelled-while-filling", cancelled_while_filling);
	g_test_add_func("/step/cancelled-at-the-last-moment", cancelled_at_the_last_moment);
	g_test_add_func("/step/the-pool-goes-away", the_pool_goes_away);
	g_test_add_func("/step/a-fill-that-cannot-start", a_fill_that_cannot_start);
	g_test_add_func("/step/a-lying-kernel-cannot-hold-us", a_lying_kernel_cannot_hold_us);
	g_test_add_func("/step/slices-make-one-step", slices_make_one_step);
	g_test_add_func("/step/there-is-an-end-to-them", there_is_an_end_to_them);
}
