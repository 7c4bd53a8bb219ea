// SPDX-License-Identifier: LGPL-2.1-or-later
/* prepare: have chunks claimed ahead, for the account's next allocate. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "json.h"
#include "options.h"
#include "patience.h"
#include "request-options.h"
#include "size.h"

#define DEFAULT_EXPIRE_USEC (UINT64_C(30) * 1000000)

enum option_index {
	OPTION_EXPIRE = REQUEST_OPTION_COUNT,
	OPTION_COUNT,
};

static const struct option_description options[] = {
	REQUEST_OPTIONS("normal", "cmabulkctl"),
	[OPTION_EXPIRE] = { "expire", "TIME", "keep it for TIME, as 500ms or 5min (default: 30s)" },
	[OPTION_COUNT] = { NULL, NULL, NULL },
};

static const struct usage usage = {
	.verb = "prepare",
	.arguments = "COUNT|SIZE|COUNTxSIZE",
	.description =
		"Have chunks claimed ahead, in the background: the account's next request of that\n"
		"order finds them there. They are charged to the account; whoever lacks memory\n"
		"meanwhile gets it, unless the account is guaranteed it.",
	.options = options,
	.example = "cmabulkctl prepare 4800x64K --expire 1min",
};

struct arguments {
	struct cmabulk_request *request;
	bool ordered;
	uint64_t expire_usec;
};

static int handle_option(size_t index, const char *value, void *userdata)
{
	struct arguments *arguments = userdata;

	if (index == OPTION_EXPIRE)
		return request_option_time("expire", value, &arguments->expire_usec);
	arguments->ordered |= index == REQUEST_OPTION_ORDER;
	return request_option_take(arguments->request, (enum request_option)index, value);
}

static void print(const struct context *context, const struct arguments *arguments,
		  uint64_t chunk_size)
{
	uint64_t count = cmabulk_request_get_count(arguments->request);
	struct json_object *object;
	char chunk[SIZE_TEXT], expire[SIZE_TEXT];

	if (context->json) {
		object = json_object_new_object();
		json_add_number(object, "requested", count);
		json_add_number(object, "chunk_size", chunk_size);
		if (arguments->expire_usec == UINT64_MAX)
			json_object_object_add(object, "expire_us", NULL);
		else
			json_add_number(object, "expire_us", arguments->expire_usec);
		json_print(object, stdout);
		return;
	}
	printf("%" PRIu64 " chunks of %s are being claimed, and kept for %s\n", count,
	       size_format(chunk, chunk_size),
	       arguments->expire_usec == UINT64_MAX ? "as long as may be" :
						      time_format(expire, arguments->expire_usec));
}

static int prepare(const struct context *context, const struct arguments *arguments,
		   uint64_t chunk_size)
{
	struct cmabulk_connection *connection CLEANUP(cmabulk_connection_unrefp) = NULL;
	int r;

	patience_begin("preparing");
	r = cli_connect(context, &connection);
	if (r < 0)
		return cli_fail(r, "cannot prepare");
	r = cmabulk_connection_prepare(connection, arguments->request, arguments->expire_usec);
	if (r < 0)
		return cli_fail_call(connection, r, "cannot prepare");
	patience_end();
	print(context, arguments, chunk_size);
	return EXIT_OK;
}

int verb_prepare(struct context *context, int argc, char **argv)
{
	struct cmabulk_request *request CLEANUP(cmabulk_request_unrefp) = NULL;
	struct arguments arguments = { .expire_usec = DEFAULT_EXPIRE_USEC };
	uint64_t chunk_size;
	int code;
	int r = cmabulk_request_new(&request);

	if (r < 0)
		return cli_fail(r, "cannot make a request");
	arguments.request = request;
	cmabulk_request_set_effort(request, CMABULK_REQUEST_EFFORT_NORMAL);
	cmabulk_request_set_label(request, "cmabulkctl");
	r = options_parse(&usage, context, argc, argv, handle_option, &arguments);
	if (r != OPTIONS_GO_ON)
		return r;
	code = request_options_check(request);
	if (code != EXIT_OK)
		return code;
	if (optind != argc - 1)
		return cli_usage("prepare needs one amount: a count as 4800, a size as 300M, or "
				 "both as 4800x64K");
	code = request_set_amount(request, arguments.ordered, argv[optind], &chunk_size);
	return code != EXIT_OK ? code : prepare(context, &arguments, chunk_size);
}
