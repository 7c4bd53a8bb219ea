// SPDX-License-Identifier: LGPL-2.1-or-later
/* How often, how hard and when a pool is tried again. */
#include <glib.h>

#include "broker-state.h"
#include "retry.h"
#include "scene.h"
#include "suites.h"

#define MSEC UINT64_C(1000000)

static struct retry retry_of(const char *steps)
{
	struct retry retry;

	retry_init(&retry);
	g_assert_cmpint(retry_parse_steps(steps, &retry), ==, 0);
	return retry;
}

static void init(struct scene *scene, const char *steps)
{
	struct retry retry = retry_of(steps);

	scene_init(scene);
	broker_set_retry(scene->broker, &retry);
}

static void expect_wakeup(const struct scene *scene, uint64_t least_ns, uint64_t most_ns)
{
	g_assert_cmpuint(broker_wakeup(scene->broker), >=, scene->now_ns + least_ns);
	g_assert_cmpuint(broker_wakeup(scene->broker), <=, scene->now_ns + most_ns);
}

static void fall_short(struct scene *scene, struct broker_request *request, unsigned int effort,
		       uint64_t chunks)
{
	scene_expect_fill(scene, request, effort, chunks);
	scene_filled(scene, request, -EBUSY, 0);
}

static void what_is_written(void)
{
	static const char *const wrong[] = { "",	   "  ",	  "quick",
					     "wait fast",  "fast,normal", "fast Fast",
					     "fast \nhard" };
	struct retry retry = retry_of(" fast\tfast  normal wait hard ");
	struct retry before = retry;

	g_assert_cmpuint(retry.n_steps, ==, 5);
	g_assert_cmpint(retry.steps[1], ==, RETRY_FAST);
	g_assert_cmpint(retry.steps[3], ==, RETRY_WAIT);
	g_assert_cmpuint(retry_get_efforts(&retry), ==, 7);
	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
		g_assert_cmpint(retry_parse_steps(wrong[i], &retry), ==, -EINVAL);
	g_assert_cmpint(retry_parse_steps("hard hard hard hard hard hard hard hard hard hard hard "
					  "hard hard hard hard hard hard",
					  &retry),
			==, -E2BIG);
	g_assert_cmpmem(&retry, sizeof(retry), &before, sizeof(before));
	retry = retry_of("hard");
	g_assert_cmpuint(retry_get_efforts(&retry), ==, 1 << CMABULK_EFFORT_HARD);
}

/* Against the same in floating point. */
static void delays_double_and_spread(void)
{
	for (unsigned int i = 0; i < 1000000; i++) {
		struct retry retry = {
			.delay_ns = (uint64_t)g_test_rand_int_range(0, 1000000) * 1000,
			.max_delay_ns = (uint64_t)g_test_rand_int_range(0, 1000000) * 10000,
			.jitter_percent = (unsigned int)g_test_rand_int_range(0, 101),
		};
		unsigned int count = (unsigned int)g_test_rand_int_range(1, 40);
		uint32_t random = (uint32_t)g_test_rand_int();
		double delay = MIN((double)retry.delay_ns * (double)(UINT64_C(1) << (count - 1)),
				   (double)retry.max_delay_ns);
		double jitter = (double)retry.jitter_percent / 100;
		double expected = delay * (1 - jitter + 2 * jitter * random / UINT32_MAX);
		double found = (double)retry_get_delay(&retry, count, random);

		g_assert_cmpfloat_with_epsilon(found, expected, 4 + expected / 1000000);
	}
}

static void delays_do_not_overflow(void)
{
	struct retry retry = { .delay_ns = UINT64_MAX, .max_delay_ns = UINT64_MAX };

	for (unsigned int percent = 0; percent <= 100; percent += 25) {
		retry.jitter_percent = percent;
		g_assert_cmpuint(retry_get_delay(&retry, UINT32_MAX, UINT32_MAX), ==, UINT64_MAX);
		g_assert_cmpuint(retry_get_delay(&retry, 1, 0), >=,
				 UINT64_MAX / 100 * (100 - percent));
	}
	retry.delay_ns = 0;
	g_assert_cmpuint(retry_get_delay(&retry, UINT32_MAX, UINT32_MAX), ==, 0);
}

