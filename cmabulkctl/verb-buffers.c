// SPDX-License-Identifier: LGPL-2.1-or-later
/* buffers: who holds how much of the pools, since when, and what for. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "holders.h"
#include "json.h"
#include "options.h"
#include "patience.h"
#include "size.h"
#include "table.h"

/* In the progress line. */
#define LISTING "listing the buffers"

enum option_index {
	OPTION_POOL,
	OPTION_HOLDERS,
	OPTION_COUNT,
};

static const struct option_description options[] = {
	[OPTION_POOL] = { "pool", "NAME", "only of this pool" },
	[OPTION_HOLDERS] = { "holders", NULL, "list who has each open or mapped now" },
	[OPTION_COUNT] = { NULL, NULL, NULL },
};

static const struct usage usage = {
	.verb = "buffers",
	.arguments = "",
	.description =
		"List the buffers and reservations that live, and whose they are. With --holders,\n"
		"which processes have them open or mapped, whoever allocated them; root sees all.",
	.options = options,
	.example = "sudo cmabulkctl buffers --pool video --holders",
};

/* What gets every pool's entries, and what it makes of them. */
struct listing {
	struct table *table; /* one of these two */
	struct json_object *array;
	const struct holders *holders; /* NULL: nobody asked for them */
};

/* What the command line asks for. */
struct wanted {
	const char *pool_name; /* NULL: all */
	bool holders;
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

static void add_holder(struct table *table, const struct cmabulk_entry *entry,
		       const char *pool_name, const struct holder *holder)
{
	char text[SIZE_TEXT];

	table_add(table, "%s", pool_name);
	table_add(table, "%" PRIu64, cmabulk_entry_get_id(entry));
	table_add(table, "%s", size_format(text, cmabulk_entry_get_size(entry)));
	table_add(table, "%s", cmabulk_entry_get_account(entry));
	if (holder) {
		table_add(table, "%d", (int)holder->pid);
		table_add_user(table, holder->uid);
		table_add(table, "%u", holder->descriptors);
		table_add(table, "%u", holder->mappings);
		table_add(table, "%s", holder->command);
	} else {
		for (unsigned int i = 0; i < 5; i++)
			table_add(table, "-");
	}
	table_add(table, "%s", cmabulk_entry_get_label(entry));
}

/* A row for each process, and one for what nobody has whom we may look into. */
static void add_holders(struct table *table, const struct cmabulk_entry *entry,
			const char *pool_name, const struct holder *holders, size_t count)
{
	if (count == 0)
		add_holder(table, entry, pool_name, NULL);
	for (size_t i = 0; i < count; i++)
		add_holder(table, entry, pool_name, &holders[i]);
}

static void add_entry(struct listing *listing, const struct cmabulk_entry *entry,
		      const char *pool_name, bool is_simulated)
{
	const struct holder *holders = NULL;
	struct json_object *object;
	size_t count = 0;

	if (listing->holders)
		holders = holders_of(listing->holders, is_simulated, cmabulk_entry_get_inode(entry),
				     &count);
	if (listing->table && listing->holders) {
		add_holders(listing->table, entry, pool_name, holders, count);
	} else if (listing->table) {
		add_row(listing->table, entry, pool_name);
	} else {
		object = json_from_entry(entry, pool_name);
		if (listing->holders)
			json_object_object_add(object, "holders",
					       json_from_holders(holders, count));
		json_object_array_add(listing->array, object);
	}
}

/* Where inodes are counted is another place for memfds than for dma-bufs. */
static int find_kind(struct cmabulk_connection *connection, const char *pool_name,
		     bool *ret_is_simulated)
{
	struct cmabulk_pool *pool CLEANUP(cmabulk_pool_unrefp) = NULL;
	int r = cmabulk_connection_get_pool(connection, pool_name, &pool);

	if (r < 0)
		return r;
	*ret_is_simulated = strcmp(cmabulk_pool_get_kind_name(pool), "sim") == 0;
	return 0;
}

static int list_pool(struct cmabulk_connection *connection, const char *pool_name,
		     struct listing *listing)
{
	struct cmabulk_entry **entries CLEANUP(cmabulk_entry_array_freep) = NULL;
	bool is_simulated = false;
	int r = cmabulk_connection_list_buffers(connection, pool_name, &entries);

