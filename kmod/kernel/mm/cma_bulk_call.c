// SPDX-License-Identifier: GPL-2.0-only
/*
 * One call of bulk CMA allocation: the way through survey, plan and claim.
 *
 * An area may have several extents, each with what is known of it. All are asked for
 * what is free before any is asked for what has to be moved, that before what is
 * being written, and what looks pinned or busy comes last. With a deadline what is still
 * being written then is left alone, or for the very end.
 */
#include <linux/bitmap.h>
#include <linux/cma.h>
#include <linux/cma_bulk.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/swap.h>

#include <trace/events/cma_bulk.h>

#include "internal.h"
#include "cma_bulk.h"

/* Pauses in a row after which nothing has changed, a second, before it is tried all the same. */
#define MAX_IDLE_PAUSES	10

static void free_call(struct cma_bulk_call *call)
{
	kvfree(call->map.slots);
	kvfree(call->map.units);
	kvfree(call->map.keys);
	kvfree(call->isolated);
}

/*
 * Divide the extent into slots and units. Its ends are on pageblock borders, see
 * cma_init_reserved_mem(), but not necessarily on those of larger slots; the last
 * of these needs room for its chunk only.
 */
static void init_map(struct cma_bulk_call *call)
{
	const struct cma_bulk_extent *extent = call->extent;
	struct cma_bulk_map *map = &call->map;
	const unsigned long end = extent->base_pfn + extent->count;

	map->order = call->req->order;
	map->slot_order = max(map->order, call->req->align);
	map->unit_order = max_t(u32, map->slot_order, pageblock_order);
	map->first_pfn = ALIGN(extent->base_pfn, 1UL << map->slot_order);
	if (map->first_pfn + (1UL << map->order) > end)
		return;
	if (map->slot_order > pageblock_order)
		call->total_units = ((end - map->first_pfn - (1UL << map->order)) >>
				     map->slot_order) + 1;
	else
		call->total_units = (end - map->first_pfn) >> map->unit_order;
}

static int init_call(struct cma_bulk_call *call)
{
	struct cma_bulk_map *map = &call->map;
	size_t nr_slots, nr_blocks;

	init_map(call);
	if (!call->total_units)
		return 0;

	nr_slots = (size_t)call->total_units * cma_bulk_unit_slots(map);
	nr_blocks = (size_t)call->total_units << (map->unit_order - pageblock_order);
	map->slots = kvmalloc(nr_slots, GFP_KERNEL);
	map->units = kvmalloc_array(call->total_units, sizeof(*map->units), GFP_KERNEL);
	map->keys = kvmalloc_array(call->total_units, sizeof(*map->keys), GFP_KERNEL);
	call->isolated = kvcalloc(BITS_TO_LONGS(nr_blocks), sizeof(long), GFP_KERNEL);
	return map->slots && map->units && map->keys && call->isolated ? 0 : -ENOMEM;
}

static void free_calls(struct cma_bulk_call *calls, unsigned int nr_calls)
{
	unsigned int i;

	/* One call at a time has a plan and a batch in hand: they share these. */
	kvfree(calls[0].ranges);
	kfree(calls[0].ahead);
	for (i = 0; i < nr_calls; i++)
		free_call(&calls[i]);
	kfree(calls);
}

static struct cma_bulk_call *alloc_calls(struct cma *cma, struct cma_bulk_req *req)
{
	const unsigned int nr_calls = cma_bulk_nr_extents(cma);
	struct cma_bulk_ahead *ahead;
	struct cma_bulk_range *ranges;
	struct cma_bulk_call *calls;
	unsigned int i;
	int ret;

