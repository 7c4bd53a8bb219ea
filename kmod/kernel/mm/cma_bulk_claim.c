// SPDX-License-Identifier: GPL-2.0-only
/*
 * The claim and the salvage of bulk CMA allocation: from ranges of a plan to
 * pages that the caller owns.
 *
 * A batch of ranges is claimed in the area's bitmap, isolated, and drained from
 * the per-CPU lists once; isolated pageblocks do not fill these lists again.
 * Then each range is emptied and grabbed. A range that does not come as a whole
 * is looked at again and claimed in pieces, while it is still isolated.
 */
#include <kunit/static_stub.h>
#include <linux/bitmap.h>
#include <linux/cma.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/page-isolation.h>
#include <linux/sched/signal.h>

#include <trace/events/cma_bulk.h>

#include "internal.h"
#include "cma_bulk.h"

/* The page frames of some slots: from their first page to their last chunk's. */
struct span {
	unsigned long start;
	unsigned long end;
};

static struct span slots_span(const struct cma_bulk_call *call, u32 first, u32 nr)
{
	return (struct span){
		.start = cma_bulk_slot_pfn(&call->map, first),
		.end = cma_bulk_slot_pfn(&call->map, first + nr - 1) +
		       (1UL << call->map.order),
	};
}

/* Between ranges: is there a reason to stop? */
static int stop_reason(const struct cma_bulk_call *call)
{
	const struct cma_bulk_req *req = call->req;

	if (fatal_signal_pending(current))
		return -EINTR;
	if (req->interrupt && READ_ONCE(*req->interrupt))
		return -EINTR;
	if (req->deadline && ktime_compare(ktime_get(), req->deadline) >= 0)
		return -ETIME;
	return 0;
}

static void set_slots(struct cma_bulk_call *call, u32 first, u32 nr,
		      enum cma_bulk_slot state)
{
	memset(call->map.slots + first, state, nr);
}

/* Set the bits of these slots, all or none. Fails when one of them is taken. */
static bool claim_bits(struct cma_bulk_call *call, u32 first, u32 nr)
{
	struct cma *cma = call->cma;
	const struct span span = slots_span(call, first, nr);
	const unsigned long bit = (span.start - cma->base_pfn) >> cma->order_per_bit;
	const unsigned long count = (span.end - span.start) >> cma->order_per_bit;
	bool clear;

	spin_lock_irq(&cma->lock);
	clear = find_next_bit(cma->bitmap, bit + count, bit) >= bit + count;
	if (clear)
		bitmap_set(cma->bitmap, bit, count);
	spin_unlock_irq(&cma->lock);
	return clear;
}

/* Give claimed slots back that did not come. */
static void release_bits(struct cma_bulk_call *call, u32 first, u32 nr)
{
	const struct span span = slots_span(call, first, nr);

	cma_clear_bitmap(call->cma, span.start, span.end - span.start);
}

/* The slots are the caller's now. */
static void take_slots(struct cma_bulk_call *call, u32 first, u32 nr)
{
	struct cma_bulk_req *req = call->req;
	const unsigned long chunk_pages = 1UL << call->map.order;
	u32 slot;

	for (slot = first; slot < first + nr; slot++) {
		struct page *page = pfn_to_page(cma_bulk_slot_pfn(&call->map, slot));
		unsigned long i;

		/* Pageblocks differ in their tags, see cma_alloc(). */
		for (i = 0; i < chunk_pages; i++)
			page_kasan_tag_reset(page + i);
		req->pages[req->nr_allocated++] = page;
	}
	set_slots(call, first, nr, CMA_SLOT_DONE);
}

/*
 * Isolation. Ranges of one batch may share pageblocks, so what this call has
 * isolated is remembered, for each pageblock.
 */

static unsigned long block_index(const struct cma_bulk_call *call, unsigned long pfn)
{
	return (pfn - call->map.first_pfn) >> pageblock_order;
}

