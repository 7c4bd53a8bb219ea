/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A device that memory is for: how it is named, what is known of it, and which pools its
 * memory comes from. Pure.
 */
#ifndef CMABULKD_DEVICE_H
#define CMABULKD_DEVICE_H

#include <stdbool.h>
#include <stddef.h>

#define DEVICE_TEXT_MAX	     1023 /* bytes; the kernel's paths are a few hundred */
#define DEVICE_NAME_MAX	     63 /* of [Device NAME] */
#define DEVICE_SUBSYSTEM_MAX 63
#define DEVICE_POOLS_MAX     16

enum device_form {
	DEVICE_NAME, /* of [Device NAME] */
	DEVICE_NODE, /* /dev/video0 */
	DEVICE_SYSPATH, /* /sys/class/video4linux/video0 */
	DEVICE_SYSNAME, /* video4linux:video0 */
};

/* How somebody names it. */
struct device_text {
	enum device_form form;
	const char *text;
	/* DEVICE_SYSNAME: its two parts. */
	char subsystem[DEVICE_SUBSYSTEM_MAX + 1];
	const char *sysname;
};

/* @ret refers to @text. -EINVAL: no device is named like that. */
int device_text_parse(const char *text, struct device_text *ret);

/* What is known of it; NULL: nothing. */
struct device_facts {
	char *node;
	char **links; /* to the node */
	char *syspath;
	char *subsystem;
	char *sysname;
	char *pools; /* what its udev property says */
};

/* What is known of one that is not there: how it is named. */
void device_facts_from_text(const struct device_text *text, struct device_facts *ret);
void device_facts_copy(const struct device_facts *facts, struct device_facts *ret);
void device_facts_clear(struct device_facts *facts);

/* [Device NAME] of the configuration. What is not set matches all; with nothing set it has its name alone. */
struct device_rule {
	char *name;
	char *node;
	char *syspath;
	char *subsystem;
	char *sysname; /* a pattern: * is any text */
	char **pools; /* in order */
};

struct device_rules;

/* Takes the rules over. */
struct device_rules *device_rules_new(struct device_rule *rules, size_t count);
void device_rule_clear(struct device_rule *rule);
/* Takes NULL. */
void device_rules_free(struct device_rules *rules);

/*
 * Its pools in their order: of the rule that is named, or of the first that matches, else of its udev
 * property. NULL: nothing says. g_strfreev()
 */
char **device_rules_get_pools(const struct device_rules *rules, const struct device_text *text,
			      const struct device_facts *facts);

/* Names of pools with blanks between, each once. NULL: it is no such list. g_strfreev() */
char **device_parse_pools(const char *text);

bool device_name_is_valid(const char *text);
/* A path in @directory, as "/dev/", that leads nowhere else by itself. */
bool device_path_is_valid(const char *text, const char *directory);
bool device_subsystem_is_valid(const char *text);
/* Also a pattern. */
bool device_sysname_is_valid(const char *text);

#endif