	calls = kcalloc(nr_calls, sizeof(*calls), GFP_KERNEL);
	if (!calls)
		return NULL;
	ranges = kvmalloc_array(CMA_BULK_MAX_RANGES, sizeof(*ranges), GFP_KERNEL);
	ahead = cma_bulk_ahead_alloc();
	ret = ranges && ahead ? 0 : -ENOMEM;
	for (i = 0; i < nr_calls; i++) {
		struct cma_bulk_extent *extent = cma_bulk_extent_at(cma, i);

		calls[i] = (struct cma_bulk_call){
			.cma = cma,
			.extent = extent,
			.req = req,
			.task = current,
			.zone = page_zone(pfn_to_page(extent->base_pfn)),
			.ranges = ranges,
			.ahead = ahead,
		};
		if (!ret)
			ret = init_call(&calls[i]);
	}
	if (!ret)
		return calls;
	free_calls(calls, nr_calls);
	return NULL;
}

/* Free slots of @unit that this effort may take without moving anything. */
static u32 free_slots(const struct cma_bulk_call *call, u32 unit)
{
	const u32 per_unit = cma_bulk_unit_slots(&call->map);
	const u8 *slots = call->map.slots + (size_t)unit * per_unit;
	u32 nr_free = 0;
	u32 i, nr;

	if (call->map.units[unit].suspect && call->req->effort != CMA_BULK_HARD)
		return 0;
	for (i = 0; i < per_unit; i += nr) {
		nr = cma_bulk_same_slots(slots, i, per_unit);
		nr_free += slots[i] == CMA_SLOT_FREE ? nr : 0;
	}
	return nr_free;
}

static void trace_survey(const struct cma_bulk_call *call)
{
	const struct cma_bulk_report *report = &call->req->report;

	trace_cma_bulk_survey(call->cma->name, call->map.nr_units, report->pages_free,
			      report->pages_movable, report->pages_suspect,
			      report->pages_taken);
}

/*
 * Survey on until there are @wanted free slots: what is free is cheapest.
 * Returns a reason to stop, or 0.
 */
static int survey_ahead(struct cma_bulk_call *call, u64 wanted)
{
	const ktime_t start = ktime_get();
	u64 found = 0;
	int ret = 0;
	u32 unit;

	for (unit = 0; unit < call->map.nr_units; unit++)
		found += free_slots(call, unit);
	while (found < wanted && call->map.nr_units < call->total_units && !ret) {
		unit = call->map.nr_units;
		cma_bulk_survey_unit(call, unit);
		found += free_slots(call, unit);
		ret = cma_bulk_stop_reason(call);
	}
	cma_bulk_clock(&call->req->report.survey_ns, start);
	trace_survey(call);
	return ret;
}

/* Has @unit a slot that is in state @state? */
static bool unit_has(const struct cma_bulk_call *call, u32 unit, enum cma_bulk_slot state)
{
	const u32 per_unit = cma_bulk_unit_slots(&call->map);

	return memchr(call->map.slots + (size_t)unit * per_unit, state, per_unit);
}

/* Is there anything left that might be moved? */
static bool anything_movable(const struct cma_bulk_call *call)
{
	u32 unit;

	for (unit = 0; unit < call->map.nr_units; unit++)
		if (call->map.units[unit].suspect ||
		    unit_has(call, unit, CMA_SLOT_MOVABLE))
			return true;
	return false;
}

/*
 * Look once more at what looked pinned or busy, now that LRU caches are empty,
 * and at units that filled up after they had been surveyed.
 */
static void survey_again(struct cma_bulk_call *call)
{
	const ktime_t start = ktime_get();
	u32 unit;

	cma_bulk_survey_recall(call);
	for (unit = 0; unit < call->map.nr_units; unit++)
		if (call->map.units[unit].suspect ||
		    (!call->map.units[unit].movable && unit_has(call, unit, CMA_SLOT_MOVABLE)))
			cma_bulk_survey_unit(call, unit);
	cma_bulk_clock(&call->req->report.survey_ns, start);
	trace_survey(call);
}

/*
 * How many pages one range may have to move. Near the deadline less, taking
 * some 16 us per page, which is slow, so that it is rarely over in the midst of one,
 * and then little was moved in vain.
 */
static u64 range_migrate_limit(const struct cma_bulk_req *req)
{
	s64 left_us;

	if (!req->deadline)
		return CMA_BULK_RANGE_MIGRATE;
	left_us = ktime_us_delta(req->deadline, ktime_get());
	return clamp_t(s64, left_us >> 4, 1, CMA_BULK_RANGE_MIGRATE);
}

