// SPDX-License-Identifier: LGPL-2.1-or-later
/* The [Device NAME] groups of the configuration. */
#include <errno.h>
#include <string.h>

#include "config-device.h"
#include "config-file.h"

#define MAX_DEVICES 1024

/* Keys that say which device it is, as bits. */
enum match {
	MATCH_NODE = 1 << 0,
	MATCH_SYSPATH = 1 << 1,
	MATCH_SUBSYSTEM = 1 << 2,
	MATCH_SYSNAME = 1 << 3,
};

struct draft {
	struct device_rule rule;
	char *file; /* where it began */
	unsigned int wrong; /* enum match: it would match others than was meant */
};

struct config_devices {
	GPtrArray *drafts; /* struct draft */
	struct draft *current; /* NULL: of a group that is skipped */
};

static void draft_free(gpointer pointer)
{
	struct draft *draft = pointer;

	device_rule_clear(&draft->rule);
	g_free(draft->file);
	g_free(draft);
}

struct config_devices *config_devices_new(void)
{
	struct config_devices *devices = g_new0(struct config_devices, 1);

	devices->drafts = g_ptr_array_new_with_free_func(draft_free);
	return devices;
}

void config_devices_free(struct config_devices *devices)
{
	if (!devices)
		return;
	g_ptr_array_unref(devices->drafts);
	g_free(devices);
}

static struct draft *find_draft(const struct config_devices *devices, const char *name)
{
	for (guint i = 0; i < devices->drafts->len; i++) {
		struct draft *draft = devices->drafts->pdata[i];

		if (strcmp(draft->rule.name, name) == 0)
			return draft;
	}
	return NULL;
}

static struct draft *add_draft(struct config_devices *devices, const struct config_place *place,
			       const char *name)
{
	struct draft *draft;

	if (devices->drafts->len == MAX_DEVICES) {
		config_problem(place->problems,
			       "%s: [%s]: more than %d devices; the group is ignored", place->file,
			       place->group, MAX_DEVICES);
		return NULL;
	}
	draft = g_new0(struct draft, 1);
	draft->rule.name = g_strdup(name);
	draft->file = g_strdup(place->file);
	g_ptr_array_add(devices->drafts, draft);
	return draft;
}

void config_devices_begin(struct config_devices *devices, const struct config_place *place,
			  const char *name)
{
	devices->current = NULL;
	if (!device_name_is_valid(name)) {
		config_problem(place->problems,
			       "%s: [%s]: \"%s\" is no name for a device: 1 to %d letters, digits, "
			       "'_', '-' and '.'; the group is ignored",
			       place->file, place->group, name, DEVICE_NAME_MAX);
		return;
	}
	devices->current = find_draft(devices, name);
	if (!devices->current)
		devices->current = add_draft(devices, place, name);
}

/*
 * Keys: each returns NULL, or what is wrong with the value
 */

static void take(char **target, const char *value)
{
	g_free(*target);
	*target = g_strdup(value);
}

static const char *set_node(struct device_rule *rule, const char *value)
{
	if (!device_path_is_valid(value, "/dev/"))
		return "no path below /dev, without '.' and '..'";
	take(&rule->node, value);
	return NULL;
}

/* Links to it have other names, which the kernel's own is not compared with. */
static const char *set_syspath(struct device_rule *rule, const char *value)
{
	if (!device_path_is_valid(value, "/sys/devices/"))
		return "no path below /sys/devices, without '.' and '..': 'udevadm info' shows it "
		       "as P:, without /sys";
	take(&rule->syspath, value);
	return NULL;
}

static const char *set_subsystem(struct device_rule *rule, const char *value)
{
	if (!device_subsystem_is_valid(value))
		return "no subsystem, such as video4linux";
	take(&rule->subsystem, value);
	return NULL;
}

static const char *set_sysname(struct device_rule *rule, const char *value)
{
	if (!device_sysname_is_valid(value))
		return "no name that the kernel gives, such as video0 or video*";
	take(&rule->sysname, value);
	return NULL;
}

/* They may come later: whether there are such pools is not asked. */
static const char *set_pools(struct device_rule *rule, const char *value)
{
	char **pools = device_parse_pools(value);

	if (!pools)
		return "no names of pools: 1 to 16, each once, with blanks between";
	g_strfreev(rule->pools);
	rule->pools = pools;
	return NULL;
}

static const struct key {
	const char *name;
	const char *(*set)(struct device_rule *rule, const char *value);
	enum match match; /* 0: it is not about which device it is */
} keys[] = {
	{ "Node", set_node, MATCH_NODE },
	{ "SysPath", set_syspath, MATCH_SYSPATH },
	{ "Subsystem", set_subsystem, MATCH_SUBSYSTEM },
	{ "Name", set_sysname, MATCH_SYSNAME },
	{ "Pools", set_pools, 0 },
};

static void set(struct draft *draft, const struct config_place *place, const struct key *key,
		const char *value)
{
	const char *wrong = key->set(&draft->rule, value);

	draft->wrong &= ~(unsigned int)key->match;
	if (!wrong)
		return;
	draft->wrong |= key->match;
	config_problem(place->problems, "%s: [%s] %s: \"%s\" is wrong: %s; %s", place->file,
		       place->group, key->name, value, wrong,
		       key->match ? "the device is left out" : "the value is ignored");
}

void config_devices_set(struct config_devices *devices, const struct config_place *place,
			const char *key, const char *value)
{
	if (!devices->current)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
		if (strcmp(keys[i].name, key) != 0)
			continue;
		set(devices->current, place, &keys[i], value);
		return;
	}
	config_problem(place->problems, "%s: [%s] %s: unknown key; it is ignored", place->file,
		       place->group, key);
}

/*
 * Finishing
 */

static bool is_kept(const struct draft *draft, GPtrArray *problems)
{
	const struct device_rule *rule = &draft->rule;

	if (draft->wrong)
		return false;
	if (!rule->pools) {
		config_problem(problems,
			       "%s: [Device %s] Pools: it says none; the device is left out",
			       draft->file, rule->name);
		return false;
	}
	if (rule->sysname && !rule->subsystem) {
		config_problem(problems,
			       "%s: [Device %s] Name: many subsystems have such a name, and "
			       "Subsystem= must say which; the device is left out",
			       draft->file, rule->name);
		return false;
	}
	return true;
}

struct device_rules *config_devices_finish(struct config_devices *devices, GPtrArray *problems)
{
	GArray *rules = g_array_new(FALSE, FALSE, sizeof(struct device_rule));
	size_t count;

	for (guint i = 0; i < devices->drafts->len; i++) {
		struct draft *draft = devices->drafts->pdata[i];

		if (!is_kept(draft, problems))
			continue;
		g_array_append_val(rules, draft->rule);
		draft->rule = (struct device_rule){ 0 };
	}
	devices->current = NULL;
	g_ptr_array_set_size(devices->drafts, 0);
	count = rules->len;
	return device_rules_new((struct device_rule *)(void *)g_array_free(rules, FALSE), count);
}
