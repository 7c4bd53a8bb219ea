// SPDX-License-Identifier: LGPL-2.1-or-later
/* Files of a configuration, and what came of them. */
#include <glib/gstdio.h>
#include <string.h>

#include "config-files.h"

void files_begin(struct files *files)
{
	g_autoptr(GError) error = NULL;

	files->directory = g_dir_make_tmp("cmabulk-config-XXXXXX", &error);
	g_assert_no_error(error);
	files->main = g_build_filename(files->directory, "cmabulkd.conf", NULL);
	files->drop_ins = g_build_filename(files->directory, "conf.d", NULL);
	g_assert_cmpint(g_mkdir(files->drop_ins, 0700), ==, 0);
}

void files_put(const char *path, const char *text, gssize size)
{
	g_autoptr(GError) error = NULL;

	g_file_set_contents(path, text, size, &error);
	g_assert_no_error(error);
}

void files_put_drop_in(const struct files *files, const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(files->drop_ins, name, NULL);

	files_put(path, text, -1);
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

void files_end(struct files *files)
{
	empty_directory(files->drop_ins);
	empty_directory(files->directory);
	g_assert_cmpint(g_rmdir(files->directory), ==, 0);
	g_free(files->directory);
	g_free(files->main);
	g_free(files->drop_ins);
}

struct config *files_load(const struct files *files)
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

void assert_problem(const struct config *config, const char *const *parts)
{
	g_assert_cmpuint(config->problems->len, ==, 1);
	for (; *parts; parts++)
		if (!strstr(config->problems->pdata[0], *parts))
			g_error("no \"%s\" in: %s", *parts, (char *)config->problems->pdata[0]);
}

static void assert_mistake(const struct mistake *mistake)
{
	g_autofree char *text =
		g_strdup_printf("[%s]\n%s=%s\n", mistake->group, mistake->key, mistake->value);
	g_autofree char *group = g_strdup_printf("[%s]", mistake->group);
	struct files files;

	files_begin(&files);
	files_put(files.main, text, -1);
	{
		g_autoptr(Config) config = files_load(&files);

		ASSERT_PROBLEM(config, files.main, group,
			       strchr(group, '/') ? group : mistake->key);
		g_assert_cmpuint(config->default_timeout_usec, ==, 20000000);
		g_assert_cmpuint(config->max_timeout_usec, ==, 600000000);
		g_assert_cmpuint(config->fetch_timeout_usec, ==, 30000000);
	}
	files_end(&files);
}

void assert_mistakes(const struct mistake *mistakes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_mistake(&mistakes[i]);
}

const struct account_rule *rule_of(const struct config *config, const char *account)
{
	const struct account_rule *rule = account_rules_find(config->accounts, account);

	g_assert_nonnull(rule);
	return rule;
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

void assert_pools_of(const struct config *config, const char *device, const char *expected)
{
	g_autofree char *pools = pools_of(config, device);

	g_assert_cmpstr(pools, ==, expected);
}
