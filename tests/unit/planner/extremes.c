// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The planner at the edges of its types and of its arguments. These areas have
 * no pages, only what a survey would have said of them.
 */
#include "extremes.h"

#include <glib.h>
#include <linux/limits.h>
#include <string.h>

#include "plan.h"
#include "rules.h"

#define MANY_UNITS (1U << 20)

/* A map of units that are all alike. Its arrays are to be freed. */
static struct cma_bulk_map map_new(u32 slot_order, u32 unit_order, u32 nr_units, u8 slot,
				   struct cma_bulk_unit unit)
{
	const size_t nr_slots = (size_t)nr_units << (unit_order - slot_order);
	struct cma_bulk_map map = {
		.order = slot_order,
		.slot_order = slot_order,
		.unit_order = unit_order,
		.nr_units = nr_units,
		.slots = g_malloc(nr_slots),
		.units = g_new(struct cma_bulk_unit, nr_units),
		.keys = g_new0(u64, nr_units),
	};
	u32 i;

	if (nr_slots)
		memset(map.slots, slot, nr_slots);
	for (i = 0; i < nr_units; i++)
		map.units[i] = unit;
	return map;
}

static void map_clear(struct cma_bulk_map *map)
{
	g_free(map->slots);
	g_free(map->units);
	g_free(map->keys);
}

static void assert_rules(const struct plan *plan)
{
	const struct rule *rule;

	for (rule = rules; rule->name; rule++) {
		g_test_message("%s", rule->name);
		g_assert_true(rule->holds(plan));
	}
}

static u64 plan_migrate(const struct plan *plan)
{
	u64 pages = 0;
	u32 i;

	for (i = 0; i < plan->nr_ranges; i++)
		pages += plan->ranges[i].migrate;
	return pages;
}

/* Make a plan with a million units, movable to the last page. */
static struct plan *plan_many(struct cma_bulk_map *map, u64 max_migrate)
{
	const struct cma_bulk_want want = { .nr_chunks = U64_MAX, .max_migrate = max_migrate };

	return plan_new(map, &want, MANY_UNITS);
}

static void test_highest_addresses(void)
{
	struct cma_bulk_map map = map_new(4, 9, 4, CMA_SLOT_FREE, (struct cma_bulk_unit){ 0 });
	const struct cma_bulk_want want = { .nr_chunks = 128 };
	struct plan *plan;

	map.first_pfn = (1ULL << 52) - (4U << 9);
	plan = plan_new(&map, &want, 8);
	assert_rules(plan);
	g_assert_cmpuint(plan->nr_ranges, ==, 1);
	g_assert_cmpuint(cma_bulk_slot_pfn(&map, 127), ==, (1ULL << 52) - 16);
	plan_free(plan);
	map_clear(&map);
}

/* 2^20 slots of 2^12 pages: the pages of the area do not fit into 32 bits. */
static void test_addresses_beyond_32_bits(void)
{
	struct cma_bulk_map map =
		map_new(12, 12, MANY_UNITS, CMA_SLOT_FREE, (struct cma_bulk_unit){ 0 });
	const u64 last = MANY_UNITS - 1;

	map.first_pfn = 1ULL << 51;
	g_assert_cmpuint(cma_bulk_slot_pfn(&map, (u32)last), ==, (1ULL << 51) + (last << 12));
	map_clear(&map);
}

static void test_a_million_units(void)
{
	struct cma_bulk_map map = map_new(4, 9, MANY_UNITS, CMA_SLOT_MOVABLE,
					  (struct cma_bulk_unit){ .movable = 512 });
	struct plan *plan = plan_many(&map, 512);

	assert_rules(plan);
	g_assert_cmpuint(plan->nr_ranges, ==, MANY_UNITS);
	g_assert_cmpuint(plan_migrate(plan), ==, (u64)MANY_UNITS * 512);
	plan_free(plan);
	map_clear(&map);
}

/* However much may be moved at once, what is said to be moved is not less. */
static void test_pages_to_move_beyond_32_bits(void)
{
	struct cma_bulk_map map = map_new(13, 13, MANY_UNITS, CMA_SLOT_MOVABLE,
					  (struct cma_bulk_unit){ .movable = 1U << 13 });
	struct plan *plan = plan_many(&map, U64_MAX);

	assert_rules(plan);
	g_assert_cmpuint(plan_migrate(plan), >=, U32_MAX);
	plan_free(plan);
	map_clear(&map);
}

/* A price that does not fit must not become a low one. */
static void test_prices_beyond_32_bits(void)
{
	struct cma_bulk_map map = map_new(0, 13, 2, CMA_SLOT_TAKEN, (struct cma_bulk_unit){ 0 });
	const struct cma_bulk_want want = { .nr_chunks = 1, .max_migrate = 1, .suspects = true };
	struct plan *plan;

	map.slots[0] = CMA_SLOT_SUSPECT;
	map.units[0].suspect = 1U << 13;
	map.slots[1U << 13] = CMA_SLOT_SUSPECT;
	map.units[1].suspect = 1;
	plan = plan_new(&map, &want, 2);
	assert_rules(plan);
	g_assert_cmpuint(plan->nr_ranges, ==, 1);
	g_assert_cmpuint(plan->ranges[0].first_slot, ==, 1U << 13);
	plan_free(plan);
	map_clear(&map);
}

static void test_no_room_no_ranges(void)
{
	struct cma_bulk_map map = map_new(0, 0, 8, CMA_SLOT_FREE, (struct cma_bulk_unit){ 0 });
	const struct cma_bulk_want want = { .nr_chunks = 8 };
	struct plan *plan = plan_new(&map, &want, 0);

	assert_rules(plan);
	g_assert_cmpuint(plan->nr_ranges, ==, 0);
	plan_free(plan);
	map_clear(&map);
}

static void test_no_units_no_ranges(void)
{
	struct cma_bulk_map map = map_new(0, 9, 0, CMA_SLOT_FREE, (struct cma_bulk_unit){ 0 });
	const struct cma_bulk_want want = { .nr_chunks = 8, .suspects = true, .salvage = true };
	struct plan *plan = plan_new(&map, &want, 4);

	g_assert_cmpuint(plan->nr_ranges, ==, 0);
	plan_free(plan);
	map_clear(&map);
}

void extremes_add(void)
{
	g_test_add_func("/planner/highest-addresses", test_highest_addresses);
	g_test_add_func("/planner/addresses-beyond-32-bits", test_addresses_beyond_32_bits);
	g_test_add_func("/planner/a-million-units", test_a_million_units);
	g_test_add_func("/planner/pages-to-move-beyond-32-bits", test_pages_to_move_beyond_32_bits);
	g_test_add_func("/planner/prices-beyond-32-bits", test_prices_beyond_32_bits);
	g_test_add_func("/planner/no-room-no-ranges", test_no_room_no_ranges);
	g_test_add_func("/planner/no-units-no-ranges", test_no_units_no_ranges);
}
