// SPDX-License-Identifier: LGPL-2.1-or-later
/* pools: what pools there are; with a name, all about one. */
#include <getopt.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "options.h"
#include "patience.h"
#include "size.h"
#include "table.h"

enum option_index {
	OPTION_DEVICE,
	OPTION_COUNT,
};

static const struct option_description options[] = {
	[OPTION_DEVICE] = { "device", "DEVICE", "only the names of its pools, the first in use" },
	[OPTION_COUNT] = { NULL, NULL, NULL },
};

static const struct usage usage = {
	.verb = "pools",
	.arguments = "[NAME]",
	.description = "List the pools, or show all about one and survey it.",
	.options = options,
	.example = "cmabulkctl pools video",
};

/* A number of pages, as a size. */
static const char *format_pages(char text[SIZE_TEXT], const struct cmabulk_pool *pool,
				uint64_t pages)
{
	return size_format(text, pages * cmabulk_pool_get_page_size(pool));
}

static void add_pool(struct table *table, const struct cmabulk_pool *pool)
{
	char text[SIZE_TEXT];

	table_add(table, "%s", cmabulk_pool_get_name(pool));
	table_add(table, "%s", cmabulk_pool_get_area(pool));
	table_add(table, "%s", cmabulk_pool_get_engine_name(pool));
	table_add(table, "%s", format_pages(text, pool, cmabulk_pool_get_pages(pool)));
	table_add(table, "%s", format_pages(text, pool, cmabulk_pool_get_free_pages(pool)));
	table_add(table, "%s", format_pages(text, pool, cmabulk_pool_get_reserved_pages(pool)));
	table_add(table, "%s", format_pages(text, pool, cmabulk_pool_get_exported_pages(pool)));
	table_add(table, "%s", format_pages(text, pool, cmabulk_pool_get_draining_pages(pool)));
	table_add(table, "%" PRIu64, cmabulk_pool_get_n_buffers(pool));
}

static void print_pools(struct cmabulk_pool *const *pools)
{
	static const char *const titles[] = {
		"NAME",	     "AREA",	  "ENGINE",    ">SIZE",	   ">FREE",
		">RESERVED", ">EXPORTED", ">DRAINING", ">BUFFERS",
	};
	struct table *table CLEANUP(table_freep) = table_new(titles, ARRAY_SIZE(titles));

	for (; *pools; pools++)
		add_pool(table, *pools);
	table_print(table, stdout);
}

static void print_pools_json(struct cmabulk_pool *const *pools)
{
	struct json_object *object = json_object_new_object();
	struct json_object *array = json_object_new_array();

	for (; *pools; pools++)
		json_object_array_add(array, json_from_pool(*pools));
	json_object_object_add(object, "pools", array);
	json_print(object, stdout);
}

static int list_pools(const struct context *context, struct cmabulk_connection *connection)
{
	struct cmabulk_pool **pools CLEANUP(cmabulk_pool_array_freep) = NULL;
	int r = cmabulk_connection_list_pools(connection, &pools);

	if (r < 0)
		return cli_fail_call(connection, r, "cannot list the pools");
	patience_end();
	if (context->json)
		print_pools_json(pools);
	else
		print_pools(pools);
	return EXIT_OK;
}

static void print_size(const char *title, const struct cmabulk_pool *pool, uint64_t pages)
{
	char text[SIZE_TEXT];

	printf("%20s: %s\n", title, format_pages(text, pool, pages));
}

static void print_order(const char *title, const struct cmabulk_pool *pool, unsigned int order)
{
	char text[SIZE_TEXT];

	printf("%20s: %s (order %u)\n", title, format_pages(text, pool, UINT64_C(1) << order),
	       order);
}

static void print_features(const struct cmabulk_pool *pool)
{
	uint64_t features = cmabulk_pool_get_features(pool);

	printf("%20s: %s\n", "Engine", cmabulk_pool_get_engine_name(pool));
	if (strcmp(cmabulk_pool_get_kind_name(pool), "sim") == 0)
		printf("%20s  its buffers are memfds: no device can use them\n", "");
	if (features & CMABULK_POOL_FEATURE_KERNEL_ZEROED)
		printf("%20s  kernel-zeroed: pages arrive zeroed from the kernel\n", "");
	if (features & CMABULK_POOL_FEATURE_BITMAP_UNAWARE)
		printf("%20s  bitmap-unaware: nobody else may use this area\n", "");
}

static void print_books(const struct cmabulk_pool *pool)
{
	print_size("Size", pool, cmabulk_pool_get_pages(pool));
	print_size("Free", pool, cmabulk_pool_get_free_pages(pool));
	print_size("of that, cached", pool, cmabulk_pool_get_cached_pages(pool));
	print_size("Reserved", pool, cmabulk_pool_get_reserved_pages(pool));
	print_size("Exported", pool, cmabulk_pool_get_exported_pages(pool));
	print_size("Draining", pool, cmabulk_pool_get_draining_pages(pool));
	printf("%20s: %" PRIu64 "\n", "Buffers", cmabulk_pool_get_n_buffers(pool));
	printf("%20s: %" PRIu64 "\n", "Reservations", cmabulk_pool_get_n_reservations(pool));
	printf("%20s: %u\n", "Pending requests", cmabulk_pool_get_n_pending(pool));
}