static u32 plan(struct cma_bulk_call *call, u64 max_migrate)
{
	const struct cma_bulk_want want = {
		.nr_chunks = cma_bulk_missing(call),
		.max_migrate = max_migrate,
		.max_pages = CMA_BULK_RANGE_PAGES,
		.free_only = !call->may_move || call->no_memory,
		.suspects = call->try_suspects,
		.salvage = call->req->effort == CMA_BULK_HARD,
	};
	const ktime_t start = ktime_get();
	u32 nr_ranges;

	nr_ranges = cma_bulk_plan(&call->map, &want, call->ranges, CMA_BULK_MAX_RANGES);
	call->req->report.ranges_planned += nr_ranges;
	cma_bulk_clock(&call->req->report.plan_ns, start);
	trace_cma_bulk_plan(call->cma->name, want.nr_chunks, nr_ranges, want.free_only);
	return nr_ranges;
}

/*
 * Make a plan and use it up, which is no more than what is left to do: a range
 * that fails changes nothing for the others. But stop for a new one when pages
 * cannot be moved any more, or when the deadline has come so near that ranges
 * should be smaller. *@nr_ranges: ranges in the plan, 0 when nothing is left.
 */
static int claim_plan(struct cma_bulk_call *call, u32 *nr_ranges)
{
	const u64 limit = range_migrate_limit(call->req);
	const bool no_memory = call->no_memory;
	u32 first = 0;
	int ret = 0;

	*nr_ranges = plan(call, limit);
	while (first < *nr_ranges && !ret && call->no_memory == no_memory &&
	       range_migrate_limit(call->req) >= limit / 2)
		ret = cma_bulk_claim(call, &first, *nr_ranges);
	return ret;
}

/*
 * First phase: what is free, surveying no more than needed to find it. Ends with
 * 0 when there is enough or no more.
 */
static int take_free(struct cma_bulk_call *call)
{
	u32 nr_ranges;
	int ret = 0;

	while (cma_bulk_missing(call) && !ret) {
		ret = survey_ahead(call, cma_bulk_missing(call));
		if (!ret)
			ret = claim_plan(call, &nr_ranges);
		if (!ret && !nr_ranges && call->map.nr_units == call->total_units)
			break;
	}
	return ret;
}

/*
 * Pages that some CPU keeps in a batch on their way to the LRU lists hold a
 * reference and cannot be isolated. The fast effort empties the batches once,
 * the others keep them empty until they are done.
 */
static void drain_lru(struct cma_bulk_call *call)
{
	const ktime_t start = ktime_get();

	if (call->req->effort == CMA_BULK_FAST) {
		lru_add_drain_all();
	} else {
		lru_cache_disable();
		call->lru_disabled = true;
	}
	cma_bulk_clock(&call->req->report.drain_ns, start);
}

/*
 * Where pages are moved to comes off a CPU's list, as a rule, which the page allocator
 * fills by the hundred. When memory is short, nobody else finds what is left there
 * before he has reclaimed for it.
 */
static void drain_targets(struct cma_bulk_call *call)
{
	const ktime_t start = ktime_get();
	struct zone *zone;

	for_each_populated_zone(zone)
		if (!zone_watermark_ok(zone, 0, high_wmark_pages(zone), zone_idx(zone), 0))
			drain_all_pages(zone);
	cma_bulk_clock(&call->req->report.drain_ns, start);
}

/* Claim until the plan finds nothing more. */
static int claim_plans(struct cma_bulk_call *call)
{
	u32 nr_ranges = 1;
	int ret = 0;

	while (cma_bulk_missing(call) && nr_ranges && !ret)
		ret = claim_plan(call, &nr_ranges);
	return ret;
}

/* Second phase: what has to be moved, and should. */
static int take_movable(struct cma_bulk_call *call)
{
	if (call->req->free_only || !anything_movable(call))
		return 0;
	drain_lru(call);
	survey_again(call);
	call->may_move = true;
	return claim_plans(call);
}

