// SPDX-License-Identifier: GPL-2.0-only
/*
 * The claim on a stock pool: from a range of a plan to pages that the caller
 * owns, by one alloc_contig_range() for each piece of it.
 */
#include "compat.h"

#include <linux/bitmap.h>
#include <linux/cma_bulk.h>
#include <linux/gfp.h>
#include <linux/ktime.h>
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/string.h>

#include "stock.h"
#include "trace.h"

/* The page frames of some slots: from their first page to their last chunk's. */
struct span {
	unsigned long start;
	unsigned long end;
};

static struct span slots_span(const struct cma_bulk_map *map, u32 first, u32 nr)
{
	return (struct span) {
		.start = cma_bulk_slot_pfn(map, first),
		.end = cma_bulk_slot_pfn(map, first + nr - 1) + (1UL << map->order),
	};
}

static bool span_is_taken(const struct cma *area, struct span span)
{
	const unsigned long end = span.end - area->base_pfn;

	lockdep_assert_held(&area->lock);
	return find_next_bit(area->bitmap, end, span.start - area->base_pfn) < end;
}

/*
 * Allocate a span, moving some @migrate pages. With @conflict, it is somebody
 * else's since the survey: another request was first.
 */
static int alloc_span(struct stock_call *stock_call, struct span span, u64 migrate,
		      bool *conflict)
{
	struct bulk_stock *stock = stock_call->stock;
	struct cma *area = &stock->area;
	int ret;

	if (mutex_lock_killable(&stock->claiming))
		return -EINTR;
	/* Others may have had it for long. */
	ret = cma_bulk_stop_reason(&stock_call->call);
	if (ret)
		goto out;
	spin_lock(&area->lock);
	*conflict = span_is_taken(area, span);
	spin_unlock(&area->lock);
	if (*conflict)
		goto out;
	if (migrate && !bulk_stock_has_room(migrate)) {
		ret = -ENOMEM;
		goto out;
	}
	/* By who should not be here, but whose isolation an unpatched kernel would undo. */
	if (bulk_stock_isolated(span.start, span.end)) {
		ret = -EBUSY;
		goto out;
	}

	ret = alloc_contig_range(span.start, span.end, BULK_CONTIG_CMA, GFP_KERNEL | __GFP_NOWARN);
	if (ret)
		goto out;
	spin_lock(&area->lock);
	bitmap_set(area->bitmap, span.start - area->base_pfn, span.end - span.start);
	spin_unlock(&area->lock);
out:
	mutex_unlock(&stock->claiming);
	return ret;
}

/* The slots are the caller's now. */
static void take_slots(struct cma_bulk_call *call, u32 first, u32 nr)
{
	struct cma_bulk_req *req = call->req;
	u32 slot;

	for (slot = first; slot < first + nr; slot++) {
		struct page *page = pfn_to_page(cma_bulk_slot_pfn(&call->map, slot));
		unsigned long i;

		/* Pageblocks differ in their tags, see cma_alloc(). */
		for (i = 0; i < 1UL << call->map.order; i++)
			page_kasan_tag_reset(nth_page(page, i));
		req->pages[req->nr_allocated++] = page;
	}
	memset(call->map.slots + first, CMA_SLOT_DONE, nr);
}

static bool all_look_free(const struct cma_bulk_call *call, u32 first, u32 nr)
{
	return !memchr_inv(call->map.slots + first, CMA_SLOT_FREE, nr);
}

/* Another request took these slots, or a part of them: leave the rest to the next plan. */
static void drop_slots(struct cma_bulk_call *call, u32 first, u32 nr)
{
	u32 slot;

	cma_bulk_survey_taken(call, first, nr);
	for (slot = first; slot < first + nr; slot++)
		if (call->map.slots[slot] == CMA_SLOT_TAKEN)
			return;
	/* Given back already. That may happen, but not for ever. */
	if (++call->conflicts > CMA_BULK_MAX_CONFLICTS)
		memset(call->map.slots + first, CMA_SLOT_TAKEN, nr);
}

/* There was nowhere to move pages to: what is in use is out of the question. */
static void fail_memory(struct cma_bulk_call *call, u32 first, u32 nr)
{
	u32 slot;

	call->no_memory = true;
	cma_bulk_survey_taken(call, first, nr);
	/* What looks free, and is not, would be tried for ever. */
	if (all_look_free(call, first, nr))
		memset(call->map.slots + first, CMA_SLOT_NO_MEMORY, nr);
	for (slot = first; slot < first + nr; slot++)
		if (call->map.slots[slot] == CMA_SLOT_MOVABLE ||
		    call->map.slots[slot] == CMA_SLOT_SUSPECT)
			call->map.slots[slot] = CMA_SLOT_NO_MEMORY;
}

/* What looked free is not, or not to be had: the rounds see to it. */
static void fail_free(struct cma_bulk_call *call, u32 first, u32 nr)
{
	cma_bulk_survey_taken(call, first, nr);
	if (all_look_free(call, first, nr))
		cma_bulk_suspect(call, first, nr);
}

