// SPDX-License-Identifier: GPL-2.0-only
/*
 * The way through a request on a stock pool: what is free first, from the top of
 * the area down, then, in rounds, what has to be moved.
 *
 * What cannot be had with one drain per batch, as in the series, has to be had
 * with few, large ranges: so a range that fails is first split where pages are
 * still in use, and only what fails again is claimed by units, and by chunks.
 */
#include <linux/cma_bulk.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "stock.h"
#include "trace.h"

/* See CMA_BULK_RANGE_MIGRATE; fast does not get back what a failed range held. */
#define RANGE_MIGRATE_FAST	(CMA_BULK_RANGE_MIGRATE / 4)

/**
 * struct round - one pass over what is not settled yet
 * @suspects:	touch what looks pinned or busy
 * @piece:	how finely to claim
 */
struct round {
	bool suspects;
	enum stock_piece piece;
};

/*
 * Fast takes the first two, normal three, hard all. Each begins with another look,
 * which splits ranges where pages are still in use: what failed because of a page
 * in its middle has been emptied up to there. By chunks only goes what failed
 * twice around suspects: that is a call, with its drains, for each.
 */
static const struct round rounds[] = {
	{ .suspects = false, .piece = STOCK_PIECE_RANGE },
	{ .suspects = false, .piece = STOCK_PIECE_RANGE },
	{ .suspects = true, .piece = STOCK_PIECE_UNIT },
	{ .suspects = true, .piece = STOCK_PIECE_UNIT },
	{ .suspects = true, .piece = STOCK_PIECE_SLOT },
};

static const unsigned int nr_rounds[] = {
	[CMA_BULK_FAST] = 2,
	[CMA_BULK_NORMAL] = 3,
	[CMA_BULK_HARD] = 5,
};

static u32 total_units(const struct cma *area, const struct cma_bulk_map *map)
{
	const unsigned long end = area->base_pfn + area->count;

	if (map->first_pfn + (1UL << map->order) > end)
		return 0;
	/* Of the last slot that is larger than a pageblock only the chunk need be there. */
	if (map->slot_order > pageblock_order)
		return ((end - map->first_pfn - (1UL << map->order)) >> map->slot_order) + 1;
	return (end - map->first_pfn) >> map->unit_order;
}

static void free_call(struct stock_call *stock_call)
{
	kvfree(stock_call->slots);
	kvfree(stock_call->units);
	kvfree(stock_call->call.map.keys);
	kvfree(stock_call->call.ranges);
}

/* The window on the area is empty, and at its top. */
static int init_call(struct stock_call *stock_call, struct bulk_stock *stock,
		     const char *name, struct cma_bulk_req *req)
{
	struct cma_bulk_call *call = &stock_call->call;
	struct cma_bulk_map *map = &call->map;
	size_t nr_slots;

	*stock_call = (struct stock_call) {
		.call = {
			.cma = &stock->area,
			.extent = &stock->area,
			.req = req,
			.task = current,
		},
		.stock = stock,
		.name = name,
	};
	map->order = req->order;
	map->slot_order = max(req->order, req->align);
	map->unit_order = max_t(u32, map->slot_order, pageblock_order);
	map->first_pfn = ALIGN(stock->area.base_pfn, 1UL << map->slot_order);
	call->total_units = total_units(&stock->area, map);
	if (!call->total_units)
		return 0;

	nr_slots = (size_t)call->total_units * cma_bulk_unit_slots(map);
	stock_call->slots = kvmalloc(nr_slots, GFP_KERNEL);
	stock_call->units = kvmalloc_array(call->total_units, sizeof(*map->units), GFP_KERNEL);
	map->keys = kvmalloc_array(call->total_units, sizeof(*map->keys), GFP_KERNEL);
	call->ranges = kvmalloc_array(CMA_BULK_MAX_RANGES, sizeof(*call->ranges), GFP_KERNEL);
	if (!stock_call->slots || !stock_call->units || !map->keys || !call->ranges) {
		free_call(stock_call);
		return -ENOMEM;
	}
	map->slots = stock_call->slots + nr_slots;
	map->units = stock_call->units + call->total_units;
	map->first_pfn += (u64)call->total_units << map->unit_order;
	return 0;
}

/* Survey the unit below the window and make it the window's first. */
static void survey_next(struct stock_call *stock_call)
{
	struct cma_bulk_call *call = &stock_call->call;
	struct cma_bulk_map *map = &call->map;
	struct cma_bulk_call unit;

	map->slots -= cma_bulk_unit_slots(map);
	map->units--;
	map->first_pfn -= 1ULL << map->unit_order;

	/* The survey goes upwards: to it the new unit is all there is. */
	unit = *call;
	unit.map.nr_units = 0;
	cma_bulk_survey_unit(&unit, 0);
	map->nr_units++;
}

