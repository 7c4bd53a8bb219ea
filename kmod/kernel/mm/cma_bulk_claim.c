// SPDX-License-Identifier: GPL-2.0-only
/*
 * The claim and the salvage of bulk CMA allocation: from ranges of a plan to
 * pages that the caller owns.
 *
 * A batch of ranges is claimed in the area's bitmap and isolated. Then each range
 * is emptied, many of them at a time where there are CPUs for it, and grabbed. The
 * per-CPU lists are drained before the first page is moved or when a range does
 * not come, once for the batch: isolated pageblocks do not fill these lists again.
 * A range that still does not come as a whole is looked at again and claimed in
 * pieces, while it is isolated.
 */
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

static void set_slots(struct cma_bulk_call *call, u32 first, u32 nr,
		      enum cma_bulk_slot state)
{
	memset(call->map.slots + first, state, nr);
}

/* Set the bits of these slots, all or none. Fails when one of them is taken. */
static bool claim_bits(struct cma_bulk_call *call, u32 first, u32 nr)
{
	struct cma *cma = call->cma;
	unsigned long *bitmap = call->extent->bitmap;
	const struct span span = slots_span(call, first, nr);
	const unsigned long bit = (span.start - call->extent->base_pfn) >> cma->order_per_bit;
	const unsigned long count = (span.end - span.start) >> cma->order_per_bit;
	bool clear;

	spin_lock_irq(&cma->lock);
	clear = find_next_bit(bitmap, bit + count, bit) >= bit + count;
	if (clear) {
		bitmap_set(bitmap, bit, count);
		cma_bulk_charge(cma, span.end - span.start);
	}
	spin_unlock_irq(&cma->lock);
	return clear;
}

/* Give claimed slots back that did not come. */
static void release_bits(struct cma_bulk_call *call, u32 first, u32 nr)
{
	const struct span span = slots_span(call, first, nr);

	cma_bulk_clear_bits(call->cma, call->extent, span.start, span.end - span.start);
}