/* Isolate the pageblocks [@start, @end), which are not isolated by this call. */
static int isolate_blocks(struct cma_bulk_call *call, unsigned long start,
			  unsigned long end)
{
	const int ret = start_isolate_page_range(start, end, MIGRATE_CMA, 0, GFP_KERNEL);

	if (!ret)
		bitmap_set(call->isolated, block_index(call, start),
			   (end - start) >> pageblock_order);
	return ret;
}

/*
 * Isolate the pageblocks that @span lies in. When one of a run refuses, the run
 * is isolated one by one, as far as it goes.
 */
static void isolate_span(struct cma_bulk_call *call, struct span span)
{
	const unsigned long last = block_index(call, span.end - 1) + 1;
	unsigned long block = block_index(call, span.start);

	while (block < last) {
		unsigned long pfn, next;

		block = find_next_zero_bit(call->isolated, last, block);
		next = find_next_bit(call->isolated, last, block);
		if (block >= last)
			break;

		pfn = call->map.first_pfn + (block << pageblock_order);
		if (isolate_blocks(call, pfn, pfn + ((next - block) << pageblock_order)) &&
		    next - block > 1)
			for (; block < next; block++, pfn += pageblock_nr_pages)
				isolate_blocks(call, pfn, pfn + pageblock_nr_pages);
		block = next;
	}
}

static bool span_is_isolated(const struct cma_bulk_call *call, struct span span)
{
	const unsigned long last = block_index(call, span.end - 1) + 1;

	return find_next_zero_bit(call->isolated, last,
				  block_index(call, span.start)) >= last;
}

static void undo_isolation(struct cma_bulk_call *call)
{
	const unsigned long nr_blocks =
		((unsigned long)call->map.nr_units << call->map.unit_order) >> pageblock_order;
	unsigned long first, last;

	for_each_set_bitrange(first, last, call->isolated, nr_blocks)
		undo_isolate_page_range(call->map.first_pfn + (first << pageblock_order),
					call->map.first_pfn + (last << pageblock_order),
					MIGRATE_CMA);
	bitmap_zero(call->isolated, nr_blocks);
}

/**
 * cma_bulk_migrate() - move what is in use out of isolated pages
 * @call:	the call
 * @start:	first PFN
 * @end:	one-past-the-last PFN
 *
 * Return: as contig_range_migrate().
 */
int cma_bulk_migrate(struct cma_bulk_call *call, unsigned long start, unsigned long end)
{
	unsigned int flags = 0;

	KUNIT_STATIC_STUB_REDIRECT(cma_bulk_migrate, call, start, end);
	if (call->req->effort == CMA_BULK_FAST)
		flags |= CONTIG_RANGE_FAST;
	if (call->lru_disabled)
		flags |= CONTIG_RANGE_LRU_DISABLED;
	return contig_range_migrate(start, end, MIGRATE_CMA,
				    GFP_KERNEL | __GFP_NOWARN, flags);
}

/**
 * cma_bulk_grab() - take isolated and empty pages off the free lists
 * @call:	the call
 * @start:	first PFN
 * @end:	one-past-the-last PFN
 *
 * Return: as contig_range_grab().
 */
int cma_bulk_grab(struct cma_bulk_call *call, unsigned long start, unsigned long end)
{
	KUNIT_STATIC_STUB_REDIRECT(cma_bulk_grab, call, start, end);
	return contig_range_grab(start, end, GFP_KERNEL | __GFP_NOWARN);
}

/*
 * Empty and grab these slots as a whole, having @move told that pages are in
 * the way. As in alloc_contig_range(), -EBUSY from the migration is not
 * believed before the grab has failed too.
 */
static int claim_slots(struct cma_bulk_call *call, u32 first, u32 nr, bool move)
{
	const struct span span = slots_span(call, first, nr);
	int ret = 0;

	if (move)
		ret = cma_bulk_migrate(call, span.start, span.end);
	if (!ret || ret == -EBUSY)
		ret = cma_bulk_grab(call, span.start, span.end);
	if (!ret)
		take_slots(call, first, nr);
	return ret;
}