/* Free slots of @unit that this effort may take without moving anything. */
static u32 free_slots(const struct cma_bulk_call *call, u32 unit)
{
	const u32 per_unit = cma_bulk_unit_slots(&call->map);
	const u32 first = unit * per_unit;
	u32 nr_free = 0;
	u32 slot;

	if (call->map.units[unit].suspect && call->req->effort != CMA_BULK_HARD)
		return 0;
	for (slot = first; slot < first + per_unit; slot++)
		nr_free += call->map.slots[slot] == CMA_SLOT_FREE;
	return nr_free;
}

/* Survey downwards until there are @wanted free slots. Returns a reason to stop, or 0. */
static int survey_ahead(struct stock_call *stock_call, u64 wanted)
{
	struct cma_bulk_call *call = &stock_call->call;
	const struct cma_bulk_report *report = &call->req->report;
	const ktime_t start = ktime_get();
	u64 found = 0;
	int ret = 0;
	u32 unit;

	for (unit = 0; unit < call->map.nr_units; unit++)
		found += free_slots(call, unit);
	while (found < wanted && call->map.nr_units < call->total_units && !ret) {
		survey_next(stock_call);
		found += free_slots(call, 0);
		ret = cma_bulk_stop_reason(call);
	}
	cma_bulk_clock(&call->req->report.survey_ns, start);
	trace_stock_survey(stock_call->name, call->map.nr_units, report->pages_free,
			   report->pages_movable, report->pages_suspect, report->pages_taken);
	return ret;
}

/*
 * How many pages one range may have to move. Near the deadline less, taking
 * some 16 us per page, so that the last range does not overshoot by much.
 */
static u64 range_migrate_limit(const struct cma_bulk_req *req)
{
	const s64 most = req->effort == CMA_BULK_FAST ? RANGE_MIGRATE_FAST :
							 CMA_BULK_RANGE_MIGRATE;

	if (!req->deadline)
		return most;
	return clamp_t(s64, ktime_us_delta(req->deadline, ktime_get()) >> 4, 1, most);
}

static u32 plan(struct stock_call *stock_call, u64 max_migrate)
{
	struct cma_bulk_call *call = &stock_call->call;
	const struct cma_bulk_want want = {
		.nr_chunks = cma_bulk_missing(call),
		.max_migrate = max_migrate,
		.max_pages = CMA_BULK_RANGE_PAGES,
		.free_only = !call->may_move || call->no_memory,
		.suspects = stock_call->suspects,
		/* What is free around suspects costs nothing, and comes first. */
		.salvage = call->req->effort == CMA_BULK_HARD &&
			   (stock_call->suspects || !call->may_move),
	};
	const ktime_t start = ktime_get();
	u32 nr_ranges;

	nr_ranges = cma_bulk_plan(&call->map, &want, call->ranges, CMA_BULK_MAX_RANGES);
	call->req->report.ranges_planned += nr_ranges;
	cma_bulk_clock(&call->req->report.plan_ns, start);
	trace_stock_plan(stock_call->name, want.nr_chunks, nr_ranges, want.free_only);
	return nr_ranges;
}

/*
 * Make a plan and use it up, but for when pages cannot be moved any more, or when
 * the deadline has come so near that ranges should be smaller. *@nr_ranges: in
 * the plan, 0 when nothing is left.
 */
static int claim_plan(struct stock_call *stock_call, u32 *nr_ranges)
{
	const struct cma_bulk_call *call = &stock_call->call;
	const u64 limit = range_migrate_limit(call->req);
	const bool no_memory = call->no_memory;
	int ret = 0;
	u32 i;

	*nr_ranges = plan(stock_call, limit);
	for (i = 0; i < *nr_ranges && !ret && call->no_memory == no_memory &&
	     range_migrate_limit(call->req) >= limit / 2; i++)
		ret = bulk_stock_claim(stock_call, &call->ranges[i]);
	return ret;
}

/* First what is free, surveying no more than needed to find it. */
static int take_free(struct stock_call *stock_call)
{
	struct cma_bulk_call *call = &stock_call->call;
	u32 nr_ranges;
	int ret = 0;

	while (cma_bulk_missing(call) && !ret) {
		ret = survey_ahead(stock_call, cma_bulk_missing(call));
		if (!ret)
			ret = claim_plan(stock_call, &nr_ranges);
		if (!ret && !nr_ranges && call->map.nr_units == call->total_units)
			break;
	}
	return ret;
}

/* Is there a slot of @unit whose fate is open, and that may not be what it was? */
static bool is_unsettled(const struct cma_bulk_call *call, u32 unit)
{
	const u32 per_unit = cma_bulk_unit_slots(&call->map);
	const u8 *slots = call->map.slots + (size_t)unit * per_unit;

	if (call->map.units[unit].suspect || memchr(slots, STOCK_SLOT_LATER, per_unit))
		return true;
	/* Filled up since. */
	return !call->map.units[unit].movable && memchr(slots, CMA_SLOT_MOVABLE, per_unit);
}

