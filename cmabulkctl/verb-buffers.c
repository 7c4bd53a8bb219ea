// SPDX-License-Identifier: LGPL-2.1-or-later
/* buffers: who holds how much of the pools, since when, and what for. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "holders.h"
#include "json.h"
#include "options.h"
#include "patience.h"
#include "size.h"
#include "table.h"

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

/* What a pool has. */
struct content {
	char *pool_name;
	struct cmabulk_entry **entries;
	bool is_simulated; /* as far as holders were asked for */
};

/* What all pools have that were asked for, and who has it. */
struct listing {
	struct content *contents;
	size_t count;
	bool with_holders;
	struct holders holders;
};

/* What the command line asks for. */
struct wanted {
	const char *pool_name; /* NULL: all */
	bool holders;
};

static void content_clear(struct content *content)
{
	free(content->pool_name);
	cmabulk_entry_array_freep(&content->entries);
}

static void listing_clear(struct listing *listing)
{
	for (size_t i = 0; i < listing->count; i++)
		content_clear(&listing->contents[i]);
	free(listing->contents);
	holders_clear(&listing->holders);
}

/* --- Rows ------------------------------------------------------------------------------------ */

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

/* --- Listing --------------------------------------------------------------------------------- */

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

static int fill(struct cmabulk_connection *connection, bool with_holders, struct content *content)
{
	int r;

	if (!content->pool_name)
		return -ENOMEM;
	r = cmabulk_connection_list_buffers(connection, content->pool_name, &content->entries);
	if (r < 0 || !with_holders)
		return r;
	return find_kind(connection, content->pool_name, &content->is_simulated);
}

static int list_pool(struct cmabulk_connection *connection, const char *pool_name,
		     struct listing *listing)
{
	struct content *contents =
		reallocarray(listing->contents, listing->count + 1, sizeof(*contents));
	struct content *content;
	int r;

	if (!contents)
		return -ENOMEM;
	listing->contents = contents;
	content = &contents[listing->count];
	*content = (struct content){ .pool_name = strdup(pool_name) };
	r = fill(connection, listing->with_holders, content);
	if (r < 0)
		content_clear(content);
	else
		listing->count++;
	return r;
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
	int r = pool_name ? list_pool(connection, pool_name, listing) :
			    list_all(connection, listing);

	if (r >= 0)
		return EXIT_OK;
	if (pool_name)
		return cli_fail_call(connection, r, "cannot list the buffers of pool %s",
				     pool_name);
	return cli_fail_call(connection, r, "cannot list the buffers");
}

/* --- Who has them ---------------------------------------------------------------------------- */

static size_t count_entries(const struct listing *listing)
{
	size_t count = 0;

	for (size_t i = 0; i < listing->count; i++)
		for (struct cmabulk_entry **entry = listing->contents[i].entries; *entry; entry++)
			count++;
	return count;
}

static int find_holders(struct listing *listing)
{
	size_t count = count_entries(listing);
	struct sought *sought = calloc(count + 1, sizeof(*sought));
	size_t n_sought = 0;
	int r;

	if (!sought)
		return -ENOMEM;
	for (size_t i = 0; i < listing->count; i++)
		for (struct cmabulk_entry **entry = listing->contents[i].entries; *entry; entry++)
			sought[n_sought++] = (struct sought){
				.inode = cmabulk_entry_get_inode(*entry),
				.is_simulated = listing->contents[i].is_simulated,
			};
	r = holders_find(sought, n_sought, &listing->holders);
	free(sought);
	return r;
}

static const struct holder *get_holders(const struct listing *listing,
					const struct content *content,
					const struct cmabulk_entry *entry, size_t *ret_count)
{
	return holders_of(&listing->holders, content->is_simulated, cmabulk_entry_get_inode(entry),
			  ret_count);
}

/* --- Printing -------------------------------------------------------------------------------- */

static struct json_object *json_from_content(const struct listing *listing,
					     const struct content *content,
					     const struct cmabulk_entry *entry)
{
	struct json_object *object = json_from_entry(entry, content->pool_name);
	const struct holder *holders;
	size_t count;

	if (listing->with_holders) {
		holders = get_holders(listing, content, entry, &count);
		json_object_object_add(object, "holders", json_from_holders(holders, count));
	}
	return object;
}

static void print_json(const struct listing *listing)
{
	struct json_object *object = json_object_new_object();
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < listing->count; i++) {
		const struct content *content = &listing->contents[i];

		for (struct cmabulk_entry **entry = content->entries; *entry; entry++)
			json_object_array_add(array, json_from_content(listing, content, *entry));
	}
	json_object_object_add(object, "buffers", array);
	if (listing->with_holders) {
		json_add_number(object, "unreadable", listing->holders.n_unreadable);
		json_object_object_add(object, "hidden",
				       json_object_new_boolean(listing->holders.is_partial));
	}
	json_print(object, stdout);
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

static void add_content(struct table *table, const struct listing *listing,
			const struct content *content)
{
	const struct holder *holders;
	size_t count;

	for (struct cmabulk_entry **entry = content->entries; *entry; entry++) {
		if (!listing->with_holders) {
			add_row(table, *entry, content->pool_name);
			continue;
		}
		holders = get_holders(listing, content, *entry, &count);
		add_holders(table, *entry, content->pool_name, holders, count);
	}
}

static void print_unreadable(const struct holders *holders)
{
	const char *hint = geteuid() == 0 ? "" : "; root sees all";

	if (holders->lacks_smaps) {
		fputs("cmabulkctl: this kernel does not say who has a buffer mapped: it needs "
		      "CONFIG_PROC_PAGE_MONITOR\n",
		      stderr);
		hint = "";
	}
	if (holders->n_unreadable > 0)
		fprintf(stderr,
			"cmabulkctl: %u process%s may not be looked into, and may hold some, too%s\n",
			holders->n_unreadable, holders->n_unreadable == 1 ? "" : "es", hint);
	if (holders->is_partial)
		fprintf(stderr,
			"cmabulkctl: /proc hides processes of others, which may hold some, too%s\n",
			hint);
}

static void print_table(const struct listing *listing)
{
	struct table *table CLEANUP(table_freep) = new_table(listing->with_holders);

	for (size_t i = 0; i < listing->count; i++)
		add_content(table, listing, &listing->contents[i]);
	table_print(table, stdout);
	print_unreadable(&listing->holders);
}

static int print(const struct context *context, const struct wanted *wanted)
{
	struct cmabulk_connection *connection CLEANUP(cmabulk_connection_unrefp) = NULL;
	struct listing listing CLEANUP(listing_clear) = { .with_holders = wanted->holders };
	int code;
	int r;

	patience_begin("listing the buffers");
	r = cli_connect(context, &connection);
	if (r < 0)
		return cli_fail(r, "cannot list the buffers");
	code = list(connection, wanted->pool_name, &listing);
	patience_end();
	if (code != EXIT_OK)
		return code;
	r = wanted->holders ? find_holders(&listing) : 0;
	if (r < 0)
		return cli_fail(r, "cannot look for holders in /proc");
	if (context->json)
		print_json(&listing);
	else
		print_table(&listing);
	return EXIT_OK;
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

	if (r != OPTIONS_GO_ON)
		return r;
	return print(context, &wanted);
}
