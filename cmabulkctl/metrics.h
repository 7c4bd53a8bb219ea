/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What there is and what happened as metrics, in the text formats of monitoring systems. */
#ifndef CMABULKCTL_METRICS_H
#define CMABULKCTL_METRICS_H

#include <stdio.h>

#include "cli.h"

enum metrics_format {
	METRICS_OPENMETRICS,
	METRICS_PROMETHEUS, /* the older one: counters are named as their samples are, and there is no end */
};

/* Arrays with a NULL after the last; NULL is none. */
struct metrics {
	enum metrics_format format;
	bool is_direct; /* nobody counts, or knows who waits */
	struct cmabulk_pool **pools;
	struct cmabulk_account **accounts;
	struct cmabulk_counters **counters;
};

void metrics_clear(struct metrics *metrics);
void metrics_print(const struct metrics *metrics, FILE *file);

#endif