static void steps_as_they_are_written(void)
{
	static const unsigned int efforts[] = { 0, 0, 2, 1 };
	struct broker_request *request;
	struct scene scene;

	init(&scene, "fast fast hard normal");
	request = scene_submit(&scene, 1000, 100);
	for (size_t i = 0; i < G_N_ELEMENTS(efforts); i++)
		fall_short(&scene, request, efforts[i], 100);
	scene_expect_finish(&scene, request, BROKER_PARTIAL, -EBUSY, 0);
	scene_clear(&scene);
}

static void a_ceiling_leaves_steps_out(void)
{
	struct broker_refusal refusal;
	struct broker_request *request;
	struct scene scene;
	struct broker_ask ask;

	init(&scene, "normal hard normal");
	ask = scene_ask(&scene, 100);
	ask.effort = CMABULK_EFFORT_FAST;
	g_assert_cmpint(scene_refused(&scene, 1000, &ask, &refusal), ==, -EACCES);
	g_assert_cmpstr(refusal.reason, ==, "effort");
	ask.effort = CMABULK_EFFORT_NORMAL;
	request = scene_submit_ask(&scene, 1000, &ask);
	fall_short(&scene, request, CMABULK_EFFORT_NORMAL, 100);
	fall_short(&scene, request, CMABULK_EFFORT_NORMAL, 100);
	scene_expect_finish(&scene, request, BROKER_PARTIAL, -EBUSY, 0);
	scene_clear(&scene);
}

static void time_passes_between_efforts(void)
{
	struct retry retry = retry_of("fast normal hard");
	struct broker_request *request;
	struct scene scene;

	scene_init(&scene);
	retry.delay_ns = 100 * MSEC;
	retry.max_delay_ns = 150 * MSEC;
	retry.jitter_percent = 10;
	broker_set_retry(scene.broker, &retry);
	request = scene_submit(&scene, 1000, 100);
	fall_short(&scene, request, CMABULK_EFFORT_FAST, 100);
	scene_expect_nothing(&scene);
	expect_wakeup(&scene, 90 * MSEC, 110 * MSEC);
	scene.now_ns = broker_wakeup(scene.broker) - 1;
	scene_expect_nothing(&scene);
	scene.now_ns++;
	fall_short(&scene, request, CMABULK_EFFORT_NORMAL, 100);
	scene_expect_nothing(&scene);
	expect_wakeup(&scene, 135 * MSEC, 165 * MSEC);
	/* What comes back meanwhile is worth a try at once. */
	scene_free_pages(&scene, scene.free_pages);
	scene_expect_nothing(&scene);
	scene_free_pages(&scene, scene.free_pages + 1);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_HARD, 100);
	scene_filled(&scene, request, 0, 100);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 100);
	scene_clear(&scene);
}

static void others_have_their_turns_meanwhile(void)
{
	struct retry retry = retry_of("fast hard");
	struct broker_request *request;
	struct scene scene;

	scene_init(&scene);
	retry.delay_ns = 100 * MSEC;
	broker_set_retry(scene.broker, &retry);
	request = scene_submit(&scene, 1000, 100);
	fall_short(&scene, request, CMABULK_EFFORT_FAST, 100);
	scene_give(&scene, 1004, 10);
	scene.now_ns = broker_wakeup(scene.broker);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_HARD, 100);
	scene_filled(&scene, request, 0, 100);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 100);
	scene_clear(&scene);
}

/*
 * Then it is worth the first step again; but for every wait only once. It has nothing meanwhile, and
 * what it gave back itself does not end its wait.
 */
static void a_release_ends_the_wait(void)
{
	struct broker_request *request;
	struct scene scene;
	uint64_t id;

	init(&scene, "fast wait normal");
	id = scene_give(&scene, 1004, 200);
	scene_give(&scene, 1004, 200);
	request = scene_submit(&scene, 1000, 100);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 100);
	broker_request_set_reservation(request, 77);
	scene_filled(&scene, request, -EBUSY, 60);
	scene_expect_give_back(&scene, request);
	scene_expect_nothing(&scene);
	g_assert_cmpuint(scene_usage(&scene, "default:1000").booked_bytes, ==, 0);
	g_assert_cmpint(scene_event(&scene, CMABULK_CMD_DROPPED, 77, 60), ==, 0);
	scene_free_pages(&scene, scene.free_pages + 60);
	scene_expect_nothing(&scene);
	scene_released(&scene, id, 200);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 100);
	scene_filled(&scene, request, -EBUSY, 80);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_NORMAL, 20);
	scene_filled(&scene, request, -EBUSY, 0);
	scene_expect_finish(&scene, request, BROKER_PARTIAL, -EBUSY, 80);
	scene_clear(&scene);
}

