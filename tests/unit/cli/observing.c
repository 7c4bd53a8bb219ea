// SPDX-License-Identifier: LGPL-2.1-or-later
/* What metrics and monitor make of pools, accounts and counters. */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "account.h"
#include "counters.h"
#include "look.h"
#include "metrics.h"
#include "pool.h"
#include "suites.h"

static struct cmabulk_pool **make_pools(size_t count, const char *const *names)
{
	struct cmabulk_pool **pools = calloc(count + 1, sizeof(struct cmabulk_pool *));

	for (size_t i = 0; i < count; i++) {
		g_assert_cmpint(pool_new(names[i], "area", &pools[i]), ==, 0);
		pools[i]->page_size = 4096;
		pools[i]->pages = 1000;
		pools[i]->free_pages = 900;
	}
	return pools;
}

static struct cmabulk_account **make_accounts(size_t count, const char *const *names)
{
	struct cmabulk_account **accounts = calloc(count + 1, sizeof(struct cmabulk_account *));

	for (size_t i = 0; i < count; i++) {
		g_assert_cmpint(account_new(names[i], "video", &accounts[i]), ==, 0);
		accounts[i]->used = 5 * i;
	}
	return accounts;
}

static struct cmabulk_counters **make_counters(void)
{
	struct cmabulk_counters **counters = calloc(2, sizeof(struct cmabulk_counters *));

	g_assert_cmpint(counters_new(&counters[0]), ==, 0);
	counters[0]->pool = strdup("video");
	counters[0]->account = strdup("");
	counters[0]->values.admitted = 7;
	counters[0]->values.worker_usec = 1000001;
	counters[0]->values.latency_usec = 20000000;
	g_assert_cmpint(counters_add_refusal(counters[0], "quota", 3), ==, 0);
	g_assert_cmpint(counters_add_fill(counters[0], "fast", "busy", 4), ==, 0);
	g_assert_cmpint(counters_add_bucket(counters[0], 100, 2), ==, 0);
	g_assert_cmpint(counters_add_bucket(counters[0], 30000000, 1), ==, 0);
	g_assert_cmpint(counters_add_bucket(counters[0], UINT64_MAX, 4), ==, 0);
	return counters;
}

static char *print(const struct metrics *metrics)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	metrics_print(metrics, file);
	fclose(file);
	return text;
}

static void expect_line(const char *text, const char *line)
{
	g_autofree char *whole = g_strdup_printf("\n%s\n", line);

	if (!strstr(text, whole))
		g_error("no line '%s' in: %s", line, text);
}

static void labels_are_escaped(void)
{
	static const char *const names[] = { "qu\"o\\te\nd" };
	struct metrics metrics CLEANUP(metrics_clear) = {
		.accounts = make_accounts(1, names),
	};
	char *text = print(&metrics);

	expect_line(text, "cmabulk_account_used_bytes"
			  "{pool=\"video\",account=\"qu\\\"o\\\\te\\nd\",uid=\"\"} 0");
	free(text);
}

static void metrics_of_both_formats(void)
{
	static const char *const names[] = { "video" };
	struct metrics metrics CLEANUP(metrics_clear) = {
		.pools = make_pools(1, names),
		.counters = make_counters(),
	};
	char *text = print(&metrics);

	expect_line(text, "# TYPE cmabulk_pool_worker_seconds counter");
	expect_line(text, "# UNIT cmabulk_pool_worker_seconds seconds");
	expect_line(text, "cmabulk_pool_worker_seconds_total{pool=\"video\"} 1.000001");
	expect_line(text, "cmabulk_pool_requests_refused_total"
			  "{pool=\"video\",reason=\"quota\"} 3");
	expect_line(text, "cmabulk_pool_request_duration_seconds_bucket"
			  "{pool=\"video\",le=\"0.0001\"} 2");
	expect_line(text, "cmabulk_pool_request_duration_seconds_bucket"
			  "{pool=\"video\",le=\"30.0\"} 3");
	expect_line(text, "cmabulk_pool_request_duration_seconds_bucket"
			  "{pool=\"video\",le=\"+Inf\"} 7");
	expect_line(text, "cmabulk_pool_request_duration_seconds_sum{pool=\"video\"} 20.0");
	g_assert_true(g_str_has_suffix(text, "\n# EOF\n"));
	free(text);
	metrics.format = METRICS_PROMETHEUS;
	text = print(&metrics);
	expect_line(text, "# TYPE cmabulk_pool_worker_seconds_total counter");
	expect_line(text, "cmabulk_pool_worker_seconds_total{pool=\"video\"} 1.000001");
	expect_line(text, "# TYPE cmabulk_pool_info gauge");
	g_assert_null(strstr(text, "# UNIT"));
	g_assert_null(strstr(text, "# EOF"));
	free(text);
}

