// SPDX-License-Identifier: GPL-2.0-only
/*
 * The claim and the salvage of bulk CMA allocation: from a range of an isolated
 * batch to pages that the caller owns.
 *
 * A range is emptied, unless that was done ahead, and grabbed. One that does not
 * come as a whole is looked at again and claimed in pieces, while it is isolated.
 */
#include <linux/bitmap.h>
#include <linux/cma.h>
#include <linux/ktime.h>
#include <linux/migrate_mode.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include <trace/events/cma_bulk.h>

#include "internal.h"
#include "cma_bulk.h"

static void set_slots(struct cma_bulk_call *call, u32 first, u32 nr,
		      enum cma_bulk_slot state)
{
	memset(call->map.slots + first, state, nr);
}

/**
 * cma_bulk_claim_bits() - claim slots in the area's bitmap, all or none
 * @call:	the call
 * @first:	first slot
 * @nr:		slots
 *
 * Return: whether they are claimed; false when one of them is taken.
 */
bool cma_bulk_claim_bits(struct cma_bulk_call *call, u32 first, u32 nr)
{
	struct cma *cma = call->cma;
	unsigned long *bitmap = call->extent->bitmap;
	const struct cma_bulk_span span = cma_bulk_span(call, first, nr);
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

/**
 * cma_bulk_release_bits() - give claimed slots back that did not come
 * @call:	the call
 * @first:	first slot
 * @nr:		slots, all of them claimed with cma_bulk_claim_bits()
 */
void cma_bulk_release_bits(struct cma_bulk_call *call, u32 first, u32 nr)
{
	const struct cma_bulk_span span = cma_bulk_span(call, first, nr);

	cma_bulk_clear_bits(call->cma, call->extent, span.start, span.end - span.start);
}

/* The slots are the caller's now. */
static void take_slots(struct cma_bulk_call *call, u32 first, u32 nr)
{
	struct cma_bulk_req *req = call->req;
	struct page **pages = req->pages + req->nr_allocated;
	const unsigned long chunk_pages = 1UL << call->map.order;
	const unsigned long slot_pages = 1UL << call->map.slot_order;
	unsigned long pfn = cma_bulk_slot_pfn(&call->map, first);
	unsigned long i;
	u32 n;

	for (n = 0; n < nr; n++, pfn += slot_pages) {
		for (i = 0; i < chunk_pages; i++)
			cma_bulk_own_page(pfn_to_page(pfn + i));
		pages[n] = pfn_to_page(pfn);
	}
	req->nr_allocated += nr;
	set_slots(call, first, nr, CMA_SLOT_DONE);
}

/* Who has a deadline does not wait for writeback, which may take longer. */
static enum migrate_mode migrate_mode(const struct cma_bulk_call *call)
{
	if (call->req->effort == CMA_BULK_FAST)
		return MIGRATE_ASYNC;
	return call->req->deadline ? MIGRATE_SYNC_LIGHT : MIGRATE_SYNC;
}

static bool stop_is_asked(const void *call)
{
	return !!cma_bulk_stop_reason(call);
}

/**
 * cma_bulk_migrate() - move what is in use out of isolated pages
 * @call:	the call
 * @start:	first PFN
 * @end:	one-past-the-last PFN
 *
 * Ends before its time when there is a reason to stop: memory may have to be reclaimed
 * for every page, and the processor may be wanted elsewhere.
 *
 * Return: as contig_range_migrate(), or -ETIME or -EINTR.
 */
int cma_bulk_migrate(struct cma_bulk_call *call, unsigned long start, unsigned long end)
{
	const struct contig_range_stop stop = { .asked = stop_is_asked, .data = call };
	int ret;

	KUNIT_STATIC_STUB_REDIRECT(cma_bulk_migrate, call, start, end);
	ret = cma_bulk_contig_migrate(start, end, migrate_mode(call), call->lru_disabled, &stop);
	/* That there is no memory is also what it says when it was stopped. */
	if (ret == -ENOMEM)
		ret = cma_bulk_stop_reason(call) ?: ret;
	return ret;
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
	const struct cma_bulk_span span = cma_bulk_span(call, first, nr);

	cma_bulk_drain_batch(call);
	return cma_bulk_migrate(call, span.start, span.end);
}

/*
 * Grab these slots as a whole, after what came of moving their pages. As in
 * alloc_contig_range(), -EBUSY from the migration is not believed before the
 * grab has failed too.
 */
static int grab_slots(struct cma_bulk_call *call, u32 first, u32 nr, int moved)
{
	const struct cma_bulk_span span = cma_bulk_span(call, first, nr);
	int ret = moved;

	if (!ret || ret == -EBUSY)
		ret = cma_bulk_grab(call, span.start, span.end);
	if (ret == -EBUSY && cma_bulk_drain_batch(call))
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

/* Have the suspect pages of a slot moved, and no others. Returns -EBUSY when some stay. */
static int probe_slot(struct cma_bulk_call *call, u32 slot)
{
	const struct cma_bulk_span span = cma_bulk_span(call, slot, 1);
	unsigned long pfn = span.start;
	unsigned long nr;

	cma_bulk_drain_batch(call);
	while ((nr = cma_bulk_survey_suspects(call, &pfn, span.end))) {
		const unsigned long end = pfn + nr;
		const int ret = cma_bulk_migrate(call, pfn, end);

		if (ret && ret != -EBUSY)
			return ret;
		/* Some are not even tried, without an error. */
		if (cma_bulk_survey_suspects(call, &pfn, end))
			return -EBUSY;
		pfn = end;
	}
	cma_bulk_survey_claimed(call, slot, 1);
	return 0;
}

/*
 * Before slots with suspects are emptied: do the suspects move at all? If not, moving
 * the others would be in vain.
 */
static int probe_suspects(struct cma_bulk_call *call, u32 first, u32 nr)
{
	int ret = 0;
	u32 slot;

	for (slot = first; slot < first + nr && !ret; slot++)
		if (call->map.slots[slot] == CMA_SLOT_SUSPECT)
			ret = probe_slot(call, slot);
	return ret;
}

/*
 * What these slots, which could not be claimed and whose bits are still set,
 * become: out of the question for this call or, while only free memory is
 * taken, suspect, or for later, when a device was not waited for. A busy page
 * does not end the call, nor does a lack of memory, unless the caller wants that.
 * Returns the error to stop for, or 0.
 */
static int fail_slots(struct cma_bulk_call *call, u32 first, u32 nr, int error)
{
	cma_bulk_release_bits(call, first, nr);
	/* Nothing is known about them. */
	if (cma_bulk_is_stop(error))
		return error;
	if (error == -ENOMEM && !call->req->stop_on_error) {
		call->no_memory = true;
		set_slots(call, first, nr, CMA_SLOT_NO_MEMORY);
		return 0;
	}
	if (error == -ENOMEM)
		set_slots(call, first, nr, CMA_SLOT_NO_MEMORY);
	else if (!call->may_move)
		cma_bulk_suspect(call, first, nr);
	else if (migrate_mode(call) == MIGRATE_SYNC_LIGHT &&
		 cma_bulk_survey_is_in_io(call, first, nr))
		set_slots(call, first, nr, CMA_SLOT_IN_IO);
	else
		set_slots(call, first, nr, CMA_SLOT_BUSY);
	return error == -EBUSY ? 0 : error;
}

/**
 * cma_bulk_worst_slot() - the worst state among slots
 * @call:	the call
 * @first:	first slot
 * @nr:		slots
 */
enum cma_bulk_slot cma_bulk_worst_slot(const struct cma_bulk_call *call, u32 first, u32 nr)
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
		cma_bulk_release_bits(call, first, end - first);
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
	const enum cma_bulk_slot worst = cma_bulk_worst_slot(call, first, nr);
	const bool move = worst != CMA_SLOT_FREE;
	u64 *chunks = &report->chunks_free;
	int ret;

	if (!cma_bulk_is_isolated(call, first, nr)) {
		cma_bulk_release_bits(call, first, nr);
		set_slots(call, first, nr, CMA_SLOT_ISOLATED);
		return 0;
	}
	/* Not now: what was thought to be free is in use. The next phase may. */
	if (move && (!call->may_move || call->no_memory || call->grab_only)) {
		cma_bulk_release_bits(call, first, nr);
		return 0;
	}
	if (worst == CMA_SLOT_SUSPECT && call->req->effort == CMA_BULK_FAST)
		return fail_slots(call, first, nr, -EBUSY);

	ret = worst == CMA_SLOT_SUSPECT ? probe_suspects(call, first, nr) : 0;
	if (!ret)
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

		if (cma_bulk_worst_slot(call, next, piece_end - next) != CMA_SLOT_FREE)
			break;
		if (!cma_bulk_is_isolated(call, next, piece_end - next))
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
 * the first try stays out. When it is time to stop, what is empty by then is not left
 * behind.
 */
static int salvage_range(struct cma_bulk_call *call, u32 first, u32 nr)
{
	struct cma_bulk_report *report = &call->req->report;
	const u64 before = call->req->nr_allocated;
	const u32 end = first + nr;
	int ret = 0, stopped = 0;
	u64 clocked;
	ktime_t start;

	cma_bulk_drain_batch(call);
	cma_bulk_survey_claimed(call, first, nr);
	clocked = cma_bulk_clocked(report);
	start = ktime_get();
	while (first < end && !ret) {
		const u32 piece = next_piece(call, first, end);

		ret = claim_piece(call, first, piece);
		first += piece;
		if (!ret && !call->grab_only)
			ret = cma_bulk_stop_reason(call);
		if (cma_bulk_is_stop(ret) && !fatal_signal_pending(call->task)) {
			call->grab_only = true;
			stopped = ret;
			ret = 0;
		}
	}
	if (first < end)
		cma_bulk_release_bits(call, first, end - first);
	ret = ret ?: stopped;

	cma_bulk_clock_rest(report, &report->salvage_ns, start, clocked);
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
	const bool isolated = cma_bulk_is_isolated(call, range->first_slot, range->nr_slots);
	bool last_try = false;

	if (cma_bulk_is_stop(error) && !fatal_signal_pending(call->task)) {
		call->grab_only = true;
		return salvage_range(call, range->first_slot, range->nr_slots) ?: error;
	}
	if (call->req->effort == CMA_BULK_FAST)
		last_try = move && one_unit && isolated;
	else if (call->req->effort == CMA_BULK_NORMAL)
		last_try = range->kind == CMA_RANGE_SUSPECT && isolated;
	if (!last_try && error == -ENOMEM && !call->req->stop_on_error) {
		call->no_memory = true;
		error = -EBUSY;
	}
	if (last_try || error != -EBUSY)
		return fail_slots(call, range->first_slot, range->nr_slots, error);
	return salvage_range(call, range->first_slot, range->nr_slots);
}

/* Try a range as a whole. */
static int claim_whole(struct cma_bulk_call *call, const struct cma_bulk_range *range,
		       bool move)
{
	int ret = 0;

	if (!cma_bulk_is_isolated(call, range->first_slot, range->nr_slots))
		return -EBUSY;
	if (cma_bulk_ahead_done(call, range - call->ranges, &ret))
		return grab_slots(call, range->first_slot, range->nr_slots, ret);
	if (call->grab_only)
		return cma_bulk_stop_reason(call) ?: -EBUSY;
	if (range->kind == CMA_RANGE_SUSPECT)
		ret = probe_suspects(call, range->first_slot, range->nr_slots);
	if (!ret)
		ret = claim_slots(call, range->first_slot, range->nr_slots, move);
	return ret;
}

/**
 * cma_bulk_claim_range() - claim a range of an isolated batch
 * @call:	the call
 * @range:	the range, whose bits are set
 *
 * What does not come is released. Adds to req->pages.
 *
 * Return: 0, whatever came of it, or an error to stop for.
 */
int cma_bulk_claim_range(struct cma_bulk_call *call, const struct cma_bulk_range *range)
{
	struct cma_bulk_report *report = &call->req->report;
	const struct cma_bulk_span span = cma_bulk_span(call, range->first_slot, range->nr_slots);
	const bool move = range->kind >= CMA_RANGE_MOVE;
	const u64 before = call->req->nr_allocated;
	const u64 clocked = cma_bulk_clocked(report);
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
			cma_bulk_clock_rest(report, &report->salvage_ns, start, clocked);
	} else {
		report->ranges_failed++;
		ret = claim_rest(call, range, move, ret);
	}
	trace_cma_bulk_claim(call->cma->name, span.start, range->nr_slots, range->kind,
			     call->req->nr_allocated - before, ret);
	return ret;
}