/*
 * What these slots become that could not be claimed: out of the question for
 * this round, and for the call when there is no finer try to come. Returns the
 * error to stop for, or 0.
 */
static int fail_slots(struct stock_call *stock_call, u32 first, u32 nr, int error)
{
	struct cma_bulk_call *call = &stock_call->call;
	const struct span span = slots_span(&call->map, first, nr);
	const bool one_suspect = nr == 1 && call->map.slots[first] == CMA_SLOT_SUSPECT;
	u8 state = STOCK_SLOT_LATER;

	if (error == -ENOMEM) {
		fail_memory(call, first, nr);
		return 0;
	}
	if (error != -EBUSY)
		return error;
	if (!call->may_move) {
		fail_free(call, first, nr);
		return 0;
	}
	if (stock_call->last || (one_suspect && call->req->effort == CMA_BULK_HARD))
		state = bulk_stock_isolated(span.start, span.end) ? CMA_SLOT_ISOLATED :
								    CMA_SLOT_BUSY;
	memset(call->map.slots + first, state, nr);
	return 0;
}

/* Is this inside a pageblock that does not come as a whole? */
static bool is_salvage(const struct stock_call *stock_call, enum cma_bulk_kind kind)
{
	return stock_call->piece == STOCK_PIECE_SLOT || kind == CMA_RANGE_SALVAGE_FREE ||
	       kind == CMA_RANGE_SALVAGE_MOVE;
}

/* Count what a piece of a range of this kind brought. */
static void report_slots(const struct stock_call *stock_call, enum cma_bulk_kind kind, u32 nr)
{
	struct cma_bulk_report *report = &stock_call->call.req->report;

	if (is_salvage(stock_call, kind))
		report->chunks_salvaged += nr;
	else if (kind == CMA_RANGE_FREE)
		report->chunks_free += nr;
	else
		report->chunks_moved += nr;
}

/* Add the time since @start to those a piece of a range of this kind counts for. */
static void report_time(const struct stock_call *stock_call, enum cma_bulk_kind kind, ktime_t start)
{
	struct cma_bulk_report *report = &stock_call->call.req->report;
	const u64 before = report->claim_ns;

	cma_bulk_clock(&report->claim_ns, start);
	if (is_salvage(stock_call, kind))
		report->salvage_ns += report->claim_ns - before;
}

/* Claim some slots at one go. Returns an error to stop for, or 0. */
static int claim_slots(struct stock_call *stock_call, const struct cma_bulk_range *range,
		       u32 first, u32 nr)
{
	struct cma_bulk_call *call = &stock_call->call;
	struct cma_bulk_report *report = &call->req->report;
	const struct span span = slots_span(&call->map, first, nr);
	const ktime_t start = ktime_get();
	bool conflict = false;
	u64 migrate = 0;
	int ret;

	report->ranges_tried++;
	if (range->kind >= CMA_RANGE_MOVE && !all_look_free(call, first, nr))
		migrate = DIV_ROUND_UP_ULL((u64)range->migrate * nr, range->nr_slots);
	report->pages_to_migrate += migrate;
	ret = alloc_span(stock_call, span, migrate, &conflict);
	report_time(stock_call, range->kind, start);
	trace_stock_claim(stock_call->name, span.start, nr, range->kind, stock_call->piece,
			  conflict ? -EAGAIN : ret);
	if (!ret && !conflict) {
		take_slots(call, first, nr);
		report_slots(stock_call, range->kind, nr);
		return 0;
	}
	report->ranges_failed++;
	if (!conflict)
		return fail_slots(stock_call, first, nr, ret);
	drop_slots(call, first, nr);
	return 0;
}

/* How many slots from @first on, @left at most, this round claims at one go. */
static u32 piece_slots(const struct stock_call *stock_call, u32 first, u32 left)
{
	const u32 per_unit = cma_bulk_unit_slots(&stock_call->call.map);

	switch (stock_call->piece) {
	case STOCK_PIECE_UNIT:
		return min(left, per_unit - first % per_unit);
	case STOCK_PIECE_SLOT:
		return 1;
	default:
		return left;
	}
}

/**
 * bulk_stock_claim() - claim a range of the plan
 * @stock_call:	the call
 * @range:	the range
 *
 * Adds to req->pages, and settles every slot of the range at least for this
 * round, unless it returns an error.
 *
 * Return: 0, or an error that ends the call: -EINTR, -ETIME.
 */
int bulk_stock_claim(struct stock_call *stock_call, const struct cma_bulk_range *range)
{
	const u32 end = range->first_slot + range->nr_slots;
	const bool no_memory = stock_call->call.no_memory;
	u32 first = range->first_slot;
	int ret = 0;

	while (first < end && !ret && stock_call->call.no_memory == no_memory) {
		const u32 nr = piece_slots(stock_call, first, end - first);

		ret = claim_slots(stock_call, range, first, nr);
		first += nr;
	}
	return ret;
}
