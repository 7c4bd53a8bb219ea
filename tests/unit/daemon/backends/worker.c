// SPDX-License-Identifier: LGPL-2.1-or-later
/* The worker, on a simulated pool. */
#include <errno.h>

#include "fixture.h"
#include "worker.h"

/* One page at a time, 20 ms each: all of it would take more than ten minutes. */
#define SLOW_POOL "media=64M,move=50ms,pageblock-order=0"

struct job {
	struct pool pool;
	struct backend_reservation *reservation;
	struct worker *worker;
	unsigned int done;
	unsigned int again; /* how often done starts the next */
	bool frees;
	int result;
	struct cmabulk_fill fill;
	uint64_t elapsed_ns;
};

static void on_done(void *userdata, int result, const struct cmabulk_fill *fill,
		    uint64_t elapsed_ns)
{
	struct job *job = userdata;

	job->done++;
	job->result = result;
	job->fill = *fill;
	job->elapsed_ns = elapsed_ns;
	if (job->again > 0) {
		job->again--;
		g_assert_cmpint(worker_fill(job->worker, job->reservation, CMABULK_EFFORT_FAST, 1,
					    0),
				==, 0);
	}
	if (job->frees)
		job->worker = worker_free(job->worker);
}

static void begin(struct job *job, const char *options)
{
	*job = (struct job){ 0 };
	pool_open(&job->pool, options);
	job->reservation = pool_reserve(&job->pool, 0, 0);
	g_assert_cmpint(worker_new(job->pool.loop, job->pool.ops, on_done, job, &job->worker), ==,
			0);
}

static void end(struct job *job)
{
	worker_free(job->worker);
	job->pool.ops->close(job->reservation);
	pool_close(&job->pool);
}

static void wait_for(struct job *job, unsigned int done)
{
	while (job->done < done)
		loop_once(job->pool.loop);
	g_assert_cmpuint(job->done, ==, done);
}

/* Until the fill has something; the worker is busy all the time. */
static void wait_for_pages(struct job *job)
{
	struct cmabulk_query query;

	do {
		g_assert_cmpint(job->pool.ops->query(job->pool.backend, &query), ==, 0);
		g_assert_cmpint(worker_fill(job->worker, job->reservation, 0, 1, 0), ==, -EBUSY);
		g_thread_yield();
	} while (query.free_pages == query.pages);
}

static void fills(void)
{
	struct job job;

	begin(&job, "media=8M,move=1ms");
	g_assert_cmpint(worker_fill(job.worker, job.reservation, CMABULK_EFFORT_FAST, 513, 0), ==,
			0);
	wait_for(&job, 1);
	g_assert_cmpint(job.result, ==, 0);
	g_assert_cmpuint(job.fill.nr_allocated, ==, 513);
	g_assert_cmpuint(job.elapsed_ns, >=, 2000000);
	/* The budget gets there, too. */
	g_assert_cmpint(worker_fill(job.worker, job.reservation, CMABULK_EFFORT_FAST, 1, 1), ==, 0);
	wait_for(&job, 2);
	g_assert_cmpint(job.result, ==, -ETIME);
	end(&job);
}

static void one_after_the_other(void)
{
	struct job job;

	begin(&job, "media=8M");
	job.again = 999;
	g_assert_cmpint(worker_fill(job.worker, job.reservation, CMABULK_EFFORT_FAST, 1, 0), ==, 0);
	g_assert_cmpint(worker_fill(job.worker, job.reservation, CMABULK_EFFORT_FAST, 1, 0), ==,
			-EBUSY);
	wait_for(&job, 1000);
	g_assert_cmpuint(job.fill.total, ==, 1000);
	end(&job);
}

static void interrupted(void)
{
	struct job job;

	begin(&job, SLOW_POOL);
	g_assert_cmpint(worker_fill(job.worker, job.reservation, CMABULK_EFFORT_FAST, 1 << 14, 0),
			==, 0);
	wait_for_pages(&job);
	job.pool.ops->interrupt(job.reservation);
	wait_for(&job, 1);
	g_assert_cmpint(job.result, ==, -EINTR);
	g_assert_cmpuint(job.fill.total, >, 0);
	end(&job);
}

/* Whether the thread has begun or not when the interruption comes: it counts, and once. */
static void interrupted_at_once(void)
{
	struct job job;

	begin(&job, SLOW_POOL);
	for (unsigned int i = 1; i <= 200; i++) {
		g_assert_cmpint(worker_fill(job.worker, job.reservation, CMABULK_EFFORT_FAST,
					    1 << 14, 0),
				==, 0);
		job.pool.ops->interrupt(job.reservation);
		wait_for(&job, i);
		g_assert_cmpint(job.result, ==, -EINTR);
	}
	end(&job);
}

static void freed_while_it_fills(void)
{
	struct job job;

	begin(&job, SLOW_POOL);
	g_assert_cmpint(worker_fill(job.worker, job.reservation, CMABULK_EFFORT_FAST, 1 << 14, 0),
			==, 0);
	wait_for_pages(&job);
	job.worker = worker_free(job.worker);
	pool_settle(&job.pool);
	g_assert_cmpuint(job.done, ==, 0);
	end(&job);
}

static void freed_at_any_time(void)
{
	struct job job;

	for (int i = 0; i < 100; i++) {
		begin(&job, i % 2 ? SLOW_POOL : "media=2M");
		g_assert_cmpint(worker_fill(job.worker, job.reservation, CMABULK_EFFORT_FAST, 100,
					    0),
				==, 0);
		for (int spin = 0; spin < i; spin++)
			g_thread_yield();
		job.worker = worker_free(job.worker);
		pool_settle(&job.pool);
		g_assert_cmpuint(job.done, ==, 0);
		end(&job);
	}
}

static void freed_by_its_answer(void)
{
	struct job job;

	begin(&job, "media=2M");
	job.frees = true;
	g_assert_cmpint(worker_fill(job.worker, job.reservation, CMABULK_EFFORT_FAST, 1, 0), ==, 0);
	wait_for(&job, 1);
	g_assert_null(job.worker);
	end(&job);
}

void add_worker_tests(void)
{
	g_test_add_func("/worker/fills", fills);
	g_test_add_func("/worker/one-after-the-other", one_after_the_other);
	g_test_add_func("/worker/interrupted", interrupted);
	g_test_add_func("/worker/interrupted-at-once", interrupted_at_once);
	g_test_add_func("/worker/freed-while-it-fills", freed_while_it_fills);
	g_test_add_func("/worker/freed-at-any-time", freed_at_any_time);
	g_test_add_func("/worker/freed-by-its-answer", freed_by_its_answer);
}
