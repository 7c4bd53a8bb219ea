// SPDX-License-Identifier: LGPL-2.1-or-later
/* buffers: who holds how much of the pools, since when, and what for. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "json.h"
#include "options.h"
#include "size.h"
#include "table.h"

enum option_index {
	OPTION_POOL,
	OPTION_COUNT,
};

static const struct option_description options[] = {
	[OPTION_POOL] = { "pool", "NAME", "only of this pool" },
	[OPTION_COUNT] = { NULL, NULL, NULL },
};

static const struct usage usage = {
	.verb = "buffers",
	.arguments = "",
	.description = "List the buffers and reservations that live, and whose they are.",
	.options = options,
	.example = "cmabulkctl buffers --pool video",
};

/* What gets every pool's entries, and what it makes of them. */
struct listing {
	struct table *table; /* one of these two */
	struct json_object *array;
};

static void add_row(struct table *table, const struct cmabulk_entry *entry, const char *pool_name)
{
	uint64_t size = cmabulk_entry_get_size(entry);
	uint64_t chunks = cmabulk_entry_get_chunks(entry);
	char text[SIZE_TEXT];

	table_add(table, "%s", pool_name);
	table_add(table, "%" PRIu64, cmabulk_entry_get_id(entry));
	table_add(table, "%s", cmabulk_entry_get_kind_name(entry));
	table_add(table, "%s", cmabulk_entry_get_state_name(entry));
	table_add(table, "%" PRIu64, cmabulk_entry_get_inode(entry));
	table_add(table, "%s", size_format(text, size));
	table_add(table, "%" PRIu64 "x%s", chunks, size_format(text, chunks ? size / chunks : 0));
	table_add(table, "%s", time_format(text, cmabulk_entry_get_age_usec(entry)));
	table_add_user(table, cmabulk_entry_get_owner_uid(entry));
	table_add(table, "%d", (int)cmabulk_entry_get_owner_pid(entry));
	table_add(table, "%s", cmabulk_entry_get_account(entry));
	table_add(table, "%s", cmabulk_entry_get_label(entry));
}

static int list_pool(struct cmabulk_connection *connection, const char *pool_name,
		     struct listing *listing)
{
	struct cmabulk_entry **entries CLEANUP(cmabulk_entry_array_freep) = NULL;
	int r = cmabulk_connection_list_buffers(connection, pool_name, &entries);

	if (r < 0)
		return r;
	for (struct cmabulk_entry **entry = entries; *entry; entry++) {
		if (listing->table)
			add_row(listing->table, *entry, pool_name);
		else
			json_object_array_add(listing->array, json_from_entry(*entry, pool_name));
	}
	return 0;
}

static int list_all(struct cmabulk_connection *connection, struct listing *listing)
{
	struct cmabulk_pool **pools CLEANUP(cmabulk_pool_array_freep) = NULL;
	int r = cmabulk_connection_list_pools(connection, &pools);

	for (struct cmabulk_pool **pool = pools; r >= 0 && *pool; pool++)
		r = list_pool(connection, cmabulk_pool_get_name(*pool), listing);
	return r;
}

static int list(struct cmabulk_connection *connection, const char *pool_name,
		struct listing *listing)
{
	int r = pool_name ? list_pool(connection, pool_name, listing) :
			    list_all(connection, listing);

	if (r >= 0)
		return EXIT_OK;
	if (pool_name)
		return cli_fail_call(connection, r, "cannot list the buffers of pool %s",
				     pool_name);
	return cli_fail_call(connection, r, "cannot list the buffers");
}

static int print_json(struct cmabulk_connection *connection, const char *pool_name)
{
	struct json_object *object = json_object_new_object();
	struct listing listing = { .array = json_object_new_array() };
	int code;

	json_object_object_add(object, "buffers", listing.array);
	code = list(connection, pool_name, &listing);
	if (code == EXIT_OK)
		json_print(object, stdout);
	else
		json_object_put(object);
	return code;
}

static int print_table(struct cmabulk_connection *connection, const char *pool_name)
{
	static const char *const titles[] = {
		"POOL",	   ">ID",  "KIND", "STATE", ">INODE",  ">SIZE",
		">CHUNKS", ">AGE", "USER", ">PID",  "ACCOUNT", "LABEL",
	};
	struct table *table CLEANUP(table_freep) = table_new(titles, ARRAY_SIZE(titles));
	struct listing listing = { .table = table };
	int code = list(connection, pool_name, &listing);

	if (code == EXIT_OK)
		table_print(table, stdout);
	return code;
}

static int handle_option(size_t index, const char *value, void *userdata)
{
	const char **pool_name = userdata;

	(void)index;
	*pool_name = value;
	return 1;
}

int verb_buffers(struct context *context, int argc, char **argv)
{
	struct cmabulk_connection *connection CLEANUP(cmabulk_connection_unrefp) = NULL;
	const char *pool_name = NULL;
	int r = options_parse(&usage, context, argc, argv, handle_option, &pool_name);

	if (r <= 0)
		return r < 0 ? EXIT_USAGE : EXIT_OK;
	if (optind < argc)
		return cli_usage("buffers takes no arguments");
	r = cli_connect(context, &connection);
	if (r < 0)
		return cli_fail(r, "cannot list the buffers");
	if (context->json)
		return print_json(connection, pool_name);
	return print_table(connection, pool_name);
}
