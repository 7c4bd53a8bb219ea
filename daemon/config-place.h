/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a value of the configuration stands, for the sentences about what is wrong with it, and whom its names mean. */
#ifndef CMABULKD_CONFIG_PLACE_H
#define CMABULKD_CONFIG_PLACE_H

#include <stdbool.h>

#include <glib.h>

struct names;

struct config_place {
	const char *file;
	const char *group;
	GPtrArray *problems;
	const struct names *names;
	bool is_runtime; /* no file of the configuration: a change at run time */
};

#endif