/*
 * What these slots, which could not be claimed and whose bits are still set,
 * become: out of the question for this call or, while only free memory is
 * taken, suspect. A busy page does not end the call, nor does a lack of memory,
 * unless the caller wants that. Returns the error to stop for, or 0.
 */
static int fail_slots(struct cma_bulk_call *call, u32 first, u32 nr, int error)
{
	release_bits(call, first, nr);
	if (error == -ENOMEM && !call->req->stop_on_error) {
		call->no_memory = true;
		set_slots(call, first, nr, CMA_SLOT_NO_MEMORY);
		return 0;
	}
	if (call->may_move)
		set_slots(call, first, nr, CMA_SLOT_BUSY);
	else
		cma_bulk_suspect(call, first, nr);
	return error == -EBUSY ? 0 : error;
}

/* The worst state among these slots. */
static enum cma_bulk_slot worst_slot(const struct cma_bulk_call *call, u32 first, u32 nr)
{
	u8 worst = CMA_SLOT_FREE;
	u32 i;

	for (i = 0; i < nr; i++)
		worst = max(worst, call->map.slots[first + i]);
	return worst;
}

/*
 * Claim one piece of a range that did not come as a whole: slots that are all
 * free, or the smallest piece that this effort goes for. Returns an error to
 * stop for, or 0.
 */
static int claim_piece(struct cma_bulk_call *call, u32 first, u32 nr)
{
	struct cma_bulk_report *report = &call->req->report;
	const enum cma_bulk_slot worst = worst_slot(call, first, nr);
	const bool move = worst != CMA_SLOT_FREE;
	u64 *chunks = &report->chunks_free;
	int ret;

	if (!span_is_isolated(call, slots_span(call, first, nr))) {
		release_bits(call, first, nr);
		set_slots(call, first, nr, CMA_SLOT_ISOLATED);
		return 0;
	}
	/* Not now: what was thought to be free is in use. The next phase may. */
	if (move && (!call->may_move || call->no_memory)) {
		release_bits(call, first, nr);
		return 0;
	}
	if (worst == CMA_SLOT_SUSPECT && call->req->effort == CMA_BULK_FAST)
		return fail_slots(call, first, nr, -EBUSY);

	ret = claim_slots(call, first, nr, move);
	if (ret)
		return fail_slots(call, first, nr, ret);

	if (call->req->effort == CMA_BULK_HARD)
		chunks = &report->chunks_salvaged;
	else if (move)
		chunks = &report->chunks_moved;
	*chunks += nr;
	return 0;
}

/* The length of the next piece from @first on: a run of what is free, or one unit. */
static u32 next_piece(const struct cma_bulk_call *call, u32 first, u32 end)
{
	const u32 per_unit = call->req->effort == CMA_BULK_HARD ?
		1 : cma_bulk_unit_slots(&call->map);
	u32 next = first;

	while (next < end) {
		const u32 unit_end = min(end, round_down(next, per_unit) + per_unit);

		if (worst_slot(call, next, unit_end - next) != CMA_SLOT_FREE)
			break;
		if (!span_is_isolated(call, slots_span(call, next, unit_end - next)))
			break;
		next = unit_end;
	}
	if (next == first)
		next = min(end, round_down(first, per_unit) + per_unit);
	return next - first;
}

/*
 * Salvage: claim what can be had of a range that did not come as a whole, by
 * looking where pages are still in use and claiming what lies between them:
 * whole units or, with CMA_BULK_HARD, single slots. The range is still isolated,
 * so this repeats neither isolation nor drain, and what has been moved out by
 * the first try stays out.
 */