/* What has changed since the survey, as far as it should move. */
static int take_changed(struct cma_bulk_call *call)
{
	call->try_suspects = false;
	survey_again(call);
	return claim_plans(call);
}

/*
 * Third phase: what has been written meanwhile, and before that what has changed since
 * the survey. LRU caches stay disabled, as they would be while a claim waits.
 */
static int take_written(struct cma_bulk_call *call, ktime_t until)
{
	struct cma_bulk_wait wait = {};
	int ret;

	if (!call->may_move || call->req->effort == CMA_BULK_FAST)
		return 0;
	do {
		ret = take_changed(call);
	} while (!ret && cma_bulk_missing(call) && !call->no_memory &&
		 cma_bulk_wait(call, until, &wait));
	return ret;
}

/* Fourth phase: what looks pinned or busy, as far as the effort goes. */
static int take_suspects(struct cma_bulk_call *call)
{
	int ret;

	if (!call->may_move || call->req->effort == CMA_BULK_FAST)
		return 0;
	ret = cma_bulk_stop_reason(call);
	if (ret)
		return ret;
	/* With a deadline it would not move. */
	if (call->req->deadline)
		cma_bulk_survey_set_aside(call);
	call->try_suspects = true;
	return claim_plans(call);
}

/* Was anything left alone because a device would have had to be waited for? */
static bool has_in_io(const struct cma_bulk_call *call)
{
	const struct cma_bulk_map *map = &call->map;

	return !call->no_memory && map->nr_units &&
	       memchr(map->slots, CMA_SLOT_IN_IO,
		      (size_t)map->nr_units * cma_bulk_unit_slots(map));
}

static bool anything_in_io(const struct cma_bulk_call *calls, unsigned int nr_calls)
{
	unsigned int i;

	for (i = 0; i < nr_calls; i++)
		if (has_in_io(&calls[i]))
			return true;
	return false;
}

static u64 look_at_io(const struct cma_bulk_call *calls, unsigned int nr_calls)
{
	unsigned int i;
	u64 pages = 0;

	for (i = 0; i < nr_calls; i++)
		if (has_in_io(&calls[i]))
			pages += cma_bulk_wait_look(&calls[i]);
	return pages;
}

static void enable_lru(struct cma_bulk_call *calls, unsigned int nr_calls)
{
	unsigned int i;

	for (i = 0; i < nr_calls; i++) {
		if (calls[i].lru_disabled)
			lru_cache_enable();
		calls[i].lru_disabled = false;
	}
}

/* What devices have done with meanwhile, and what looks pinned then. */
static int take_round(struct cma_bulk_call *calls, unsigned int nr_calls)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < nr_calls && cma_bulk_missing(calls) && !ret; i++) {
		if (!has_in_io(&calls[i]))
			continue;
		drain_lru(&calls[i]);
		ret = take_changed(&calls[i]);
		if (!ret && cma_bulk_missing(calls))
			ret = take_suspects(&calls[i]);
	}
	return ret;
}

/*
 * Fifth phase, of the hardest effort alone, after which there is no other: what was left
 * alone, until the deadline. Nobody else has to do without LRU caches between the rounds,
 * which are worth it when something has changed, or after a second.
 */
static int take_patiently(struct cma_bulk_call *calls, unsigned int nr_calls)
{
	unsigned int idle = 0;
	unsigned int i;
	u64 before;
	int ret = 0;

	if (calls->req->effort != CMA_BULK_HARD || !calls->req->deadline)
		return 0;
	before = look_at_io(calls, nr_calls);
	while (cma_bulk_missing(calls) && !ret && anything_in_io(calls, nr_calls)) {
		enable_lru(calls, nr_calls);
		ret = cma_bulk_pause(calls);
		if (ret || (look_at_io(calls, nr_calls) == before && ++idle < MAX_IDLE_PAUSES))
			continue;
		idle = 0;
		ret = take_round(calls, nr_calls);
		before = look_at_io(calls, nr_calls);
	}
	/* Stopped in a round or not, they have been left alone. */
	for (i = 0; i < nr_calls && ret; i++)
		if (calls[i].may_move)
			cma_bulk_survey_set_aside(&calls[i]);
	return ret;
}

