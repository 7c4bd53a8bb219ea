/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One call of the planner: what went in, what came out, what it left behind. */
#ifndef PLANNER_PLAN_H
#define PLANNER_PLAN_H

#include <linux/types.h>

#include "cma_bulk_plan.h"

/**
 * struct plan - one call of the planner
 * @map:	what it was given, as it left it
 * @want:	what it was asked for
 * @slots:	the slots before the call
 * @units:	the units before the call
 * @ranges:	what it planned
 * @nr_ranges:	how many, as it said
 * @max_ranges:	how many there was room for
 * @planned:	for each slot in how many of the ranges it is
 * @nr_planned:	slots in all ranges together, in the area or not
 */
struct plan {
	struct cma_bulk_map *map;
	struct cma_bulk_want want;
	u8 *slots;
	struct cma_bulk_unit *units;
	struct cma_bulk_range *ranges;
	u32 nr_ranges;
	u32 max_ranges;
	u32 *planned;
	u64 nr_planned;
};

struct plan *plan_new(struct cma_bulk_map *map, const struct cma_bulk_want *want, u32 max_ranges);
void plan_free(struct plan *plan);
void plan_print(const struct plan *plan);

u32 plan_nr_slots(const struct plan *plan);
u32 plan_slot_unit(const struct plan *plan, u32 slot);
bool plan_unit_is_suspect(const struct plan *plan, u32 unit);
bool plan_slot_is_suspect(const struct plan *plan, u32 slot);
bool plan_is_cut(const struct plan *plan);

#endif /* PLANNER_PLAN_H */
