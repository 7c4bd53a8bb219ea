/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the bench module know of each other. */
#ifndef BENCH_H
#define BENCH_H

#include <linux/list.h>
#include <linux/log2.h>
#include <linux/mmzone.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "cmabulk_bench.h"

/* The largest order of the page allocator. */
#define LARGEST_ORDER	((u32)ilog2(MAX_ORDER_NR_PAGES))

/* Page frames [@start, @start + @pages) that came with one call. */
struct bench_range {
	unsigned long start;
	unsigned long pages;
};

/**
 * struct bench - an open file
 * @lock:	protects the rest
 * @ranges:	what is held, @nr_ranges of them; NULL when nothing is
 * @nr_ranges:	see @ranges
 * @written:	folios under writeback, each with a reference; @write_work ends it
 * @nr_written:	entries of @written
 * @next_written: the next one to end
 * @step_ns:	time between two of them
 * @write_work:	ends writeback, one folio after the other
 */
struct bench {
	struct mutex lock;	/* all of it */
	struct bench_range *ranges;
	unsigned long nr_ranges;
	struct folio **written;
	unsigned long nr_written;
	unsigned long next_written;
	u64 step_ns;
	struct delayed_work write_work;
};

int bench_claim(struct bench *bench, struct bench_claim *claim);
u64 bench_release(struct bench *bench);

int bench_zero(struct bench *bench, struct bench_zero *zero);

void bench_scrub(u64 keep, unsigned int order);

int bench_file_new(u64 size);
int bench_writeback(struct bench *bench, struct bench_writeback *writeback);
void bench_settle(struct bench *bench);
void bench_write_work(struct work_struct *work);
int bench_file_init(void);
void bench_file_exit(void);

#endif /* BENCH_H */
