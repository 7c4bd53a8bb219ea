// SPDX-License-Identifier: LGPL-2.1-or-later
/* A device that memory is for, and which pools its memory comes from. */
#include <errno.h>
#include <string.h>

#include <glib.h>

#include "config-name.h"
#include "device.h"

#define LETTERS_AND_DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

struct device_rules {
	struct device_rule *rules;
	size_t count;
};

/*
 * How it is named
 */

static bool is_word(const char *text, size_t maximum)
{
	size_t length = strspn(text, LETTERS_AND_DIGITS "_-.");

	return length > 0 && !text[length] && length <= maximum;
}

bool device_name_is_valid(const char *text)
{
	return is_word(text, DEVICE_NAME_MAX);
}

bool device_subsystem_is_valid(const char *text)
{
	return is_word(text, DEVICE_SUBSYSTEM_MAX);
}

static bool has_control_characters(const char *text)
{
	for (; *text; text++)
		if (g_ascii_iscntrl(*text))
			return true;
	return false;
}

/* A component of a path, up to the next slash: it goes down. */
static bool goes_down(const char *text)
{
	size_t length = strcspn(text, "/");

	return length > 0 && !(length == 1 && text[0] == '.') &&
	       !(length == 2 && text[0] == '.' && text[1] == '.');
}

bool device_sysname_is_valid(const char *text)
{
	return goes_down(text) && !strchr(text, '/') && !has_control_characters(text) &&
	       strlen(text) <= DEVICE_TEXT_MAX;
}

bool device_path_is_valid(const char *text, const char *directory)
{
	const char *component;

	if (!g_str_has_prefix(text, directory) || strlen(text) > DEVICE_TEXT_MAX ||
	    has_control_characters(text))
		return false;
	for (component = text; component; component = strchr(component, '/'))
		if (!goes_down(++component))
			return false;
	return true;
}

/* The kernel's names may have colons themselves, as those of PCI do. */
static int parse_sysname(struct device_text *text, const char *colon)
{
	size_t length = (size_t)(colon - text->text);

	if (length > DEVICE_SUBSYSTEM_MAX)
		return -EINVAL;
	memcpy(text->subsystem, text->text, length);
	text->subsystem[length] = '\0';
	text->sysname = colon + 1;
	return device_subsystem_is_valid(text->subsystem) &&
			       device_sysname_is_valid(text->sysname) ?
		       0 :
		       -EINVAL;
}

/* Where a device can be, and where nobody but the kernel makes files. */
static bool is_syspath(const char *text)
{
	return device_path_is_valid(text, "/sys/devices/") ||
	       device_path_is_valid(text, "/sys/class/") || device_path_is_valid(text, "/sys/bus/");
}

int device_text_parse(const char *text, struct device_text *ret)
{
	struct device_text result = { .text = text };
	const char *colon = strchr(text, ':');
	int r = 0;

	if (strnlen(text, DEVICE_TEXT_MAX + 1) > DEVICE_TEXT_MAX)
		return -EINVAL;
	if (device_path_is_valid(text, "/dev/"))
		result.form = DEVICE_NODE;
	else if (is_syspath(text))
		result.form = DEVICE_SYSPATH;
	else if (device_name_is_valid(text))
		result.form = DEVICE_NAME;
	else if (colon)
		result.form = DEVICE_SYSNAME;
	else
		return -EINVAL;
	if (result.form == DEVICE_SYSNAME)
		r = parse_sysname(&result, colon);
	if (r >= 0)
		*ret = result;
	return r;
}

/*
 * What is known of it
 */

void device_facts_from_text(const struct device_text *text, struct device_facts *ret)
{
	*ret = (struct device_facts){ 0 };
	switch (text->form) {
	case DEVICE_NAME:
		break;
	case DEVICE_NODE:
		ret->node = g_strdup(text->text);
		break;
	case DEVICE_SYSPATH:
		ret->syspath = g_strdup(text->text);
		break;
	case DEVICE_SYSNAME:
		ret->subsystem = g_strdup(text->subsystem);
		ret->sysname = g_strdup(text->sysname);
		break;
	}
}

