// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The configuration: what applies, what is a problem and how it is told, and that nothing
 * crashes it.
 */
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "fixture.h"

struct files {
	char *directory;
	char *main;
	char *drop_ins;
};

static void begin(struct files *files)
{
	g_autoptr(GError) error = NULL;

	files->directory = g_dir_make_tmp("cmabulk-config-XXXXXX", &error);
	g_assert_no_error(error);
	files->main = g_build_filename(files->directory, "cmabulkd.conf", NULL);
	files->drop_ins = g_build_filename(files->directory, "conf.d", NULL);
	g_assert_cmpint(g_mkdir(files->drop_ins, 0700), ==, 0);
}

static void put(const char *path, const char *text, gssize size)
{
	g_autoptr(GError) error = NULL;

	g_file_set_contents(path, text, size, &error);
	g_assert_no_error(error);
}

static void put_drop_in(const struct files *files, const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(files->drop_ins, name, NULL);

	put(path, text, -1);
}

static void empty_directory(const char *path)
{
	g_autoptr(GDir) directory = g_dir_open(path, 0, NULL);
	const char *name;

	while ((name = g_dir_read_name(directory))) {
		g_autofree char *entry = g_build_filename(path, name, NULL);

		g_remove(entry);
	}
}

static void end(struct files *files)
{
	empty_directory(files->drop_ins);
	empty_directory(files->directory);
	g_assert_cmpint(g_rmdir(files->directory), ==, 0);
	g_free(files->directory);
	g_free(files->main);
	g_free(files->drop_ins);
}

static struct config *load(const struct files *files)
{
	struct config *config = NULL;
	GPtrArray *problems = NULL;

	g_assert_cmpint(config_load(files->main, files->drop_ins, NULL, NULL, &config, &problems),
			==, 0);
	g_assert_null(problems);
	for (guint i = 0; i < config->problems->len; i++) {
		g_test_message("%s", (char *)config->problems->pdata[i]);
		g_assert_true(g_utf8_validate(config->problems->pdata[i], -1, NULL));
	}
	return config;
}

/* One problem, which has all of these in it. */
static void assert_problem(const struct config *config, const char *const *parts)
{
	g_assert_cmpuint(config->problems->len, ==, 1);
	for (; *parts; parts++)
		if (!strstr(config->problems->pdata[0], *parts))
			g_error("no \"%s\" in: %s", *parts, (char *)config->problems->pdata[0]);
}

#define ASSERT_PROBLEM(config, ...) \
	assert_problem(config, (const char *const[]){ __VA_ARGS__, NULL })

static void no_files_at_all(void)
{
	const struct account_rule *rule;
	struct files files;

	begin(&files);
	g_rmdir(files.drop_ins);
	{
		g_autoptr(Config) config = load(&files);

		g_assert_cmpuint(config->problems->len, ==, 0);
		g_assert_cmpuint(config->default_timeout_usec, ==, 20000000);
		g_assert_cmpuint(config->max_timeout_usec, ==, 600000000);
		g_assert_cmpuint(config->fetch_timeout_usec, ==, 30000000);
		g_assert_cmpstr(config->clients_group, ==, "cmabulk-clients");
		g_assert_cmpuint(account_rules_count(config->accounts), ==, 1);
		rule = account_rules_get(config->accounts, 0);
		g_assert_cmpstr(rule->name, ==, "default");
		g_assert_true(rule->maximum.is_share);
		g_assert_cmpuint(rule->maximum.bytes, ==, 10000);
		g_assert_cmpuint(rule->max_buffers, ==, 4096);
		g_assert_cmpuint(rule->max_pending, ==, 64);
		g_assert_cmpuint(rule->weight, ==, 100);
	}
	g_mkdir(files.drop_ins, 0700);
	end(&files);
}