/* The slots are the caller's now. */
static void take_slots(struct cma_bulk_call *call, u32 first, u32 nr)
{
	struct cma_bulk_req *req = call->req;
	const unsigned long chunk_pages = 1UL << call->map.order;
	u32 slot;

	for (slot = first; slot < first + nr; slot++) {
		const unsigned long pfn = cma_bulk_slot_pfn(&call->map, slot);
		unsigned long i;

		for (i = 0; i < chunk_pages; i++)
			cma_bulk_own_page(pfn_to_page(pfn + i));
		req->pages[req->nr_allocated++] = pfn_to_page(pfn);
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

static bool span_is_isolated(const struct cma_bulk_call *call, struct span span)
{
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
	u32 slot;

	/* What lies between chunks is not taken. */
	if (map->slot_order != map->order)
		return false;
	for (slot = first; slot < last; slot++)
		if (map->slots[slot] != CMA_SLOT_DONE)
			return false;
	return true;
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

static void undo_isolation(struct cma_bulk_call *call)
{
	unsigned long first, last;

	for_each_set_bitrange(first, last, call->isolated, nr_blocks(call))
		unisolate_blocks(call, first, last);
	bitmap_zero(call->isolated, nr_blocks(call));
}

/*
 * Free pages of isolated pageblocks that some CPU still keeps in its lists go to
 * the free lists proper. Where nothing has to be moved most batches have none and
 * do without: that is found out by grabbing. What is to be moved is better not
 * moved to one of these. Returns whether it was done now, once for a batch.
 */
static bool drain_batch(struct cma_bulk_call *call)
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
 * cma_bulk_migrate() - move what is in use out of isolated pages
 * @call:	the call
 * @start:	first PFN
 * @end:	one-past-the-last PFN
 *
 * Return: as contig_range_migrate().
 */
int cma_bulk_migrate(struct cma_bulk_call *call, unsigned long start, unsigned long end)
{
	KUNIT_STATIC_STUB_REDIRECT(cma_bulk_migrate, call, start, end);
	return cma_bulk_contig_migrate(start, end, call->req->effort == CMA_BULK_FAST,
				       call->lru_disabled);
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
	return cma_bulk_contig_grab(start, end);
}

/* Have pages of these slots moved out. Returns as cma_bulk_migrate(). */
static int move_slots(struct cma_bulk_call *call, u32 first, u32 nr)
{
	const struct span span = slots_span(call, first, nr);

	drain_batch(call);
	return cma_bulk_migrate(call, span.start, span.end);
}

/*
 * Grab these slots as a whole, after what came of moving their pages. As in
 * alloc_contig_range(), -EBUSY from the migration is not believed before the
 * grab has failed too.
 */
static int grab_slots(struct cma_bulk_call *call, u32 first, u32 nr, int moved)
{
	const struct span span = slots_span(call, first, nr);
	int ret = moved;

	if (!ret || ret == -EBUSY)
		ret = cma_bulk_grab(call, span.start, span.end);
	if (ret == -EBUSY && drain_batch(call))
		ret = cma_bulk_grab(call, span.start, span.end);
	if (!ret)
		take_slots(call, first, nr);
	return ret;
}

/* Empty and grab these slots as a whole, having @move told that pages are in the way. */
static int claim_slots(struct cma_bulk_call *call, u32 first, u32 nr, bool move)
{
	return grab_slots(call, first, nr, move ? move_slots(call, first, nr) : 0);
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
	if (error == -ENOMEM)
		set_slots(call, first, nr, CMA_SLOT_NO_MEMORY);
	else if (call->may_move)
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

/* The slots in the smallest piece that this effort goes for. */
static u32 piece_slots(const struct cma_bulk_call *call)
{
	return call->req->effort == CMA_BULK_HARD ? 1 : cma_bulk_unit_slots(&call->map);
}

static int claim_piece(struct cma_bulk_call *call, u32 first, u32 nr);

/*
 * Claim slots that all look free one piece at a time, so that one page which is
 * not where it seems to be costs its piece only.
 */
static int claim_pieces(struct cma_bulk_call *call, u32 first, u32 nr)
{
	const u32 step = piece_slots(call);
	const u32 end = first + nr;
	int ret = 0;

	while (first < end && !ret) {
		const u32 piece_end = min(end, round_down(first, step) + step);

		ret = claim_piece(call, first, piece_end - first);
		first = piece_end;
	}
	if (first < end)
		release_bits(call, first, end - first);
	return ret;
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
	if (ret == -EBUSY && !move && nr > piece_slots(call))
		return claim_pieces(call, first, nr);
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
	const u32 step = piece_slots(call);
	u32 next = first;

	while (next < end) {
		const u32 piece_end = min(end, round_down(next, step) + step);

		if (worst_slot(call, next, piece_end - next) != CMA_SLOT_FREE)
			break;
		if (!span_is_isolated(call, slots_span(call, next, piece_end - next)))
			break;
		next = piece_end;
	}
	if (next == first)
		next = min(end, round_down(first, step) + step);
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

	drain_batch(call);
	cma_bulk_survey_claimed(call, first, nr);
	start = ktime_get();
	while (first < end && !ret) {
		const u32 piece = next_piece(call, first, end);

		ret = claim_piece(call, first, piece);
		first += piece;
		if (!ret)
			ret = cma_bulk_stop_reason(call);
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
	const struct span span = slots_span(call, range->first_slot, range->nr_slots);
	bool last_try = false;

	if (call->req->effort == CMA_BULK_FAST)
		last_try = move && one_unit && span_is_isolated(call, span);
	else if (call->req->effort == CMA_BULK_NORMAL)
		last_try = range->kind == CMA_RANGE_SUSPECT && span_is_isolated(call, span);
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
		drain_batch(call);
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
	if (cma_bulk_ahead_done(call, range - call->ranges, &ret))
		return grab_slots(call, range->first_slot, range->nr_slots, ret);
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

/* Somebody else has set bits of @range since the survey: leave it to the next plan. */
static void drop_range(struct cma_bulk_call *call, struct cma_bulk_range *range)
{
	const u32 first = range->first_slot;
	const u32 nr = range->nr_slots;

	range->nr_slots = 0;
	cma_bulk_survey_taken(call, first, nr);
	/* Gone again already. That may happen, but not for ever. */
	if (worst_slot(call, first, nr) < CMA_SLOT_TAKEN &&
	    ++call->conflicts > CMA_BULK_MAX_CONFLICTS)
		set_slots(call, first, nr, CMA_SLOT_TAKEN);
}

/*
 * Set the bits of as many ranges from @first on as make a batch, @nr at most.
 * Returns where it ends.
 */
static u32 claim_batch_bits(struct cma_bulk_call *call, u32 first, u32 nr)
{
	const u32 last = min(nr, first + CMA_BULK_BATCH_RANGES);
	u64 migrate = 0;
	u32 i;

	for (i = first; i < last; i++) {
		struct cma_bulk_range *range = &call->ranges[i];

		/* Dropped from a batch that ended before it. */
		if (!range->nr_slots)
			continue;
		migrate += range->kind >= CMA_RANGE_MOVE ? range->migrate : 0;
		if (i > first && migrate > CMA_BULK_BATCH_MIGRATE)
			break;
		if (!claim_bits(call, range->first_slot, range->nr_slots))
			drop_range(call, range);
	}
	return i;
}

static void isolate_batch(struct cma_bulk_call *call, u32 first, u32 last)
{
	unsigned long run, run_end;
	u32 i;

	call->drained = false;
	for (i = first; i < last; i++) {
		const struct cma_bulk_range *range = &call->ranges[i];
		struct span span;

		if (!range->nr_slots)
			continue;
		span = slots_span(call, range->first_slot, range->nr_slots);
		run = block_index(call, span.start);
		bitmap_set(call->isolated, run, block_index(call, span.end - 1) + 1 - run);
	}
	for_each_set_bitrange(run, run_end, call->isolated, nr_blocks(call)) {
		/* Wanted so far; isolated from here on. */
		bitmap_clear(call->isolated, run, run_end - run);
		isolate_run(call, run, run_end);
	}
}

/* Have the movable ranges of an isolated batch emptied, from the first of them on. */
static void move_batch(struct cma_bulk_call *call, u32 first, u32 last, ktime_t until)
{
	u32 i;

	for (i = first; i < last; i++) {
		const struct cma_bulk_range *range = &call->ranges[i];
		struct span span;

		if (!range->nr_slots || range->kind == CMA_RANGE_SUSPECT)
			continue;
		span = slots_span(call, range->first_slot, range->nr_slots);
		if (span_is_isolated(call, span))
			cma_bulk_ahead_add(call, i, span.start, span.end);
	}
	drain_batch(call);
	cma_bulk_ahead_run(call, until);
}

/* Was this range emptied ahead, or dropped? Then it takes no time, and would be emptied in vain. */
static bool costs_nothing(const struct cma_bulk_call *call, u32 index)
{
	int moved;

	return !call->ranges[index].nr_slots ||
	       (cma_bulk_ahead_done(call, index, &moved) && !moved);
}

/*
 * Claim the ranges of an isolated batch, from *@first, which moves past what is
 * settled, to @last or until the others have waited long enough. Ranges come in
 * the order of their kinds: from the first on that is to be emptied all are.
 */
static int claim_batch(struct cma_bulk_call *call, u32 *first, u32 last)
{
	const ktime_t until = ktime_add_ns(ktime_get(), CMA_BULK_BATCH_NS);
	const bool no_memory = call->no_memory;
	bool moved = false;
	int ret = 0;

	cma_bulk_ahead_begin(call);
	do {
		struct cma_bulk_range *range = &call->ranges[*first];

		if (!moved && range->nr_slots && range->kind >= CMA_RANGE_MOVE) {
			move_batch(call, *first, last, until);
			moved = true;
			if (!costs_nothing(call, *first))
				ret = cma_bulk_stop_reason(call);
			if (ret)
				break;
		}
		if (range->nr_slots)
			ret = claim_range(call, range);
		range->nr_slots = 0;
		++*first;
		if (ret || *first == last || costs_nothing(call, *first))
			continue;
		ret = cma_bulk_stop_reason(call);
		/* All others need memory, too. */
		if (call->no_memory != no_memory || ktime_after(ktime_get(), until))
			break;
	} while (*first < last && !ret);
	return ret;
}

/**
 * cma_bulk_claim() - claim the next ranges of the plan
 * @call:	the call
 * @first:	the first of them in call->ranges; moves past what is settled
 * @nr_ranges:	ranges in call->ranges, more than *@first
 *
 * Claims at least one of them, or finds out that it is taken. Adds to req->pages.
 * Takes the area's mutex: two parties isolating one pageblock undo each other's
 * work.
 *
 * Return: 0, or an error that ends the call: -EINTR, -ETIME, -ENOMEM.
 */
int cma_bulk_claim(struct cma_bulk_call *call, u32 *first, u32 nr_ranges)
{
	struct cma_bulk_report *report = &call->req->report;
	const u64 elsewhere = report->survey_ns + report->drain_ns;
	const ktime_t start = ktime_get();
	const u32 last = claim_batch_bits(call, *first, nr_ranges);
	int ret;
	u32 i;

	ret = mutex_lock_killable(cma_bulk_mutex(call->cma));
	if (!ret) {
		ret = cma_bulk_stop_reason(call);
		if (!ret) {
			isolate_batch(call, *first, last);
			ret = claim_batch(call, first, last);
			undo_isolation(call);
		}
		mutex_unlock(cma_bulk_mutex(call->cma));
	}
	for (i = *first; i < last; i++)
		if (call->ranges[i].nr_slots)
			release_bits(call, call->ranges[i].first_slot, call->ranges[i].nr_slots);

	/* What was clocked as survey and drain on the way is not counted twice. */
	cma_bulk_clock(&report->claim_ns, start);
	report->claim_ns -= report->survey_ns + report->drain_ns - elsewhere;
	return ret;
}
