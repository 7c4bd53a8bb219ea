/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pages held by pipes: see pins.h. Never looks at what the pages are. */
#include "pins.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "machine.h"

/* Pages one pipe holds; more than this needs privilege. */
#define PIPE_PAGES 256

static void pin_splice(int pipe, void *page)
{
	struct iovec part = { .iov_base = page, .iov_len = sysconf(_SC_PAGESIZE) };
	ssize_t length = vmsplice(pipe, &part, 1, SPLICE_F_NONBLOCK);

	if (length != (ssize_t)part.iov_len)
		g_error("vmsplice: %s", length < 0 ? g_strerror(errno) : "short");
}

static void pin_pipe(int ends[2], int pages)
{
	g_assert_no_errno(pipe2(ends, O_CLOEXEC));
	g_assert_no_errno(fcntl(ends[1], F_SETPIPE_SZ, pages * (int)sysconf(_SC_PAGESIZE)));
}

void pins_init(struct pins *pins)
{
	pins->pipes = g_array_new(FALSE, FALSE, sizeof(int));
	pins->room = 0;
}

void pins_add(struct pins *pins, void *page)
{
	int ends[2];

	if (!pins->room) {
		pin_pipe(ends, PIPE_PAGES);
		g_array_append_vals(pins->pipes, ends, 2);
		pins->room = PIPE_PAGES;
	}
	pin_splice(g_array_index(pins->pipes, int, pins->pipes->len - 1), page);
	pins->room--;
}

void pins_clear(struct pins *pins)
{
	for (guint i = 0; i < pins->pipes->len; i++)
		close(g_array_index(pins->pipes, int, i));
	g_array_unref(pins->pipes);
	pins->pipes = NULL;
	pins->room = 0;
}

/* @lock protects @stop; the thread alone uses the rest between start and stop. */
struct flicker {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stop;
	void **pages;
	int *pipes; /* two per page, -1 while the page is not pinned */
	size_t count;
	guint period_ms;
	GRand *random;
	guint64 pinned;
};

static void flicker_toggle(struct flicker *flicker, size_t index)
{
	int *ends = flicker->pipes + 2 * index;

	if (ends[0] >= 0) {
		close(ends[0]);
		close(ends[1]);
		ends[0] = -1;
		return;
	}
	pin_pipe(ends, 1);
	pin_splice(ends[1], flicker->pages[index]);
	flicker->pinned++;
}

/* Waits out one pause; false when told to stop. */
static bool flicker_pause(struct flicker *flicker, guint64 ns)
{
	struct timespec until;
	bool stop;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)ns;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&flicker->lock);
	while (!flicker->stop)
		if (pthread_cond_timedwait(&flicker->wake, &flicker->lock, &until) == ETIMEDOUT)
			break;
	stop = flicker->stop;
	pthread_mutex_unlock(&flicker->lock);
	return !stop;
}

static void *flicker_run(void *data)
{
	struct flicker *flicker = data;
	guint64 pause = (guint64)flicker->period_ms * 1000000 / flicker->count;

	while (flicker_pause(flicker, pause))
		flicker_toggle(flicker, random_below(flicker->random, flicker->count));
	return NULL;
}

struct flicker *flicker_start(void **pages, size_t count, guint period_ms, guint32 stream)
{
	struct flicker *flicker = g_new0(struct flicker, 1);
	pthread_condattr_t clock;

	flicker->pages = g_memdup2(pages, count * sizeof(*pages));
	flicker->pipes = g_new(int, 2 * count);
	flicker->count = count;
	flicker->period_ms = period_ms;
	flicker->random = machine_random(stream);
	for (size_t i = 0; i < 2 * count; i++)
		flicker->pipes[i] = -1;
	for (size_t i = 0; i < count; i++)
		flicker_toggle(flicker, i);

	pthread_mutex_init(&flicker->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&flicker->wake, &clock);
	pthread_condattr_destroy(&clock);
	machine_start_thread(&flicker->thread, flicker_run, flicker);
	return flicker;
}

guint64 flicker_stop(struct flicker *flicker)
{
	guint64 pinned;

	pthread_mutex_lock(&flicker->lock);
	flicker->stop = true;
	pthread_cond_signal(&flicker->wake);
	pthread_mutex_unlock(&flicker->lock);
	pthread_join(flicker->thread, NULL);

	for (size_t i = 0; i < flicker->count; i++)
		if (flicker->pipes[2 * i] >= 0)
			flicker_toggle(flicker, i);
	pinned = flicker->pinned;
	pthread_cond_destroy(&flicker->wake);
	pthread_mutex_destroy(&flicker->lock);
	g_rand_free(flicker->random);
	g_free(flicker->pages);
	g_free(flicker->pipes);
	g_free(flicker);
	return pinned;
}
