// SPDX-License-Identifier: LGPL-2.1-or-later
/* A line on a terminal while something takes its time, for work that is done step by step. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "progress.h"

/* As for an allocation: watch.c. */
#define QUIET_MSEC   500
#define SHOWN_STRIDE 16

static uint64_t now_msec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void progress_begin(struct progress *progress, const char *what)
{
	*progress = (struct progress){ .what = what, .start_msec = now_msec() };
}

void progress_step(struct progress *progress, unsigned int done)
{
	if (done % SHOWN_STRIDE != 0 || now_msec() - progress->start_msec < QUIET_MSEC ||
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
