// SPDX-License-Identifier: LGPL-2.1-or-later
/* cmabulkctl: the table of verbs. */
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "options.h"

struct verb {
	const char *name;
	int (*function)(struct context *context, int argc, char **argv);
	const char *description;
};

static const struct verb verbs[] = {
	{ "accounts", verb_accounts, "list, or change, what the daemon lets whom have" },
	{ "alloc", verb_alloc, "allocate chunks; report, hold, or run a command with them" },
	{ "buffers", verb_buffers, "list who holds what" },
	{ "doctor", verb_doctor, "check this machine, and say what would mend it" },
	{ "metrics", verb_metrics, "print what there is and what happened, for monitoring" },
	{ "monitor", verb_monitor, "print what changes, as it changes" },
	{ "pools", verb_pools, "list the pools, or show one" },
	{ "prepare", verb_prepare, "have chunks claimed ahead, for who allocates next" },
	{ "reload", verb_reload, "make the daemon read its configuration again" },
	{ "status", verb_status, "show the daemon, its pools and its configuration" },
	{ "top", verb_top, "show pools and accounts live, on the whole terminal" },
	{ "version", verb_version, "show what is of which version" },
};

static void print_verbs(void)
{
	printf("\nVerbs, each with a --help of its own:\n");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		printf("  %-22s %s\n", verbs[i].name, verbs[i].description);
}

static const struct usage usage = {
	.arguments = "...",
	.description = "Thousands of high-order chunks from a CMA pool, as dma-bufs.",
	.print_more = print_verbs,
	.example = "cmabulkctl alloc 4800x64K --buffers 25",
};

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (strcmp(name, verbs[i].name) == 0)
			return &verbs[i];
	return NULL;
}

static int run(int argc, char **argv)
{
	struct context context = { 0 };
	const struct verb *verb;
	int r = options_parse(&usage, &context, argc, argv, NULL, NULL);

	if (r != OPTIONS_GO_ON)
		return r;
	argc -= optind;
	argv += optind;
	if (argc == 0)
		return cli_usage("a verb is missing; try 'cmabulkctl --help'");
	verb = find_verb(argv[0]);
	if (!verb)
		return cli_usage("there is no verb '%s'; try 'cmabulkctl --help'", argv[0]);
	return verb->function(&context, argc, argv);
}

/* A full disk or a closed pipe is a failure too, also when a line before the last met it. */
static int finish(void)
{
	if (fflush(stdout) != 0)
		perror("cmabulkctl: cannot write to standard output");
	else if (ferror(stdout))
		fputs("cmabulkctl: cannot write to all of standard output\n", stderr);
	else
		return EXIT_OK;
	return EXIT_FAILED;
}

int main(int argc, char **argv)
{
	int code;

	setlocale(LC_CTYPE, "");
	code = run(argc, argv);
	return code == EXIT_OK ? finish() : code;
}
