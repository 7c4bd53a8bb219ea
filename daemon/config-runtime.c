// SPDX-License-Identifier: LGPL-2.1-or-later
/* What administrators changed of accounts while the daemon runs. */
#include <errno.h>
#include <string.h>

#include "config-file.h"
#include "config-runtime.h"
#include "config-state.h"

#define FILE_NAME    "accounts.conf"
#define PASSING_NAME "changes at run time"

static const char head[] =
	"# Written by cmabulkd: what was changed of accounts at run time, and is to be kept. It applies\n"
	"# over cmabulkd.conf and its drop-ins, and is read when cmabulkd starts; see cmabulkd.conf(5).\n";

static void runtime_read(struct config_runtime *runtime)
{
	GKeyFile *kept = NULL;

	if (!runtime->path)
		return;
	runtime->is_unread = config_file_read(runtime->path, runtime->problems, &kept) < 0;
	if (!kept)
		return;
	g_key_file_unref(runtime->layers[CONFIG_LAYER_PERSISTENT]);
	runtime->layers[CONFIG_LAYER_PERSISTENT] = kept;
}

static struct config_runtime *runtime_new(const char *directory)
{
	struct config_runtime *runtime = g_new0(struct config_runtime, 1);

	runtime->directory = g_strdup(directory);
	runtime->path = directory ? g_build_filename(directory, FILE_NAME, NULL) : NULL;
	for (unsigned int i = 0; i < CONFIG_LAYERS; i++)
		runtime->layers[i] = g_key_file_new();
	return runtime;
}

struct config_runtime *config_runtime_new(const char *directory)
{
	struct config_runtime *runtime = runtime_new(directory);

	runtime->problems = g_ptr_array_new_with_free_func(g_free);
	runtime_read(runtime);
	return runtime;
}

struct config_runtime *config_runtime_free(struct config_runtime *runtime)
{
	if (!runtime)
		return NULL;
	for (unsigned int i = 0; i < CONFIG_LAYERS; i++)
		g_key_file_unref(runtime->layers[i]);
	g_ptr_array_unref(runtime->problems);
	g_free(runtime->directory);
	g_free(runtime->path);
	g_free(runtime);
	return NULL;
}

static void copy_group(GKeyFile *to, GKeyFile *from, const char *group)
{
	g_auto(GStrv) keys = g_key_file_get_keys(from, group, NULL, NULL);

	for (char **key = keys; key && *key; key++) {
		g_autofree char *value = g_key_file_get_value(from, group, *key, NULL);

		g_key_file_set_value(to, group, *key, value);
	}
}

struct config_runtime *config_runtime_copy(const struct config_runtime *runtime)
{
	struct config_runtime *copy = runtime_new(runtime->directory);

	copy->problems = g_ptr_array_ref(runtime->problems);
	copy->is_unread = runtime->is_unread;
	for (unsigned int i = 0; i < CONFIG_LAYERS; i++) {
		g_auto(GStrv) groups = g_key_file_get_groups(runtime->layers[i], NULL);

		for (char **group = groups; *group; group++)
			copy_group(copy->layers[i], runtime->layers[i], *group);
	}
	return copy;
}

const char *config_runtime_get_name(const struct config_runtime *runtime, enum config_layer layer)
{
	return layer == CONFIG_LAYER_PERSISTENT ? runtime->path : PASSING_NAME;
}

static char *group_of(const char *account)
{
	return g_strdup_printf("Account %s", account);
}

bool config_runtime_has(const struct config_runtime *runtime, const char *account)
{
	g_autofree char *group = group_of(account);

	for (unsigned int i = 0; i < CONFIG_LAYERS; i++)
		if (g_key_file_has_group(runtime->layers[i], group))
			return true;
	return false;
}

static void add_keys(GStrvBuilder *builder, GKeyFile *layer, GKeyFile *listed, const char *group)
{
	g_auto(GStrv) keys = g_key_file_get_keys(layer, group, NULL, NULL);

	for (char **key = keys; key && *key; key++)
		if (!listed || !g_key_file_has_key(listed, group, *key, NULL))
			g_strv_builder_add(builder, *key);
}

