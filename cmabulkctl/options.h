/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A verb's command line: parsed, and explained, from one table. */
#ifndef CMABULKCTL_OPTIONS_H
#define CMABULKCTL_OPTIONS_H

#include "cli.h"

/* Ends with an option without a name. */
struct option_description {
	const char *name; /* without the dashes */
	const char *argument; /* as help shows it; NULL for none */
	const char *description;
};

struct usage {
	const char *verb; /* NULL: cmabulkctl itself, options end at the verb */
	const char *arguments; /* after the options, as help shows them; "": the verb takes none */
	const char *description; /* a sentence or two */
	const struct option_description *options;
	void (*print_more)(void); /* what else help shows before the options; may be NULL */
	const char *example; /* a command line */
};

/* Of the option with this index in the usage: 1, or -EINVAL when it has complained. */
typedef int (*option_handler)(size_t index, const char *value, void *userdata);

/* No exit code: the verb is to do its work. */
#define OPTIONS_GO_ON (-1)

/*
 * Parses the options, wherever among a verb's arguments they are, and calls
 * @handle for each option of the usage. Common options it handles itself. Returns
 * OPTIONS_GO_ON, with @optind as the index of the first argument, or the exit code
 * when all is done: help was asked for, or it has complained.
 */
int options_parse(const struct usage *usage, struct context *context, int argc, char **argv,
		  option_handler handle, void *userdata);

#endif
