// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Fuzzes the planner: makes an area and a request out of bytes, has the engine
 * go through with it, and checks every rule on every plan.
 */
#include <stdio.h>
#include <stdlib.h>

#include "area.h"
#include "engine.h"
#include "rules.h"

/* So that one input takes no longer than a millisecond or so. */
#define MAX_ORDER      12
#define MAX_UNIT_ORDER 13
#define MAX_PAGES      (1U << 12)
#define MAX_SLOTS      64

/* The bytes of an input; those behind its end are 0. */
struct input {
	const u8 *data;
	size_t size;
	size_t used;
};

static u8 input_u8(struct input *input)
{
	return input->used < input->size ? input->data[input->used++] : 0;
}

/* A number; the largest one stands for more than there can be. */
static u64 input_number(struct input *input)
{
	const u32 low = input_u8(input);
	const u32 number = low | (u32)input_u8(input) << 8;

	return number == 0xffff ? ~0ULL : number;
}

static u32 least(u32 a, u32 b)
{
	return a < b ? a : b;
}

/* Any order, small ones mostly. */
static u32 input_order(struct input *input)
{
	const u8 byte = input_u8(input);

	return byte % (byte & 0x80 ? MAX_ORDER + 1 : 4);
}

static struct area *input_geometry(struct input *input)
{
	const u32 order = input_order(input);
	const u32 align = input_order(input);
	const u32 slot_order = align > order ? align : order;
	const u32 unit_order = least(slot_order + input_u8(input) % 7, MAX_UNIT_ORDER);
	const u32 max_units =
		least(MAX_PAGES >> unit_order, MAX_SLOTS >> (unit_order - slot_order));
	struct area *area;

	area = area_new(order, slot_order, unit_order,
			1 + input_u8(input) % (max_units > 2 ? max_units : 2));
	area->map.first_pfn = input_number(input) << unit_order;
	return area;
}

static struct cma_bulk_want input_want(struct input *input)
{
	const u8 flags = input_u8(input);

	return (struct cma_bulk_want){
		.free_only = flags & 1,
		.suspects = flags & 2,
		.salvage = flags & 4,
		.nr_chunks = input_number(input),
		.max_migrate = input_number(input),
	};
}

static struct engine input_engine(struct input *input, struct area *area)
{
	const u8 flags = input_u8(input);

	return (struct engine){
		.area = area,
		.style = (flags & 3) % NR_ENGINE_STYLES,
		.stale = flags & 4,
		.isolated = flags & 8,
		.grow = flags >> 6,
		.want = input_want(input),
		.memory = input_number(input),
		.max_ranges = input_u8(input),
	};
}

/* One byte: what the pages are, whether one is pinned, how many are in use. */
static void fill_slot(const struct area *area, u32 slot, u8 byte)
{
	static const u8 worst[] = {
		PAGE_FREE,
		PAGE_MOVABLE,
		PAGE_MOVABLE | PAGE_SUSPECT,
		PAGE_TAKEN,
	};
	const u32 in_use = 1 + (area_chunk_pages(area) - 1) * (byte >> 3) / 31;
	u8 *chunk = area_chunk(area, slot);
	u32 i;

	for (i = 0; i < in_use && (byte & 3); i++)
		chunk[i] = PAGE_MOVABLE;
	chunk[in_use - 1] = worst[byte & 3];
	if ((byte & 4) && (chunk[in_use - 1] & PAGE_STATE) == PAGE_MOVABLE)
		chunk[in_use - 1] |= PAGE_PINNED;
}

/* What is left of the input, over and over again. */
static void fill_area(struct input *input, struct area *area)
{
	const size_t first = input->used;
	const size_t nr_bytes = input->size - first;
	u32 slot;

	if (!nr_bytes)
		return;
	for (slot = 0; slot < area_nr_slots(area); slot++)
		fill_slot(area, slot, input->data[first + slot % nr_bytes]);
	for (slot = 0; slot < area->nr_units; slot++)
		area->isolated[slot] = input->data[first + slot % nr_bytes] >= 0xf0;
}

static void check_rules(const struct plan *plan, bool nonsense)
{
	const struct rule *rule;

	for (rule = rules; rule->name; rule++) {
		if ((nonsense && !rule->always) || rule->holds(plan))
			continue;
		plan_print(plan);
		fprintf(stderr, "# %s does not hold\n", rule->name);
		abort();
	}
}

static bool check_plan(const struct plan *plan, void *data)
{
	check_rules(plan, false);
	return true;
}

/* Units that have nothing to do with their slots. */
static void fuzz_nonsense(struct input *input, struct engine *engine)
{
	struct area *area = engine->area;
	struct plan *plan;
	u32 unit;

	area_survey(area, area->nr_units);
	for (unit = 0; unit < area->nr_units; unit++) {
		area->map.units[unit].movable = (u32)input_number(input);
		area->map.units[unit].suspect = (u32)input_number(input);
	}
	plan = plan_new(&area->map, &engine->want, engine->max_ranges);
	check_rules(plan, true);
	plan_free(plan);
}

static void fuzz_engine(struct engine *engine)
{
	engine->check = check_plan;
	engine_run(engine);
	if (engine->failed) {
		fprintf(stderr, "# the engine went astray after %llu plans\n",
			(unsigned long long)engine->nr_plans);
		abort();
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input input = { .data = data, .size = size };
	const bool nonsense = input_u8(&input) & 1;
	struct area *area = input_geometry(&input);
	struct engine engine = input_engine(&input, area);

	fill_area(&input, area);
	if (nonsense)
		fuzz_nonsense(&input, &engine);
	else
		fuzz_engine(&engine);
	area_free(area);
	return 0;
}
