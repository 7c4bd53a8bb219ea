// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Random areas and requests of every shape that a test can afford: small ones
 * mostly, because most mistakes show in a few units and many small areas find
 * them sooner than a few large ones.
 */
#include "generate.h"

#include <string.h>

#define MAX_ORDER      12
/* Slots in a unit, as an order: what 4 KiB pages in pageblocks of 2 MiB make. */
#define MAX_UNIT_SLOTS 9

/* How likely what looks suspect is pinned, and what does not, in percent. */
struct pins {
	u32 suspect;
	u32 movable;
};

/* What the slots of a unit, or of the area, have in common. */
enum pattern {
	PATTERN_FREE,
	PATTERN_MOVABLE,
	PATTERN_SUSPECT,
	PATTERN_TAKEN,
	PATTERN_ALTERNATE, /* two kinds in turn */
	PATTERN_ODD_ONE, /* one kind, and one slot of another */
	PATTERN_RANDOM, /* any kind */
	PATTERN_PAGES, /* any page */
	NR_PATTERNS,
};

static struct pins generate_pins(struct source *source)
{
	static const u32 suspect[] = { 0, 50, 100 };
	static const u32 movable[] = { 0, 0, 3, 30 };

	return (struct pins){
		.suspect = suspect[source_below(source, 3)],
		.movable = movable[source_below(source, 4)],
	};
}

/* As real ones rarely, they take long; what is wrong there is wrong in small ones too. */
static u32 generate_pageblock_order(struct source *source)
{
	static const u32 real[] = { 7, 8, 9, 10, 13 };

	if (source_chance(source, 1))
		return real[source_below(source, sizeof(real) / sizeof(real[0]))];
	return source_below(source, 7);
}

static u32 generate_order(struct source *source)
{
	return source_below(source, source_chance(source, 98) ? 5 : MAX_ORDER + 1);
}

/* Pages that the area may have, unless a single unit has more. */
static u32 generate_max_pages(struct source *source)
{
	const u32 dice = source_below(source, 10000);

	if (dice == 0)
		return 1U << 14;
	if (dice < 50)
		return 1U << 12;
	return dice < 3000 ? 1U << 8 : 1U << 6;
}

static u32 least(u32 a, u32 b)
{
	return a < b ? a : b;
}

static struct area *generate_geometry(struct source *source)
{
	const u32 order = generate_order(source);
	const u32 align = source_chance(source, 70) ? 0 : generate_order(source);
	const u32 slot_order = align > order ? align : order;
	const u32 pageblock_order =
		least(generate_pageblock_order(source), slot_order + MAX_UNIT_SLOTS);
	const u32 unit_order = slot_order > pageblock_order ? slot_order : pageblock_order;
	const u32 max_units = generate_max_pages(source) >> unit_order;
	const u32 nr_units = 1 + source_below(source, max_units > 4 ? max_units : 4);
	struct area *area = area_new(order, slot_order, unit_order, nr_units);

	area->map.first_pfn = (u64)source_below(source, 1U << 20) << unit_order;
	return area;
}

/* Make @kind of @slot true by what lies in its chunk. */
void generate_slot(struct area *area, struct source *source, u32 slot, enum cma_bulk_slot kind)
{
	const u32 pages = area_chunk_pages(area);
	const u32 in_use = 1 + source_below(source, pages);
	u8 *chunk = area_chunk(area, slot);

	memset(chunk, PAGE_FREE, pages);
	if (kind == CMA_SLOT_FREE)
		return;
	memset(chunk + source_below(source, pages - in_use + 1), PAGE_MOVABLE, in_use);
	if (kind == CMA_SLOT_SUSPECT)
		chunk[source_below(source, pages)] = PAGE_MOVABLE | PAGE_SUSPECT;
	if (kind >= CMA_SLOT_TAKEN)
		chunk[source_below(source, pages)] = PAGE_TAKEN;
}

static void generate_pages(struct source *source, u8 *pages, u32 nr_pages)
{
	static const u8 kinds[] = {
		PAGE_FREE,
		PAGE_FREE,
		PAGE_MOVABLE,
		PAGE_MOVABLE,
		PAGE_FREE,
		PAGE_FREE,
		PAGE_MOVABLE | PAGE_SUSPECT,
		PAGE_TAKEN,
	};
	const u32 variety = 2 + source_below(source, 7);
	u32 i;

	for (i = 0; i < nr_pages; i++)
		pages[i] = kinds[source_below(source, variety)];
}