static int salvage_range(struct cma_bulk_call *call, u32 first, u32 nr)
{
	const u64 before = call->req->nr_allocated;
	const u32 end = first + nr;
	ktime_t start;
	int ret = 0;

	cma_bulk_survey_claimed(call, first, nr);
	start = ktime_get();
	while (first < end && !ret) {
		const u32 piece = next_piece(call, first, end);

		ret = claim_piece(call, first, piece);
		first += piece;
		if (!ret)
			ret = stop_reason(call);
	}
	if (first < end)
		release_bits(call, first, end - first);

	cma_bulk_clock(&call->req->report.salvage_ns, start);
	trace_cma_bulk_salvage(call->cma->name, cma_bulk_slot_pfn(&call->map, end - nr), nr,
			       call->req->nr_allocated - before, ret);
	return ret;
}

/* Count what a range brought that came as a whole. */
static void report_range(struct cma_bulk_report *report,
			 const struct cma_bulk_range *range)
{
	switch (range->kind) {
	case CMA_RANGE_FREE:
		report->chunks_free += range->nr_slots;
		break;
	case CMA_RANGE_SALVAGE_FREE:
	case CMA_RANGE_SALVAGE_MOVE:
		report->chunks_salvaged += range->nr_slots;
		break;
	default:
		report->chunks_moved += range->nr_slots;
		break;
	}
}

/*
 * What to do with a range that did not come as a whole: see what can be had of
 * it, unless the error ends the call, or unless there is nothing smaller to go
 * for: a unit that this effort tries once, or whose suspects did not move.
 */
static int claim_rest(struct cma_bulk_call *call, const struct cma_bulk_range *range,
		      bool move, int error)
{
	const bool one_unit = range->nr_slots <= cma_bulk_unit_slots(&call->map);
	const enum cma_bulk_effort effort = call->req->effort;
	bool last_try = move && one_unit && effort == CMA_BULK_FAST;

	if (range->kind == CMA_RANGE_SUSPECT && effort != CMA_BULK_HARD)
		last_try = span_is_isolated(call, slots_span(call, range->first_slot,
							     range->nr_slots));
	if (!last_try && error == -ENOMEM && !call->req->stop_on_error) {
		call->no_memory = true;
		error = -EBUSY;
	}
	if (last_try || error != -EBUSY)
		return fail_slots(call, range->first_slot, range->nr_slots, error);
	return salvage_range(call, range->first_slot, range->nr_slots);
}

/*
 * Before a unit with suspects is emptied for what it is worth as a whole: do the
 * suspects move at all? If not, moving hundreds of others would be in vain.
 */
static int probe_suspects(struct cma_bulk_call *call, const struct cma_bulk_range *range)
{
	const u8 *slots = call->map.slots;
	u32 slot;

	for (slot = range->first_slot; slot < range->first_slot + range->nr_slots; slot++) {
		const struct span span = slots_span(call, slot, 1);
		int ret;

		if (slots[slot] != CMA_SLOT_SUSPECT)
			continue;
		ret = cma_bulk_migrate(call, span.start, span.end);
		if (ret && ret != -EBUSY)
			return ret;
		cma_bulk_survey_claimed(call, slot, 1);
		if (slots[slot] == CMA_SLOT_SUSPECT)
			return -EBUSY;
	}
	return 0;
}

/* Try a range as a whole. */
static int claim_whole(struct cma_bulk_call *call, const struct cma_bulk_range *range,
		       bool move)
{
	int ret = 0;

	if (!span_is_isolated(call, slots_span(call, range->first_slot, range->nr_slots)))
		return -EBUSY;
	if (range->kind == CMA_RANGE_SUSPECT && range->nr_slots > 1)
		ret = probe_suspects(call, range);
	if (!ret)
		ret = claim_slots(call, range->first_slot, range->nr_slots, move);
	return ret;
}

