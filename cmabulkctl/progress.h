/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A line on a terminal while something takes its time: for work that is done step
 * by step, and how it looks for what is waited for, in patience.c and watch.c.
 */
#ifndef CMABULKCTL_PROGRESS_H
#define CMABULKCTL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* What is over sooner shows nothing. */
#define PROGRESS_QUIET_MSEC   500
#define PROGRESS_REFRESH_MSEC 100

/* Is there a terminal for it, whose line can be wiped out? */
bool progress_is_possible(void);

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

/* The line of what cannot be counted, with what else there is to say; and away with it. */
void progress_show_time(const char *what, uint64_t elapsed_usec, const char *hint);
void progress_wipe(void);

#endif