	if (r >= 0 && listing->holders)
		r = find_kind(connection, pool_name, &is_simulated);
	if (r < 0)
		return r;
	for (struct cmabulk_entry **entry = entries; *entry; entry++)
		add_entry(listing, *entry, pool_name, is_simulated);
	return 0;
}

static int list_all(struct cmabulk_connection *connection, struct listing *listing)
{
	struct cmabulk_pool **pools CLEANUP(cmabulk_pool_array_freep) = NULL;
	int r = cmabulk_connection_list_pools(connection, &pools);

	for (struct cmabulk_pool **pool = pools; r >= 0 && *pool; pool++) {
		r = list_pool(connection, cmabulk_pool_get_name(*pool), listing);
		/* It went since they were listed. */
		if (r == -ENXIO || r == -ENODEV)
			r = 0;
	}
	return r;
}

static int list(struct cmabulk_connection *connection, const char *pool_name,
		struct listing *listing)
{
	int r;

	patience_begin(LISTING);
	r = pool_name ? list_pool(connection, pool_name, listing) : list_all(connection, listing);
	patience_end();
	if (r >= 0)
		return EXIT_OK;
	if (pool_name)
		return cli_fail_call(connection, r, "cannot list the buffers of pool %s",
				     pool_name);
	return cli_fail_call(connection, r, "cannot list the buffers");
}

static int print_json(struct cmabulk_connection *connection, const char *pool_name,
		      const struct holders *holders)
{
	struct json_object *object = json_object_new_object();
	struct listing listing = { .array = json_object_new_array(), .holders = holders };
	int code;

	json_object_object_add(object, "buffers", listing.array);
	if (holders)
		json_add_number(object, "unreadable", holders->n_unreadable);
	code = list(connection, pool_name, &listing);
	if (code == EXIT_OK)
		json_print(object, stdout);
	else
		json_object_put(object);
	return code;
}

static struct table *new_table(bool with_holders)
{
	static const char *const titles[] = {
		"POOL",	   ">ID",  "KIND", "STATE", ">INODE",  ">SIZE",
		">CHUNKS", ">AGE", "USER", ">PID",  "ACCOUNT", "LABEL",
	};
	static const char *const holder_titles[] = {
		"POOL", ">ID",	 ">SIZE",   "ACCOUNT", ">PID",
		"USER", ">OPEN", ">MAPPED", "COMMAND", "LABEL",
	};

	return with_holders ? table_new(holder_titles, ARRAY_SIZE(holder_titles)) :
			      table_new(titles, ARRAY_SIZE(titles));
}

static int print_table(struct cmabulk_connection *connection, const char *pool_name,
		       const struct holders *holders)
{
	struct table *table CLEANUP(table_freep) = new_table(holders);
	struct listing listing = { .table = table, .holders = holders };
	int code = list(connection, pool_name, &listing);

	if (code != EXIT_OK)
		return code;
	table_print(table, stdout);
	if (holders && holders->n_unreadable > 0)
		fprintf(stderr,
			"cmabulkctl: %u process%s may not be looked into, and may hold some, too%s\n",
			holders->n_unreadable, holders->n_unreadable == 1 ? "" : "es",
			geteuid() == 0 ? "" : "; root sees all");
	return EXIT_OK;
}

static int print(const struct context *context, const struct wanted *wanted)
{
	struct cmabulk_connection *connection CLEANUP(cmabulk_connection_unrefp) = NULL;
	struct holders holders CLEANUP(holders_clear) = { 0 };
	const struct holders *asked = wanted->holders ? &holders : NULL;
	int r;

	patience_begin(LISTING);
	r = cli_connect(context, &connection);
	if (r < 0)
		return cli_fail(r, "cannot list the buffers");
	patience_end();
	if (asked)
		r = holders_find(&holders);
	if (r < 0)
		return cli_fail(r, "cannot look for holders in /proc");
	if (context->json)
		return print_json(connection, wanted->pool_name, asked);
	return print_table(connection, wanted->pool_name, asked);
}

static int handle_option(size_t index, const char *value, void *userdata)
{
	struct wanted *wanted = userdata;

	if (index == OPTION_HOLDERS)
		wanted->holders = true;
	else
		wanted->pool_name = value;
	return 1;
}

int verb_buffers(struct context *context, int argc, char **argv)
{
	struct wanted wanted = { 0 };
	int r = options_parse(&usage, context, argc, argv, handle_option, &wanted);

	if (r <= 0)
		return r < 0 ? EXIT_USAGE : EXIT_OK;
	if (optind < argc)
		return cli_usage("buffers takes no arguments");
	return print(context, &wanted);
}
