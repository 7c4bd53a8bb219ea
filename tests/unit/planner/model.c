// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a plan has to achieve, worked out the slow way: one plain loop for each
 * question, none of which knows how the planner goes about it.
 */
#include "model.h"

#include <stdlib.h>

/* May a plan for this request contain @slot at all? */
bool model_may_plan(const struct plan *plan, u32 slot)
{
	const struct cma_bulk_want *want = &plan->want;

	if (plan->slots[slot] > CMA_SLOT_SUSPECT)
		return false;
	if (want->free_only && plan->slots[slot] != CMA_SLOT_FREE)
		return false;
	if (!plan_slot_is_suspect(plan, slot))
		return true;
	/* To try suspects means to move them. */
	if (want->suspects && !want->free_only)
		return true;
	return want->salvage && plan->slots[slot] != CMA_SLOT_SUSPECT;
}

/* How many chunks a plan with room for all its ranges has. */
u64 model_nr_chunks(const struct plan *plan)
{
	u64 nr = 0;
	u32 slot;

	for (slot = 0; slot < plan_nr_slots(plan); slot++)
		nr += model_may_plan(plan, slot);
	return nr < plan->want.nr_chunks ? nr : plan->want.nr_chunks;
}

/* What the movable slots of one unit cost to have. */
struct offer {
	double each; /* pages to move for one slot */
	u64 nr_slots;
	u64 nr_planned;
};

static struct offer offer_of(const struct plan *plan, u32 unit)
{
	const u32 slots = cma_bulk_unit_slots(plan->map);
	struct offer offer = { 0 };
	u32 slot;

	if (plan_unit_is_suspect(plan, unit))
		return offer;
	for (slot = unit * slots; slot < (unit + 1) * slots; slot++) {
		if (plan->slots[slot] != CMA_SLOT_MOVABLE)
			continue;
		offer.nr_slots++;
		offer.nr_planned += plan->planned[slot] != 0;
	}
	if (offer.nr_slots)
		offer.each = (double)plan->units[unit].movable / (double)offer.nr_slots;
	return offer;
}

static int compare_offers(const void *a, const void *b)
{
	const double x = ((const struct offer *)a)->each;
	const double y = ((const struct offer *)b)->each;

	return x < y ? -1 : x > y;
}

/* The fewest pages to move for @nr_slots movable slots of units without suspects. */
double model_least_moves(const struct plan *plan, u64 nr_slots)
{
	struct offer *offers = calloc(plan->map->nr_units, sizeof(*offers));
	double pages = 0;
	u32 i;

	if (!offers)
		abort();
	for (i = 0; i < plan->map->nr_units; i++)
		offers[i] = offer_of(plan, i);
	qsort(offers, plan->map->nr_units, sizeof(*offers), compare_offers);
	for (i = 0; i < plan->map->nr_units && nr_slots; i++) {
		const u64 take = offers[i].nr_slots < nr_slots ? offers[i].nr_slots : nr_slots;

		pages += (double)take * offers[i].each;
		nr_slots -= take;
	}
	free(offers);
	return pages;
}

/* The pages to move for the movable slots of units without suspects in the plan. */
double model_planned_moves(const struct plan *plan)
{
	double pages = 0;
	u32 unit;

	for (unit = 0; unit < plan->map->nr_units; unit++) {
		const struct offer offer = offer_of(plan, unit);

		pages += (double)offer.nr_planned * offer.each;
	}
	return pages;
}

/* Free slots of @unit, 0 when it has suspects. */
u32 model_nr_free(const struct plan *plan, u32 unit)
{
	const u32 slots = cma_bulk_unit_slots(plan->map);
	u32 nr = 0;
	u32 slot;

	for (slot = unit * slots; slot < (unit + 1) * slots; slot++)
		nr += plan->slots[slot] == CMA_SLOT_FREE;
	return plan_unit_is_suspect(plan, unit) ? 0 : nr;
}

static u32 nr_free_units(const struct plan *plan)
{
	u32 nr = 0;
	u32 unit;

	for (unit = 0; unit < plan->map->nr_units; unit++)
		nr += model_nr_free(plan, unit) == cma_bulk_unit_slots(plan->map);
	return nr;
}

/*
 * The request is for some units and a remainder. Where there are that many free
 * units: the free slots of the unit that the remainder fits into best. 0 if
 * there is no remainder, or no such unit.
 */
u32 model_best_fit(const struct plan *plan)
{
	const u32 slots = cma_bulk_unit_slots(plan->map);
	const u64 nr_whole = plan->want.nr_chunks / slots;
	const u32 remainder = (u32)(plan->want.nr_chunks % slots);
	const u32 nr_units = nr_free_units(plan);
	u32 best = nr_units > nr_whole ? slots : 0;
	u32 unit;

	if (!remainder || nr_units < nr_whole)
		return 0;
	for (unit = 0; unit < plan->map->nr_units; unit++) {
		const u32 nr = model_nr_free(plan, unit);

		if (nr >= remainder && nr < slots && (!best || nr < best))
			best = nr;
	}
	return best;
}
