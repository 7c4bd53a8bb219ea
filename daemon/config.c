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
	gid_t gid;

	/* Who is trusted is not to depend on what was there before a slip of the pen. */
	g_free(config->clients_group);
	config->clients_group = g_strdup(value);
	config->clients_gid = NO_GID;
	if (group_parse(value, &gid) < 0)
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

struct reading {
	struct config *config;
	struct config_accounts *accounts;
	struct config_devices *devices;
	GPtrArray *problems;
	bool is_broken; /* a file did not parse */
};

enum group { GROUP_DAEMON, GROUP_ACCOUNT, GROUP_POOL, GROUP_DEVICE, GROUP_UNKNOWN };

static void apply_key(struct reading *reading, const struct config_place *place, GKeyFile *file,
		      const char *key, enum group group)
{
	/* As it stands: escapes are the unit names' own, not GKeyFile's. */
	g_autofree char *value = g_key_file_get_value(file, place->group, key, NULL);

	if (!value)
		return;
	g_strstrip(value);
	if (!g_utf8_validate(value, -1, NULL))
		config_problem(place->problems,
			       "%s: [%s] %s: the value is not UTF-8; it is ignored", place->file,
			       place->group, key);
	else if (group == GROUP_ACCOUNT)
		config_accounts_set(reading->accounts, place, key, value);
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
	if (group == GROUP_ACCOUNT)
		config_accounts_begin(reading->accounts, place, name);
	if (group == GROUP_POOL)
		config_pools_begin(reading->config->pools, place, name);
	if (group == GROUP_DEVICE)
		config_devices_begin(reading->devices, place, name);
	for (char **key = keys; key && *key; key++)
		apply_key(reading, place, file, *key, group);
}

static void read_file(struct reading *reading, const char *path)
{
	g_autoptr(GKeyFile) file = NULL;
	g_auto(GStrv) groups = NULL;

	if (config_file_read(path, reading->problems, &file) < 0)
		reading->is_broken = true;
	if (!file)
		return;
	groups = g_key_file_get_groups(file, NULL);
	for (char **group = groups; *group; group++) {
		const struct config_place place = {
			.file = path,
			.group = *group,
			.problems = reading->problems,
		};

		apply_group(reading, &place, file);
	}
}

static void read_files(struct reading *reading, const char *file, const char *directory)
{
	g_autoptr(GPtrArray) drop_ins = NULL;

	if (file)
		read_file(reading, file);
	if (!directory)
		return;
	drop_ins = config_file_list(directory, reading->problems);
	for (guint i = 0; i < drop_ins->len; i++)
		read_file(reading, drop_ins->pdata[i]);
}

/*
 * The whole
 */

static struct config *config_new(void)
{
	struct config *config = g_new0(struct config, 1);

	config->default_timeout_usec = DEFAULT_TIMEOUT_USEC;
	config->max_timeout_usec = DEFAULT_MAX_TIMEOUT_USEC;
	config->fetch_timeout_usec = DEFAULT_FETCH_TIMEOUT_USEC;
	config->clients_group = g_strdup(DEFAULT_CLIENTS_GROUP);
	/* It need not be there unless somebody asked for it. */
	if (group_parse(DEFAULT_CLIENTS_GROUP, &config->clients_gid) < 0)
		config->clients_gid = NO_GID;
	config->pools = config_pools_new();
	config->problems = g_ptr_array_new_with_free_func(g_free);
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

int config_load(const char *file, const char *directory, const struct config *previous,
		struct config **ret, GPtrArray **ret_problems)
{
	g_autoptr(Config) config = config_new();
	struct reading reading = {
		.config = config,
		.accounts = config_accounts_new(),
		.devices = config_devices_new(),
		.problems = config->problems,
	};

	read_files(&reading, file, directory);
	config->accounts = config_accounts_finish(reading.accounts, config->problems);
	config_accounts_free(reading.accounts);
	config->devices = config_devices_finish(reading.devices, config->problems);
	config_devices_free(reading.devices);
	check_timeouts(config);
	if (reading.is_broken && previous) {
		*ret_problems = g_ptr_array_ref(config->problems);
		return -EBADMSG;
	}
	*ret = g_steal_pointer(&config);
	return 0;
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
	g_free(config);
	return NULL;
}
