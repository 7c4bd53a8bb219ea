// SPDX-License-Identifier: GPL-2.0-only
/*
 * The least that zeroing can take: the same memory, cleared by one thread per CPU, or by the caller
 * alone.
 */
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/highmem.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include "bench.h"

/* Pages that a thread takes at a time. */
#define ZERO_STEP	512UL

/**
 * struct zeroing - the work that threads share
 * @bench:	whose ranges
 * @next:	number of the first page that nobody took
 * @running:	threads that are not through
 * @done:	when the last of them is
 */
struct zeroing {
	struct bench *bench;
	atomic_long_t next;
	atomic_t running;
	struct completion done;
};

/* Clear pages [@first, @first + ZERO_STEP), counted through all ranges. False: there are none. */
static bool zero_step(struct bench *bench, unsigned long first)
{
	unsigned long left = ZERO_STEP;
	unsigned long i;
	bool any = false;

	for (i = 0; i < bench->nr_ranges && left; i++) {
		const struct bench_range *range = &bench->ranges[i];

		if (first >= range->pages) {
			first -= range->pages;
			continue;
		}
		for (; first < range->pages && left; first++, left--)
			clear_highpage(pfn_to_page(range->start + first));
		first = 0;
		any = true;
	}
	return any;
}

static void zero_all(struct zeroing *zeroing)
{
	while (zero_step(zeroing->bench, atomic_long_fetch_add(ZERO_STEP, &zeroing->next)))
		cond_resched();
}

static int zero_thread(void *data)
{
	struct zeroing *zeroing = data;

	zero_all(zeroing);
	if (atomic_dec_and_test(&zeroing->running))
		complete(&zeroing->done);
	return 0;
}

/* Threads on CPUs of their own, as many as are wanted or as there are CPUs; at least one. */
static int start_threads(struct zeroing *zeroing, unsigned int threads)
{
	struct task_struct *thread;
	unsigned int started = 0;
	int cpu;

	for_each_online_cpu(cpu) {
		if (started == threads)
			break;
		thread = kthread_create_on_cpu(zero_thread, zeroing, cpu, "cmabulk_bench/%u");
		if (IS_ERR(thread))
			return started ? 0 : PTR_ERR(thread);
		atomic_inc(&zeroing->running);
		started++;
		wake_up_process(thread);
	}
	return 0;
}

int bench_zero(struct bench *bench, struct bench_zero *arg)
{
	struct zeroing zeroing = { .bench = bench };
	const ktime_t start = ktime_get();
	int ret = 0;

	if (!bench->ranges)
		return -ENODATA;
	init_completion(&zeroing.done);
	atomic_long_set(&zeroing.next, 0);
	/* Our own count: nobody completes while threads are still being started. */
	atomic_set(&zeroing.running, 1);
	if (arg->threads)
		ret = start_threads(&zeroing, arg->threads);
	else
		zero_all(&zeroing);
	if (!atomic_dec_and_test(&zeroing.running))
		wait_for_completion(&zeroing.done);
	arg->ns = ktime_to_ns(ktime_sub(ktime_get(), start));
	return ret;
}
