/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A line on a terminal while something takes its time, for work that is done step by step. */
#ifndef CMABULKCTL_PROGRESS_H
#define CMABULKCTL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *what;
	uint64_t start_usec;
	bool is_shown;
};

void progress_begin(struct progress *progress, const char *what);
/* After a step: what is over sooner than half a second shows nothing. */
void progress_step(struct progress *progress, unsigned int done);
/* Wipes the line out. */
void progress_end(struct progress *progress);

#endif
