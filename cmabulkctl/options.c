// SPDX-License-Identifier: LGPL-2.1-or-later
/* A verb's command line: parsed, and explained, from one table. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "version.h"

/* More than any verb has. */
#define OPTIONS_LIMIT 32

enum common {
	COMMON_DIRECT,
	COMMON_JSON,
	COMMON_HELP,
	COMMON_VERSION,
	COMMON_COUNT,
};

static const struct option_description common_options[] = {
	[COMMON_DIRECT] = { "direct", NULL, "use the pools' devices, without the daemon" },
	[COMMON_JSON] = { "json", NULL, "print JSON, as cmabulkctl(1) describes it" },
	[COMMON_HELP] = { "help", NULL, "show this text" },
	[COMMON_VERSION] = { "version", NULL, "show the version" },
	[COMMON_COUNT] = { NULL, NULL, NULL },
};

static void print_option(const struct option_description *option)
{
	char name[64];

	snprintf(name, sizeof(name), "--%s%s%s", option->name, option->argument ? "=" : "",
		 option->argument ? option->argument : "");
	printf("  %-22s %s\n", name, option->description);
}

static void print_table(const struct option_description *options)
{
	for (; options && options->name; options++)
		print_option(options);
}

static void print_help(const struct usage *usage)
{
	printf("Usage: cmabulkctl [OPTION...] %s%s%s\n\n%s\n", usage->verb ? usage->verb : "VERB",
	       *usage->arguments ? " " : "", usage->arguments, usage->description);
	if (usage->print_more)
		usage->print_more();
	printf("\nOptions:\n");
	print_table(usage->options);
	print_table(common_options);
	printf("\nExample:\n  %s\n", usage->example);
}

static size_t add_table(struct option *long_options, size_t count,
			const struct option_description *options)
{
	for (; options && options->name && count < OPTIONS_LIMIT; options++)
		long_options[count++] = (struct option){
			.name = options->name,
			.has_arg = options->argument ? required_argument : no_argument,
		};
	return count;
}

/* 1 to go on, 0 when all is done. */
static int handle_common(enum common option, const struct usage *usage, struct context *context)
{
	switch (option) {
	case COMMON_DIRECT:
		context->direct = true;
		return 1;
	case COMMON_JSON:
		context->json = true;
		return 1;
	case COMMON_VERSION:
		version_print_own();
		return 0;
	default:
		print_help(usage);
		return 0;
	}
}

/* 1 to go on, 0 when all is done, -EINVAL when it has complained. */
static int parse_all(const struct usage *usage, struct context *context, int argc, char **argv,
		     option_handler handle, void *userdata)
{
	struct option long_options[OPTIONS_LIMIT + 1] = { { 0 } };
	size_t count = add_table(long_options, 0, common_options);

	add_table(long_options, count, usage->options);
	optind = 0;
	for (;;) {
		int index = 0;
		int letter =
			getopt_long(argc, argv, usage->verb ? "h" : "+h", long_options, &index);
		int r;

		if (letter == -1)
			return 1;
		if (letter == '?') {
			fprintf(stderr, "Try 'cmabulkctl %s%s--help'.\n",
				usage->verb ? usage->verb : "", usage->verb ? " " : "");
			return -EINVAL;
		}
		if (letter == 'h')
			index = COMMON_HELP;
		if (index < COMMON_COUNT)
			r = handle_common((enum common)index, usage, context);
		else
			r = handle((size_t)index - COMMON_COUNT, optarg, userdata);
		if (r <= 0)
			return r;
	}
}

int options_parse(const struct usage *usage, struct context *context, int argc, char **argv,
		  option_handler handle, void *userdata)
{
	int r = parse_all(usage, context, argc, argv, handle, userdata);

	if (r <= 0)
		return r < 0 ? EXIT_USAGE : EXIT_OK;
	if (!*usage->arguments && optind < argc)
		return cli_usage("%s takes no arguments", usage->verb);
	return OPTIONS_GO_ON;
}