char **config_runtime_get_keys(const struct config_runtime *runtime, const char *account,
			       bool is_persistent)
{
	GKeyFile *persistent = runtime->layers[CONFIG_LAYER_PERSISTENT];
	g_autoptr(GStrvBuilder) builder = NULL;
	g_autofree char *group = NULL;
	char **keys;

	if (!config_runtime_has(runtime, account))
		return NULL;
	group = group_of(account);
	builder = g_strv_builder_new();
	add_keys(builder, persistent, NULL, group);
	if (!is_persistent)
		add_keys(builder, runtime->layers[CONFIG_LAYER_PASSING], persistent, group);
	keys = g_strv_builder_end(builder);
	if (!keys[0])
		g_clear_pointer(&keys, g_strfreev);
	return keys;
}

static void remove_key(GKeyFile *layer, const char *group, const char *key)
{
	g_auto(GStrv) left = NULL;

	g_key_file_remove_key(layer, group, key, NULL);
	left = g_key_file_get_keys(layer, group, NULL, NULL);
	if (left && !left[0])
		g_key_file_remove_group(layer, group, NULL);
}

void config_runtime_set(struct config_runtime *runtime, const char *account, const char *key,
			const char *value, bool is_persistent)
{
	g_autofree char *group = group_of(account);

	/* What is kept is not to be hidden by what was said before. */
	if (is_persistent)
		remove_key(runtime->layers[CONFIG_LAYER_PASSING], group, key);
	g_key_file_set_value(
		runtime->layers[is_persistent ? CONFIG_LAYER_PERSISTENT : CONFIG_LAYER_PASSING],
		group, key, value);
}

void config_runtime_take_back(struct config_runtime *runtime, const char *account, const char *key)
{
	g_autofree char *group = group_of(account);

	for (unsigned int i = 0; i < CONFIG_LAYERS; i++) {
		if (key)
			remove_key(runtime->layers[i], group, key);
		else
			g_key_file_remove_group(runtime->layers[i], group, NULL);
	}
}

/*
 * Keeping
 */

static int refuse(int error, char *sentence, char **ret_problem)
{
	*ret_problem = sentence;
	return error;
}

/* What is not to be kept is bounded as a file is. */
static int check_size(const struct config_runtime *runtime, char **ret_problem)
{
	for (unsigned int i = 0; i < CONFIG_LAYERS; i++) {
		gsize size = 0;
		g_autofree char *text = g_key_file_to_data(runtime->layers[i], &size, NULL);

		if (size + sizeof(head) > CONFIG_FILE_MAX_BYTES)
			return refuse(-E2BIG,
				      g_strdup_printf("all that was changed at run time would be "
						      "%zu bytes, of at most %d; write it into "
						      "cmabulkd.conf, and take it back here",
						      size, CONFIG_FILE_MAX_BYTES),
				      ret_problem);
	}
	return 0;
}

static int keep(const struct config_runtime *runtime, const char *text, char **ret_problem)
{
	g_autofree char *all = g_strconcat(head, text, NULL);
	int r;

	if (!runtime->path)
		return refuse(-EOPNOTSUPP,
			      g_strdup("there is no directory to keep the change in; give "
				       "--state-directory=, or make it without keeping it"),
			      ret_problem);
	if (runtime->is_unread)
		return refuse(-EBADMSG,
			      g_strdup_printf("%s could not be read when cmabulkd started, and is "
					      "not overwritten: mend or remove it, and restart "
					      "cmabulkd",
					      runtime->path),
			      ret_problem);
	r = config_state_write(runtime->directory, FILE_NAME, all, strlen(all));
	return r < 0 ? refuse(r,
			      g_strdup_printf("the change cannot be kept in %s: %s; mend that, or "
					      "make it without keeping it",
					      runtime->path, g_strerror(-r)),
			      ret_problem) :
		       0;
}

int config_runtime_write(const struct config_runtime *runtime, const struct config_runtime *before,
			 char **ret_problem)
{
	g_autofree char *old =
		g_key_file_to_data(before->layers[CONFIG_LAYER_PERSISTENT], NULL, NULL);
	g_autofree char *new =
		g_key_file_to_data(runtime->layers[CONFIG_LAYER_PERSISTENT], NULL, NULL);
	int r = check_size(runtime, ret_problem);

	if (r < 0 || strcmp(old, new) == 0)
		return r;
	return keep(runtime, new, ret_problem);
}
