// SPDX-License-Identifier: LGPL-2.1-or-later
/* A line on a terminal while something takes its time. */
#include <stdio.h>
#include <unistd.h>

#include "cli.h"
#include "clock.h"
#include "progress.h"
#include "size.h"

#define SHOWN_STRIDE 16

bool progress_is_possible(void)
{
	return cli_is_terminal(STDERR_FILENO);
}

void progress_begin(struct progress *progress, const char *what)
{
	*progress = (struct progress){ .what = what, .start_usec = clock_now_usec() };
}

void progress_step(struct progress *progress, unsigned int done)
{
	if (done % SHOWN_STRIDE != 0 ||
	    clock_now_usec() - progress->start_usec < PROGRESS_QUIET_MSEC * UINT64_C(1000) ||
	    !progress_is_possible())
		return;
	fprintf(stderr, "\r\033[K%s: %u so far", progress->what, done);
	fflush(stderr);
	progress->is_shown = true;
}

void progress_end(struct progress *progress)
{
	if (progress->is_shown)
		progress_wipe();
	progress->is_shown = false;
}

void progress_show_time(const char *what, uint64_t elapsed_usec, const char *hint)
{
	char elapsed[SIZE_TEXT];

	fprintf(stderr, "\r\033[K%s, %s so far%s", what, time_format(elapsed, elapsed_usec), hint);
	fflush(stderr);
}

void progress_wipe(void)
{
	fputs("\r\033[K", stderr);
}
