// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is counted of a pool and its accounts, and how long that is kept. */
#include <glib.h>

#include "counters.h"
#include "scene.h"
#include "suites.h"

static const struct account_counters *find(const struct scene *scene, const char *name)
{
	return g_hash_table_lookup(broker_get_counters(scene->broker)->accounts, name);
}

static void what_happened_adds_up(void)
{
	const struct pool_counters *pool;
	const struct counters *counters;
	struct scene scene;
	uint64_t id;

	scene_init(&scene);
	id = scene_give(&scene, 1000, 100);
	scene_give(&scene, 1004, 10);
	counters = &find(&scene, "default:1000")->counters;
	g_assert_cmpuint(counters->admitted, ==, 1);
	g_assert_cmpuint(counters->chunks_asked, ==, 100);
	g_assert_cmpuint(counters->bytes_granted, ==, 100 * SCENE_PAGE);
	g_assert_cmpuint(counters->finished[BROKER_COMPLETE], ==, 1);
	g_assert_cmpuint(counters->fills[0][COUNTERS_RESULT_COMPLETE], ==, 1);
	g_assert_cmpuint(counters->bytes_released, ==, 0);
	scene_released(&scene, id, 100);
	g_assert_cmpuint(counters->bytes_released, ==, 100 * SCENE_PAGE);
	pool = broker_get_counters(scene.broker);
	g_assert_cmpuint(pool->all.admitted, ==, 2);
	g_assert_cmpuint(pool->all.chunks_granted, ==, 110);
	g_assert_cmpuint(pool->all.bytes_released, ==, 100 * SCENE_PAGE);
	scene_clear(&scene);
}

static void time_is_put_into_buckets(void)
{
	struct broker_request *request;
	const struct pool_counters *pool;
	struct scene scene;

	scene_init(&scene);
	scene_give(&scene, 1000, 1);
	request = scene_submit(&scene, 1000, 10);
	scene.now_ns += 2 * SCENE_SECOND;
	scene_expect_fill(&scene, request, 0, 10);
	scene_filled_slowly(&scene, request, 0, 10, SCENE_SECOND);
	scene.now_ns += 1;
	scene_expect_finish(&scene, request, BROKER_COMPLETE, 0, 10);
	pool = broker_get_counters(scene.broker);
	g_assert_cmpuint(pool->all.queued_ns, ==, 2 * SCENE_SECOND);
	g_assert_cmpuint(pool->all.worker_ns, ==, SCENE_SECOND);
	g_assert_cmpuint(pool->latency[0], ==, 1);
	for (unsigned int i = 1; i < COUNTERS_BUCKETS; i++)
		g_assert_cmpuint(pool->latency[i], ==,
				 counters_bucket_usec(i) >= 3000001 &&
					 counters_bucket_usec(i - 1) < 3000001);
	g_assert_cmpuint(pool->latency_ns, >, 2 * SCENE_SECOND);
	for (unsigned int i = 1; i < COUNTERS_BUCKETS; i++)
		g_assert_cmpuint(counters_bucket_usec(i), >, counters_bucket_usec(i - 1));
	g_assert_cmpuint(counters_bucket_usec(COUNTERS_BUCKETS - 1), ==, UINT64_MAX);
	scene_clear(&scene);
}

static void a_refusal_counts_when_it_stands(void)
{
	struct broker_refusal refusal;
	struct broker_ask ask;
	struct scene scene;

	scene_init(&scene);
	ask = scene_ask(&scene, SCENE_PAGES / 2 + 1);
	g_assert_cmpint(scene_refused(&scene, 1001, &ask, &refusal), ==, -EDQUOT);
	g_assert_null(find(&scene, "default:1001"));
	g_assert_cmpuint(find(&scene, "half:1001")->counters.refused[COUNTERS_REASON_QUOTA], ==, 0);
	broker_count_refusal(scene.broker, &refusal);
	g_assert_cmpuint(find(&scene, "half:1001")->counters.refused[COUNTERS_REASON_QUOTA], ==, 1);
	ask.chunks = 0;
	g_assert_cmpint(scene_refused(&scene, 1001, &ask, &refusal), ==, -EINVAL);
	broker_count_refusal(scene.broker, &refusal);
	g_assert_cmpuint(broker_get_counters(scene.broker)->all.refused[COUNTERS_REASON_INVALID],
			 ==, 1);
	scene_clear(&scene);
}

/* However many ask, and are refused: no more than so many of those that have nothing. */
static void only_recent_ones_are_kept(void)
{
	const struct pool_counters *pool;
	struct broker_refusal refusal;
	struct broker_ask ask;
	struct scene scene;
	uint64_t id;

	scene_init(&scene);
	id = scene_give(&scene, 1000, 100);
	ask = scene_ask(&scene, SCENE_PAGES + 1);
	for (uid_t uid = 100000; uid < 110000; uid++) {
		g_assert_cmpint(scene_refused(&scene, uid, &ask, &refusal), ==, -E2BIG);
		broker_count_refusal(scene.broker, &refusal);
		/* Who comes back meanwhile is one of the recent ones again. */
		g_assert_cmpint(scene_refused(&scene, 1004, &ask, &refusal), ==, -E2BIG);
		broker_count_refusal(scene.broker, &refusal);
	}
	pool = broker_get_counters(scene.broker);
	g_assert_cmpuint(g_hash_table_size(pool->accounts), ==, COUNTERS_RECENT_MAX + 1);
	g_assert_null(find(&scene, "default:100000"));
	g_assert_nonnull(find(&scene, "default:109999"));
	g_assert_cmpuint(find(&scene, "default:109999")->uid, ==, 109999);
	g_assert_cmpuint(find(&scene, "heavy:1004")->counters.refused[COUNTERS_REASON_SIZE], ==,
			 10000);
	g_assert_cmpuint(find(&scene, "default:1000")->counters.admitted, ==, 1);
	g_assert_cmpuint(pool->all.refused[COUNTERS_REASON_SIZE], ==, 20000);
	scene_released(&scene, id, 100);
	scene_clear(&scene);
}

/* Its event was lost: a snapshot tells. */
static void a_release_without_an_event(void)
{
	struct scene scene;

	scene_init(&scene);
	scene_give(&scene, 1000, 100);
	broker_load(scene.broker, NULL, 0, 1000);
	broker_count_resync(scene.broker);
	g_assert_cmpuint(broker_get_counters(scene.broker)->resyncs, ==, 1);
	g_assert_cmpuint(find(&scene, "default:1000")->counters.bytes_released, ==,
			 100 * SCENE_PAGE);
	broker_load(scene.broker, NULL, 0, 1001);
	g_assert_cmpuint(broker_get_counters(scene.broker)->all.bytes_released, ==,
			 100 * SCENE_PAGE);
	scene_clear(&scene);
}

void add_counters(void)
{
	g_test_add_func("/counters/what-happened-adds-up", what_happened_adds_up);
	g_test_add_func("/counters/time-is-put-into-buckets", time_is_put_into_buckets);
	g_test_add_func("/counters/a-refusal-counts-when-it-stands",
			a_refusal_counts_when_it_stands);
	g_test_add_func("/counters/only-recent-ones-are-kept", only_recent_ones_are_kept);
	g_test_add_func("/counters/a-release-without-an-event", a_release_without_an_event);
}