/*
 * Look once more at what failed as part of something larger, and at what looked
 * pinned or busy: alloc_contig_range() has emptied the LRU caches since.
 */
static void survey_again(struct stock_call *stock_call)
{
	struct cma_bulk_call *call = &stock_call->call;
	const u32 per_unit = cma_bulk_unit_slots(&call->map);
	const ktime_t start = ktime_get();
	u32 unit, slot;

	for (unit = 0; unit < call->map.nr_units; unit++) {
		if (!is_unsettled(call, unit))
			continue;
		for (slot = unit * per_unit; slot < (unit + 1) * per_unit; slot++)
			if (call->map.slots[slot] == STOCK_SLOT_LATER)
				call->map.slots[slot] = CMA_SLOT_FREE;
		cma_bulk_survey_unit(call, unit);
	}
	cma_bulk_clock(&call->req->report.survey_ns, start);
}

/* Fast tries nothing twice: of what failed it only takes what became free. */
static void drop_in_use(struct cma_bulk_call *call)
{
	const u32 nr_slots = call->map.nr_units * cma_bulk_unit_slots(&call->map);
	u32 slot;

	for (slot = 0; slot < nr_slots; slot++)
		if (call->map.slots[slot] == CMA_SLOT_MOVABLE &&
		    !call->map.units[cma_bulk_slot_unit(call, slot)].suspect)
			call->map.slots[slot] = CMA_SLOT_BUSY;
}

/* Then what has to be moved, as far as the effort goes. */
static int take_movable(struct stock_call *stock_call)
{
	struct cma_bulk_call *call = &stock_call->call;
	const unsigned int nr = nr_rounds[call->req->effort];
	unsigned int i;
	int ret = 0;

	if (call->req->free_only)
		return 0;
	call->may_move = true;
	for (i = 0; i < nr && cma_bulk_missing(call) && !ret; i++) {
		u32 nr_ranges = 1;

		stock_call->piece = rounds[i].piece;
		stock_call->suspects = rounds[i].suspects;
		stock_call->last = i == nr - 1;
		survey_again(stock_call);
		if (i && call->req->effort == CMA_BULK_FAST)
			drop_in_use(call);
		while (cma_bulk_missing(call) && nr_ranges && !ret)
			ret = claim_plan(stock_call, &nr_ranges);
	}
	return ret;
}

static int run_call(struct stock_call *stock_call)
{
	struct cma_bulk_call *call = &stock_call->call;
	int ret;

	if (!call->req->nr_requests)
		return survey_ahead(stock_call, U64_MAX);

	ret = take_free(stock_call);
	if (!ret && cma_bulk_missing(call))
		ret = take_movable(stock_call);
	if (!cma_bulk_missing(call))
		return 0;
	if (ret)
		return ret;
	return call->no_memory ? -ENOMEM : -EBUSY;
}

/* Why @slot did not come: what to count it as, NULL for nothing. */
static u64 *skipped(struct cma_bulk_call *call, u32 slot)
{
	struct cma_bulk_report *report = &call->req->report;

	switch (call->map.slots[slot]) {
	case CMA_SLOT_TAKEN:
		return &report->skipped_taken;
	case CMA_SLOT_BUSY:
	case STOCK_SLOT_LATER:
		return &report->skipped_busy;
	case CMA_SLOT_ISOLATED:
		return &report->skipped_isolated;
	case CMA_SLOT_NO_MEMORY:
		return &report->skipped_no_memory;
	case CMA_SLOT_DONE:
		return NULL;
	}
	if (call->req->effort == CMA_BULK_FAST &&
	    call->map.units[cma_bulk_slot_unit(call, slot)].suspect)
		return &report->skipped_suspect;
	return call->no_memory ? &report->skipped_no_memory : NULL;
}

static void report_skipped(struct cma_bulk_call *call)
{
	const u32 nr_slots = call->map.nr_units * cma_bulk_unit_slots(&call->map);
	u64 *count;
	u32 slot;

	for (slot = 0; slot < nr_slots; slot++) {
		count = skipped(call, slot);
		if (count)
			(*count)++;
	}
}

/**
 * bulk_stock_call() - what cma_alloc_bulk_req() does, without it
 * @stock:	the area
 * @name:	of the area, for tracing
 * @req:	what is wanted; what came of it. What may be wanted has been checked
 *
 * Drains cannot be told from claims: report.drain_ns stays 0.
 *
 * Return: as cma_alloc_bulk_req().
 */
int bulk_stock_call(struct bulk_stock *stock, const char *name, struct cma_bulk_req *req)
{
	const ktime_t start = ktime_get();
	struct stock_call stock_call;
	int ret;

	ret = init_call(&stock_call, stock, name, req);
	if (!ret) {
		ret = run_call(&stock_call);
		if (ret)
			report_skipped(&stock_call.call);
		free_call(&stock_call);
	}
	cma_bulk_clock(&req->report.total_ns, start);
	return ret;
}
