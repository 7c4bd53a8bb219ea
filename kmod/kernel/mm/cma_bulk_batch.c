// SPDX-License-Identifier: GPL-2.0-only
/*
 * Batches of bulk CMA allocation: the ranges of a plan that are isolated together.
 *
 * A batch of ranges is claimed in the area's bitmap and isolated. Then ranges
 * are emptied, two pieces at a time where there is a CPU for it, and each is grabbed. The
 * per-CPU lists are drained before the first page is moved or when a range does
 * not come, once for the batch: isolated pageblocks do not fill these lists again.
 */
#include <linux/cma.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>

#include "internal.h"
#include "cma_bulk.h"

/* Somebody else has set bits of @range since the survey: leave it to the next plan. */
static void drop_range(struct cma_bulk_call *call, struct cma_bulk_range *range)
{
	const u32 first = range->first_slot;
	const u32 nr = range->nr_slots;

	range->nr_slots = 0;
	cma_bulk_survey_taken(call, first, nr);
	/* Gone again already. That may happen, but not for ever. */
	if (cma_bulk_worst_slot(call, first, nr) < CMA_SLOT_TAKEN &&
	    ++call->conflicts > CMA_BULK_MAX_CONFLICTS)
		memset(call->map.slots + first, CMA_SLOT_TAKEN, nr);
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
		if (!cma_bulk_claim_bits(call, range->first_slot, range->nr_slots))
			drop_range(call, range);
	}
	return i;
}

/* Have the movable ranges of an isolated batch emptied, from the first of them on. */
static void move_batch(struct cma_bulk_call *call, u32 first, u32 last, ktime_t until)
{
	u32 i;

	for (i = first; i < last; i++) {
		const struct cma_bulk_range *range = &call->ranges[i];
		struct cma_bulk_span span;

		if (!range->nr_slots || range->kind == CMA_RANGE_SUSPECT)
			continue;
		if (!cma_bulk_is_isolated(call, range->first_slot, range->nr_slots))
			continue;
		span = cma_bulk_span(call, range->first_slot, range->nr_slots);
		cma_bulk_ahead_add(call, i, span.start, span.end);
	}
	cma_bulk_drain_batch(call);
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
 * It is time to stop, but what has been moved out of these ranges was not meant to be in
 * vain. Not for who is killed, and not for long.
 */
static void claim_begun(struct cma_bulk_call *call, u32 first, u32 last)
{
	const ktime_t until = ktime_add_ns(ktime_get(), CMA_BULK_BATCH_NS);
	u32 i;

	call->grab_only = true;
	for (i = first; i < last && !fatal_signal_pending(call->task); i++) {
		struct cma_bulk_range *range = &call->ranges[i];

		if (ktime_after(ktime_get(), until))
			break;
		if (!range->nr_slots || !cma_bulk_ahead_begun(call, i))
			continue;
		cma_bulk_claim_range(call, range);
		range->nr_slots = 0;
	}
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
			ret = cma_bulk_claim_range(call, range);
		range->nr_slots = 0;
		++*first;
		if (ret || *first == last || costs_nothing(call, *first))
			continue;
		ret = cma_bulk_stop_reason(call);
		/* All others need memory, too. */
		if (call->no_memory != no_memory || ktime_after(ktime_get(), until))
			break;
	} while (*first < last && !ret);
	if (cma_bulk_is_stop(ret))
		claim_begun(call, *first, last);
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
	const u64 clocked = cma_bulk_clocked(report);
	const ktime_t start = ktime_get();
	const u32 last = claim_batch_bits(call, *first, nr_ranges);
	int ret;
	u32 i;

	ret = mutex_lock_killable(cma_bulk_mutex(call->cma));
	if (!ret) {
		ret = cma_bulk_stop_reason(call);
		if (!ret) {
			cma_bulk_isolate_batch(call, *first, last);
			ret = claim_batch(call, first, last);
			cma_bulk_undo_isolation(call);
		}
		mutex_unlock(cma_bulk_mutex(call->cma));
	}
	for (i = *first; i < last; i++)
		if (call->ranges[i].nr_slots)
			cma_bulk_release_bits(call, call->ranges[i].first_slot,
					      call->ranges[i].nr_slots);

	cma_bulk_clock_rest(report, &report->claim_ns, start, clocked);
	return ret;
}