/*
 * Who waits long, and gives back again and again, has no list of it that grows; as long as it is on its way
 * it is known whose it was.
 */
static void what_came_back_is_forgotten(void)
{
	struct broker_request *request;
	uint64_t others, kept;
	struct scene scene;

	init(&scene, "fast wait wait wait wait");
	others = scene_give(&scene, 1004, 200);
	request = scene_submit(&scene, 1000, 100);
	for (uint64_t id = 71; id <= 74; id++) {
		/* Of every second there is nothing to give back. */
		uint64_t pages = id % 2 ? 60 : 0;

		scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 100);
		broker_request_set_reservation(request, id);
		scene_filled(&scene, request, -EBUSY, pages);
		scene_expect_give_back(&scene, request);
		g_assert_cmpuint(request->given_back->len, ==, pages ? 1 : 0);
		g_assert_cmpint(scene_event(&scene, CMABULK_CMD_DROPPED, id, pages), ==, 0);
		scene_free_pages(&scene, scene.free_pages + pages);
		g_assert_cmpuint(request->given_back->len, ==, 0);
		scene_expect_nothing(&scene);
		kept = scene_give(&scene, 1004, 200);
		scene_released(&scene, others, 200);
		others = kept;
	}
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 100);
	scene_filled(&scene, request, 0, 100);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 100);
	scene_clear(&scene);
}

/* A reservation of which all became a buffer leaves nothing behind that anybody could have. */
static void an_empty_reservation_ends_no_wait(void)
{
	struct broker_request *request;
	struct scene scene;
	uint64_t id;

	init(&scene, "fast wait normal");
	id = scene_give(&scene, 1004, 200);
	request = scene_submit(&scene, 1000, 100);
	fall_short(&scene, request, CMABULK_EFFORT_FAST, 100);
	scene_expect_give_back(&scene, request);
	scene_give(&scene, 1005, 1);
	g_assert_cmpint(scene_event(&scene, CMABULK_CMD_DROPPED, 78, 0), ==, 0);
	scene_expect_nothing(&scene);
	scene_released(&scene, id, 200);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 100);
	scene_filled(&scene, request, 0, 100);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 100);
	scene_clear(&scene);
}

static void expect_all_given_back(struct scene *scene, struct broker_request *request, uint64_t id,
				  uint64_t pages)
{
	scene_expect_give_back(scene, request);
	g_assert_cmpint(scene_event(scene, CMABULK_CMD_DROPPED, id, pages), ==, 0);
	scene_free_pages(scene, scene->free_pages + pages);
}

/* The fill was past it, so that who waited now might wait for ever. */
static void a_release_while_it_fills_counts(void)
{
	struct broker_request *request;
	struct scene scene;
	uint64_t id;

	init(&scene, "fast wait hard");
	id = scene_give(&scene, 1004, 200);
	scene_give(&scene, 1004, 200);
	request = scene_submit(&scene, 1000, 100);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 100);
	broker_request_set_reservation(request, 77);
	scene_released(&scene, id, 200);
	scene_filled(&scene, request, -EBUSY, 60);
	expect_all_given_back(&scene, request, 77, 60);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 100);
	scene_filled(&scene, request, -EBUSY, 80);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_HARD, 20);
	scene_filled(&scene, request, 0, 20);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 100);
	scene_clear(&scene);
}

/* It would not fit beside the one that runs, which only has to go on. */
static void what_runs_is_done_before_who_waited(void)
{
	struct broker_request *first, *second;
	struct scene scene;
	uint64_t id;

	init(&scene, "fast wait normal");
	id = scene_give(&scene, 1004, 100);
	first = scene_submit(&scene, 1000, 700);
	scene_expect_fill(&scene, first, CMABULK_EFFORT_FAST, 700);
	broker_request_set_reservation(first, 77);
	scene_filled(&scene, first, -EBUSY, 600);
	expect_all_given_back(&scene, first, 77, 600);
	second = scene_submit(&scene, 1000, 400);
	scene_expect_fill(&scene, second, CMABULK_EFFORT_FAST, 400);
	scene_released(&scene, id, 100);
	scene_filled(&scene, second, -EBUSY, 100);
	scene_expect_fill(&scene, second, CMABULK_EFFORT_NORMAL, 300);
	scene_filled(&scene, second, 0, 300);
	scene_expect_export(&scene, second, BROKER_COMPLETE, 0, 400);
	broker_cancel(scene.broker, first);
	scene_expect_finish(&scene, first, BROKER_CANCELLED, -ECANCELED, 0);
	scene_clear(&scene);
}

