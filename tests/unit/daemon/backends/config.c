// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The configuration as a whole: which files count, what is a problem and how it is told, and that nothing
 * crashes it.
 */
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "config-files.h"
#include "fixture.h"

static void no_files_at_all(void)
{
	const struct account_rule *rule;
	struct files files;

	files_begin(&files);
	g_rmdir(files.drop_ins);
	{
		g_autoptr(Config) config = files_load(&files);

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
	files_end(&files);
}

static void the_daemon_is_told(void)
{
	struct files files;

	files_begin(&files);
	files_put(files.main,
		  "# a comment\n"
		  "[Daemon]\n"
		  "DefaultTimeoutSec=5\n"
		  "MaxTimeoutSec = 2min \n"
		  "FetchTimeoutSec=infinity\n"
		  "ClientsGroup=0\n"
		  "\n",
		  -1);
	{
		g_autoptr(Config) config = files_load(&files);

		g_assert_cmpuint(config->problems->len, ==, 0);
		g_assert_cmpuint(config->default_timeout_usec, ==, 5000000);
		g_assert_cmpuint(config->max_timeout_usec, ==, 120000000);
		g_assert_cmpuint(config->fetch_timeout_usec, ==, UINT64_MAX);
		g_assert_cmpuint(config->clients_gid, ==, 0);
	}
	files_end(&files);
}

static void mistakes_of_the_daemon_are_named(void)
{
	static const struct mistake mistakes[] = {
		{ "Daemon", "DefaultTimeoutSec", "soon" },
		{ "Daemon", "MaxTimeoutSec", "0" },
		{ "Daemon", "FetchTimeoutSec", "-3" },
		{ "Daemon", "ClientsGroup", "no-such-group-anywhere" },
		{ "Daemon", "DefaultTimeout", "20" },
		{ "Daemon", "DefaultTimeoutSec[de]", "20" },
	};

	assert_mistakes(mistakes, G_N_ELEMENTS(mistakes));
}

static void later_files_override_key_by_key(void)
{
	const struct account_rule *rule;
	struct files files;

	files_begin(&files);
	files_put(files.main, "[Account a]\nUser=1\nMaxBytes=1M\nWeight=1\n", -1);
	files_put_drop_in(&files, "20.conf", "[Account a]\nMaxBytes=20M\n[Account b]\nUser=2\n");
	files_put_drop_in(&files, "10.conf", "[Account a]\nMaxBytes=10M\nWeight=10\n");
	files_put_drop_in(&files, "9.conf", "[Account a]\nMaxBytes=9M\nMaxPending=9\n");
	files_put_drop_in(&files, "30.conf~", "[Account a]\nMaxBytes=30M\n");
	files_put_drop_in(&files, ".40.conf", "[Account a]\nMaxBytes=40M\n");
	{
		g_autoptr(Config) config = files_load(&files);

		g_assert_cmpuint(config->problems->len, ==, 0);
		rule = account_rules_get(config->accounts, 0);
		g_assert_cmpstr(rule->name, ==, "a");
		/* "10" < "20" < "9": by name, as everywhere. */
		g_assert_cmpuint(rule->maximum.bytes, ==, UINT64_C(9) << 20);
		g_assert_cmpuint(rule->weight, ==, 10);
		g_assert_cmpuint(rule->max_pending, ==, 9);
		g_assert_cmpstr(account_rules_get(config->accounts, 1)->name, ==, "b");
	}
	files_end(&files);
}

static void unknown_groups_are_named(void)
{
	struct files files;

	files_begin(&files);
	files_put(files.main, "[Demon]\nDefaultTimeoutSec=3\n", -1);
	{
		g_autoptr(Config) config = files_load(&files);

		ASSERT_PROBLEM(config, files.main, "[Demon]", "unknown group");
		g_assert_cmpuint(config->default_timeout_usec, ==, 20000000);
	}
	files_end(&files);
}

static void the_default_is_no_more_than_the_limit(void)
{
	struct files files;

	files_begin(&files);
	files_put(files.main, "[Daemon]\nMaxTimeoutSec=10\n", -1);
	{
		g_autoptr(Config) config = files_load(&files);

		ASSERT_PROBLEM(config, "DefaultTimeoutSec");
		g_assert_cmpuint(config->default_timeout_usec, ==, 10000000);
	}
	files_end(&files);
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

		files_begin(&files);
		files_put(files.main, broken[i].text, -1);
		files_put_drop_in(&files, "1.conf", "[Daemon]\nFetchTimeoutSec=4\n");
		{
			g_autoptr(Config) config = files_load(&files);

			ASSERT_PROBLEM(config, files.main, broken[i].line, broken[i].quote);
			g_assert_cmpuint(config->default_timeout_usec, ==, 20000000);
			g_assert_cmpuint(config->fetch_timeout_usec, ==, 4000000);
		}
		files_end(&files);
	}
}

