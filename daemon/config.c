// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the administrator wrote: cmabulkd.conf and its drop-ins. */
#include <errno.h>
#include <string.h>

#include "config-account.h"
#include "config-device.h"
#include "config-file.h"
#include "config-name.h"
#include "config.h"

#define DAEMON_GROUP   "Daemon"
#define ACCOUNT_PREFIX "Account "
#define POOL_PREFIX    "Pool "
#define DEVICE_PREFIX  "Device "

#define USEC_PER_SEC		   UINT64_C(1000000)
#define DEFAULT_TIMEOUT_USEC	   (20 * USEC_PER_SEC)
#define DEFAULT_MAX_TIMEOUT_USEC   (600 * USEC_PER_SEC)
#define DEFAULT_FETCH_TIMEOUT_USEC (30 * USEC_PER_SEC)
#define DEFAULT_CLIENTS_GROUP	   "cmabulk-clients"

#define NO_GID ((gid_t)-1)

/*
 * [Daemon]: each returns NULL, or what is wrong with the value
 */

static const char *set_duration(uint64_t *usec, const char *value)
{
	uint64_t parsed;

	if (duration_parse(value, &parsed) < 0 || parsed == 0)
		return "no time above 0: write 20, 20s, 500ms, 2min or infinity";
	*usec = parsed;
	return NULL;
}

static const char *set_default_timeout(struct config *config, const char *value)
{
	return set_duration(&config->default_timeout_usec, value);
}

static const char *set_max_timeout(struct config *config, const char *value)
{
	return set_duration(&config->max_timeout_usec, value);
}

static const char *set_fetch_timeout(struct config *config, const char *value)
{
	return set_duration(&config->fetch_timeout_usec, value);
}

static const char *set_clients_group(struct config *config, const char *value)
{
	const struct names names = { .known = config->names };
	gid_t gid;

	/* Who is trusted is not to depend on what was there before a slip of the pen. */
	g_free(config->clients_group);
	config->clients_group = g_strdup(value);
	config->clients_gid = NO_GID;
	if (group_parse(&names, value, &gid) < 0)
		return "there is no such group, so that nobody is in it";
	config->clients_gid = gid;
	return NULL;
}

static const struct {
	const char *name;
	const char *(*set)(struct config *config, const char *value);
} daemon_keys[] = {
	{ "DefaultTimeoutSec", set_default_timeout },
	{ "MaxTimeoutSec", set_max_timeout },
	{ "FetchTimeoutSec", set_fetch_timeout },
	{ "ClientsGroup", set_clients_group },
};

static void set_daemon(struct config *config, const struct config_place *place, const char *key,
		       const char *value)
{
	for (size_t i = 0; i < G_N_ELEMENTS(daemon_keys); i++) {
		const char *wrong;

		if (strcmp(daemon_keys[i].name, key) != 0)
			continue;
		wrong = daemon_keys[i].set(config, value);
		if (wrong)
			config_problem(place->problems, "%s: [%s] %s: \"%s\" is wrong: %s",
				       place->file, place->group, key, value, wrong);
		return;
	}
	config_problem(place->problems, "%s: [%s] %s: unknown key; it is ignored", place->file,
		       place->group, key);
}

/*
 * Files
 */

/* As it was read: what it says is applied again when something is changed at run time. */
struct source {
	char *path;
	GKeyFile *file;
};

static void source_free(void *data)
{
	struct source *source = data;

	g_key_file_unref(source->file);
	g_free(source->path);
	g_free(source);
}

/* 0, or -EBADMSG when it did not parse. */
static int read_file(struct config *config, const char *path)
{
	struct source *source;
	GKeyFile *file = NULL;
	int r = config_file_read(path, config->problems, &file);

	if (!file)
		return r;
	source = g_new(struct source, 1);
	source->path = g_strdup(path);
	source->file = file;
	g_ptr_array_add(config->sources, source);
	return 0;
}

static int read_files(struct config *config, const char *file, const char *directory)
{
	g_autoptr(GPtrArray) drop_ins = NULL;
	int result = file ? read_file(config, file) : 0;

	if (directory) {
		drop_ins = config_file_list(directory, config->problems);
		for (guint i = 0; i < drop_ins->len; i++) {
			int r = read_file(config, drop_ins->pdata[i]);

			result = r < 0 ? r : result;
		}
	}
	config->n_unread = config->problems->len;
	return result;
}

/*
 * What they say
 */

struct reading {
	struct config *config; /* NULL: it is about accounts alone */
	struct config_accounts *accounts;
	struct config_devices *devices;
	GPtrArray *problems;
	struct names names;
	const char *only; /* NULL, or the group beside which nothing counts */
};

