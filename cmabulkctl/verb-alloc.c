// SPDX-License-Identifier: LGPL-2.1-or-later
/* alloc: get chunks, report how, then release them, hold them, or hand them to a command. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "alloc-report.h"
#include "hand-over.h"
#include "json.h"
#include "options.h"
#include "patience.h"
#include "request-options.h"
#include "watch.h"

/* In the progress line. */
#define ALLOCATING "allocating"

enum option_index {
	OPTION_BUFFERS = REQUEST_OPTION_COUNT,
	OPTION_TIMEOUT,
	OPTION_MINIMUM,
	OPTION_HOLD,
	OPTION_COUNT,
};

static const struct option_description options[] = {
	REQUEST_OPTIONS("hard", "the command's name"),
	[OPTION_BUFFERS] = { "buffers", "N", "spread over N buffers (default: 1)" },
	[OPTION_TIMEOUT] = { "timeout", "TIME",
			     "give up after TIME, as 500ms or 20s (default: 20s)" },
	[OPTION_MINIMUM] = { "minimum", "N", "be content with N chunks (default: all or nothing)" },
	[OPTION_HOLD] = { "hold", NULL, "hold it until Ctrl-C, or the end of standard input" },
	[OPTION_COUNT] = { NULL, NULL, NULL },
};

static const struct usage usage = {
	.verb = "alloc",
	.arguments = "COUNT|SIZE|COUNTxSIZE [-- COMMAND...]",
	.description =
		"Allocate chunks, and report how it went. COUNT is a number of chunks (4800), SIZE\n"
		"how much in all (300M), COUNTxSIZE both (4800x64K). What was got is given back at\n"
		"once, unless it is to be held or a COMMAND inherits it.",
	.options = options,
	.example = "cmabulkctl alloc 4800x64K --buffers 25 --label frames -- ./camera",
};

struct arguments {
	struct cmabulk_request *request;
	bool hold;
	bool ordered;
	bool labelled;
	uint64_t chunk_size;
	char **command; /* NULL: none */
};

static int set_timeout(struct cmabulk_request *request, const char *value)
{
	uint64_t usec;
	int r = request_option_time("timeout", value, &usec);

	return r < 0 ? r : cmabulk_request_set_timeout(request, usec) < 0 ? -EINVAL : 1;
}

static int set_number(size_t index, struct arguments *arguments, const char *value)
{
	const char *name = options[index].name;
	uint64_t most = index == OPTION_MINIMUM ? UINT64_MAX : INT32_MAX;
	uint64_t number;
	int r = request_option_number(name, value, most, &number);

	if (r < 0)
		return r;
	if (index == OPTION_BUFFERS)
		r = cmabulk_request_set_buffers(arguments->request, (unsigned int)number);
	else
		r = cmabulk_request_set_minimum(arguments->request, number);
	return r < 0 ? request_option_refuse(name, value, "a number in range") : 1;
}

static int handle_option(size_t index, const char *value, void *userdata)
{
	struct arguments *arguments = userdata;

	switch (index) {
	case OPTION_TIMEOUT:
		return set_timeout(arguments->request, value);
	case OPTION_HOLD:
		arguments->hold = true;
		return 1;
	case OPTION_BUFFERS:
	case OPTION_MINIMUM:
		return set_number(index, arguments, value);
	default:
		arguments->labelled |= index == REQUEST_OPTION_LABEL;
		arguments->ordered |= index == REQUEST_OPTION_ORDER;
		return request_option_take(arguments->request, (enum request_option)index, value);
	}
}

static int set_amount(struct arguments *arguments, const char *text)
{
	struct cmabulk_request *request = arguments->request;
	int code = request_set_amount(request, arguments->ordered, text, &arguments->chunk_size);
	uint64_t chunks = cmabulk_request_get_count(request);

	if (code != EXIT_OK)
		return code;
	if (cmabulk_request_get_buffers(request) > chunks)
		return cli_usage("--buffers: %u buffers cannot be made of %zu chunks",
				 cmabulk_request_get_buffers(request), (size_t)chunks);
	if (cmabulk_request_get_minimum(request) > chunks)
		return cli_usage("--minimum: more than the %zu chunks asked for", (size_t)chunks);
	return EXIT_OK;
}

/* Where the arguments after "--" begin, argc if nowhere; getopt would lose that. */
static int find_command(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--") == 0)
			return i;
	return argc;
}

