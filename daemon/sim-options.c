// SPDX-License-Identifier: LGPL-2.1-or-later
/* What --simulate asks for: NAME=SIZE[,KEY=VALUE...]. Pure. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <glib.h>

#include "backend.h"
#include "size.h"

#define DEFAULT_PAGEBLOCK_ORDER 9
#define MAX_PAGEBLOCK_ORDER	16
/* Bookkeeping takes a bit per page: more would be a slip of the pen. */
#define MAX_BYTES		(UINT64_C(1) << 40)
#define NSEC_PER_USEC		UINT64_C(1000)
#define MAX_MOVE_USEC		UINT64_C(60000000)

/* As the module's. */
static bool name_is_valid(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");

	return length > 0 && !name[length] && length < CMABULK_POOL_NAME_LEN &&
	       strcmp(name, "add") != 0;
}

static int parse_every(const char *value, unsigned int *ret)
{
	uint64_t number;
	int r = number_parse(value, 0, UINT32_MAX, &number);

	if (r >= 0)
		*ret = (unsigned int)number;
	return r;
}

static int parse_value(const char *key, const char *value, struct sim_options *options)
{
	uint64_t number;
	int r;

	if (strcmp(key, "unmovable") == 0)
		return parse_every(value, &options->unmovable_every);
	if (strcmp(key, "busy") == 0)
		return parse_every(value, &options->busy_every);
	if (strcmp(key, "pageblock-order") == 0) {
		r = number_parse(value, 0, MAX_PAGEBLOCK_ORDER, &number);
		if (r >= 0)
			options->pageblock_order = (unsigned int)number;
		return r;
	}
	if (strcmp(key, "move") == 0) {
		r = duration_parse(value, &number);
		if (r >= 0 && number > MAX_MOVE_USEC)
			r = -ERANGE;
		if (r >= 0)
			options->move_ns = number * NSEC_PER_USEC;
		return r;
	}
	if (strcmp(key, "removable") == 0)
		return boolean_parse(value, &options->is_removable);
	return -ENOENT;
}

static char *parse_option(const char *text, struct sim_options *options)
{
	g_auto(GStrv) words = g_strsplit(text, "=", 2);

	if (!words[0] || !words[1])
		return g_strdup_printf("\"%s\" is not KEY=VALUE", text);
	switch (parse_value(words[0], words[1], options)) {
	case 0:
		return NULL;
	case -ENOENT:
		return g_strdup_printf("there is no option \"%s\": there are unmovable, busy, "
				       "pageblock-order, move and removable",
				       words[0]);
	case -ERANGE:
		return g_strdup_printf("%s=%s is out of range", words[0], words[1]);
	default:
		return g_strdup_printf("\"%s\" is no value for %s", words[1], words[0]);
	}
}

static char *parse_pool(const char *text, struct sim_options *options)
{
	g_auto(GStrv) words = g_strsplit(text ? text : "", "=", 2);

	if (!words[0] || !words[1])
		return g_strdup(
			"a simulated pool is NAME=SIZE[,KEY=VALUE...], for instance media=512M");
	if (!name_is_valid(words[0]))
		return g_strdup_printf(
			"\"%s\" is no name for a pool: 1 to %d of a-z, 0-9, '-' and '_', "
			"and not \"add\"",
			words[0], CMABULK_POOL_NAME_LEN - 1);
	if (size_parse(words[1], &options->bytes) < 0)
		return g_strdup_printf("\"%s\" is no size: write bytes, or with K, M, G or T",
				       words[1]);
	g_strlcpy(options->name, words[0], sizeof(options->name));
	return NULL;
}

static char *check_size(const struct sim_options *options)
{
	uint64_t pageblock = (uint64_t)sysconf(_SC_PAGESIZE) << options->pageblock_order;

	if (options->bytes == 0 || options->bytes % pageblock)
		return g_strdup_printf("%" G_GUINT64_FORMAT
				       " bytes are no multiple of a pageblock, "
				       "which is %" G_GUINT64_FORMAT,
				       options->bytes, pageblock);
	if (options->bytes > MAX_BYTES)
		return g_strdup_printf("%" G_GUINT64_FORMAT
				       " bytes are too many to simulate: at most "
				       "%" G_GUINT64_FORMAT,
				       options->bytes, MAX_BYTES);
	return NULL;
}

int sim_options_parse(const char *text, struct sim_options *ret, char **ret_problem)
{
	struct sim_options options = { .pageblock_order = DEFAULT_PAGEBLOCK_ORDER };
	g_auto(GStrv) words = g_strsplit(text, ",", -1);
	char *problem = parse_pool(words[0], &options);

	for (char **word = words; !problem && *word && *++word;)
		problem = parse_option(*word, &options);
	if (!problem)
		problem = check_size(&options);
	if (problem) {
		*ret_problem = problem;
		return -EINVAL;
	}
	*ret = options;
	return 0;
}
