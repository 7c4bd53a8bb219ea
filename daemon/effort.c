// SPDX-License-Identifier: LGPL-2.1-or-later
/* The efforts of enum cmabulk_effort, as clients and administrators write them. Pure. */
#include <errno.h>
#include <string.h>

#include <glib.h>
#include <linux/cmabulk.h>

#include "effort.h"

static const char *const names[] = {
	[CMABULK_EFFORT_FAST] = "fast",
	[CMABULK_EFFORT_NORMAL] = "normal",
	[CMABULK_EFFORT_HARD] = "hard",
};

const char *effort_name(unsigned int effort)
{
	return effort < G_N_ELEMENTS(names) ? names[effort] : "unknown";
}

int effort_parse(const char *name, unsigned int *ret)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(names); i++) {
		if (strcmp(names[i], name) != 0)
			continue;
		*ret = i;
		return 0;
	}
	return -EINVAL;
}
