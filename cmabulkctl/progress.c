// SPDX-License-Identifier: LGPL-2.1-or-later
/* A line on a terminal while something takes its time, for work that is done step by step. */
#include <stdio.h>
#include <unistd.h>

#include "clock.h"
#include "progress.h"

/* As for an allocation: watch.c. */
#define QUIET_USEC   500000
#define SHOWN_STRIDE 16

void progress_begin(struct progress *progress, const char *what)
{
	*progress = (struct progress){ .what = what, .start_usec = clock_now_usec() };
}

void progress_step(struct progress *progress, unsigned int done)
{
	if (done % SHOWN_STRIDE != 0 || clock_now_usec() - progress->start_usec < QUIET_USEC ||
	    !isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\r\033[K%s: %u so far", progress->what, done);
	fflush(stderr);
	progress->is_shown = true;
}

void progress_end(struct progress *progress)
{
	if (progress->is_shown)
		fputs("\r\033[K", stderr);
	progress->is_shown = false;
}
