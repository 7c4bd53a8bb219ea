// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What must hold of every plan, each rule by itself. No rule relies on another
 * one having been checked before, so that each can be a test of its own.
 */
#include "rules.h"

#include <string.h>

#include "model.h"

#define MOVES_TOLERANCE 1.05

static const struct cma_bulk_range *ranges_end(const struct plan *plan)
{
	return plan->ranges +
	       (plan->nr_ranges < plan->max_ranges ? plan->nr_ranges : plan->max_ranges);
}

static bool all_ranges(const struct plan *plan,
		       bool (*holds)(const struct plan *plan, const struct cma_bulk_range *range))
{
	const struct cma_bulk_range *range;

	for (range = plan->ranges; range < ranges_end(plan); range++)
		if (!holds(plan, range))
			return false;
	return true;
}

/* The slots that are planned, each once. */
static bool all_slots(const struct plan *plan, bool (*holds)(const struct plan *plan, u32 slot))
{
	u32 slot;

	for (slot = 0; slot < plan_nr_slots(plan); slot++)
		if (plan->planned[slot] && !holds(plan, slot))
			return false;
	return true;
}

static u32 range_last_slot(const struct plan *plan, const struct cma_bulk_range *range)
{
	const u64 last = (u64)range->first_slot + range->nr_slots - 1;

	return last < plan_nr_slots(plan) ? (u32)last : plan_nr_slots(plan) - 1;
}

static bool range_is_inside(const struct plan *plan, const struct cma_bulk_range *range)
{
	return range->nr_slots && (u64)range->first_slot + range->nr_slots <= plan_nr_slots(plan);
}

static bool range_is_in_one_unit(const struct plan *plan, const struct cma_bulk_range *range)
{
	return plan_slot_unit(plan, range->first_slot) ==
	       plan_slot_unit(plan, range_last_slot(plan, range));
}

static bool stays_in_the_area(const struct plan *plan)
{
	return all_ranges(plan, range_is_inside);
}

static bool slot_is_planned_once(const struct plan *plan, u32 slot)
{
	return plan->planned[slot] == 1;
}

static bool never_overlaps(const struct plan *plan)
{
	return all_slots(plan, slot_is_planned_once);
}

static bool never_plans_more_than_wanted(const struct plan *plan)
{
	return plan->nr_planned <= plan->want.nr_chunks;
}

static bool never_plans_more_ranges_than_fit(const struct plan *plan)
{
	return plan->nr_ranges <= plan->max_ranges;
}

static bool slot_is_neither_taken_nor_tried(const struct plan *plan, u32 slot)
{
	return plan->slots[slot] <= CMA_SLOT_SUSPECT;
}

static bool never_plans_what_is_taken_or_tried(const struct plan *plan)
{
	return all_slots(plan, slot_is_neither_taken_nor_tried);
}

static bool leaves_the_map_as_it_was(const struct plan *plan)
{
	return !memcmp(plan->map->slots, plan->slots, plan_nr_slots(plan)) &&
	       !memcmp(plan->map->units, plan->units, plan->map->nr_units * sizeof(*plan->units));
}

static bool plans_all_it_may(const struct plan *plan)
{
	return plan_is_cut(plan) || plan->nr_planned == model_nr_chunks(plan);
}

static bool plans_nothing_only_when_nothing_is_left(const struct plan *plan)
{
	return plan->nr_ranges || !plan->max_ranges || !model_nr_chunks(plan);
}

static bool slot_is_free(const struct plan *plan, u32 slot)
{
	return plan->slots[slot] == CMA_SLOT_FREE;
}

static bool range_moves_nothing(const struct plan *plan, const struct cma_bulk_range *range)
{
	return !range->migrate;
}

static bool free_only_moves_nothing(const struct plan *plan)
{
	return !plan->want.free_only ||
	       (all_slots(plan, slot_is_free) && all_ranges(plan, range_moves_nothing));
}

static bool slot_is_unsuspicious(const struct plan *plan, u32 slot)
{
	return !plan_slot_is_suspect(plan, slot);
}

static bool fast_leaves_suspect_units_alone(const struct plan *plan)
{
	return plan->want.suspects || plan->want.salvage || all_slots(plan, slot_is_unsuspicious);
}