/* Why the slots that did not come did not come. */
static void report_skipped(struct cma_bulk_call *call)
{
	struct cma_bulk_report *report = &call->req->report;
	const u32 nr_slots = call->map.nr_units * cma_bulk_unit_slots(&call->map);
	u32 slot;

	for (slot = 0; slot < nr_slots; slot++) {
		switch (call->map.slots[slot]) {
		case CMA_SLOT_TAKEN:
			report->skipped_taken++;
			break;
		case CMA_SLOT_BUSY:
		case CMA_SLOT_IN_IO:
			report->skipped_busy++;
			break;
		case CMA_SLOT_ISOLATED:
			report->skipped_isolated++;
			break;
		case CMA_SLOT_NO_MEMORY:
			report->skipped_no_memory++;
			break;
		case CMA_SLOT_DONE:
			break;
		default:
			if (call->req->effort == CMA_BULK_FAST &&
			    call->map.units[cma_bulk_slot_unit(call, slot)].suspect)
				report->skipped_suspect++;
			else if (call->no_memory)
				report->skipped_no_memory++;
			break;
		}
	}
}

static int survey_calls(struct cma_bulk_call *calls, unsigned int nr_calls)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < nr_calls && !ret; i++)
		ret = survey_ahead(&calls[i], U64_MAX);
	return ret;
}

/* What should move anywhere goes before what may not. */
static int move_calls(struct cma_bulk_call *calls, unsigned int nr_calls)
{
	bool moved = false;
	unsigned int i;
	ktime_t until;
	int ret = 0;

	for (i = 0; i < nr_calls && cma_bulk_missing(calls) && !ret; i++) {
		ret = take_movable(&calls[i]);
		moved |= calls[i].may_move;
	}
	if (moved)
		drain_targets(calls);
	if (!moved || !cma_bulk_missing(calls) || ret)
		return ret;

	until = cma_bulk_wait_until(calls->req);
	for (i = 0; i < nr_calls && cma_bulk_missing(calls) && !ret; i++)
		ret = take_written(&calls[i], until);
	for (i = 0; i < nr_calls && cma_bulk_missing(calls) && !ret; i++)
		ret = take_suspects(&calls[i]);
	if (!ret)
		ret = take_patiently(calls, nr_calls);
	drain_targets(calls);
	return ret;
}

/* What is free anywhere goes before what has to be moved. */
static int run_calls(struct cma_bulk_call *calls, unsigned int nr_calls)
{
	bool no_memory = false;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < nr_calls && cma_bulk_missing(calls) && !ret; i++)
		ret = take_free(&calls[i]);
	if (cma_bulk_missing(calls) && !ret)
		ret = move_calls(calls, nr_calls);
	enable_lru(calls, nr_calls);
	for (i = 0; i < nr_calls; i++)
		no_memory |= calls[i].no_memory;
	if (!cma_bulk_missing(calls))
		return 0;
	if (ret)
		return ret;
	return no_memory ? -ENOMEM : -EBUSY;
}

/**
 * cma_bulk_run() - do what a request asks for
 * @cma:	the area
 * @req:	the request, which has been checked
 *
 * Return: as cma_alloc_bulk_req().
 */
int cma_bulk_run(struct cma *cma, struct cma_bulk_req *req)
{
	const unsigned int nr_calls = cma_bulk_nr_extents(cma);
	struct cma_bulk_call *calls = alloc_calls(cma, req);
	unsigned int i;
	int ret;

	if (!calls)
		return -ENOMEM;
	if (req->nr_requests)
		ret = run_calls(calls, nr_calls);
	else
		ret = survey_calls(calls, nr_calls);
	for (i = 0; i < nr_calls && ret; i++)
		report_skipped(&calls[i]);
	free_calls(calls, nr_calls);
	return ret;
}