void device_facts_copy(const struct device_facts *facts, struct device_facts *ret)
{
	*ret = (struct device_facts){
		.node = g_strdup(facts->node),
		.links = g_strdupv(facts->links),
		.syspath = g_strdup(facts->syspath),
		.subsystem = g_strdup(facts->subsystem),
		.sysname = g_strdup(facts->sysname),
		.pools = g_strdup(facts->pools),
	};
}

void device_facts_clear(struct device_facts *facts)
{
	g_free(facts->node);
	g_strfreev(facts->links);
	g_free(facts->syspath);
	g_free(facts->subsystem);
	g_free(facts->sysname);
	g_free(facts->pools);
	*facts = (struct device_facts){ 0 };
}

/*
 * Rules
 */

void device_rule_clear(struct device_rule *rule)
{
	g_free(rule->name);
	g_free(rule->node);
	g_free(rule->syspath);
	g_free(rule->subsystem);
	g_free(rule->sysname);
	g_strfreev(rule->pools);
}

struct device_rules *device_rules_new(struct device_rule *rules, size_t count)
{
	struct device_rules *result = g_new(struct device_rules, 1);

	result->rules = rules;
	result->count = count;
	return result;
}

void device_rules_free(struct device_rules *rules)
{
	if (!rules)
		return;
	for (size_t i = 0; i < rules->count; i++)
		device_rule_clear(&rules->rules[i]);
	g_free(rules->rules);
	g_free(rules);
}

/* Goes back to the last * alone: however long the text is, that takes no longer than both lengths. */
static bool matches_pattern(const char *pattern, const char *text)
{
	const char *after_star = NULL, *from = NULL;

	while (*text) {
		if (*pattern == '*') {
			after_star = ++pattern;
			from = text;
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (after_star) {
			pattern = after_star;
			text = ++from;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

static bool has_node(const struct device_facts *facts, const char *node)
{
	return g_strcmp0(facts->node, node) == 0 ||
	       (facts->links && g_strv_contains((const char *const *)facts->links, node));
}

static bool has_match(const struct device_rule *rule)
{
	return rule->node || rule->syspath || rule->subsystem;
}

static bool rule_matches(const struct device_rule *rule, const struct device_facts *facts)
{
	if (rule->node && !has_node(facts, rule->node))
		return false;
	if (rule->syspath && g_strcmp0(rule->syspath, facts->syspath) != 0)
		return false;
	if (rule->subsystem && g_strcmp0(rule->subsystem, facts->subsystem) != 0)
		return false;
	if (rule->sysname && !(facts->sysname && matches_pattern(rule->sysname, facts->sysname)))
		return false;
	return has_match(rule);
}

static const struct device_rule *find_rule(const struct device_rules *rules,
					   const struct device_text *text,
					   const struct device_facts *facts)
{
	for (size_t i = 0; i < rules->count; i++) {
		const struct device_rule *rule = &rules->rules[i];

		if (text->form == DEVICE_NAME ? strcmp(rule->name, text->text) == 0 :
						rule_matches(rule, facts))
			return rule;
	}
	return NULL;
}

char **device_rules_get_pools(const struct device_rules *rules, const struct device_text *text,
			      const struct device_facts *facts)
{
	const struct device_rule *rule = find_rule(rules, text, facts);

	if (rule)
		return g_strdupv(rule->pools);
	return facts->pools ? device_parse_pools(facts->pools) : NULL;
}

/*
 * Pools
 */

static bool can_add(GPtrArray *names, const char *word)
{
	return names->len < DEVICE_POOLS_MAX && pool_name_is_valid(word) &&
	       !g_ptr_array_find_with_equal_func(names, word, g_str_equal, NULL);
}

char **device_parse_pools(const char *text)
{
	g_auto(GStrv) words = g_strsplit_set(text, " \t", -1);
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	bool is_list = true;

	for (char **word = words; *word && is_list; word++) {
		if (!**word)
			continue;
		is_list = can_add(names, *word);
		if (is_list)
			g_ptr_array_add(names, g_strdup(*word));
	}
	if (!is_list || names->len == 0) {
		g_ptr_array_unref(names);
		return NULL;
	}
	g_ptr_array_add(names, NULL);
	return (char **)g_ptr_array_free(names, FALSE);
}
