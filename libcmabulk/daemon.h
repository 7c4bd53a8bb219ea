/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the daemon says of itself. */
#ifndef LIBCMABULK_DAEMON_H
#define LIBCMABULK_DAEMON_H

#include <stdbool.h>

#include "cmabulk.h"
#include "util.h"

struct cmabulk_daemon {
	atomic_uint references;
	char *version;
	bool is_simulated;
	char **problems; /* NULL after the last */
	unsigned int n_problems;
};

/* One reference, the strings copied; @problems may be NULL, else NULL comes after the last. */
int daemon_new(const char *version, char **problems, struct cmabulk_daemon **ret);

#endif