static void set_default_label(const struct arguments *arguments)
{
	const char *label = "cmabulkctl";

	if (arguments->labelled)
		return;
	if (arguments->command)
		label = basename(arguments->command[0]);
	/* A command may be called anything; then its memory has no label. */
	if (cmabulk_request_set_label(arguments->request, label) < 0)
		cmabulk_request_set_label(arguments->request, NULL);
}

/* As options_parse(). */
static int parse(struct context *context, int argc, char **argv, struct arguments *arguments)
{
	int command = find_command(argc, argv);
	int code = options_parse(&usage, context, command, argv, handle_option, arguments);

	if (code != OPTIONS_GO_ON)
		return code;
	if (command < argc) {
		arguments->command = argv + command + 1;
		if (!arguments->command[0])
			return cli_usage("there is no command after '--'");
		if (arguments->hold)
			return cli_usage("--hold and a command exclude each other");
	}
	code = request_options_check(arguments->request);
	if (code != EXIT_OK)
		return code;
	if (optind != command - 1)
		return cli_usage("alloc needs one amount: a count as 4800, a size as 300M, or "
				 "both as 4800x64K");
	code = set_amount(arguments, argv[optind]);
	set_default_label(arguments);
	return code == EXIT_OK ? OPTIONS_GO_ON : code;
}

/* A command has standard output for itself. */
static void print_report(const struct context *context, const struct arguments *arguments,
			 const struct cmabulk_allocation *allocation)
{
	FILE *file = arguments->command ? stderr : stdout;

	if (context->json) {
		json_print(json_from_allocation(allocation), file);
		fflush(file);
	} else {
		alloc_report_print(allocation, arguments->chunk_size, file);
	}
}

static int complain_short(const struct cmabulk_allocation *allocation)
{
	const char *hint = cmabulk_allocation_get_hint(allocation);

	fprintf(stderr, "cmabulkctl: the request came short: %s%s%s\n",
		cmabulk_allocation_get_reason(allocation), *hint ? "; " : "", hint);
	return EXIT_SHORT;
}

static int use(const struct context *context, const struct arguments *arguments,
	       const struct cmabulk_allocation *allocation, struct watch *watch)
{
	if (watch->cancelled && cmabulk_allocation_get_n_buffers(allocation) > 0) {
		fputs("cmabulkctl: cancelled when all had come, which is given back\n", stderr);
		return EXIT_SHORT;
	}
	print_report(context, arguments, allocation);
	if (cmabulk_allocation_get_n_buffers(allocation) == 0)
		return complain_short(allocation);
	if (arguments->hold) {
		if (isatty(STDERR_FILENO))
			fputs("Holding it until Ctrl-C or the end of input.\n", stderr);
		watch_wait(watch);
	}
	watch_restore(watch);
	return arguments->command ? hand_over(allocation, arguments->command) : EXIT_OK;
}

static int allocate(const struct context *context, const struct arguments *arguments)
{
	struct cmabulk_connection *connection CLEANUP(cmabulk_connection_unrefp) = NULL;
	struct cmabulk_allocation *allocation CLEANUP(cmabulk_allocation_unrefp) = NULL;
	struct watch watch;
	int code;
	int r;

	patience_begin(ALLOCATING);
	r = cli_connect(context, &connection);
	if (r < 0)
		return cli_fail(r, "cannot allocate");
	patience_end();
	r = watch_begin(&watch, arguments->request, ALLOCATING);
	if (r < 0)
		return cli_fail(r, "cannot watch for signals");
	r = cmabulk_connection_allocate(connection, arguments->request, &allocation);
	watch_end(&watch);
	code = r < 0 ? cli_fail_call(connection, r, "cannot allocate") :
		       use(context, arguments, allocation, &watch);
	watch_restore(&watch);
	return code;
}

int verb_alloc(struct context *context, int argc, char **argv)
{
	struct cmabulk_request *request CLEANUP(cmabulk_request_unrefp) = NULL;
	struct arguments arguments = { 0 };
	int code;
	int r = cmabulk_request_new(&request);

	if (r < 0)
		return cli_fail(r, "cannot make a request");
	arguments.request = request;
	code = parse(context, argc, argv, &arguments);
	return code == OPTIONS_GO_ON ? allocate(context, &arguments) : code;
}