static bool is_normal(const struct plan *plan)
{
	return plan->want.suspects && !plan->want.salvage;
}

/* Are all slots of @unit planned that may be, or none? */
static bool unit_is_planned_whole(const struct plan *plan, u32 unit)
{
	const u32 slots = cma_bulk_unit_slots(plan->map);
	u32 may = 0, planned = 0;
	u32 slot;

	for (slot = unit * slots; slot < (unit + 1) * slots; slot++) {
		may += model_may_plan(plan, slot);
		planned += plan->planned[slot] != 0;
	}
	return !planned || planned == may;
}

/* One unit may be planned in part: the one that completes the request. */
static bool normal_tries_suspect_units_whole(const struct plan *plan)
{
	u32 nr_partial = 0;
	u32 unit;

	if (!is_normal(plan) || plan_is_cut(plan))
		return true;
	for (unit = 0; unit < plan->map->nr_units; unit++)
		nr_partial += plan_unit_is_suspect(plan, unit) &&
			      !unit_is_planned_whole(plan, unit);
	return !nr_partial || (nr_partial == 1 && plan->nr_planned == plan->want.nr_chunks);
}

/* Is a slot that may be planned, in a unit without suspects, left out? */
static bool leaves_out_unsuspicious(const struct plan *plan)
{
	u32 slot;

	for (slot = 0; slot < plan_nr_slots(plan); slot++)
		if (!plan->planned[slot] && !plan_slot_is_suspect(plan, slot) &&
		    model_may_plan(plan, slot))
			return true;
	return false;
}

static bool normal_tries_suspect_units_last(const struct plan *plan)
{
	const struct cma_bulk_range *range;
	bool suspect = false;

	if (!is_normal(plan))
		return true;
	for (range = plan->ranges; range < ranges_end(plan); range++) {
		const bool was_suspect = suspect;

		suspect = plan_slot_is_suspect(plan, range_last_slot(plan, range));
		if (was_suspect && !suspect)
			return false;
	}
	return !suspect || !leaves_out_unsuspicious(plan);
}

/* A suspect that fails is not to take others with it. */
static bool range_is_without_suspects_or_one(const struct plan *plan,
					     const struct cma_bulk_range *range)
{
	u32 slot;

	for (slot = range->first_slot; slot <= range_last_slot(plan, range); slot++)
		if (plan->slots[slot] == CMA_SLOT_SUSPECT && range->nr_slots != 1)
			return false;
	return true;
}

static bool hard_tries_suspects_one_by_one(const struct plan *plan)
{
	return !plan->want.salvage || all_ranges(plan, range_is_without_suspects_or_one);
}

static bool kinds_come_in_order(const struct plan *plan)
{
	const struct cma_bulk_range *range;

	for (range = plan->ranges; range < ranges_end(plan); range++)
		if (range->kind > CMA_RANGE_SUSPECT ||
		    (range > plan->ranges && range->kind < range[-1].kind))
			return false;
	return true;
}

/* May @slot be in @range, going by what it is and by the unit it is in? */
static bool range_may_hold(const struct plan *plan, const struct cma_bulk_range *range, u32 slot)
{
	const bool suspect = plan_slot_is_suspect(plan, slot);

	switch (range->kind) {
	case CMA_RANGE_FREE:
		return !suspect && plan->slots[slot] == CMA_SLOT_FREE;
	case CMA_RANGE_SALVAGE_FREE:
		return suspect && plan->slots[slot] == CMA_SLOT_FREE;
	case CMA_RANGE_MOVE:
		return !suspect && plan->slots[slot] <= CMA_SLOT_MOVABLE;
	case CMA_RANGE_SALVAGE_MOVE:
		return suspect && plan->slots[slot] <= CMA_SLOT_MOVABLE;
	default:
		/* Only units that are tried as a whole take others along. */
		return suspect && (plan->slots[slot] == CMA_SLOT_SUSPECT ||
				   (!plan->want.salvage && plan->slots[slot] < CMA_SLOT_SUSPECT));
	}
}

