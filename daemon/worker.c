// SPDX-License-Identifier: LGPL-2.1-or-later
/* A thread for what blocks: one fill at a time, for one pool. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "worker.h"

#define NSEC_PER_SEC UINT64_C(1000000000)

enum worker_state {
	WORKER_IDLE,
	WORKER_ASKED, /* the thread has not seen it yet */
	WORKER_FILLING,
	WORKER_FILLED, /* the loop has not seen it yet */
};

struct worker {
	const struct backend_ops *ops;
	worker_done done;
	void *userdata;
	pthread_t thread;
	sd_event_source *source;
	int answer; /* eventfd: the thread wakes the loop */

	pthread_mutex_t lock; /* all that follows */
	pthread_cond_t changed; /* asked, or ending */
	enum worker_state state;
	bool ending;
	struct backend_reservation *reservation;
	/* The thread's alone while it fills, the loop's otherwise. */
	struct cmabulk_fill fill;
	int result;
	uint64_t elapsed_ns;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

/* Blocks, without the lock. */
static void fill(struct worker *worker)
{
	uint64_t start = now_ns();

	worker->result = worker->ops->fill(worker->reservation, &worker->fill);
	worker->elapsed_ns = now_ns() - start;
}

static void *run(void *userdata)
{
	struct worker *worker = userdata;

	pthread_mutex_lock(&worker->lock);
	while (!worker->ending) {
		if (worker->state != WORKER_ASKED) {
			pthread_cond_wait(&worker->changed, &worker->lock);
			continue;
		}
		worker->state = WORKER_FILLING;
		pthread_mutex_unlock(&worker->lock);
		fill(worker);
		pthread_mutex_lock(&worker->lock);
		worker->state = WORKER_FILLED;
		/* Cannot fail: it counts to 2^64 and we add one per fill. */
		eventfd_write(worker->answer, 1);
	}
	pthread_mutex_unlock(&worker->lock);
	return NULL;
}

static int on_answer(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct worker *worker = userdata;
	struct cmabulk_fill filled;
	uint64_t elapsed_ns;
	bool is_filled;
	eventfd_t count;
	int result;

	eventfd_read(fd, &count);
	pthread_mutex_lock(&worker->lock);
	is_filled = worker->state == WORKER_FILLED;
	if (is_filled) {
		worker->state = WORKER_IDLE;
		filled = worker->fill;
		result = worker->result;
		elapsed_ns = worker->elapsed_ns;
	}
	pthread_mutex_unlock(&worker->lock);
	/* Last: it may start the next one, or free the worker. */
	if (is_filled)
		worker->done(worker->userdata, result, &filled, elapsed_ns);
	return 0;
}

/*
 * The thread takes no signals: they are for the loop, and would interrupt a fill that nobody
 * wants to end.
 */
static int start_thread(struct worker *worker)
{
	sigset_t all, previous;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &previous);
	r = pthread_create(&worker->thread, NULL, run, worker);
	pthread_sigmask(SIG_SETMASK, &previous, NULL);
	return -r;
}

static void release(struct worker *worker)
{
	sd_event_source_disable_unref(worker->source);
	if (worker->answer >= 0)
		close(worker->answer);
	pthread_cond_destroy(&worker->changed);
	pthread_mutex_destroy(&worker->lock);
	free(worker);
}

int worker_new(sd_event *event, const struct backend_ops *ops, worker_done done, void *userdata,
	       struct worker **ret)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	int r;

	if (!worker)
		return -ENOMEM;
	worker->ops = ops;
	worker->done = done;
	worker->userdata = userdata;
	pthread_mutex_init(&worker->lock, NULL);
	pthread_cond_init(&worker->changed, NULL);
	worker->answer = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = worker->answer < 0 ? -errno : 0;
	if (r >= 0)
		r = sd_event_add_io(event, &worker->source, worker->answer, EPOLLIN, on_answer,
				    worker);
	if (r >= 0)
		r = start_thread(worker);
	if (r < 0) {
		release(worker);
		return r;
	}
	sd_event_source_set_description(worker->source, "worker");
	*ret = worker;
	return 0;
}

int worker_fill(struct worker *worker, struct backend_reservation *reservation, unsigned int effort,
		uint64_t chunks, uint64_t budget_ns)
{
	int r = -EBUSY;

	pthread_mutex_lock(&worker->lock);
	if (worker->state == WORKER_IDLE) {
		worker->reservation = reservation;
		worker->fill = (struct cmabulk_fill){
			.size = sizeof(worker->fill),
			.effort = effort,
			.nr_requests = chunks,
			.budget_ns = budget_ns,
		};
		worker->state = WORKER_ASKED;
		pthread_cond_signal(&worker->changed);
		r = 0;
	}
	pthread_mutex_unlock(&worker->lock);
	return r;
}

struct worker *worker_free(struct worker *worker)
{
	if (!worker)
		return NULL;
	pthread_mutex_lock(&worker->lock);
	worker->ending = true;
	/* Counts for a fill that is just about to begin, too. */
	if (worker->state == WORKER_FILLING)
		worker->ops->interrupt(worker->reservation);
	pthread_cond_signal(&worker->changed);
	pthread_mutex_unlock(&worker->lock);
	pthread_join(worker->thread, NULL);
	release(worker);
	return NULL;
}