/* Claim one range of an isolated batch. Returns an error to stop for, or 0. */
static int claim_range(struct cma_bulk_call *call, const struct cma_bulk_range *range)
{
	struct cma_bulk_report *report = &call->req->report;
	const struct span span = slots_span(call, range->first_slot, range->nr_slots);
	const bool move = range->kind >= CMA_RANGE_MOVE;
	const u64 before = call->req->nr_allocated;
	const ktime_t start = ktime_get();
	int ret;

	report->ranges_tried++;
	if (move)
		report->pages_to_migrate += range->migrate;
	ret = claim_whole(call, range, move);
	if (!ret) {
		report_range(report, range);
		if (range->kind == CMA_RANGE_SALVAGE_FREE ||
		    range->kind == CMA_RANGE_SALVAGE_MOVE)
			cma_bulk_clock(&report->salvage_ns, start);
	} else {
		report->ranges_failed++;
		ret = claim_rest(call, range, move, ret);
	}
	trace_cma_bulk_claim(call->cma->name, span.start, range->nr_slots, range->kind,
			     call->req->nr_allocated - before, ret);
	return ret;
}

/*
 * Set the bits of as many of the first @nr ranges as make a batch. A range that
 * somebody else took a part of in the meantime is dropped, for the next plan.
 * The batch comes first in call->ranges, *@nr_batch ranges long.
 */
static void claim_batch_bits(struct cma_bulk_call *call, u32 nr, u32 *nr_batch)
{
	struct cma_bulk_range *ranges = call->ranges;
	u64 migrate = 0;
	u32 i;

	*nr_batch = 0;
	for (i = 0; i < nr; i++) {
		migrate += ranges[i].kind >= CMA_RANGE_MOVE ? ranges[i].migrate : 0;
		if (*nr_batch && migrate > CMA_BULK_BATCH_MIGRATE)
			break;
		if (claim_bits(call, ranges[i].first_slot, ranges[i].nr_slots))
			ranges[(*nr_batch)++] = ranges[i];
		else
			cma_bulk_survey_taken(call, ranges[i].first_slot,
					      ranges[i].nr_slots);
	}
}

static void isolate_batch(struct cma_bulk_call *call, u32 nr)
{
	const struct cma_bulk_range *range;
	ktime_t start;

	for (range = call->ranges; range < call->ranges + nr; range++)
		isolate_span(call, slots_span(call, range->first_slot, range->nr_slots));

	start = ktime_get();
	drain_all_pages(call->zone);
	cma_bulk_clock(&call->req->report.drain_ns, start);
}

/* Claim an isolated batch. *@done: ranges that are settled, the others are not. */
static int claim_batch(struct cma_bulk_call *call, u32 nr, u32 *done)
{
	int ret = 0;

	while (*done < nr && !ret) {
		ret = stop_reason(call);
		if (!ret)
			ret = claim_range(call, &call->ranges[(*done)++]);
	}
	return ret;
}

/**
 * cma_bulk_claim() - claim the first ranges of the plan
 * @call:	the call
 * @nr_ranges:	ranges in call->ranges, at least 1
 *
 * Claims at least one of them, or finds out that it is taken; what it did not
 * get to keeps its state and is to be planned again. Adds to req->pages. Takes
 * cma_mutex: two parties isolating one pageblock undo each other's work.
 *
 * Return: 0, or an error that ends the call: -EINTR, -ETIME, -ENOMEM.
 */
int cma_bulk_claim(struct cma_bulk_call *call, u32 nr_ranges)
{
	struct cma_bulk_report *report = &call->req->report;
	const u64 elsewhere = report->survey_ns + report->drain_ns;
	const ktime_t start = ktime_get();
	u32 done = 0;
	u32 nr;
	int ret;

	claim_batch_bits(call, nr_ranges, &nr);
	if (!nr)
		return stop_reason(call);

	ret = mutex_lock_killable(&cma_mutex);
	if (!ret) {
		isolate_batch(call, nr);
		ret = claim_batch(call, nr, &done);
		undo_isolation(call);
		mutex_unlock(&cma_mutex);
	}
	for (; done < nr; done++)
		release_bits(call, call->ranges[done].first_slot,
			     call->ranges[done].nr_slots);
	/* What was clocked as survey and drain on the way is not counted twice. */
	cma_bulk_clock(&report->claim_ns, start);
	report->claim_ns -= report->survey_ns + report->drain_ns - elsewhere;
	return ret;
}
