// SPDX-License-Identifier: LGPL-2.1-or-later
/* [Account NAME] in the configuration: what applies, and that a mistake allows nothing. */
#include "config-files.h"
#include "fixture.h"

static const char everything[] = "[Account default]\n"
				 "MaxBytes=25%\n"
				 "[Account video]\n"
				 "User=root\n"
				 "Unit=video\\x2dplayer@1.service\n"
				 "Shared=yes\n"
				 "MinBytes=10%\n"
				 "MaxBytes=300M\n"
				 "MaxBuffers=10\n"
				 "MaxPending=3\n"
				 "Weight=200\n"
				 "RateLimitIntervalSec=500ms\n"
				 "RateLimitBurst=7\n"
				 "MaxTimeoutSec=3s\n"
				 "Efforts=hard  fast\n"
				 "Pools=camera\tdisplay\n"
				 "[Account many]\n"
				 "Group=12345\n";

static struct config *load_everything(void)
{
	struct config *config;
	struct files files;

	files_begin(&files);
	files_put(files.main, everything, -1);
	config = files_load(&files);
	files_end(&files);
	g_assert_cmpuint(config->problems->len, ==, 0);
	return config;
}

static void accounts_match(void)
{
	g_autoptr(Config) config = load_everything();
	const struct account_rule *rule = rule_of(config, "video");

	g_assert_cmpuint(account_rules_count(config->accounts), ==, 3);
	g_assert_true(rule->has_uid && !rule->has_gid && rule->is_shared);
	g_assert_cmpuint(rule->uid, ==, 0);
	g_assert_cmpstr(rule->unit, ==, "video\\x2dplayer@1.service");
	rule = rule_of(config, "many");
	g_assert_true(!rule->has_uid && rule->has_gid);
	g_assert_cmpuint(rule->gid, ==, 12345);
	/* It is for the rest, wherever it is written. */
	rule = account_rules_get(config->accounts, 2);
	g_assert_cmpstr(rule->name, ==, "default");
	g_assert_cmpuint(rule->maximum.bytes, ==, 2500);
}

static void accounts_have_limits(void)
{
	g_autoptr(Config) config = load_everything();
	const struct account_rule *rule = rule_of(config, "video");

	g_assert_true(rule->minimum.is_share);
	g_assert_cmpuint(rule->minimum.bytes, ==, 1000);
	g_assert_false(rule->maximum.is_share);
	g_assert_cmpuint(rule->maximum.bytes, ==, UINT64_C(300) << 20);
	g_assert_cmpuint(rule->max_buffers, ==, 10);
	g_assert_cmpuint(rule->max_pending, ==, 3);
	g_assert_cmpuint(rule->weight, ==, 200);
	g_assert_cmpuint(rule->rate_interval_usec, ==, 500000);
	g_assert_cmpuint(rule->rate_burst, ==, 7);
	g_assert_cmpuint(rule->max_timeout_usec, ==, 3000000);
}

static void accounts_may_use_some(void)
{
	g_autoptr(Config) config = load_everything();
	const struct account_rule *rule = rule_of(config, "video");

	g_assert_cmpuint(account_rule_get_efforts(rule, 1), ==, 1);
	g_assert_cmpuint(account_rule_get_efforts(rule, 2), ==, 5);
	g_assert_true(account_rule_allows_pool(rule, "camera"));
	g_assert_true(account_rule_allows_pool(rule, "display"));
	g_assert_false(account_rule_allows_pool(rule, "main"));
}

static void mistakes_in_accounts_are_named(void)
{
	static const struct mistake mistakes[] = {
		{ "Account a", "User", "no-such-user-anywhere" },
		{ "Account a", "User", "4294967295" },
		{ "Account a", "User", "" },
		{ "Account a", "Group", "no-such-group-anywhere" },
		{ "Account a", "Unit", "video" },
		{ "Account a", "Unit", "../video.service" },
		{ "Account a", "Shared", "maybe" },
		{ "Account a", "MinBytes", "most" },
		{ "Account a", "MinBytes", "10M" },
		{ "Account default", "MinBytes", "10%" },
		{ "Account a", "MaxBytes", "3OOM" },
		{ "Account a", "MaxBytes", "110%" },
		{ "Account a", "MaxBuffers", "many" },
		{ "Account a", "MaxPending", "-1" },
		{ "Account a", "Weight", "0" },
		{ "Account a", "RateLimitIntervalSec", "soon" },
		{ "Account a", "RateLimitBurst", "-1" },
		{ "Account a", "MaxTimeoutSec", "0" },
		{ "Account a", "Efforts", "fast,normal" },
		{ "Account a", "Pools", "camera,display" },
		{ "Account a", "MaxByte", "3M" },
		{ "Account default", "User", "root" },
		{ "Account default", "MaxBytes", "\xff" },
	};

	assert_mistakes(mistakes, G_N_ELEMENTS(mistakes));
}