/* The event got lost: the snapshot does not have it any more, though somebody else has as much. */
static void a_snapshot_ends_the_wait(void)
{
	struct cmabulk_buffer_info other = {
		.id = 500,
		.object = CMABULK_OBJECT_BUFFER,
		.state = CMABULK_STATE_EXPORTED,
		.chunks = 300,
		.pages = 300,
	};
	struct broker_request *request;
	struct scene scene;

	init(&scene, "fast wait normal");
	scene_give(&scene, 1004, 200);
	request = scene_submit(&scene, 1000, 100);
	fall_short(&scene, request, CMABULK_EFFORT_FAST, 100);
	scene_expect_give_back(&scene, request);
	scene_expect_nothing(&scene);
	broker_load(scene.broker, &other, 1, scene.sequence);
	scene_free_pages(&scene, 700);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 100);
	scene_filled(&scene, request, 0, 100);
	scene_expect_export(&scene, request, BROKER_COMPLETE, 0, 100);
	scene_clear(&scene);
}

/* By then it has given back what it had found: nobody holds while he waits. */
static void a_wait_ends_with_the_time(void)
{
	struct broker_request *request;
	struct scene scene;

	init(&scene, "fast wait hard");
	scene_give(&scene, 1004, 200);
	request = scene_submit(&scene, 1000, 100);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 100);
	scene_filled(&scene, request, -EBUSY, 60);
	scene_expect_give_back(&scene, request);
	scene_expect_nothing(&scene);
	scene_sleep_until(&scene, 25 * SCENE_SECOND);
	scene_expect_finish(&scene, request, BROKER_TIMED_OUT, -ETIME, 0);
	scene_clear(&scene);
}

/* It could not be sure to get it again. */
static void who_has_enough_does_not_wait(void)
{
	struct broker_request *request;
	struct scene scene;
	struct broker_ask ask;

	init(&scene, "fast wait hard");
	scene_give(&scene, 1004, 200);
	ask = scene_ask(&scene, 100);
	ask.minimum = 50;
	request = scene_submit_ask(&scene, 1000, &ask);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 100);
	scene_filled(&scene, request, -EBUSY, 60);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_HARD, 40);
	scene_filled(&scene, request, -EBUSY, 10);
	scene_expect_export(&scene, request, BROKER_PARTIAL, -EBUSY, 70);
	scene_clear(&scene);
}

static void nobody_to_wait_for(void)
{
	struct broker_request *request;
	struct scene scene;

	init(&scene, "fast wait hard");
	request = scene_submit(&scene, 1000, 100);
	fall_short(&scene, request, CMABULK_EFFORT_FAST, 100);
	fall_short(&scene, request, CMABULK_EFFORT_HARD, 100);
	scene_expect_finish(&scene, request, BROKER_PARTIAL, -EBUSY, 0);
	scene_clear(&scene);
}

/* The last one that it waited for had nothing after all: no event tells. */
static void nobody_to_wait_for_any_more(void)
{
	struct broker_request *request, *other;
	struct scene scene;

	init(&scene, "fast wait hard");
	other = scene_submit(&scene, 1004, 100);
	request = scene_submit(&scene, 1000, 100);
	scene_expect_fill(&scene, other, CMABULK_EFFORT_FAST, 100);
	scene_filled(&scene, other, -EINTR, 0);
	fall_short(&scene, request, CMABULK_EFFORT_FAST, 100);
	scene_expect_give_back(&scene, request);
	scene_expect_fill(&scene, other, CMABULK_EFFORT_FAST, 100);
	scene_filled(&scene, other, -EIO, 0);
	scene_expect_finish(&scene, other, BROKER_PARTIAL, -EIO, 0);
	fall_short(&scene, request, CMABULK_EFFORT_FAST, 100);
	fall_short(&scene, request, CMABULK_EFFORT_HARD, 100);
	scene_expect_finish(&scene, request, BROKER_PARTIAL, -EBUSY, 0);
	scene_clear(&scene);
}