static bool range_is_of_its_kind(const struct plan *plan, const struct cma_bulk_range *range)
{
	u32 slot;

	for (slot = range->first_slot; slot <= range_last_slot(plan, range); slot++)
		if (!range_may_hold(plan, range, slot))
			return false;
	return true;
}

static bool kinds_say_what_is_in_the_range(const struct plan *plan)
{
	return all_ranges(plan, range_is_of_its_kind);
}

static bool range_joins_no_suspect_units(const struct plan *plan,
					 const struct cma_bulk_range *range)
{
	return (range->kind != CMA_RANGE_SALVAGE_MOVE && range->kind != CMA_RANGE_SUSPECT) ||
	       range_is_in_one_unit(plan, range);
}

static bool suspect_units_go_by_themselves(const struct plan *plan)
{
	return all_ranges(plan, range_joins_no_suspect_units);
}

/* Is a slot left out that is @kind, in a unit with suspects or not? */
static bool leaves_out(const struct plan *plan, enum cma_bulk_slot kind, bool suspect)
{
	u32 slot;

	for (slot = 0; slot < plan_nr_slots(plan); slot++)
		if (!plan->planned[slot] && plan->slots[slot] == kind &&
		    plan_slot_is_suspect(plan, slot) == suspect && model_may_plan(plan, slot))
			return true;
	return false;
}

/* Does the plan have a slot that is @kind, in a unit with suspects or not? */
static bool has(const struct plan *plan, enum cma_bulk_slot kind, bool suspect)
{
	u32 slot;

	for (slot = 0; slot < plan_nr_slots(plan); slot++)
		if (plan->planned[slot] && plan->slots[slot] == kind &&
		    plan_slot_is_suspect(plan, slot) == suspect)
			return true;
	return false;
}

static bool moves_nothing_while_free_is_left(const struct plan *plan)
{
	return plan_is_cut(plan) || !has(plan, CMA_SLOT_MOVABLE, false) ||
	       !leaves_out(plan, CMA_SLOT_FREE, false);
}

static bool hard_takes_the_sure_ones_first(const struct plan *plan)
{
	if (plan_is_cut(plan) || !plan->want.salvage)
		return true;
	if (has(plan, CMA_SLOT_MOVABLE, true) &&
	    (leaves_out(plan, CMA_SLOT_FREE, true) || leaves_out(plan, CMA_SLOT_MOVABLE, false)))
		return false;
	return !has(plan, CMA_SLOT_SUSPECT, true) || !leaves_out(plan, CMA_SLOT_MOVABLE, true);
}

static bool moves_as_few_pages_as_possible(const struct plan *plan)
{
	u64 nr_movable = 0;
	u32 slot;

	if (plan_is_cut(plan))
		return true;
	for (slot = 0; slot < plan_nr_slots(plan); slot++)
		nr_movable += plan->planned[slot] && plan->slots[slot] == CMA_SLOT_MOVABLE &&
			      !plan_slot_is_suspect(plan, slot);
	return model_planned_moves(plan) <=
	       model_least_moves(plan, nr_movable) * MOVES_TOLERANCE + 0.001;
}

static bool range_moves_no_more_than_allowed(const struct plan *plan,
					     const struct cma_bulk_range *range)
{
	return range->migrate <= plan->want.max_migrate || range_is_in_one_unit(plan, range);
}

static bool one_range_moves_no_more_than_allowed(const struct plan *plan)
{
	return all_ranges(plan, range_moves_no_more_than_allowed);
}

/* Nothing free costs anything, everything else does, but no more than it has. */
static bool range_is_estimated(const struct plan *plan, const struct cma_bulk_range *range)
{
	u64 nr_moving = 0;
	u32 slot;

	for (slot = range->first_slot; slot <= range_last_slot(plan, range); slot++)
		nr_moving += plan->slots[slot] != CMA_SLOT_FREE;
	return !nr_moving == !range->migrate && range->migrate <= nr_moving
									  << plan->map->slot_order;
}

static bool moves_are_estimated(const struct plan *plan)
{
	return all_ranges(plan, range_is_estimated);
}

static bool range_is_one_slot(const struct plan *plan, const struct cma_bulk_range *range)
{
	return range->nr_slots == 1;
}

