// SPDX-License-Identifier: LGPL-2.1-or-later
/* One call of the planner: what went in, what came out, what it left behind. */
#include "plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a printed plan shows of an area, so that a large one does not drown it. */
#define PRINTED_SLOTS  4096
#define PRINTED_RANGES 64

static void *copy(const void *from, size_t nr, size_t size)
{
	void *to = calloc(nr, size);

	if (!to)
		abort();
	if (from && nr)
		memcpy(to, from, nr * size);
	return to;
}

/* What the planner may not read back: it is to write every range it returns. */
static struct cma_bulk_range *new_ranges(u32 max_ranges)
{
	struct cma_bulk_range *ranges = copy(NULL, max_ranges, sizeof(*ranges));

	memset(ranges, 0xa5, max_ranges * sizeof(*ranges));
	return ranges;
}

static void count_planned(struct plan *plan)
{
	u32 i;

	for (i = 0; i < plan->nr_ranges && i < plan->max_ranges; i++) {
		const struct cma_bulk_range *range = &plan->ranges[i];
		u64 slot;

		plan->nr_planned += range->nr_slots;
		for (slot = range->first_slot;
		     slot < (u64)range->first_slot + range->nr_slots && slot < plan_nr_slots(plan);
		     slot++)
			plan->planned[slot]++;
	}
}

/* Make a plan. @max_ranges is the room it gets, to the byte. */
struct plan *plan_new(struct cma_bulk_map *map, const struct cma_bulk_want *want, u32 max_ranges)
{
	struct plan *plan = copy(NULL, 1, sizeof(*plan));

	plan->map = map;
	plan->want = *want;
	plan->max_ranges = max_ranges;
	plan->slots = copy(map->slots, plan_nr_slots(plan), sizeof(u8));
	plan->units = copy(map->units, map->nr_units, sizeof(*map->units));
	plan->planned = copy(NULL, plan_nr_slots(plan), sizeof(u32));
	plan->ranges = new_ranges(max_ranges);
	plan->nr_ranges = cma_bulk_plan(map, want, plan->ranges, max_ranges);
	count_planned(plan);
	return plan;
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	free(plan->ranges);
	free(plan->planned);
	free(plan->units);
	free(plan->slots);
	free(plan);
}

u32 plan_nr_slots(const struct plan *plan)
{
	return plan->map->nr_units << (plan->map->unit_order - plan->map->slot_order);
}

u32 plan_slot_unit(const struct plan *plan, u32 slot)
{
	return slot >> (plan->map->unit_order - plan->map->slot_order);
}

bool plan_unit_is_suspect(const struct plan *plan, u32 unit)
{
	return plan->units[unit].suspect != 0;
}

/* Is @slot in a unit with suspects? */
bool plan_slot_is_suspect(const struct plan *plan, u32 slot)
{
	return plan_unit_is_suspect(plan, plan_slot_unit(plan, slot));
}

/* May there have been more to plan than there was room for? */
bool plan_is_cut(const struct plan *plan)
{
	return plan->nr_ranges >= plan->max_ranges;
}

static void print_units(const struct plan *plan)
{
	static const char letters[] = "FMSTDBNI";
	const u32 slots = cma_bulk_unit_slots(plan->map);
	u32 slot;

	for (slot = 0; slot < plan_nr_slots(plan) && slot < PRINTED_SLOTS; slot++) {
		const struct cma_bulk_unit *unit = &plan->units[plan_slot_unit(plan, slot)];

		if (slot % slots == 0)
			fprintf(stderr,
				"%s#   unit %" PRIu32 " (movable %" PRIu32 ", suspect %" PRIu32
				"): ",
				slot ? "\n" : "", slot / slots, unit->movable, unit->suspect);
		fputc(plan->slots[slot] < 8 ? letters[plan->slots[slot]] : '?', stderr);
	}
	fputc('\n', stderr);
}

static void print_ranges(const struct plan *plan)
{
	u32 i;

	for (i = 0; i < plan->nr_ranges && i < plan->max_ranges && i < PRINTED_RANGES; i++) {
		const struct cma_bulk_range *range = &plan->ranges[i];

		fprintf(stderr,
			"#   range %" PRIu32 ": slots %" PRIu32 " +%" PRIu32 ", migrate %" PRIu32
			", kind %" PRIu32 "\n",
			i, range->first_slot, range->nr_slots, range->migrate, range->kind);
	}
}

/* For people, to stderr, as comments of the Test Anything Protocol. */
void plan_print(const struct plan *plan)
{
	const struct cma_bulk_map *map = plan->map;
	const struct cma_bulk_want *want = &plan->want;

	fprintf(stderr, "# order %" PRIu32 ", slot order %" PRIu32 ", unit order %" PRIu32 "\n",
		map->order, map->slot_order, map->unit_order);
	fprintf(stderr,
		"# chunks %" PRIu64 ", migrate at most %" PRIu64 "%s%s%s, room for %" PRIu32
		" ranges\n",
		want->nr_chunks, want->max_migrate, want->free_only ? ", free only" : "",
		want->suspects ? ", suspects" : "", want->salvage ? ", salvage" : "",
		plan->max_ranges);
	print_units(plan);
	fprintf(stderr, "# planned %" PRIu32 " ranges\n", plan->nr_ranges);
	print_ranges(plan);
}
