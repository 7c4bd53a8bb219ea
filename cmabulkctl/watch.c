// SPDX-License-Identifier: LGPL-2.1-or-later
/* Watches over a slow call: a progress line, and cancellation by signals. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "clock.h"
#include "progress.h"
#include "watch.h"

static void drain(int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) < 0)
		return;
}

static void *run(void *userdata)
{
	struct watch *watch = userdata;
	struct pollfd polled[] = {
		{ .fd = watch->stop, .events = POLLIN },
		{ .fd = watch->signals, .events = POLLIN },
	};
	bool terminal = progress_is_possible();
	uint64_t start = clock_now_usec();
	int timeout = terminal ? PROGRESS_QUIET_MSEC : -1;
	bool shown = false;

	for (;;) {
		int ready = poll(polled, ARRAY_SIZE(polled), timeout);

		if (ready < 0 && errno != EINTR)
			break;
		if (polled[0].revents)
			break;
		if (polled[1].revents) {
			drain(watch->signals);
			watch->cancelled = true;
			timeout = PROGRESS_REFRESH_MSEC;
		}
		/* Again each time: the first may have come between two steps. */
		if (watch->cancelled)
			cmabulk_request_cancel(watch->request);
		if (ready == 0 && terminal) {
			progress_show_time(watch->what, clock_now_usec() - start,
					   "; Ctrl-C cancels");
			shown = true;
			timeout = PROGRESS_REFRESH_MSEC;
		}
	}
	if (shown)
		progress_wipe();
	return NULL;
}

static void close_descriptors(struct watch *watch)
{
	if (watch->signals >= 0)
		close(watch->signals);
	if (watch->stop >= 0)
		close(watch->stop);
	watch->signals = -1;
	watch->stop = -1;
}

/* One that is blocked would arrive even if it is ignored, as nohup and shells have it. */
static void add_unless_ignored(sigset_t *signals, int number)
{
	struct sigaction action;

	if (sigaction(number, NULL, &action) < 0 || action.sa_handler != SIG_IGN)
		sigaddset(signals, number);
}

int watch_begin(struct watch *watch, struct cmabulk_request *request, const char *what)
{
	sigset_t signals;
	int r;

	*watch = (struct watch){ .request = request, .what = what, .signals = -1, .stop = -1 };
	sigemptyset(&signals);
	add_unless_ignored(&signals, SIGINT);
	add_unless_ignored(&signals, SIGTERM);
	add_unless_ignored(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, &watch->previous);
	watch->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	watch->stop = eventfd(0, EFD_CLOEXEC);
	r = watch->signals < 0 || watch->stop < 0 ?
		    errno :
		    pthread_create(&watch->thread, NULL, run, watch);
	if (r != 0) {
		watch_restore(watch);
		return -r;
	}
	watch->running = true;
	return 0;
}

void watch_end(struct watch *watch)
{
	if (!watch->running)
		return;
	eventfd_write(watch->stop, 1);
	pthread_join(watch->thread, NULL);
	watch->running = false;
}

void watch_wait(struct watch *watch)
{
	struct pollfd polled[] = {
		{ .fd = watch->signals, .events = POLLIN },
		{ .fd = STDIN_FILENO, .events = POLLIN },
	};
	char ignored[4096];

	for (;;) {
		if (poll(polled, ARRAY_SIZE(polled), -1) < 0) {
			if (errno == EINTR)
				continue;
			return;
		}
		if (polled[0].revents) {
			/* Taken, or it would end the program as soon as it may. */
			drain(watch->signals);
			return;
		}
		if (polled[1].revents && read(STDIN_FILENO, ignored, sizeof(ignored)) <= 0)
			return;
	}
}

void watch_restore(struct watch *watch)
{
	watch_end(watch);
	close_descriptors(watch);
	pthread_sigmask(SIG_SETMASK, &watch->previous, NULL);
}
