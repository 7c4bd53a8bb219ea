// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the engine does with plans: claim, mark what became of each slot, plan
 * again until nothing is missing or nothing is left to try.
 */
#include "engine.h"

#include <string.h>

/* What would become of @slot, were it claimed now. */
static enum cma_bulk_slot outcome(const struct engine *engine, u32 slot)
{
	const struct area *area = engine->area;

	if (engine->isolated && area->isolated[area_slot_unit(area, slot)])
		return CMA_SLOT_ISOLATED;
	if (!area_slot_is_obtainable(area, slot))
		return CMA_SLOT_BUSY;
	if (area_slot_pages_in_use(area, slot) > engine->memory)
		return CMA_SLOT_NO_MEMORY;
	return CMA_SLOT_DONE;
}

static void mark(struct engine *engine, u32 slot, enum cma_bulk_slot as)
{
	struct area *area = engine->area;

	/* To try twice what was tried or got is what a plan must never ask for. */
	if (area->marks[slot])
		engine->failed = true;
	area->marks[slot] = as;
	area->map.slots[slot] = as;
	if (as == CMA_SLOT_NO_MEMORY)
		engine->want.free_only = true;
	if (as != CMA_SLOT_DONE)
		return;
	engine->memory -= area_slot_pages_in_use(area, slot);
	memset(area_chunk(area, slot), PAGE_TAKEN, area_chunk_pages(area));
	engine->nr_done++;
	if (engine->want.nr_chunks)
		engine->want.nr_chunks--;
	else
		engine->failed = true;
}

static bool range_comes(const struct engine *engine, const struct cma_bulk_range *range)
{
	u64 pages = 0;
	u32 slot;

	for (slot = range->first_slot; slot < range->first_slot + range->nr_slots; slot++) {
		pages += area_slot_pages_in_use(engine->area, slot);
		if (outcome(engine, slot) != CMA_SLOT_DONE)
			return false;
	}
	return pages <= engine->memory;
}

static void grab(struct engine *engine, u32 first, u32 nr)
{
	u32 slot;

	for (slot = first; slot < first + nr; slot++)
		mark(engine, slot, outcome(engine, slot));
}

/* Mark those that do not come by themselves; if all would, memory ran out. */
static void split(struct engine *engine, const struct cma_bulk_range *range)
{
	bool marked = false;
	u32 slot;

	for (slot = range->first_slot; slot < range->first_slot + range->nr_slots; slot++) {
		const enum cma_bulk_slot as = outcome(engine, slot);

		if (as == CMA_SLOT_DONE)
			continue;
		mark(engine, slot, as);
		marked = true;
	}
	if (!marked)
		grab(engine, range->first_slot, range->nr_slots);
}

/* Mark as failed what is of the same unit as a slot that does not come. */
static void give_up(struct engine *engine, const struct cma_bulk_range *range)
{
	const u32 slots = cma_bulk_unit_slots(&engine->area->map);
	const u32 end = range->first_slot + range->nr_slots;
	u32 first, next, slot;

	for (first = range->first_slot; first < end; first = next) {
		enum cma_bulk_slot worst = CMA_SLOT_DONE;

		next = (first / slots + 1) * slots < end ? (first / slots + 1) * slots : end;
		for (slot = first; slot < next; slot++)
			if (outcome(engine, slot) > worst)
				worst = outcome(engine, slot);
		if (worst == CMA_SLOT_DONE) {
			grab(engine, first, next - first);
			continue;
		}
		for (slot = first; slot < next; slot++)
			mark(engine, slot, worst);
	}
}

static void claim(struct engine *engine, const struct cma_bulk_range *range)
{
	if (engine->style == ENGINE_GRABS || range_comes(engine, range))
		grab(engine, range->first_slot, range->nr_slots);
	else if (engine->style == ENGINE_SPLITS)
		split(engine, range);
	else
		give_up(engine, range);
}

static void survey_range(struct engine *engine, const struct cma_bulk_range *range)
{
	const u32 last = range->first_slot + range->nr_slots - 1;
	u32 unit;

	if (engine->stale)
		return;
	for (unit = area_slot_unit(engine->area, range->first_slot);
	     unit <= area_slot_unit(engine->area, last); unit++)
		area_survey_unit(engine->area, unit);
}

/* After a shortage of memory, plan again what to do without. */
static void claim_all(struct engine *engine, const struct plan *plan)
{
	const bool free_only = engine->want.free_only;
	u32 i;

	for (i = 0; i < plan->nr_ranges && !engine->failed; i++) {
		claim(engine, &plan->ranges[i]);
		survey_range(engine, &plan->ranges[i]);
		if (engine->want.free_only != free_only)
			return;
	}
}

/* A plan that leaves the area cannot be carried out. */
static bool can_be_claimed(const struct plan *plan)
{
	u32 i;

	for (i = 0; i < plan->nr_ranges; i++)
		if (i >= plan->max_ranges || !plan->ranges[i].nr_slots ||
		    (u64)plan->ranges[i].first_slot + plan->ranges[i].nr_slots >
			    plan_nr_slots(plan))
			return false;
	return true;
}

/* Returns whether it is worth to plan again. */
static bool engine_step(struct engine *engine)
{
	struct plan *plan = plan_new(&engine->area->map, &engine->want, engine->max_ranges);
	const bool more = plan->nr_ranges != 0;

	engine->nr_plans++;
	if ((engine->check && !engine->check(plan, engine->data)) || !can_be_claimed(plan))
		engine->failed = true;
	else
		claim_all(engine, plan);
	if (engine->nr_plans > engine->max_plans)
		engine->failed = true;
	plan_free(plan);
	return more && engine->want.nr_chunks && !engine->failed;
}

/* Survey @grow units more. Returns whether there were any. */
static bool engine_grow(struct engine *engine)
{
	struct area *area = engine->area;
	const u32 left = area->nr_units - area->map.nr_units;
	u32 nr = engine->grow && engine->grow < left ? engine->grow : left;

	while (nr--)
		area_survey_unit(area, area->map.nr_units++);
	return left != 0;
}

void engine_run(struct engine *engine)
{
	engine->area->map.nr_units = 0;
	engine->max_plans =
		engine->nr_plans + 2ULL * area_nr_slots(engine->area) + engine->area->nr_units + 1;
	while (!engine->failed && engine_grow(engine))
		while (engine_step(engine))
			;
}
