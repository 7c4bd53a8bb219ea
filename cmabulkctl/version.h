/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which version each part has, and whether they belong together. Pure. */
#ifndef CMABULKCTL_VERSION_H
#define CMABULKCTL_VERSION_H

#include "cli.h"

#define VERSION_TEXT 256

struct versions {
	const char *library;
	const char *daemon; /* NULL: not known */
	uint32_t module_interface; /* 0: not known */
	uint32_t known_interface; /* that this was built for */
};

/*
 * The problem number @index as a sentence that ends in what to do; returns
 * false when there are not that many.
 */
bool version_describe_problem(const struct versions *versions, unsigned int index,
			      char text[VERSION_TEXT]);

/* One line: this program and its library. */
void version_print_own(void);

#endif
