// SPDX-License-Identifier: LGPL-2.1-or-later
/* A line on a terminal while an answer takes its time. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "patience.h"
#include "progress.h"

static const char *doing;
static pthread_t thread;
static int stop = -1;
static bool is_running;

static void *run(void *userdata)
{
	struct pollfd polled = { .fd = stop, .events = POLLIN };
	uint64_t start_usec = clock_now_usec();
	int timeout = PROGRESS_QUIET_MSEC;
	bool is_shown = false;
	int ready;

	(void)userdata;
	while ((ready = poll(&polled, 1, timeout)) <= 0) {
		if (ready < 0 && errno != EINTR)
			break;
		if (ready == 0) {
			progress_show_time(doing, clock_now_usec() - start_usec, "");
			timeout = PROGRESS_REFRESH_MSEC;
			is_shown = true;
		}
	}
	if (is_shown)
		progress_wipe();
	return NULL;
}

void patience_begin(const char *what)
{
	sigset_t all, previous;

	patience_end();
	if (!progress_is_possible())
		return;
	stop = eventfd(0, EFD_CLOEXEC);
	if (stop < 0)
		return;
	doing = what;
	/* Signals are for the program, and it does without the line if there can be none. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &previous);
	is_running = pthread_create(&thread, NULL, run, NULL) == 0;
	pthread_sigmask(SIG_SETMASK, &previous, NULL);
	if (!is_running)
		close(stop);
}

void patience_end(void)
{
	if (!is_running)
		return;
	eventfd_write(stop, 1);
	pthread_join(thread, NULL);
	close(stop);
	is_running = false;
}
