// SPDX-License-Identifier: LGPL-2.1-or-later
/* status: the daemon at one glance. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "json.h"
#include "options.h"
#include "patience.h"
#include "size.h"
#include "table.h"

static const struct usage usage = {
	.verb = "status",
	.arguments = "",
	.description =
		"Show the daemon, what its pools hold and how many requests are waiting, and\n"
		"what is wrong with its configuration.",
	.example = "cmabulkctl status",
};

struct status {
	struct cmabulk_daemon *daemon;
	struct cmabulk_pool **pools; /* NULL: none */
};

static void status_clear(struct status *status)
{
	cmabulk_daemon_unref(status->daemon);
	cmabulk_pool_array_free(status->pools);
}

static int look(struct cmabulk_connection *connection, struct status *ret)
{
	int r = cmabulk_connection_get_daemon(connection, &ret->daemon);

	if (r < 0)
		return r;
	r = cmabulk_connection_list_pools(connection, &ret->pools);
	/* A daemon without a pool is a daemon. */
	return r == -ENOENT ? 0 : r;
}

static const char *format_pages(char text[SIZE_TEXT], const struct cmabulk_pool *pool,
				uint64_t pages)
{
	return size_format(text, pages * cmabulk_pool_get_page_size(pool));
}

static void add_pool(struct table *table, const struct cmabulk_pool *pool)
{
	char text[SIZE_TEXT];

	table_add(table, "%s", cmabulk_pool_get_name(pool));
	table_add(table, "%s", cmabulk_pool_get_engine_name(pool));
	table_add(table, "%s", format_pages(text, pool, cmabulk_pool_get_pages(pool)));
	table_add(table, "%s", format_pages(text, pool, cmabulk_pool_get_free_pages(pool)));
	table_add(table, "%s", format_pages(text, pool, cmabulk_pool_get_cached_pages(pool)));
	table_add(table, "%s", format_pages(text, pool, cmabulk_pool_get_reserved_pages(pool)));
	table_add(table, "%s", format_pages(text, pool, cmabulk_pool_get_exported_pages(pool)));
	table_add(table, "%s", format_pages(text, pool, cmabulk_pool_get_draining_pages(pool)));
	table_add(table, "%" PRIu64, cmabulk_pool_get_n_buffers(pool));
	table_add(table, "%u", cmabulk_pool_get_n_pending(pool));
}

static void print_pools(struct cmabulk_pool *const *pools)
{
	static const char *const titles[] = {
		"POOL",	     "ENGINE",	  ">SIZE",     ">FREE",	   ">CACHED",
		">RESERVED", ">EXPORTED", ">DRAINING", ">BUFFERS", ">PENDING",
	};
	struct table *table CLEANUP(table_freep) = table_new(titles, ARRAY_SIZE(titles));

	for (; *pools; pools++)
		add_pool(table, *pools);
	table_print(table, stdout);
}

static void print_status(const struct status *status)
{
	const char *problem;

	printf("cmabulkd %s%s\n", cmabulk_daemon_get_version(status->daemon),
	       cmabulk_daemon_is_simulated(status->daemon) ?
		       ", simulated: no memory of any device" :
		       "");
	if (status->pools)
		print_pools(status->pools);
	else
		printf("no pools\n");
	for (unsigned int i = 0; (problem = cmabulk_daemon_get_problem(status->daemon, i)); i++)
		printf("configuration: %s\n", problem);
}

static void print_json(const struct status *status)
{
	struct json_object *object = json_object_new_object();
	struct json_object *pools = json_object_new_array();
	bool is_simulated = cmabulk_daemon_is_simulated(status->daemon);

	for (struct cmabulk_pool **pool = status->pools; pool && *pool; pool++)
		json_object_array_add(pools, json_from_pool(*pool));
	json_add_string(object, "version", cmabulk_daemon_get_version(status->daemon));
	json_object_object_add(object, "simulated", json_object_new_boolean(is_simulated));
	json_object_object_add(object, "pools", pools);
	json_object_object_add(object, "problems", json_from_problems(status->daemon));
	json_print(object, stdout);
}

int verb_status(struct context *context, int argc, char **argv)
{
	struct cmabulk_connection *connection CLEANUP(cmabulk_connection_unrefp) = NULL;
	struct status status CLEANUP(status_clear) = { 0 };
	int r = options_parse(&usage, context, argc, argv, NULL, NULL);

	if (r != OPTIONS_GO_ON)
		return r;
	patience_begin("looking at the daemon");
	r = cli_connect(context, &connection);
	if (r < 0)
		return cli_fail(r, "cannot look at the daemon");
	r = look(connection, &status);
	if (r < 0)
		return cli_fail_call(connection, r, "cannot look at the daemon");
	patience_end();
	if (context->json)
		print_json(&status);
	else
		print_status(&status);
	return EXIT_OK;
}