static bool chunks_with_gaps_go_one_by_one(const struct plan *plan)
{
	return plan->map->slot_order == plan->map->order || all_ranges(plan, range_is_one_slot);
}

/* One isolation and one drain are to cover as much as they can. */
static bool free_neighbours_are_one_range(const struct plan *plan)
{
	const struct cma_bulk_range *range;

	if (plan->map->slot_order != plan->map->order)
		return true;
	for (range = plan->ranges + 1; range < ranges_end(plan); range++)
		if (range[0].kind == range[-1].kind && range[0].kind <= CMA_RANGE_SALVAGE_FREE &&
		    range[-1].first_slot + range[-1].nr_slots == range->first_slot)
			return false;
	return true;
}

static u32 unit_nr_planned(const struct plan *plan, u32 unit)
{
	const u32 slots = cma_bulk_unit_slots(plan->map);
	u32 nr = 0;
	u32 slot;

	for (slot = unit * slots; slot < (unit + 1) * slots; slot++)
		nr += plan->planned[slot] != 0;
	return nr;
}

/* What is left of the request once whole units are off goes where it leaves least. */
static bool remainders_go_where_they_fit_best(const struct plan *plan)
{
	const u32 slots = cma_bulk_unit_slots(plan->map);
	const u32 best = model_best_fit(plan);
	u32 nr_partial = 0;
	u32 unit;

	if (plan_is_cut(plan) || !best)
		return true;
	for (unit = 0; unit < plan->map->nr_units; unit++) {
		const u32 nr = unit_nr_planned(plan, unit);

		if (nr && nr < slots && model_nr_free(plan, unit) != best)
			return false;
		nr_partial += nr && nr < slots;
	}
	return nr_partial == 1;
}

const struct rule rules[] = {
	{ "stays-in-the-area", stays_in_the_area, .always = true },
	{ "never-overlaps", never_overlaps, .always = true },
	{ "never-plans-more-than-wanted", never_plans_more_than_wanted, .always = true },
	{ "never-plans-more-ranges-than-fit", never_plans_more_ranges_than_fit, .always = true },
	{ "never-plans-what-is-taken-or-tried", never_plans_what_is_taken_or_tried,
	  .always = true },
	{ "leaves-the-map-as-it-was", leaves_the_map_as_it_was, .always = true },
	{ "plans-all-it-may", plans_all_it_may },
	{ "plans-nothing-only-when-nothing-is-left", plans_nothing_only_when_nothing_is_left },
	{ "free-only-moves-nothing", free_only_moves_nothing, .always = true },
	{ "fast-leaves-suspect-units-alone", fast_leaves_suspect_units_alone, .always = true,
	  .efforts = EFFORT_FAST },
	{ "normal-tries-suspect-units-whole", normal_tries_suspect_units_whole,
	  .efforts = EFFORT_NORMAL },
	{ "normal-tries-suspect-units-last", normal_tries_suspect_units_last,
	  .efforts = EFFORT_NORMAL },
	{ "hard-tries-suspects-one-by-one", hard_tries_suspects_one_by_one, .always = true,
	  .efforts = EFFORT_HARD },
	{ "hard-takes-the-sure-ones-first", hard_takes_the_sure_ones_first,
	  .efforts = EFFORT_HARD },
	{ "kinds-come-in-order", kinds_come_in_order, .always = true },
	{ "kinds-say-what-is-in-the-range", kinds_say_what_is_in_the_range, .always = true },
	{ "suspect-units-go-by-themselves", suspect_units_go_by_themselves, .always = true },
	{ "moves-nothing-while-free-is-left", moves_nothing_while_free_is_left },
	{ "moves-as-few-pages-as-possible", moves_as_few_pages_as_possible },
	{ "moves-are-estimated", moves_are_estimated },
	{ "one-range-moves-no-more-than-allowed", one_range_moves_no_more_than_allowed,
	  .always = true },
	{ "chunks-with-gaps-go-one-by-one", chunks_with_gaps_go_one_by_one, .always = true },
	{ "free-neighbours-are-one-range", free_neighbours_are_one_range, .always = true },
	{ "remainders-go-where-they-fit-best", remainders_go_where_they_fit_best },
	{ NULL, NULL },
};