static enum cma_bulk_slot generate_kind(struct source *source)
{
	return source_below(source, CMA_SLOT_IN_IO + 1);
}

static void generate_slots(struct area *area, struct source *source, enum pattern pattern,
			   u32 first, u32 end)
{
	const enum cma_bulk_slot kind = pattern < PATTERN_ALTERNATE ? (enum cma_bulk_slot)pattern :
								      generate_kind(source);
	const enum cma_bulk_slot other = generate_kind(source);
	const u32 odd = first + source_below(source, end - first);
	const u32 period = 1 + source_below(source, 3);
	u32 slot;

	for (slot = first; slot < end; slot++) {
		const bool is_other = pattern == PATTERN_ODD_ONE ?
					      slot == odd :
					      pattern == PATTERN_ALTERNATE && slot / period % 2;

		generate_slot(area, source, slot,
			      pattern == PATTERN_RANDOM ? generate_kind(source) :
			      is_other			? other :
							  kind);
	}
}

static void generate_range(struct area *area, struct source *source, u32 first, u32 end)
{
	const enum pattern pattern = source_below(source, NR_PATTERNS);

	if (pattern == PATTERN_PAGES)
		generate_pages(source, area_chunk(area, first),
			       (end - first) << area->map.slot_order);
	else
		generate_slots(area, source, pattern, first, end);
}

static void pin_pages(struct area *area, struct source *source)
{
	const size_t nr_pages = (size_t)area->nr_units << area->map.unit_order;
	const struct pins pins = generate_pins(source);
	size_t i;

	for (i = 0; i < nr_pages; i++) {
		const bool suspect = area->pages[i] & PAGE_SUSPECT;

		if ((area->pages[i] & PAGE_STATE) != PAGE_MOVABLE)
			continue;
		if (source_chance(source, suspect ? pins.suspect : pins.movable))
			area->pages[i] |= PAGE_PINNED;
	}
}

/* Not surveyed yet. */
struct area *generate_area(struct source *source)
{
	struct area *area = generate_geometry(source);
	const u32 slots = cma_bulk_unit_slots(&area->map);
	u32 unit;

	if (source_chance(source, 30))
		generate_range(area, source, 0, area_nr_slots(area));
	else
		for (unit = 0; unit < area->nr_units; unit++)
			generate_range(area, source, unit * slots, (unit + 1) * slots);
	pin_pages(area, source);
	for (unit = 0; unit < area->nr_units; unit++)
		area->isolated[unit] = source_chance(source, 2);
	return area;
}

static u64 generate_nr_chunks(struct source *source, const struct area *area)
{
	switch (source_below(source, 8)) {
	case 0:
		return 0;
	case 1:
		return 1;
	case 2:
		return area_nr_slots(area);
	case 3:
		return ~0ULL;
	case 4:
		return source_below(source, cma_bulk_unit_slots(&area->map) + 1);
	default:
		return source_below(source, area_nr_slots(area) + 2);
	}
}

static u64 generate_max_migrate(struct source *source, const struct area *area)
{
	switch (source_below(source, 5)) {
	case 0:
		return 0;
	case 1:
		return ~0ULL;
	case 2:
		return 1ULL << area->map.unit_order;
	default:
		return source_below(source, 4U << area->map.unit_order);
	}
}

static enum effort generate_effort(struct source *source, enum effort efforts)
{
	enum effort effort;

	do {
		effort = (enum effort)(1U << source_below(source, 3));
	} while (!(effort & efforts));
	return effort;
}

struct cma_bulk_want generate_want(struct source *source, const struct area *area,
				   enum effort efforts)
{
	const enum effort effort = generate_effort(source, efforts);

	return (struct cma_bulk_want){
		.nr_chunks = generate_nr_chunks(source, area),
		.max_migrate = generate_max_migrate(source, area),
		.free_only = source_chance(source, 10),
		.suspects = effort == EFFORT_NORMAL ||
			    (effort == EFFORT_HARD && source_chance(source, 50)),
		.salvage = effort == EFFORT_HARD,
	};
}

/* Few ranges make many plans, each of which looks at the whole area. */
u32 generate_max_ranges(struct source *source, const struct area *area)
{
	static const u32 max_ranges[] = { 1, 2, 7, 256 };
	const u32 first = area_nr_slots(area) > 512 ? 3 : 0;

	return max_ranges[first + source_below(source, 4 - first)];
}
