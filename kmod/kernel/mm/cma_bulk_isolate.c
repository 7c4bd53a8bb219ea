// SPDX-License-Identifier: GPL-2.0-only
/*
 * Isolation of the pageblocks that a batch of bulk CMA allocation is about, and the
 * drain that goes with it. Ranges of one batch may share pageblocks, so what this
 * call has isolated is remembered, for each pageblock.
 */
#include <linux/bitmap.h>
#include <linux/cma.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/page-isolation.h>

#include "internal.h"
#include "cma_bulk.h"

static unsigned long block_index(const struct cma_bulk_call *call, unsigned long pfn)
{
	return (pfn - call->map.first_pfn) >> pageblock_order;
}

static unsigned long block_pfn(const struct cma_bulk_call *call, unsigned long block)
{
	return call->map.first_pfn + (block << pageblock_order);
}

/* Isolate pageblocks [@first, @last) and note it, or do neither. */
static int isolate_blocks(struct cma_bulk_call *call, unsigned long first,
			  unsigned long last)
{
	const int ret = cma_bulk_isolate(block_pfn(call, first), block_pfn(call, last));

	if (!ret)
		bitmap_set(call->isolated, first, last - first);
	return ret;
}

/*
 * Isolate a run of pageblocks, between two that are not to be isolated: with one
 * call, as free pages of two that are isolated one after the other may merge
 * over the border in between, which start_isolate_page_range() minds. When some
 * refuse, one by one, as far as it goes.
 */
static void isolate_run(struct cma_bulk_call *call, unsigned long first, unsigned long last)
{
	unsigned long block, start = first;

	if (!isolate_blocks(call, first, last))
		return;
	/* Somebody has isolated a part of it: take what lies between. */
	for (block = first; block <= last; block++) {
		if (block < last && !is_migrate_isolate_page(pfn_to_page(block_pfn(call, block))))
			continue;
		if (block > start && isolate_blocks(call, start, block))
			for (; start < block; start++)
				isolate_blocks(call, start, start + 1);
		start = block + 1;
	}
}

/**
 * cma_bulk_is_isolated() - has this call isolated all pageblocks of some slots?
 * @call:	the call
 * @first:	first slot
 * @nr:		slots
 */
bool cma_bulk_is_isolated(const struct cma_bulk_call *call, u32 first, u32 nr)
{
	const struct cma_bulk_span span = cma_bulk_span(call, first, nr);
	const unsigned long last = block_index(call, span.end - 1) + 1;

	return find_next_zero_bit(call->isolated, last,
				  block_index(call, span.start)) >= last;
}

static unsigned long nr_blocks(const struct cma_bulk_call *call)
{
	return ((unsigned long)call->map.nr_units << call->map.unit_order) >> pageblock_order;
}

/* Has this call taken all pages of @block? */
static bool block_is_taken(const struct cma_bulk_call *call, unsigned long block)
{
	const struct cma_bulk_map *map = &call->map;
	const u32 first = (block << pageblock_order) >> map->slot_order;
	const u32 last = first + max(1UL, pageblock_nr_pages >> map->slot_order);

	/* What lies between chunks is not taken. */
	if (map->slot_order != map->order)
		return false;
	return map->slots[first] == CMA_SLOT_DONE &&
	       cma_bulk_same_slots(map->slots, first, last) == last - first;
}

/* Pageblocks [@first, @last), in runs of those that are taken and others. */
static void unisolate_blocks(const struct cma_bulk_call *call, unsigned long first,
			     unsigned long last)
{
	unsigned long next;

	for (; first < last; first = next) {
		const bool taken = block_is_taken(call, first);

		next = first + 1;
		while (next < last && block_is_taken(call, next) == taken)
			next++;
		if (taken)
			cma_bulk_unisolate_taken(block_pfn(call, first), block_pfn(call, next));
		else
			cma_bulk_unisolate(block_pfn(call, first), block_pfn(call, next));
	}
}

/**
 * cma_bulk_undo_isolation() - the end of a batch
 * @call:	the call
 */
void cma_bulk_undo_isolation(struct cma_bulk_call *call)
{
	unsigned long first, last;

	for_each_set_bitrange(first, last, call->isolated, nr_blocks(call))
		unisolate_blocks(call, first, last);
	bitmap_zero(call->isolated, nr_blocks(call));
}

/**
 * cma_bulk_drain_batch() - have per-CPU lists drained, once for a batch
 * @call:	the call, which has isolated a batch
 *
 * Free pages of isolated pageblocks that some CPU still keeps in its lists go to
 * the free lists proper. Where nothing has to be moved most batches have none and
 * do without: that is found out by grabbing. What is to be moved is better not
 * moved to one of these.
 *
 * Return: whether it was done now.
 */
bool cma_bulk_drain_batch(struct cma_bulk_call *call)
{
	const ktime_t start = ktime_get();

	if (call->drained)
		return false;
	drain_all_pages(call->zone);
	call->drained = true;
	cma_bulk_clock(&call->req->report.drain_ns, start);
	return true;
}

/**
 * cma_bulk_isolate_batch() - isolate the pageblocks of some ranges
 * @call:	the call, which has isolated nothing
 * @first:	the first range's index in call->ranges
 * @last:	one past the last range's
 *
 * Pageblocks that refuse are left out: see cma_bulk_is_isolated(). Takes
 * place under the area's mutex, as all until cma_bulk_undo_isolation().
 */
void cma_bulk_isolate_batch(struct cma_bulk_call *call, u32 first, u32 last)
{
	unsigned long run, run_end;
	u32 i;

	call->drained = false;
	for (i = first; i < last; i++) {
		const struct cma_bulk_range *range = &call->ranges[i];
		struct cma_bulk_span span;

		if (!range->nr_slots)
			continue;
		span = cma_bulk_span(call, range->first_slot, range->nr_slots);
		run = block_index(call, span.start);
		bitmap_set(call->isolated, run, block_index(call, span.end - 1) + 1 - run);
	}
	for_each_set_bitrange(run, run_end, call->isolated, nr_blocks(call)) {
		/* Wanted so far; isolated from here on. */
		bitmap_clear(call->isolated, run, run_end - run);
		isolate_run(call, run, run_end);
	}
}