static void print_survey_line(const char *title, const struct cmabulk_pool *pool, uint64_t pages,
			      uint64_t blocks, const char *meaning)
{
	char text[SIZE_TEXT];

	printf("%20s: %8s in pages, %5" PRIu64 " pageblocks  %s\n", title,
	       format_pages(text, pool, pages), blocks, meaning);
}

static void print_survey(const struct cmabulk_pool *pool, const struct cmabulk_pool_survey *survey)
{
	print_survey_line("Seen free", pool, survey->pages_free, survey->blocks_free,
			  "there at once");
	print_survey_line("Seen movable", pool, survey->pages_movable, survey->blocks_movable,
			  "after moving pages away");
	print_survey_line("Seen suspect", pool, survey->pages_suspect, survey->blocks_suspect,
			  "look pinned or busy");
	print_survey_line("Seen taken", pool, survey->pages_taken, survey->blocks_taken,
			  "handed out already");
}

static void print_pool(const struct cmabulk_pool *pool, const struct cmabulk_pool_survey *survey)
{
	printf("%20s: %s\n", "Pool", cmabulk_pool_get_name(pool));
	printf("%20s: %s\n", "Area", cmabulk_pool_get_area(pool));
	print_features(pool);
	print_order("Smallest chunk", pool, cmabulk_pool_get_min_order(pool));
	print_order("Largest chunk", pool, cmabulk_pool_get_max_order(pool));
	print_order("Pageblock", pool, cmabulk_pool_get_pageblock_order(pool));
	print_books(pool);
	if (survey)
		print_survey(pool, survey);
}

static int show_pool(const struct context *context, struct cmabulk_connection *connection,
		     const char *name)
{
	struct cmabulk_pool *pool CLEANUP(cmabulk_pool_unrefp) = NULL;
	struct cmabulk_pool_survey survey;
	struct json_object *object;
	bool is_surveyed;
	int r = cmabulk_connection_get_pool(connection, name, &pool);

	if (r >= 0)
		r = cmabulk_connection_survey_pool(connection, name, &survey, sizeof(survey));
	is_surveyed = r >= 0;
	/* Everybody may see the books, but only those whom the daemon serves may make it work. */
	if (r < 0 && !(pool && r == -EACCES))
		return cli_fail_call(connection, r, "cannot look at pool %s", name);
	patience_end();
	if (!context->json) {
		print_pool(pool, is_surveyed ? &survey : NULL);
		return EXIT_OK;
	}
	object = json_from_pool(pool);
	json_object_object_add(object, "survey", is_surveyed ? json_from_survey(&survey) : NULL);
	json_print(object, stdout);
	return EXIT_OK;
}

static void print_names_json(char *const *names)
{
	struct json_object *object = json_object_new_object();
	struct json_object *fallbacks = json_object_new_array();

	json_add_string(object, "pool", names[0]);
	for (char *const *name = names + 1; *name; name++)
		json_object_array_add(fallbacks, json_object_new_string(*name));
	json_object_object_add(object, "fallbacks", fallbacks);
	json_print(object, stdout);
}

static int list_device_pools(const struct context *context, struct cmabulk_connection *connection,
			     const char *device)
{
	char **names CLEANUP(cmabulk_pool_name_array_freep) = NULL;
	int r = cmabulk_connection_list_device_pools(connection, device, &names);

	if (r < 0)
		return cli_fail_call(connection, r, "cannot find the pools of device %s", device);
	patience_end();
	if (context->json) {
		print_names_json(names);
		return EXIT_OK;
	}
	for (char **name = names; *name; name++)
		puts(*name);
	return EXIT_OK;
}

static int handle_option(size_t index, const char *value, void *userdata)
{
	const char **device = userdata;

	(void)index;
	*device = value;
	return 1;
}

int verb_pools(struct context *context, int argc, char **argv)
{
	struct cmabulk_connection *connection CLEANUP(cmabulk_connection_unrefp) = NULL;
	const char *device = NULL;
	int r = options_parse(&usage, context, argc, argv, handle_option, &device);

	if (r != OPTIONS_GO_ON)
		return r;
	if (argc - optind > 1)
		return cli_usage("pools takes one name at most");
	if (device && optind < argc)
		return cli_usage("--device and the name of a pool exclude each other");
	patience_begin("looking at the pools");
	r = cli_connect(context, &connection);
	if (r < 0)
		return cli_fail(r, "cannot look at the pools");
	if (device)
		return list_device_pools(context, connection, device);
	if (optind < argc)
		return show_pool(context, connection, argv[optind]);
	return list_pools(context, connection);
}