enum group { GROUP_DAEMON, GROUP_ACCOUNT, GROUP_POOL, GROUP_DEVICE, GROUP_UNKNOWN };

/* What is no text is wrong, and not as if it was not said: it may be what keeps the account small. */
static void apply_account_key(struct reading *reading, const struct config_place *place,
			      const char *key, const char *value)
{
	g_autofree char *text = g_utf8_make_valid(value, -1);

	config_accounts_set(reading->accounts, place, key, text);
}

static void apply_key(struct reading *reading, const struct config_place *place, GKeyFile *file,
		      const char *key, enum group group)
{
	/* As it stands: escapes are the unit names' own, not GKeyFile's. */
	g_autofree char *value = g_key_file_get_value(file, place->group, key, NULL);

	if (!value)
		return;
	g_strstrip(value);
	if (group == GROUP_ACCOUNT)
		apply_account_key(reading, place, key, value);
	else if (!g_utf8_validate(value, -1, NULL))
		config_problem(place->problems,
			       "%s: [%s] %s: the value is not UTF-8; it is ignored", place->file,
			       place->group, key);
	else if (group == GROUP_POOL)
		config_pools_set(reading->config->pools, place, key, value);
	else if (group == GROUP_DEVICE)
		config_devices_set(reading->devices, place, key, value);
	else
		set_daemon(reading->config, place, key, value);
}

/* Which it is; of one that has a name, *ret_name. */
static enum group find_group(const char *text, const char **ret_name)
{
	if (g_str_has_prefix(text, ACCOUNT_PREFIX)) {
		*ret_name = text + strlen(ACCOUNT_PREFIX);
		return GROUP_ACCOUNT;
	}
	if (g_str_has_prefix(text, POOL_PREFIX)) {
		*ret_name = text + strlen(POOL_PREFIX);
		return GROUP_POOL;
	}
	if (g_str_has_prefix(text, DEVICE_PREFIX)) {
		*ret_name = text + strlen(DEVICE_PREFIX);
		return GROUP_DEVICE;
	}
	return strcmp(text, DAEMON_GROUP) == 0 ? GROUP_DAEMON : GROUP_UNKNOWN;
}

static void apply_group(struct reading *reading, const struct config_place *place, GKeyFile *file)
{
	g_auto(GStrv) keys = g_key_file_get_keys(file, place->group, NULL, NULL);
	const char *name = NULL;
	enum group group = find_group(place->group, &name);

	if (group == GROUP_UNKNOWN) {
		config_problem(place->problems,
			       "%s: [%s]: unknown group: there are [" DAEMON_GROUP
			       "], [" ACCOUNT_PREFIX "NAME], [" POOL_PREFIX
			       "NAME] and [" DEVICE_PREFIX "NAME]; it is ignored",
			       place->file, place->group);
		return;
	}
	/* When an account is tried there is nothing else. */
	if (group != GROUP_ACCOUNT && !reading->config)
		return;
	if (group == GROUP_ACCOUNT)
		config_accounts_begin(reading->accounts, place, name);
	if (group == GROUP_POOL)
		config_pools_begin(reading->config->pools, place, name);
	if (group == GROUP_DEVICE)
		config_devices_begin(reading->devices, place, name);
	for (char **key = keys; key && *key; key++)
		apply_key(reading, place, file, *key, group);
}

static bool is_wanted(const struct reading *reading, const char *group)
{
	return !reading->only || strcmp(reading->only, group) == 0;
}

static void apply_source(struct reading *reading, const struct source *source)
{
	g_auto(GStrv) groups = g_key_file_get_groups(source->file, NULL);

	for (char **group = groups; *group; group++) {
		const struct config_place place = {
			.file = source->path,
			.group = *group,
			.problems = reading->problems,
			.names = &reading->names,
		};

		if (is_wanted(reading, *group))
			apply_group(reading, &place, source->file);
	}
}

static void apply_changes(struct reading *reading, const struct config_runtime *runtime,
			  enum config_layer layer)
{
	g_auto(GStrv) groups = g_key_file_get_groups(runtime->layers[layer], NULL);

	for (char **group = groups; *group; group++) {
		const struct config_place place = {
			.file = config_runtime_get_name(runtime, layer),
			.group = *group,
			.problems = reading->problems,
			.names = &reading->names,
			.is_runtime = true,
		};

		if (!is_wanted(reading, *group))
			continue;
		if (g_str_has_prefix(*group, ACCOUNT_PREFIX))
			apply_group(reading, &place, runtime->layers[layer]);
		else
			config_problem(place.problems,
				       "%s: [%s]: only accounts can be changed at run time; it is "
				       "ignored",
				       place.file, place.group);
	}
}

