// SPDX-License-Identifier: GPL-2.0-only
/*
 * The contenders that are loops around alloc_contig_range(). Each is what its description in
 * cmabulk_bench.h says and no more: nothing here is cleverer than what it stands for.
 *
 * They leave the area's own bitmap alone, which a module cannot reach, so nobody else may claim
 * from the area meanwhile. The mutex and the bitmap they do without cost next to nothing.
 */
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>

#include "bench.h"
#include "compat.h"

/* What drivers claim at a time, and how they insist on it. */
#define BLOCK_ORDER		(21 - PAGE_SHIFT)
#define BLOCK_TRIES		5
#define BLOCK_PAUSE_MS		10

/* How far cma_alloc() goes on: CONFIG_CMA_ALIGNMENT is 8 unless somebody changes it. */
#define SINGLE_STEP_ORDER	8

/*
 * The RFC drains LRU caches and per-CPU page lists once. Neither function is exported; whoever
 * loads this module looks them up in /proc/kallsyms.
 */
static unsigned long lru_add_drain_all_address;
module_param_named(lru_add_drain_all, lru_add_drain_all_address, ulong, 0400);
MODULE_PARM_DESC(lru_add_drain_all, "address of lru_add_drain_all()");
static unsigned long drain_all_pages_address;
module_param_named(drain_all_pages, drain_all_pages_address, ulong, 0400);
MODULE_PARM_DESC(drain_all_pages, "address of drain_all_pages()");

static void drain_once(void)
{
	void (*lru_add_drain_all_fn)(void) = (void *)lru_add_drain_all_address;
	void (*drain_all_pages_fn)(struct zone *zone) = (void *)drain_all_pages_address;

	lru_add_drain_all_fn();
	drain_all_pages_fn(NULL);
}

/* One claim in progress: @end is where the area ends, @chunk the pages of a chunk. */
struct claim {
	struct bench *bench;
	struct bench_claim *arg;
	unsigned long end;
	unsigned long chunk;
	ktime_t start;
};

static u64 missing(const struct claim *claim)
{
	return claim->arg->wanted - claim->arg->got;
}

static int take(struct claim *claim, unsigned long start, unsigned long pages, bool fast)
{
	struct bench *bench = claim->bench;
	int ret;

	claim->arg->ranges++;
	if (fast)
		ret = bulk_alloc_contig_once(start, start + pages);
	else
		ret = alloc_contig_range(start, start + pages, BULK_CONTIG_CMA, GFP_KERNEL);
	if (ret)
		return ret;
	bench->ranges[bench->nr_ranges++] = (struct bench_range){ start, pages };
	claim->arg->got += pages / claim->chunk;
	return 0;
}

static u64 elapsed(const struct claim *claim)
{
	return ktime_to_ns(ktime_sub(ktime_get(), claim->start));
}

/* Between two calls: why not to go on, or 0. */
static int stopped(const struct claim *claim)
{
	if (fatal_signal_pending(current))
		return -EINTR;
	if (claim->arg->limit_ns && elapsed(claim) >= claim->arg->limit_ns)
		return -ETIME;
	return 0;
}

/* One call per @step pages, which are whole chunks, or for as many as are still missing. */
static int scan(struct claim *claim, unsigned long step, bool fast, unsigned int tries)
{
	unsigned long start = ALIGN(claim->arg->base, step);
	unsigned int try;
	int ret;

	for (; missing(claim) && start + claim->chunk <= claim->end; start += step) {
		const unsigned long pages = min3(step, (unsigned long)missing(claim) * claim->chunk,
						 rounddown(claim->end - start, claim->chunk));

		for (try = 1, ret = take(claim, start, pages, fast); ret == -EBUSY && try < tries;
		     try++) {
			msleep(BLOCK_PAUSE_MS);
			ret = take(claim, start, pages, fast);
		}
		if (ret && ret != -EBUSY)
			return ret;
		ret = missing(claim) ? stopped(claim) : 0;
		if (ret)
			return ret;
		cond_resched();
	}
	return missing(claim) ? -EBUSY : 0;
}

static int single(struct claim *claim)
{
	const unsigned long step = max(claim->chunk, 1UL << SINGLE_STEP_ORDER);
	const unsigned long pages = claim->arg->wanted * claim->chunk;
	unsigned long start = ALIGN(claim->arg->base, step);
	int ret = -EBUSY;

	for (; start + pages <= claim->end && ret == -EBUSY; start += step) {
		ret = take(claim, start, pages, false);
		if (ret == -EBUSY)
			ret = stopped(claim) ?: -EBUSY;
	}
	return ret;
}

static int run(struct claim *claim)
{
	const unsigned long block = max(claim->chunk, 1UL << BLOCK_ORDER);
	const unsigned long unit = max(claim->chunk, pageblock_nr_pages);

	switch (claim->arg->method) {
	case BENCH_CHUNK_LOOP:
		return scan(claim, claim->chunk, false, 1);
	case BENCH_BLOCK_LOOP:
		return scan(claim, block, false, BLOCK_TRIES);
	case BENCH_SINGLE:
		return single(claim);
	case BENCH_RFC_SCAN:
		drain_once();
		return scan(claim, unit, false, 1);
	case BENCH_RFC_SCAN_FAST:
		drain_once();
		return scan(claim, unit, true, 1);
	default:
		return -EINVAL;
	}
}

static int check(const struct bench *bench, const struct bench_claim *arg)
{
	if (bench->ranges)
		return -EBUSY;
	if (arg->method > BENCH_RFC_SCAN_FAST || arg->order > LARGEST_ORDER || !arg->wanted)
		return -EINVAL;
	if (arg->method >= BENCH_RFC_SCAN &&
	    (!lru_add_drain_all_address || !drain_all_pages_address))
		return -EOPNOTSUPP;
	if (!pfn_valid(arg->base) || !pfn_valid(arg->base + arg->pages - 1) ||
	    arg->wanted > arg->pages >> arg->order)
		return -ERANGE;
	return 0;
}

/* Returns an error only when nothing was tried; what came of it is in @arg. */
int bench_claim(struct bench *bench, struct bench_claim *arg)
{
	struct claim claim = {
		.bench = bench,
		.arg = arg,
		.end = arg->base + arg->pages,
		.chunk = 1UL << min(arg->order, LARGEST_ORDER),
	};
	int ret = check(bench, arg);

	if (ret)
		return ret;
	arg->got = 0;
	arg->ranges = 0;
	bench->nr_ranges = 0;
	bench->ranges = kvmalloc_array(arg->wanted, sizeof(*bench->ranges), GFP_KERNEL);
	if (!bench->ranges)
		return -ENOMEM;
	claim.start = ktime_get();
	arg->result = run(&claim);
	arg->ns = elapsed(&claim);
	return 0;
}

/* Gives back what is held; returns the nanoseconds that took. */
u64 bench_release(struct bench *bench)
{
	const ktime_t start = ktime_get();
	unsigned long i;

	for (i = 0; bench->ranges && i < bench->nr_ranges; i++) {
		free_contig_range(bench->ranges[i].start, bench->ranges[i].pages);
		cond_resched();
	}
	kvfree(bench->ranges);
	bench->ranges = NULL;
	bench->nr_ranges = 0;
	return ktime_to_ns(ktime_sub(ktime_get(), start));
}