/* Nobody counts there, and nobody knows who waits. */
static void direct_metrics(void)
{
	static const char *const names[] = { "video" };
	struct metrics metrics CLEANUP(metrics_clear) = {
		.is_direct = true,
		.pools = make_pools(1, names),
	};
	char *text = print(&metrics);

	expect_line(text, "cmabulk_pool_free_bytes{pool=\"video\"} 3686400");
	g_assert_null(strstr(text, "pending"));
	g_assert_null(strstr(text, "guarantee"));
	g_assert_null(strstr(text, "_total"));
	free(text);
}

/* "+a" for what came, "-a" for what went, "a" for what changed. */
static void note(const struct look_object *before, const struct look_object *after, void *userdata)
{
	const struct look_object *object = after ? after : before;

	g_assert_nonnull(object);
	g_string_append_printf(userdata, "%s%s ",
			       !before ? "+" :
			       !after  ? "-" :
					 "",
			       object->account ? object->account : object->pool);
}

static void expect_differences(const struct look *before, const struct look *after,
			       const char *expected)
{
	g_autoptr(GString) found = g_string_new("");

	look_compare(before, after, note, found);
	g_assert_cmpstr(found->str, ==, expected);
}

static void differences_are_found(void)
{
	static const char *const pools[] = { "video", "audio" };
	static const char *const accounts[] = { "media", "camera", "zoo" };
	struct look nothing = { 0 };
	struct look first CLEANUP(look_clear) = {
		.pools = make_pools(2, pools),
		.accounts = make_accounts(2, accounts),
	};
	struct look second CLEANUP(look_clear) = {
		.pools = make_pools(1, pools),
		.accounts = make_accounts(3, accounts),
	};

	second.pools[0]->free_pages--;
	second.accounts[1]->used++;
	g_assert_cmpint(look_arrange(&first), ==, 0);
	g_assert_cmpint(look_arrange(&second), ==, 0);
	g_assert_cmpint(look_arrange(&nothing), ==, 0);
	expect_differences(&nothing, &first, "+audio +video +camera +media ");
	expect_differences(&first, &first, "");
	expect_differences(&first, &second, "-audio video camera +zoo ");
	expect_differences(&second, &nothing, "-video -camera -media -zoo ");
	look_clear(&nothing);
}

/* Users of one name are told apart, and from what they share. */
static void users_are_told_apart(void)
{
	static const char *const names[] = { "default", "default", "default" };
	struct look before CLEANUP(look_clear) = { .accounts = make_accounts(2, names) };
	struct look after CLEANUP(look_clear) = { .accounts = make_accounts(3, names) };

	for (uid_t i = 1; i < 3; i++) {
		after.accounts[i]->has_uid = true;
		after.accounts[i]->uid = i;
	}
	before.accounts[1]->has_uid = true;
	before.accounts[1]->uid = 2;
	before.accounts[1]->used = after.accounts[2]->used;
	g_assert_cmpint(look_arrange(&before), ==, 0);
	g_assert_cmpint(look_arrange(&after), ==, 0);
	expect_differences(&before, &after, "+default ");
}

void add_observing(void)
{
	g_test_add_func("/cli/labels-are-escaped", labels_are_escaped);
	g_test_add_func("/cli/metrics-of-both-formats", metrics_of_both_formats);
	g_test_add_func("/cli/direct-metrics", direct_metrics);
	g_test_add_func("/cli/differences-are-found", differences_are_found);
	g_test_add_func("/cli/users-are-told-apart", users_are_told_apart);
}