/* Others of the same account, and of others, have their turns as if it were not there. */
static void who_waits_is_in_nobodys_way(void)
{
	struct broker_request *waiting;
	struct broker_request *request;
	struct broker_ask ask;
	struct scene scene;

	init(&scene, "fast wait hard");
	scene_give(&scene, 1004, 100);
	waiting = scene_submit(&scene, 1000, 600);
	scene_expect_fill(&scene, waiting, CMABULK_EFFORT_FAST, 600);
	scene_filled(&scene, waiting, -EBUSY, 300);
	scene_expect_give_back(&scene, waiting);
	scene_free_pages(&scene, 900);
	scene_give(&scene, 1000, 100);
	ask = scene_ask(&scene, 900);
	ask.minimum = 100;
	request = scene_submit_ask(&scene, 1005, &ask);
	scene_expect_fill(&scene, request, CMABULK_EFFORT_FAST, 800);
	scene_filled(&scene, request, 0, 800);
	scene_expect_export(&scene, request, BROKER_PARTIAL, -EBUSY, 800);
	scene_expect_nothing(&scene);
	broker_cancel(scene.broker, waiting);
	scene_expect_finish(&scene, waiting, BROKER_CANCELLED, -ECANCELED, 0);
	scene_clear(&scene);
}

static void the_pools_time_is_less(void)
{
	struct retry retry = retry_of("fast wait");
	struct broker_request *request;
	struct scene scene;

	scene_init(&scene);
	retry.timeout_ns = 3 * SCENE_SECOND;
	broker_set_retry(scene.broker, &retry);
	scene_give(&scene, 1004, 200);
	request = scene_submit(&scene, 1000, 100);
	fall_short(&scene, request, CMABULK_EFFORT_FAST, 100);
	scene_expect_give_back(&scene, request);
	scene_expect_nothing(&scene);
	scene_sleep_until(&scene, scene.now_ns + 3 * SCENE_SECOND);
	scene_expect_finish(&scene, request, BROKER_TIMED_OUT, -ETIME, 0);
	scene_clear(&scene);
}

void add_retry(void)
{
	g_test_add_func("/retry/what-is-written", what_is_written);
	g_test_add_func("/retry/delays-double-and-spread", delays_double_and_spread);
	g_test_add_func("/retry/delays-do-not-overflow", delays_do_not_overflow);
	g_test_add_func("/retry/steps-as-they-are-written", steps_as_they_are_written);
	g_test_add_func("/retry/a-ceiling-leaves-steps-out", a_ceiling_leaves_steps_out);
	g_test_add_func("/retry/time-passes-between-efforts", time_passes_between_efforts);
	g_test_add_func("/retry/others-have-their-turns-meanwhile",
			others_have_their_turns_meanwhile);
	g_test_add_func("/retry/a-release-ends-the-wait", a_release_ends_the_wait);
	g_test_add_func("/retry/a-release-while-it-fills-counts", a_release_while_it_fills_counts);
	g_test_add_func("/retry/what-runs-is-done-before-who-waited",
			what_runs_is_done_before_who_waited);
	g_test_add_func("/retry/what-came-back-is-forgotten", what_came_back_is_forgotten);
	g_test_add_func("/retry/a-wait-ends-with-the-time", a_wait_ends_with_the_time);
	g_test_add_func("/retry/nobody-to-wait-for", nobody_to_wait_for);
	g_test_add_func("/retry/an-empty-reservation-ends-no-wait",
			an_empty_reservation_ends_no_wait);
	g_test_add_func("/retry/a-snapshot-ends-the-wait", a_snapshot_ends_the_wait);
	g_test_add_func("/retry/who-has-enough-does-not-wait", who_has_enough_does_not_wait);
	g_test_add_func("/retry/nobody-to-wait-for-any-more", nobody_to_wait_for_any_more);
	g_test_add_func("/retry/who-waits-is-in-nobodys-way", who_waits_is_in_nobodys_way);
	g_test_add_func("/retry/the-pools-time-is-less", the_pools_time_is_less);
}
