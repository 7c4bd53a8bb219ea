/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bulk allocation from CMA areas: many high-order chunks in one call, taking
 * what can be had and saying what could not.
 */
#ifndef _LINUX_CMA_BULK_H
#define _LINUX_CMA_BULK_H

#include <linux/ktime.h>
#include <linux/types.h>

struct cma;
struct page;

/**
 * enum cma_bulk_effort - how expensive one call may be
 * @CMA_BULK_FAST:	never touch suspect pageblocks, never wait for a page,
 *			never retry
 * @CMA_BULK_NORMAL:	try suspect pageblocks as a whole too, wait and retry
 * @CMA_BULK_HARD:	also claim the chunks around pages that do not move
 */
enum cma_bulk_effort {
	CMA_BULK_FAST,
	CMA_BULK_NORMAL,
	CMA_BULK_HARD,
};

/**
 * struct cma_bulk_report - what one call did, and why it came up short
 *
 * Counts of pageblocks, pages, ranges and chunks, and times in nanoseconds.
 * A pageblock counts once: suspect before taken before movable before free.
 *
 * @blocks_surveyed:	pageblocks looked at
 * @blocks_free:	of those: free as a whole
 * @blocks_movable:	of those: to be had by moving pages
 * @blocks_suspect:	of those: with a page that looks pinned or busy
 * @blocks_taken:	of those: partly or wholly handed out by CMA
 * @pages_free:		pages on the free lists
 * @pages_movable:	pages in use that should move
 * @pages_suspect:	pages in use that look pinned or busy
 * @pages_taken:	pages handed out by CMA
 * @pages_to_migrate:	pages in use in the ranges tried, an estimate
 * @ranges_planned:	ranges the plan listed
 * @ranges_tried:	ranges claimed
 * @ranges_failed:	ranges that did not come as a whole
 * @chunks_free:	chunks that came from free memory
 * @chunks_moved:	chunks that came after moving pages
 * @chunks_salvaged:	chunks that came from around pages that do not move
 * @skipped_suspect:	chunks left alone: this effort does not touch suspects
 * @skipped_busy:	chunks that were tried and did not come or, with a deadline,
 *			left alone because a device was at work
 * @skipped_taken:	chunks in other CMA users' hands
 * @skipped_no_memory:	chunks left alone: nowhere to move pages to
 * @skipped_isolated:	chunks in pageblocks that somebody else had isolated
 * @survey_ns:		reading the area
 * @plan_ns:		choosing ranges
 * @drain_ns:		draining per-CPU lists
 * @claim_ns:		isolating, migrating, grabbing
 * @salvage_ns:		the part of @claim_ns spent inside pageblocks, but for
 *			moving pages of several at a time
 * @total_ns:		from start to end; what it slept, with nothing locked, until
 *			pages under writeback were done is in none of the others
 */
struct cma_bulk_report {
	u64 blocks_surveyed;
	u64 blocks_free;
	u64 blocks_movable;
	u64 blocks_suspect;
	u64 blocks_taken;
	u64 pages_free;
	u64 pages_movable;
	u64 pages_suspect;
	u64 pages_taken;
	u64 pages_to_migrate;
	u64 ranges_planned;
	u64 ranges_tried;
	u64 ranges_failed;
	u64 chunks_free;
	u64 chunks_moved;
	u64 chunks_salvaged;
	u64 skipped_suspect;
	u64 skipped_busy;
	u64 skipped_taken;
	u64 skipped_no_memory;
	u64 skipped_isolated;
	u64 survey_ns;
	u64 plan_ns;
	u64 drain_ns;
	u64 claim_ns;
	u64 salvage_ns;
	u64 total_ns;
};

/**
 * struct cma_bulk_req - one request to cma_alloc_bulk_req()
 * @order:		in: order of every chunk, at least the area's
 *			order_per_bit
 * @align:		in: alignment of every chunk as an order; what is below
 *			@order means @order
 * @nr_requests:	in: chunks wanted; 0 surveys and reports only
 * @effort:		in: enum cma_bulk_effort
 * @stop_on_error:	in: any error but -EBUSY ends the call at once (the
 *			semantics of cma_alloc_bulk()); otherwise -ENOMEM lets
 *			it go on with free memory
 * @free_only:		in: take free memory only and move no page, whatever
 *			@effort says
 * @deadline:		in: ktime_get() by which to return, 0 for none; soft, it
 *			is looked at between ranges, before a small page is moved, and
 *			while it waits for writeback, which it does with nothing
 *			locked then; what has become empty by then is taken
 * @interrupt:		in: when not NULL, looked at where @deadline is with
 *			READ_ONCE(), and every 10 ms of waiting for writeback; once
 *			true the call returns -EINTR
 * @pages:		out: first page of each chunk, room for @nr_requests
 * @nr_allocated:	out: chunks in @pages; the caller owns them whatever the
 *			call returned
 * @report:		out: what was done
 */
struct cma_bulk_req {
	unsigned int order;
	unsigned int align;
	size_t nr_requests;
	enum cma_bulk_effort effort;
	bool stop_on_error;
	bool free_only;
	ktime_t deadline;
	const bool *interrupt;
	struct page **pages;
	size_t nr_allocated;
	struct cma_bulk_report report;
};

int cma_alloc_bulk_req(struct cma *cma, struct cma_bulk_req *req);
int cma_alloc_bulk(struct cma *cma, unsigned int align, bool fast,
		   unsigned int order, size_t nr_requests,
		   struct page **page_array, size_t *nr_allocated);
unsigned int cma_bulk_order_per_bit(const struct cma *cma);
unsigned int cma_bulk_max_order(struct cma *cma);
void cma_bulk_area_span(struct cma *cma, unsigned long *first_pfn,
			unsigned long *end_pfn);
unsigned long cma_bulk_pages_available(struct cma *cma);

#endif /* _LINUX_CMA_BULK_H */
