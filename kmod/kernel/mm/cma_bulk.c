// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bulk allocation from CMA areas.
 *
 * Callers that need thousands of high-order chunks, but not next to each other,
 * are badly served by cma_alloc(): as one piece the request fails when a single
 * page does not move, as many pieces every one of them pays for isolation and
 * drains. Here one call takes what can be had, skips what does not move, says
 * how much it got and why not more, and lets the caller choose how hard to try.
 *
 * This file is what callers see. The way through survey, plan, claim and salvage,
 * each in a file or function of that name, is in cma_bulk_call.c.
 */
#include <linux/bitmap.h>
#include <linux/cma.h>
#include <linux/cma_bulk.h>
#include <linux/export.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/mm.h>

#define CREATE_TRACE_POINTS
#include <trace/events/cma_bulk.h>

#include "internal.h"
#include "cma_bulk.h"

static bool area_is_ready(const struct cma *cma)
{
	return cma && cma->count && cma_bulk_is_active(cma);
}

/* Chunks of order @order that the area could hold. */
static size_t most_chunks(struct cma *cma, unsigned int order)
{
	size_t chunks = 0;
	unsigned int i;

	for (i = 0; i < cma_bulk_nr_extents(cma); i++)
		chunks += cma_bulk_extent_at(cma, i)->count >> order;
	return chunks;
}

/**
 * cma_bulk_order_per_bit() - the smallest order of a chunk
 * @cma:	the area
 *
 * Return: the order that one bit of the area's bitmap stands for.
 */
unsigned int cma_bulk_order_per_bit(const struct cma *cma)
{
	return cma->order_per_bit;
}
EXPORT_SYMBOL_GPL(cma_bulk_order_per_bit);

/**
 * cma_bulk_max_order() - the largest order of a chunk
 * @cma:	the area, which is not empty
 *
 * Return: the largest order, and alignment, that cma_alloc_bulk_req() takes. A
 * chunk of it need not exist: that depends on where the area starts, too.
 */
unsigned int cma_bulk_max_order(struct cma *cma)
{
	unsigned long largest = 1;
	unsigned int i;

	for (i = 0; i < cma_bulk_nr_extents(cma); i++)
		largest = max(largest, cma_bulk_extent_at(cma, i)->count);
	return ilog2(largest);
}
EXPORT_SYMBOL_GPL(cma_bulk_max_order);

/**
 * cma_bulk_area_span() - where an area lies
 * @cma:	the area, which is not empty
 * @first_pfn:	out: its first page
 * @end_pfn:	out: the page behind its last one
 *
 * What lies in between is all of the area, unless it has several extents.
 */
void cma_bulk_area_span(struct cma *cma, unsigned long *first_pfn,
			unsigned long *end_pfn)
{
	unsigned int i;

	*first_pfn = ULONG_MAX;
	*end_pfn = 0;
	for (i = 0; i < cma_bulk_nr_extents(cma); i++) {
		const struct cma_bulk_extent *extent = cma_bulk_extent_at(cma, i);

		*first_pfn = min(*first_pfn, extent->base_pfn);
		*end_pfn = max(*end_pfn, extent->base_pfn + extent->count);
	}
}
EXPORT_SYMBOL_GPL(cma_bulk_area_span);

/**
 * cma_bulk_pages_available() - pages that CMA has not handed out
 * @cma:	the area
 *
 * Return: pages; those in use as movable memory count as available.
 */
unsigned long cma_bulk_pages_available(struct cma *cma)
{
	unsigned long available = 0;
	unsigned int i;

	spin_lock_irq(&cma->lock);
	for (i = 0; i < cma_bulk_nr_extents(cma); i++) {
		const struct cma_bulk_extent *extent = cma_bulk_extent_at(cma, i);
		const unsigned long nr_bits = extent->count >> cma->order_per_bit;

		available += nr_bits - bitmap_weight(extent->bitmap, nr_bits);
	}
	spin_unlock_irq(&cma->lock);
	return available << cma->order_per_bit;
}
EXPORT_SYMBOL_GPL(cma_bulk_pages_available);

static void account_request(struct cma *cma, const struct cma_bulk_req *req, int ret)
{
	const size_t missing = req->nr_requests - req->nr_allocated;

	if (req->nr_allocated)
		cma_sysfs_account_success_pages(cma, req->nr_allocated << req->order);
	if (missing)
		cma_sysfs_account_fail_pages(cma, missing << req->order);
	if (req->nr_requests)
		count_vm_event(ret ? CMA_ALLOC_FAIL : CMA_ALLOC_SUCCESS);
}

