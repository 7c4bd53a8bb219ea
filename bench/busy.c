/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Busy CPUs: see busy.h. */
#include "busy.h"

#include <fcntl.h>
#include <glib.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmabulk_bench/cmabulk_bench.h"
#include "lib/machine.h"

/* What one thread keeps in the page cache, and reads before it drops it. */
#define WINDOW_BYTES (16 << 20)
#define READ_BYTES   (256 << 10)

struct busy_thread {
	struct busy *busy;
	pthread_t thread;
	int cpu;
	int file;
};

struct busy {
	atomic_bool stop;
	pthread_barrier_t started;
	size_t count;
	struct busy_thread threads[];
};

static void busy_round(struct busy_thread *thread, char *into)
{
	for (off_t at = 0; at < WINDOW_BYTES && !thread->busy->stop; at += READ_BYTES)
		g_assert_cmpint(pread(thread->file, into, READ_BYTES, at), ==, READ_BYTES);
	posix_fadvise(thread->file, 0, 0, POSIX_FADV_DONTNEED);
}

static void *busy_run(void *data)
{
	struct busy_thread *thread = data;
	g_autofree char *into = g_malloc(READ_BYTES);
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(thread->cpu, &cpus);
	g_assert_cmpint(pthread_setaffinity_np(thread->thread, sizeof(cpus), &cpus), ==, 0);
	busy_round(thread, into);
	pthread_barrier_wait(&thread->busy->started);
	while (!thread->busy->stop)
		busy_round(thread, into);
	return NULL;
}

struct busy *busy_start(int bench)
{
	size_t count = (size_t)sysconf(_SC_NPROCESSORS_ONLN) - 1;
	struct busy *busy = g_malloc0(sizeof(*busy) + count * sizeof(busy->threads[0]));
	guint64 size = WINDOW_BYTES;

	busy->count = count;
	pthread_barrier_init(&busy->started, NULL, (unsigned int)count + 1);
	for (size_t i = 0; i < count; i++) {
		busy->threads[i].busy = busy;
		busy->threads[i].cpu = (int)i + 1;
		busy->threads[i].file = ioctl(bench, BENCH_FILE, &size);
		g_assert_no_errno(busy->threads[i].file);
	}
	for (size_t i = 0; i < count; i++)
		machine_start_thread(&busy->threads[i].thread, busy_run, &busy->threads[i]);
	pthread_barrier_wait(&busy->started);
	return busy;
}

void busy_stop(struct busy *busy)
{
	busy->stop = true;
	for (size_t i = 0; i < busy->count; i++) {
		pthread_join(busy->threads[i].thread, NULL);
		close(busy->threads[i].file);
	}
	pthread_barrier_destroy(&busy->started);
	g_free(busy);
}