static void what_is_no_text_is_skipped(void)
{
	g_autofree char *large = g_strnfill((2 << 20) + 1, '\n');
	struct files files;

	files_begin(&files);
	files_put(files.main, "[Daemon]\n\0\n", 11);
	{
		g_autoptr(Config) config = files_load(&files);

		ASSERT_PROBLEM(config, files.main, "line 2", "NUL");
	}
	files_put(files.main, large, -1);
	{
		g_autoptr(Config) config = files_load(&files);

		ASSERT_PROBLEM(config, files.main, "larger");
	}
	g_remove(files.main);
	g_assert_cmpint(mkfifo(files.main, 0600), ==, 0);
	{
		g_autoptr(Config) config = files_load(&files);

		ASSERT_PROBLEM(config, files.main, "regular");
	}
	g_remove(files.main);
	g_mkdir(files.main, 0700);
	{
		g_autoptr(Config) config = files_load(&files);

		ASSERT_PROBLEM(config, files.main, "directory");
	}
	files_end(&files);
}

static void the_previous_stays_in_force(void)
{
	struct config *untouched = (struct config *)&untouched;
	struct config *next = untouched;
	GPtrArray *problems = NULL;
	struct files files;

	files_begin(&files);
	files_put(files.main, "[Daemon]\nDefaultTimeoutSec=3\n", -1);
	{
		g_autoptr(Config) previous = files_load(&files);

		files_put(files.main, "[Daemon]\nDefaultTimeoutSec=4\nFetchTimeout=5\n", -1);
		files_put_drop_in(&files, "1.conf", "[Daemon]\nrubbish\n");
		g_assert_cmpint(config_load(files.main, files.drop_ins, NULL, previous, &next,
					    &problems),
				==, -EBADMSG);
		g_assert_true(next == untouched);
		g_assert_cmpuint(problems->len, ==, 2);
		g_ptr_array_unref(problems);
		problems = NULL;

		/* A mistake that is none of the form is no reason to keep what was. */
		files_put_drop_in(&files, "1.conf", "[Daemon]\nFetchTimeoutSec=never\n");
		g_assert_cmpint(config_load(files.main, files.drop_ins, NULL, previous, &next,
					    &problems),
				==, 0);
		g_assert_null(problems);
		g_assert_cmpuint(next->default_timeout_usec, ==, 4000000);
		config_free(next);
	}
	files_end(&files);
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

	files_begin(&files);
	for (int round = 0; round < 200; round++) {
		GString *text = g_string_new(sample);

		for (int i = g_test_rand_int_range(1, 12); i > 0; i--)
			mutate(text);
		files_put(files.main, text->str, (gssize)text->len);
		{
			g_autoptr(Config) config = files_load(&files);

			g_assert_cmpuint(account_rules_count(config->accounts), >, 0);
			g_assert_cmpuint(config->problems->len, <=, 101);
			g_assert_cmpuint(config->default_timeout_usec, <=,
					 config->max_timeout_usec);
		}
		g_string_free(text, TRUE);
	}
	files_end(&files);
}

static void problems_are_limited(void)
{
	GString *text = g_string_new("[Daemon]\n");
	struct files files;

	files_begin(&files);
	for (int i = 0; i < 1000; i++)
		g_string_append_printf(text, "Key%d=%.*s\n", i, 900, sample);
	for (int i = 0; i < 2000; i++)
		g_string_append_printf(text, "[Account a%d]\nUser=%d\n", i, i);
	for (int i = 0; i < 2000; i++)
		g_string_append_printf(text, "[Device d%d]\nPools=main\n", i);
	files_put(files.main, text->str, -1);
	{
		g_autoptr(Config) config = files_load(&files);

		g_assert_cmpuint(config->problems->len, <=, 101);
		for (guint i = 0; i < config->problems->len; i++)
			g_assert_cmpuint(strlen(config->problems->pdata[i]), <, 2000);
		g_assert_cmpuint(account_rules_count(config->accounts), <=, 1025);
		assert_pools_of(config, "d1022", "main"); /* the sample has one */
		assert_pools_of(config, "d1023", NULL);
	}
	g_string_free(text, TRUE);
	files_end(&files);
}

void add_config_tests(void)
{
	g_test_add_func("/config/no-files-at-all", no_files_at_all);
	g_test_add_func("/config/the-daemon-is-told", the_daemon_is_told);
	g_test_add_func("/config/mistakes-of-the-daemon-are-named",
			mistakes_of_the_daemon_are_named);
	g_test_add_func("/config/later-files-override-key-by-key", later_files_override_key_by_key);
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