static void apply_all(struct reading *reading, const GPtrArray *sources,
		      const struct config_runtime *runtime)
{
	for (guint i = 0; i < sources->len; i++)
		apply_source(reading, sources->pdata[i]);
	for (unsigned int i = 0; runtime && i < CONFIG_LAYERS; i++)
		apply_changes(reading, runtime, i);
}

/*
 * The whole
 */

/* Takes @known. */
static struct config *config_new(GHashTable *known)
{
	const struct names names = { .known = known };
	struct config *config = g_new0(struct config, 1);

	config->default_timeout_usec = DEFAULT_TIMEOUT_USEC;
	config->max_timeout_usec = DEFAULT_MAX_TIMEOUT_USEC;
	config->fetch_timeout_usec = DEFAULT_FETCH_TIMEOUT_USEC;
	config->clients_group = g_strdup(DEFAULT_CLIENTS_GROUP);
	/* It need not be there unless somebody asked for it. */
	if (group_parse(&names, DEFAULT_CLIENTS_GROUP, &config->clients_gid) < 0)
		config->clients_gid = NO_GID;
	config->pools = config_pools_new();
	config->problems = g_ptr_array_new_with_free_func(g_free);
	config->sources = g_ptr_array_new_with_free_func(source_free);
	config->names = known;
	return config;
}

static void check_timeouts(struct config *config)
{
	if (config->default_timeout_usec <= config->max_timeout_usec)
		return;
	config_problem(config->problems,
		       "[" DAEMON_GROUP
		       "] DefaultTimeoutSec: more than MaxTimeoutSec, which applies "
		       "instead");
	config->default_timeout_usec = config->max_timeout_usec;
}

static void add_problems(GPtrArray *problems, const GPtrArray *more, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		config_problem(problems, "%s", (const char *)more->pdata[i]);
}

static void apply(struct config *config, const struct config_runtime *runtime)
{
	struct reading reading = {
		.config = config,
		.accounts = config_accounts_new(),
		.devices = config_devices_new(),
		.problems = config->problems,
		.names = { .known = config->names },
	};

	if (runtime)
		add_problems(config->problems, runtime->problems, runtime->problems->len);
	apply_all(&reading, config->sources, runtime);
	config->accounts = config_accounts_finish(reading.accounts, config->problems);
	config_accounts_free(reading.accounts);
	config->devices = config_devices_finish(reading.devices, config->problems);
	config_devices_free(reading.devices);
	check_timeouts(config);
}

int config_load(const char *file, const char *directory, const struct config_runtime *runtime,
		const struct config *previous, struct config **ret, GPtrArray **ret_problems)
{
	g_autoptr(Config) config = config_new(names_new());
	int r = read_files(config, file, directory);

	apply(config, runtime);
	if (r < 0 && previous) {
		*ret_problems = g_ptr_array_ref(config->problems);
		return -EBADMSG;
	}
	*ret = g_steal_pointer(&config);
	return 0;
}

struct config *config_rebuild(const struct config *config, const struct config_runtime *runtime)
{
	struct config *rebuilt = config_new(g_hash_table_ref(config->names));

	g_ptr_array_unref(rebuilt->sources);
	rebuilt->sources = g_ptr_array_ref(config->sources);
	rebuilt->n_unread = config->n_unread;
	add_problems(rebuilt->problems, config->problems, config->n_unread);
	apply(rebuilt, runtime);
	return rebuilt;
}

struct account_rules *config_try_account(const struct config *config,
					 const struct config_runtime *runtime, const char *account,
					 GPtrArray *problems)
{
	g_autofree char *group = g_strdup_printf(ACCOUNT_PREFIX "%s", account);
	struct reading reading = {
		.accounts = config_accounts_new(),
		.problems = problems,
		.names = { .known = config->names, .is_trial = true },
		.only = group,
	};
	struct account_rules *rules;

	apply_all(&reading, config->sources, runtime);
	rules = config_accounts_finish(reading.accounts, problems);
	config_accounts_free(reading.accounts);
	return rules;
}

bool config_has_account(const struct config *config, const char *account)
{
	g_autofree char *group = g_strdup_printf(ACCOUNT_PREFIX "%s", account);

	for (guint i = 0; i < config->sources->len; i++) {
		const struct source *source = config->sources->pdata[i];

		if (g_key_file_has_group(source->file, group))
			return true;
	}
	return false;
}

struct config *config_free(struct config *config)
{
	if (!config)
		return NULL;
	account_rules_unref(config->accounts);
	config_pools_free(config->pools);
	device_rules_free(config->devices);
	g_free(config->clients_group);
	g_ptr_array_unref(config->problems);
	g_ptr_array_unref(config->sources);
	g_hash_table_unref(config->names);
	g_free(config);
	return NULL;
}