static void a_mistake_leaves_the_rest(void)
{
	const struct account_rule *rule;
	struct files files;

	files_begin(&files);
	files_put(files.main, "[Account a]\nUser=1\nMaxBytes=5M\nMaxBytse=6M\n", -1);
	files_put_drop_in(&files, "1.conf", "[Account a]\nMaxBytes=many\nWeight=7\n");
	{
		g_autoptr(Config) config = files_load(&files);

		g_assert_cmpuint(config->problems->len, ==, 2);
		rule = account_rules_find(config->accounts, "a");
		g_assert_cmpuint(rule->maximum.bytes, ==, UINT64_C(5) << 20);
		g_assert_cmpuint(rule->weight, ==, 7);
	}
	files_end(&files);
}

/* Of efforts and pools nothing means all: a slip of the pen is not to mean that. */
static void nothing_is_allowed_by_mistake(void)
{
	struct files files;

	files_begin(&files);
	files_put(files.main,
		  "[Account a]\nUser=3\nEfforts=fast nromal\nPools=ca/mera display\n"
		  "[Account b]\nUser=1\nEfforts=fast,normal\nPools=camera,display\n"
		  "[Account c]\nUser=2\nEfforts=fast\nPools=camera\n"
		  "[Account d]\nUser=4\nEfforts=\xff\nPools=\xff display\n"
		  "[Account e]\nUser=\xff\nGroup=1\n",
		  -1);
	files_put_drop_in(&files, "1.conf", "[Account c]\nEfforts=slow\nPools=/\n");
	files_put_drop_in(&files, "2.conf", "[Account b]\nEfforts=\n");
	{
		g_autoptr(Config) config = files_load(&files);

		g_assert_cmpuint(config->problems->len, ==, 9);
		g_assert_cmpuint(rule_of(config, "a")->efforts, ==, 1U << CMABULK_EFFORT_FAST);
		g_assert_true(account_rule_allows_pool(rule_of(config, "a"), "display"));
		g_assert_false(account_rule_allows_pool(rule_of(config, "a"), "camera"));
		g_assert_cmpuint(account_rule_get_efforts(rule_of(config, "b"), 2), ==, 7);
		g_assert_false(account_rule_allows_pool(rule_of(config, "b"), "camera"));
		g_assert_cmpuint(account_rule_get_efforts(rule_of(config, "c"), 2), ==, 0);
		g_assert_false(account_rule_allows_pool(rule_of(config, "c"), "camera"));
		g_assert_cmpuint(account_rule_get_efforts(rule_of(config, "d"), 2), ==, 0);
		g_assert_true(account_rule_allows_pool(rule_of(config, "d"), "display"));
		g_assert_null(account_rules_find(config->accounts, "e"));
	}
	files_end(&files);
}

/* An account that would match others than was meant is none. */
static void nobody_is_matched_by_mistake(void)
{
	struct files files;

	files_begin(&files);
	files_put(files.main,
		  "[Account a]\nUser=no-such-user-anywhere\nMaxBytes=100%\n"
		  "[Account b]\nUser=1\nGroup=no-such-group-anywhere\n"
		  "[Account c]\nUnit=c.service\n"
		  "[Account d]\nUser=no-such-user-anywhere\n"
		  "[Account e:1]\nUser=1\n"
		  "[Account ]\nUser=1\n"
		  "[Account e12345678901234567890123456789012345678901234567890]\nUser=1\n",
		  -1);
	files_put_drop_in(&files, "1.conf", "[Account d]\nUser=4\n");
	{
		g_autoptr(Config) config = files_load(&files);

		g_assert_cmpuint(config->problems->len, ==, 7);
		g_assert_cmpuint(account_rules_count(config->accounts), ==, 2);
		g_assert_cmpuint(account_rules_get(config->accounts, 0)->uid, ==, 4);
	}
	files_end(&files);
}

void add_config_account_tests(void)
{
	g_test_add_func("/config/accounts-match", accounts_match);
	g_test_add_func("/config/accounts-have-limits", accounts_have_limits);
	g_test_add_func("/config/accounts-may-use-some", accounts_may_use_some);
	g_test_add_func("/config/mistakes-in-accounts-are-named", mistakes_in_accounts_are_named);
	g_test_add_func("/config/a-mistake-leaves-the-rest", a_mistake_leaves_the_rest);
	g_test_add_func("/config/nothing-is-allowed-by-mistake", nothing_is_allowed_by_mistake);
	g_test_add_func("/config/nobody-is-matched-by-mistake", nobody_is_matched_by_mistake);
}
