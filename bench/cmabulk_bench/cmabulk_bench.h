/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The interface of /dev/cmabulk_bench: the ways to get many chunks out of an area that the engine
 * is measured against, and what the benchmark needs to put memory into a state. One open file
 * holds the chunks of one claim, until released or closed.
 */
#ifndef CMABULK_BENCH_H
#define CMABULK_BENCH_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define BENCH_DEVICE	"cmabulk_bench"

enum bench_method {
	/* One alloc_contig_range() per chunk, in address order; what is busy is skipped. */
	BENCH_CHUNK_LOOP,
	/* One per 2 MiB, in address order; stops to retry at one that is busy, then skips it. */
	BENCH_BLOCK_LOOP,
	/* All in one piece, moving on by 1 MiB when it is busy, as cma_alloc() does. */
	BENCH_SINGLE,
	/* The RFC of cma_alloc_bulk(): one drain, then one per pageblock, skipping busy ones. */
	BENCH_RFC_SCAN,
	/* The same with its fast mode: no drain and one migration try per pageblock. */
	BENCH_RFC_SCAN_FAST,
};

/**
 * struct bench_claim - get chunks out of an area that nobody else claims from
 * @base:	first page frame of the area
 * @pages:	pages of the area
 * @wanted:	chunks
 * @order:	of every chunk, and its alignment
 * @method:	enum bench_method
 * @limit_ns:	how long to go on: what has begun by then is still ended; 0: to the end
 * @got:	out: chunks now held
 * @ns:		out: until they were
 * @ranges:	out: calls of alloc_contig_range()
 * @result:	out: 0, or the error that ended it; -EBUSY when the area was exhausted, -ETIME when
 *		it was stopped
 * @pad:	zero
 */
struct bench_claim {
	__u64 base;
	__u64 pages;
	__u64 wanted;
	__u32 order;
	__u32 method;
	__u64 limit_ns;
	__u64 got;
	__u64 ns;
	__u64 ranges;
	__s32 result;
	__u32 pad;
};

/**
 * struct bench_zero - clear the chunks held
 * @threads:	how many kernel threads share the work, on as many CPUs; 0: the caller does it alone
 * @pad:	zero
 * @ns:		out: until all of it was zero
 */
struct bench_zero {
	__u32 threads;
	__u32 pad;
	__u64 ns;
};

/**
 * struct bench_writeback - what a slow disk would do to page cache of a bench file
 * @file:	file descriptor from BENCH_FILE
 * @pad:	zero
 * @delay_ns:	how long from now until the first page is written
 * @step_ns:	how long from one page to the next
 * @pages:	out: pages under writeback
 */
struct bench_writeback {
	__s32 file;
	__u32 pad;
	__u64 delay_ns;
	__u64 step_ns;
	__u64 pages;
};

/**
 * struct bench_scrub - which free memory to write to, whatever ran there
 * @keep:	free pages that are not CMA's which are left for others meanwhile
 * @order:	of the largest pieces, more than there is for as large as there are: that is
 *		quick. With 0 it is the pages that are handed out next.
 * @pad:	zero
 */
struct bench_scrub {
	__u64 keep;
	__u32 order;
	__u32 pad;
};

#define BENCH_MAGIC	0xCF

#define BENCH_CLAIM	_IOWR(BENCH_MAGIC, 0, struct bench_claim)
#define BENCH_ZERO	_IOWR(BENCH_MAGIC, 1, struct bench_zero)
/* Give the chunks back with free_contig_range(); out: nanoseconds it took. */
#define BENCH_RELEASE	_IOR(BENCH_MAGIC, 2, __u64)
/* A new file of that many bytes, all zero, with clean, movable page cache; returns its fd. */
#define BENCH_FILE	_IOW(BENCH_MAGIC, 3, __u64)
/* Put all cached pages of a bench file under writeback, which time will end. */
#define BENCH_WRITEBACK	_IOWR(BENCH_MAGIC, 4, struct bench_writeback)
/* Wait until no writeback of this file is left. */
#define BENCH_SETTLE	_IO(BENCH_MAGIC, 5)
#define BENCH_SCRUB	_IOW(BENCH_MAGIC, 6, struct bench_scrub)

#endif /* CMABULK_BENCH_H */
