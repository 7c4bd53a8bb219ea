// SPDX-License-Identifier: LGPL-2.1-or-later
/* metrics: what there is and what happened, for monitoring systems. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "metrics.h"
#include "options.h"
#include "patience.h"

enum option_index {
	OPTION_FORMAT,
	OPTION_COUNT,
};

static const struct option_description options[] = {
	[OPTION_FORMAT] = { "format", "FORMAT", "openmetrics (default) or prometheus" },
	[OPTION_COUNT] = { NULL, NULL, NULL },
};

static const struct usage usage = {
	.verb = "metrics",
	.arguments = "",
	.description =
		"Print what the pools and accounts have, and what the daemon counted since it\n"
		"started, as OpenMetrics. Who may not manage the daemon sees the own accounts.",
	.options = options,
	.example = "cmabulkctl metrics --format prometheus > cmabulk.prom",
};

static int look(struct cmabulk_connection *connection, struct metrics *metrics)
{
	int r = cmabulk_connection_list_pools(connection, &metrics->pools);

	/* A daemon without a pool is a daemon. */
	if (r < 0 && (r != -ENOENT || metrics->is_direct))
		return r;
	if (metrics->is_direct)
		return 0;
	r = cmabulk_connection_list_accounts(connection, &metrics->accounts);
	return r < 0 ? r : cmabulk_connection_get_counters(connection, &metrics->counters);
}

static struct json_object *json_from_pools(const struct metrics *metrics)
{
	struct json_object *array = json_object_new_array();

	for (struct cmabulk_pool **pool = metrics->pools; pool && *pool; pool++)
		json_object_array_add(array, json_from_pool(*pool));
	return array;
}

static struct json_object *json_from_accounts(const struct metrics *metrics)
{
	struct json_object *array = json_object_new_array();

	for (struct cmabulk_account **account = metrics->accounts; account && *account; account++)
		json_object_array_add(array, json_from_account(*account));
	return array;
}

static struct json_object *json_from_all_counters(const struct metrics *metrics)
{
	struct json_object *array = json_object_new_array();

	for (struct cmabulk_counters **one = metrics->counters; one && *one; one++)
		json_object_array_add(array, json_from_counters(*one));
	return array;
}

static void print_json(const struct metrics *metrics)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "pools", json_from_pools(metrics));
	json_object_object_add(object, "accounts", json_from_accounts(metrics));
	json_object_object_add(object, "counters", json_from_all_counters(metrics));
	json_print(object, stdout);
}

static int refuse(const char *value)
{
	cli_usage("--format is openmetrics or prometheus, not '%s'", value);
	return -EINVAL;
}

static int handle_option(size_t index, const char *value, void *userdata)
{
	struct metrics *metrics = userdata;

	(void)index;
	if (strcmp(value, "openmetrics") == 0)
		metrics->format = METRICS_OPENMETRICS;
	else if (strcmp(value, "prometheus") == 0)
		metrics->format = METRICS_PROMETHEUS;
	else
		return refuse(value);
	return 1;
}

int verb_metrics(struct context *context, int argc, char **argv)
{
	struct cmabulk_connection *connection CLEANUP(cmabulk_connection_unrefp) = NULL;
	struct metrics metrics CLEANUP(metrics_clear) = { .format = METRICS_OPENMETRICS };
	int r = options_parse(&usage, context, argc, argv, handle_option, &metrics);

	if (r != OPTIONS_GO_ON)
		return r;
	patience_begin("getting the metrics");
	r = cli_connect(context, &connection);
	if (r < 0)
		return cli_fail(r, "cannot get the metrics");
	metrics.is_direct = strcmp(cmabulk_connection_get_mode(connection), "direct") == 0;
	r = look(connection, &metrics);
	if (r < 0)
		return cli_fail_call(connection, r, "cannot get the metrics");
	patience_end();
	if (context->json)
		print_json(&metrics);
	else
		metrics_print(&metrics, stdout);
	return EXIT_OK;
}