static int check_request(struct cma *cma, const struct cma_bulk_req *req)
{
	unsigned int i;

	if (!area_is_ready(cma) || (!req->pages && req->nr_requests))
		return -EINVAL;
	if (req->effort > CMA_BULK_HARD)
		return -EINVAL;
	/* Releasing one chunk would release its neighbours' bit. */
	if (req->order < cma->order_per_bit)
		return -EINVAL;
	for (i = 0; i < cma_bulk_nr_extents(cma); i++)
		if (!IS_ALIGNED(cma_bulk_extent_at(cma, i)->base_pfn, 1UL << cma->order_per_bit))
			return -EINVAL;
	if (max(req->order, req->align) > cma_bulk_max_order(cma))
		return -EINVAL;
	if (req->nr_requests > most_chunks(cma, req->order))
		return -E2BIG;
	return 0;
}

/**
 * cma_alloc_bulk_req() - allocate many chunks from an area
 * @cma:	the area
 * @req:	what is wanted; what came of it
 *
 * Takes what can be had, free memory first, then movable memory by pages to
 * move per chunk, then, as far as req->effort allows, what looks pinned or
 * busy. Whatever it returns, req->nr_allocated chunks are in req->pages and
 * belong to the caller, each to be released by
 * cma_release(cma, page, 1 << req->order) or several at once when they follow
 * each other; and req->report tells what was done. A caller that is short may
 * call again with more effort.
 *
 * The pages are not zeroed, unless init_on_alloc or init_on_free says so.
 *
 * Unless the effort is fast, it waits up to 5 s, with nothing locked, for pages under
 * writeback, of which it takes what is done, before it tries what looks pinned or busy.
 * Those that are not done then are waited for one by one without a deadline; with one
 * they are left alone, but for CMA_BULK_HARD, which comes back to them until then.
 *
 * Context: Process context, may sleep. Holds the mutex under which cma_alloc()
 * isolates pageblocks for a batch of ranges at a time.
 * Return: 0 when all chunks came; -EBUSY when this effort finds no more;
 * -ETIME after the deadline; -EINTR on req->interrupt or a fatal signal;
 * -ENOMEM when there was nowhere to move pages to, or no memory for the books;
 * -EINVAL for an area that is missing or not ready, a missing array, or an
 * order, alignment or effort out of range; -E2BIG for more chunks than the area
 * could hold.
 */
int cma_alloc_bulk_req(struct cma *cma, struct cma_bulk_req *req)
{
	const ktime_t start = ktime_get();
	int ret;

	req->nr_allocated = 0;
	req->report = (struct cma_bulk_report){};
	ret = check_request(cma, req);
	if (ret)
		return ret;

	trace_cma_bulk_start(cma->name, req->order, req->align, req->nr_requests,
			     req->effort);
	ret = cma_bulk_run(cma, req);
	account_request(cma, req, ret);
	cma_bulk_clock(&req->report.total_ns, start);
	trace_cma_bulk_finish(cma->name, req->nr_requests, req->nr_allocated, ret);
	return ret;
}
EXPORT_SYMBOL_GPL(cma_alloc_bulk_req);

/**
 * cma_alloc_bulk() - allocate many chunks from an area
 * @cma:	the area
 * @align:	alignment of each chunk as an order; below @order means @order
 * @fast:	skip every costly step, rather than get more
 * @order:	order of each chunk
 * @nr_requests: chunks wanted
 * @page_array:	out: first page of each chunk, room for @nr_requests
 * @nr_allocated: out: chunks in @page_array
 *
 * Best effort: what is busy is skipped, any other error ends it. Whatever it
 * returns, *@nr_allocated tells how many chunks are in @page_array, and the
 * caller owns them; one that is short may call again, with @fast false, to top
 * up. Meant mostly for areas that nobody else uses.
 *
 * Context: Process context, may sleep.
 * Return: 0 only when all @nr_requests came; else -EBUSY when the area is
 * exhausted, -EINVAL when area or array are missing or the area is not ready, or
 * an error of cma_alloc_bulk_req().
 */
int cma_alloc_bulk(struct cma *cma, unsigned int align, bool fast,
		   unsigned int order, size_t nr_requests,
		   struct page **page_array, size_t *nr_allocated)
{
	struct cma_bulk_req req = {
		.order = order,
		.align = align,
		.nr_requests = nr_requests,
		.effort = fast ? CMA_BULK_FAST : CMA_BULK_NORMAL,
		.stop_on_error = true,
		.pages = page_array,
	};
	int ret;

	if (!nr_allocated)
		return -EINVAL;
	*nr_allocated = 0;
	if (!area_is_ready(cma) || !page_array)
		return -EINVAL;
	if (!nr_requests)
		return 0;

	/* More than there is: as much as there is, and short by the rest. */
	if (order <= cma_bulk_max_order(cma))
		req.nr_requests = min(nr_requests, most_chunks(cma, order));

	ret = cma_alloc_bulk_req(cma, &req);
	*nr_allocated = req.nr_allocated;
	if (!ret && req.nr_allocated < nr_requests)
		return -EBUSY;
	return ret;
}
EXPORT_SYMBOL_GPL(cma_alloc_bulk);
