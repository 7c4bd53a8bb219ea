// SPDX-License-Identifier: LGPL-2.1-or-later
/* [Pool NAME] in the configuration. */
#include "config-files.h"
#include "fixture.h"

/* Of [Pool *] what its own group does not say. */
static void pools_are_tried_as_they_say(void)
{
	struct retry retry;
	struct files files;

	files_begin(&files);
	files_put(files.main,
		  "[Pool camera]\n"
		  "RetrySteps=fast wait hard\n"
		  "RetryTimeoutSec=4s\n"
		  "[Pool *]\n"
		  "RetrySteps=normal\n"
		  "RetryDelaySec=5ms\n"
		  "RetryDelayMaxSec=80ms\n"
		  "RetryJitter=50%\n",
		  -1);
	{
		g_autoptr(Config) config = files_load(&files);

		g_assert_cmpuint(config->problems->len, ==, 0);
		config_pools_get_retry(config->pools, "camera", &retry);
		g_assert_cmpuint(retry.n_steps, ==, 3);
		g_assert_cmpint(retry.steps[1], ==, RETRY_WAIT);
		g_assert_cmpuint(retry.delay_ns, ==, 5000000);
		g_assert_cmpuint(retry.timeout_ns, ==, UINT64_C(4000000000));
		config_pools_get_retry(config->pools, "display", &retry);
		g_assert_cmpuint(retry.n_steps, ==, 1);
		g_assert_cmpint(retry.steps[0], ==, RETRY_NORMAL);
		g_assert_cmpuint(retry.max_delay_ns, ==, 80000000);
		g_assert_cmpuint(retry.jitter_percent, ==, 50);
		g_assert_cmpuint(retry.timeout_ns, ==, UINT64_MAX);
	}
	files_end(&files);
}

static void mistakes_in_pools_are_named(void)
{
	static const struct mistake mistakes[] = {
		{ "Pool a", "RetrySteps", "wait fast" }, { "Pool *", "RetrySteps", "slow" },
		{ "Pool a", "RetryDelaySec", "soon" },	 { "Pool a", "RetryDelayMaxSec", "-1" },
		{ "Pool a", "RetryJitter", "5M" },	 { "Pool a", "RetryTimeoutSec", "0" },
		{ "Pool a", "RetryStep", "fast" },
	};

	assert_mistakes(mistakes, G_N_ELEMENTS(mistakes));
}

void add_config_pool_tests(void)
{
	g_test_add_func("/config/pools-are-tried-as-they-say", pools_are_tried_as_they_say);
	g_test_add_func("/config/mistakes-in-pools-are-named", mistakes_in_pools_are_named);
}