static void everything_applies(void)
{
	const struct account_rule *rule;
	struct retry retry;
	struct files files;

	begin(&files);
	put(files.main,
	    "# a comment\n"
	    "[Daemon]\n"
	    "DefaultTimeoutSec=5\n"
	    "MaxTimeoutSec = 2min \n"
	    "FetchTimeoutSec=infinity\n"
	    "ClientsGroup=0\n"
	    "\n"
	    "[Account default]\n"
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
	    "Group=12345\n"
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
		g_autoptr(Config) config = load(&files);

		g_assert_cmpuint(config->problems->len, ==, 0);
		g_assert_cmpuint(config->default_timeout_usec, ==, 5000000);
		g_assert_cmpuint(config->max_timeout_usec, ==, 120000000);
		g_assert_cmpuint(config->fetch_timeout_usec, ==, UINT64_MAX);
		g_assert_cmpuint(config->clients_gid, ==, 0);
		g_assert_cmpuint(account_rules_count(config->accounts), ==, 3);
		rule = account_rules_find(config->accounts, "video");
		g_assert_true(rule->has_uid && !rule->has_gid && rule->is_shared);
		g_assert_cmpuint(rule->uid, ==, 0);
		g_assert_cmpstr(rule->unit, ==, "video\\x2dplayer@1.service");
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
		g_assert_cmpuint(account_rule_get_efforts(rule, 1), ==, 1);
		g_assert_cmpuint(account_rule_get_efforts(rule, 2), ==, 5);
		g_assert_true(account_rule_allows_pool(rule, "camera"));
		g_assert_true(account_rule_allows_pool(rule, "display"));
		g_assert_false(account_rule_allows_pool(rule, "main"));
		rule = account_rules_find(config->accounts, "many");
		g_assert_true(!rule->has_uid && rule->has_gid);
		g_assert_cmpuint(rule->gid, ==, 12345);
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
		rule = account_rules_get(config->accounts, 2);
		g_assert_cmpstr(rule->name, ==, "default");
		g_assert_cmpuint(rule->maximum.bytes, ==, 2500);
	}
	end(&files);
}

static void later_files_override_key_by_key(void)
{
	const struct account_rule *rule;
	struct files files;

	begin(&files);
	put(files.main, "[Account a]\nUser=1\nMaxBytes=1M\nWeight=1\n", -1);
	put_drop_in(&files, "20.conf", "[Account a]\nMaxBytes=20M\n[Account b]\nUser=2\n");
	put_drop_in(&files, "10.conf", "[Account a]\nMaxBytes=10M\nWeight=10\n");
	put_drop_in(&files, "9.conf", "[Account a]\nMaxBytes=9M\nMaxPending=9\n");
	put_drop_in(&files, "30.conf~", "[Account a]\nMaxBytes=30M\n");
	put_drop_in(&files, ".40.conf", "[Account a]\nMaxBytes=40M\n");
	{
		g_autoptr(Config) config = load(&files);

		g_assert_cmpuint(config->problems->len, ==, 0);
		rule = account_rules_get(config->accounts, 0);
		g_assert_cmpstr(rule->name, ==, "a");
		/* "10" < "20" < "9": by name, as everywhere. */
		g_assert_cmpuint(rule->maximum.bytes, ==, UINT64_C(9) << 20);
		g_assert_cmpuint(rule->weight, ==, 10);
		g_assert_cmpuint(rule->max_pending, ==, 9);
		g_assert_cmpstr(account_rules_get(config->accounts, 1)->name, ==, "b");
	}
	end(&files);
}

/* Each alone in a file: one problem, which names file, group and key. */
static void each_mistake_is_named(void)
{
	static const struct {
		const char *group;
		const char *key;
		const char *value;
	} mistakes[] = {
		{ "Daemon", "DefaultTimeoutSec", "soon" },
		{ "Daemon", "MaxTimeoutSec", "0" },
		{ "Daemon", "FetchTimeoutSec", "-3" },
		{ "Daemon", "ClientsGroup", "no-such-group-anywhere" },
		{ "Daemon", "DefaultTimeout", "20" },
		{ "Daemon", "DefaultTimeoutSec[de]", "20" },
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
		{ "Pool a", "RetrySteps", "wait fast" },
		{ "Pool *", "RetrySteps", "slow" },
		{ "Pool a", "RetryDelaySec", "soon" },
		{ "Pool a", "RetryDelayMaxSec", "-1" },
		{ "Pool a", "RetryJitter", "5M" },
		{ "Pool a", "RetryTimeoutSec", "0" },
		{ "Pool a", "RetryStep", "fast" },
		{ "Device a", "Node", "video0" },
		{ "Device a", "Node", "/dev/../dev/video0" },
		{ "Device a", "SysPath", "/sys/class/video4linux/video0" },
		{ "Device a", "Subsystem", "video/linux" },
		{ "Device a", "Name", "../video0" },
		{ "Device a/b", "Pools", "main" },
		{ "Account default", "User", "root" },
		{ "Account default", "MaxBytes", "\xff" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(mistakes); i++) {
		g_autofree char *text = g_strdup_printf("[%s]\n%s=%s\n", mistakes[i].group,
							mistakes[i].key, mistakes[i].value);
		g_autofree char *group = g_strdup_printf("[%s]", mistakes[i].group);
		struct files files;

		begin(&files);
		put(files.main, text, -1);
		{
			g_autoptr(Config) config = load(&files);

			ASSERT_PROBLEM(config, files.main, group,
				       strchr(group, '/') ? group : mistakes[i].key);
			g_assert_cmpuint(config->default_timeout_usec, ==, 20000000);
			g_assert_cmpuint(config->max_timeout_usec, ==, 600000000);
			g_assert_cmpuint(config->fetch_timeout_usec, ==, 30000000);
		}
		end(&files);
	}
}

static void a_mistake_leaves_the_rest(void)
{
	const struct account_rule *rule;
	struct files files;

	begin(&files);
	put(files.main, "[Account a]\nUser=1\nMaxBytes=5M\nMaxBytse=6M\n", -1);
	put_drop_in(&files, "1.conf", "[Account a]\nMaxBytes=many\nWeight=7\n");
	{
		g_autoptr(Config) config = load(&files);

		g_assert_cmpuint(config->problems->len, ==, 2);
		rule = account_rules_find(config->accounts, "a");
		g_assert_cmpuint(rule->maximum.bytes, ==, UINT64_C(5) << 20);
		g_assert_cmpuint(rule->weight, ==, 7);
	}
	end(&files);
}

static const struct account_rule *rule_of(const struct config *config, const char *account)
{
	const struct account_rule *rule = account_rules_find(config->accounts, account);

	g_assert_nonnull(rule);
	return rule;
}

/* Of efforts and pools nothing means all: a slip of the pen is not to mean that. */
static void nothing_is_allowed_by_mistake(void)
{
	struct files files;

	begin(&files);
	put(files.main,
	    "[Account a]\nUser=3\nEfforts=fast nromal\nPools=ca/mera display\n"
	    "[Account b]\nUser=1\nEfforts=fast,normal\nPools=camera,display\n"
	    "[Account c]\nUser=2\nEfforts=fast\nPools=camera\n"
	    "[Account d]\nUser=4\nEfforts=\xff\nPools=\xff display\n"
	    "[Account e]\nUser=\xff\nGroup=1\n",
	    -1);
	put_drop_in(&files, "1.conf", "[Account c]\nEfforts=slow\nPools=/\n");
	put_drop_in(&files, "2.conf", "[Account b]\nEfforts=\n");
	{
		g_autoptr(Config) config = load(&files);

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
	end(&files);
}

/* An account that would match others than was meant is none. */
static void nobody_is_matched_by_mistake(void)
{
	struct files files;

	begin(&files);
	put(files.main,
	    "[Account a]\nUser=no-such-user-anywhere\nMaxBytes=100%\n"
	    "[Account b]\nUser=1\nGroup=no-such-group-anywhere\n"
	    "[Account c]\nUnit=c.service\n"
	    "[Account d]\nUser=no-such-user-anywhere\n"
	    "[Account e:1]\nUser=1\n"
	    "[Account ]\nUser=1\n"
	    "[Account e12345678901234567890123456789012345678901234567890]\nUser=1\n",
	    -1);
	put_drop_in(&files, "1.conf", "[Account d]\nUser=4\n");
	{
		g_autoptr(Config) config = load(&files);

		g_assert_cmpuint(config->problems->len, ==, 7);
		g_assert_cmpuint(account_rules_count(config->accounts), ==, 2);
		g_assert_cmpuint(account_rules_get(config->accounts, 0)->uid, ==, 4);
	}
	end(&files);
}

static char *pools_of(const struct config *config, const char *device)
{
	g_auto(GStrv) pools = NULL;
	struct device_facts facts;
	struct device_text text;

	g_assert_cmpint(device_text_parse(device, &text), ==, 0);
	device_facts_from_text(&text, &facts);
	pools = device_rules_get_pools(config->devices, &text, &facts);
	device_facts_clear(&facts);
	return pools ? g_strjoinv(" ", pools) : NULL;
}

static void assert_pools_of(const struct config *config, const char *device, const char *expected)
{
	g_autofree char *pools = pools_of(config, device);

	g_assert_cmpstr(pools, ==, expected);
}

static void devices_have_pools(void)
{
	struct files files;

	begin(&files);
	put(files.main,
	    "[Device front]\nNode=/dev/video0\nPools=camera\n"
	    "[Device back]\nSysPath=/sys/devices/back\nPools= camera\treserve \n"
	    "[Device codec]\nSubsystem=video4linux\nName=video1*\nPools=codec\n"
	    "[Device later]\nPools=main\n",
	    -1);
	put_drop_in(&files, "1.conf", "[Device front]\nPools=other reserve\n");
	{
		g_autoptr(Config) config = load(&files);

		g_assert_cmpuint(config->problems->len, ==, 0);
		assert_pools_of(config, "/dev/video0", "other reserve");
		assert_pools_of(config, "front", "other reserve");
		assert_pools_of(config, "/sys/devices/back", "camera reserve");
		assert_pools_of(config, "video4linux:video17", "codec");
		assert_pools_of(config, "later", "main");
		assert_pools_of(config, "/dev/later", NULL);
	}
	end(&files);
}

/* A device that would be others than was meant is none; nor is one without pools. */
static void no_device_by_mistake(void)
{
	struct files files;

	begin(&files);
	put(files.main,
	    "[Device a]\nNode=video0\nSubsystem=video4linux\nPools=main\n"
	    "[Device b]\nName=video0\nPools=main\n"
	    "[Device c]\nNode=/dev/c\n"
	    "[Device d]\nNode=/dev/d\nPools=main,other\n"
	    "[Device e]\nNode=dev/e\nPools=main\n",
	    -1);
	put_drop_in(&files, "1.conf", "[Device e]\nNode=/dev/e\n");
	{
		g_autoptr(Config) config = load(&files);

		/* A device with pools that are none has two. */
		g_assert_cmpuint(config->problems->len, ==, 6);
		assert_pools_of(config, "a", NULL);
		assert_pools_of(config, "b", NULL);
		assert_pools_of(config, "c", NULL);
		assert_pools_of(config, "d", NULL);
		assert_pools_of(config, "video4linux:video1", NULL);
		assert_pools_of(config, "/dev/e", "main");
	}
	end(&files);
}

static void unknown_groups_are_named(void)
{
	struct files files;

	begin(&files);
	put(files.main, "[Demon]\nDefaultTimeoutSec=3\n", -1);
	{
		g_autoptr(Config) config = load(&files);

		ASSERT_PROBLEM(config, files.main, "[Demon]", "unknown group");
		g_assert_cmpuint(config->default_timeout_usec, ==, 20000000);
	}
	end(&files);
}

static void the_default_is_no_more_than_the_limit(void)
{
	struct files files;

	begin(&files);
	put(files.main, "[Daemon]\nMaxTimeoutSec=10\n", -1);
	{
		g_autoptr(Config) config = load(&files);

		ASSERT_PROBLEM(config, "DefaultTimeoutSec");
		g_assert_cmpuint(config->default_timeout_usec, ==, 10000000);
	}
	end(&files);
}

static void a_file_that_does_not_parse_is_skipped(void)
{
	static const struct {
		const char *text;
		const char *line;
		const char *quote;
	} broken[] = {
		{ "[Daemon]\nDefaultTimeoutSec=3\nwhat is this\n", "line 3", "\"what is this\"" },
		{ "DefaultTimeoutSec=3\n", "line 1", "\"DefaultTimeoutSec=3\"" },
		{ "[Daemon]\nDefaultTimeoutSec=3\n[Account\n", "line 3", "\"[Account\"" },
		{ "\n\n[Daemon]\r\nDefaultTimeoutSec=3\r\n=5\r\n[x]\r\n", "line 5", "\"=5\"" },
		{ "[Daemon]\nDefaultTimeoutSec=3\nno newline", "line 3", "\"no newline\"" },
		{ "[Daemon]\nDefaultTimeoutSec=3\n\xff\xfe\x01\n", "line 3", "the whole file" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(broken); i++) {
		struct files files;

		begin(&files);
		put(files.main, broken[i].text, -1);
		put_drop_in(&files, "1.conf", "[Daemon]\nFetchTimeoutSec=4\n");
		{
			g_autoptr(Config) config = load(&files);

			ASSERT_PROBLEM(config, files.main, broken[i].line, broken[i].quote);
			g_assert_cmpuint(config->default_timeout_usec, ==, 20000000);
			g_assert_cmpuint(config->fetch_timeout_usec, ==, 4000000);
		}
		end(&files);
	}
}

static void what_is_no_text_is_skipped(void)
{
	g_autofree char *large = g_strnfill((2 << 20) + 1, '\n');
	struct files files;

	begin(&files);
	put(files.main, "[Daemon]\n\0\n", 11);
	{
		g_autoptr(Config) config = load(&files);

		ASSERT_PROBLEM(config, files.main, "line 2", "NUL");
	}
	put(files.main, large, -1);
	{
		g_autoptr(Config) config = load(&files);

		ASSERT_PROBLEM(config, files.main, "larger");
	}
	g_remove(files.main);
	g_assert_cmpint(mkfifo(files.main, 0600), ==, 0);
	{
		g_autoptr(Config) config = load(&files);

		ASSERT_PROBLEM(config, files.main, "regular");
	}
	g_remove(files.main);
	g_mkdir(files.main, 0700);
	{
		g_autoptr(Config) config = load(&files);

		ASSERT_PROBLEM(config, files.main, "directory");
	}
	end(&files);
}

static void the_previous_stays_in_force(void)
{
	struct config *untouched = (struct config *)&untouched;
	struct config *next = untouched;
	GPtrArray *problems = NULL;
	struct files files;

	begin(&files);
	put(files.main, "[Daemon]\nDefaultTimeoutSec=3\n", -1);
	{
		g_autoptr(Config) previous = load(&files);

		put(files.main, "[Daemon]\nDefaultTimeoutSec=4\nFetchTimeout=5\n", -1);
		put_drop_in(&files, "1.conf", "[Daemon]\nrubbish\n");
		g_assert_cmpint(config_load(files.main, files.drop_ins, NULL, previous, &next,
					    &problems),
				==, -EBADMSG);
		g_assert_true(next == untouched);
		g_assert_cmpuint(problems->len, ==, 2);
		g_ptr_array_unref(problems);
		problems = NULL;

		/* A mistake that is none of the form is no reason to keep what was. */
		put_drop_in(&files, "1.conf", "[Daemon]\nFetchTimeoutSec=never\n");
		g_assert_cmpint(config_load(files.main, files.drop_ins, NULL, previous, &next,
					    &problems),
				==, 0);
		g_assert_null(problems);
		g_assert_cmpuint(next->default_timeout_usec, ==, 4000000);
		config_free(next);
	}
	end(&files);
}

static const char sample[] =
	"# cmabulkd.conf\n[Daemon]\nDefaultTimeoutSec=5\nMaxTimeoutSec=2min\nClientsGroup=0\n\n"
	"[Account default]\nMaxBytes=25%\n\n[Account video]\nUser=0\nUnit=video.service\n"
	"Shared=yes\nMaxBytes=300M\nMaxBuffers=10\nMaxPending=3\nWeight=200\n\n"
	"[Device front]\nNode=/dev/video0\nSubsystem=video4linux\nName=video*\nPools=a b\n";

/* A byte more, less or other, or a piece twice. */
static void mutate(GString *text)
{
	gsize at = (gsize)g_test_rand_int_range(0, (gint32)text->len);
	gsize length = (gsize)g_test_rand_int_range(0, (gint32)(text->len - at)) % 32;
	g_autofree char *piece = g_strndup(text->str + at, length);

	switch (g_test_rand_int_range(0, 5)) {
	case 0:
		text->str[at] = (char)g_test_rand_int_range(0, 256);
		break;
	case 1:
		g_string_insert_c(text, (gssize)at, (char)g_test_rand_int_range(0, 256));
		break;
	case 2:
		g_string_erase(text, (gssize)at, (gssize)length);
		break;
	case 3:
		g_string_insert(text, g_test_rand_int_range(0, (gint32)text->len), piece);
		break;
	default:
		text->str[at] = "\n[]=%0 "[g_test_rand_int_range(0, 7)];
	}
	if (text->len == 0)
		g_string_append_c(text, '[');
}

/* The seed is GTest's: see --seed. */
static void rubbish_crashes_nothing(void)
{
	struct files files;

	begin(&files);
	for (int round = 0; round < 200; round++) {
		GString *text = g_string_new(sample);

		for (int i = g_test_rand_int_range(1, 12); i > 0; i--)
			mutate(text);
		put(files.main, text->str, (gssize)text->len);
		{
			g_autoptr(Config) config = load(&files);

			g_assert_cmpuint(account_rules_count(config->accounts), >, 0);
			g_assert_cmpuint(config->problems->len, <=, 101);
			g_assert_cmpuint(config->default_timeout_usec, <=,
					 config->max_timeout_usec);
		}
		g_string_free(text, TRUE);
	}
	end(&files);
}

static void problems_are_limited(void)
{
	GString *text = g_string_new("[Daemon]\n");
	struct files files;

	begin(&files);
	for (int i = 0; i < 1000; i++)
		g_string_append_printf(text, "Key%d=%.*s\n", i, 900, sample);
	for (int i = 0; i < 2000; i++)
		g_string_append_printf(text, "[Account a%d]\nUser=%d\n", i, i);
	for (int i = 0; i < 2000; i++)
		g_string_append_printf(text, "[Device d%d]\nPools=main\n", i);
	put(files.main, text->str, -1);
	{
		g_autoptr(Config) config = load(&files);

		g_assert_cmpuint(config->problems->len, <=, 101);
		for (guint i = 0; i < config->problems->len; i++)
			g_assert_cmpuint(strlen(config->problems->pdata[i]), <, 2000);
		g_assert_cmpuint(account_rules_count(config->accounts), <=, 1025);
		assert_pools_of(config, "d1022", "main"); /* the sample has one */
		assert_pools_of(config, "d1023", NULL);
	}
	g_string_free(text, TRUE);
	end(&files);
}

void add_config_tests(void)
{
	g_test_add_func("/config/no-files-at-all", no_files_at_all);
	g_test_add_func("/config/everything-applies", everything_applies);
	g_test_add_func("/config/later-files-override-key-by-key", later_files_override_key_by_key);
	g_test_add_func("/config/each-mistake-is-named", each_mistake_is_named);
	g_test_add_func("/config/a-mistake-leaves-the-rest", a_mistake_leaves_the_rest);
	g_test_add_func("/config/nothing-is-allowed-by-mistake", nothing_is_allowed_by_mistake);
	g_test_add_func("/config/nobody-is-matched-by-mistake", nobody_is_matched_by_mistake);
	g_test_add_func("/config/devices-have-pools", devices_have_pools);
	g_test_add_func("/config/no-device-by-mistake", no_device_by_mistake);
	g_test_add_func("/config/unknown-groups-are-named", unknown_groups_are_named);
	g_test_add_func("/config/the-default-is-no-more-than-the-limit",
			the_default_is_no_more_than_the_limit);
	g_test_add_func("/config/a-file-that-does-not-parse-is-skipped",
			a_file_that_does_not_parse_is_skipped);
	g_test_add_func("/config/what-is-no-text-is-skipped", what_is_no_text_is_skipped);
	g_test_add_func("/config/the-previous-stays-in-force", the_previous_stays_in_force);
	g_test_add_func("/config/rubbish-crashes-nothing", rubbish_crashes_nothing);
	g_test_add_func("/config/problems-are-limited", problems_are_limited);
}
