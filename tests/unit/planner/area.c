// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * An area as an array of pages, and the survey of it. Slow and obvious on
 * purpose: this is what the planner is measured against.
 */
#include "area.h"

#include <stdlib.h>
#include <string.h>

/* Plain calloc() of exactly what is needed, so that ASan sees one byte too far. */
static void *array_new(size_t nr, size_t size)
{
	void *array = calloc(nr, size);

	if (!array)
		abort();
	return array;
}

struct area *area_new(u32 order, u32 slot_order, u32 unit_order, u32 nr_units)
{
	struct area *area = array_new(1, sizeof(*area));
	const size_t nr_slots = (size_t)nr_units << (unit_order - slot_order);

	area->map = (struct cma_bulk_map){
		.order = order,
		.slot_order = slot_order,
		.unit_order = unit_order,
		.slots = array_new(nr_slots, sizeof(u8)),
		.units = array_new(nr_units, sizeof(struct cma_bulk_unit)),
		.keys = array_new(nr_units, sizeof(u64)),
	};
	area->nr_units = nr_units;
	area->pages = array_new((size_t)nr_units << unit_order, sizeof(u8));
	area->marks = array_new(nr_slots, sizeof(u8));
	area->isolated = array_new(nr_units, sizeof(bool));
	return area;
}

void area_free(struct area *area)
{
	free(area->isolated);
	free(area->marks);
	free(area->pages);
	free(area->map.keys);
	free(area->map.units);
	free(area->map.slots);
	free(area);
}

u32 area_nr_slots(const struct area *area)
{
	return area->nr_units << (area->map.unit_order - area->map.slot_order);
}

u8 *area_chunk(const struct area *area, u32 slot)
{
	return area->pages + ((size_t)slot << area->map.slot_order);
}

u32 area_chunk_pages(const struct area *area)
{
	return 1U << area->map.order;
}

u32 area_slot_unit(const struct area *area, u32 slot)
{
	return slot >> (area->map.unit_order - area->map.slot_order);
}

static enum cma_bulk_slot page_looks(u8 page)
{
	switch (page & PAGE_STATE) {
	case PAGE_FREE:
		return CMA_SLOT_FREE;
	case PAGE_MOVABLE:
		return page & PAGE_SUSPECT ? CMA_SLOT_SUSPECT : CMA_SLOT_MOVABLE;
	default:
		return CMA_SLOT_TAKEN;
	}
}

/* A slot is as bad as the worst page of its chunk. */
static u8 survey_slot(const struct area *area, u32 slot)
{
	const u8 *chunk = area_chunk(area, slot);
	u8 worst = CMA_SLOT_FREE;
	u32 i;

	if (area->marks[slot])
		return area->marks[slot];
	for (i = 0; i < area_chunk_pages(area); i++)
		if (page_looks(chunk[i]) > worst)
			worst = page_looks(chunk[i]);
	return worst;
}

void area_survey_unit(struct area *area, u32 unit)
{
	const u32 slots = cma_bulk_unit_slots(&area->map);
	const u8 *pages = area->pages + ((size_t)unit << area->map.unit_order);
	struct cma_bulk_unit *info = &area->map.units[unit];
	u32 i;

	info->movable = 0;
	info->suspect = 0;
	for (i = 0; i < 1U << area->map.unit_order; i++) {
		info->movable += page_looks(pages[i]) == CMA_SLOT_MOVABLE;
		info->suspect += page_looks(pages[i]) == CMA_SLOT_SUSPECT;
	}
	for (i = unit * slots; i < (unit + 1) * slots; i++)
		area->map.slots[i] = survey_slot(area, i);
}

/* Let the planner see the first @nr_units, as they are now. */
void area_survey(struct area *area, u32 nr_units)
{
	u32 unit;

	area->map.nr_units = nr_units;
	for (unit = 0; unit < nr_units; unit++)
		area_survey_unit(area, unit);
}

/* Forget what the last call tried; what it got stays taken. */
void area_begin_call(struct area *area)
{
	memset(area->marks, 0, area_nr_slots(area));
}

/* Could anybody have this chunk, whatever it looks like? */
bool area_slot_is_obtainable(const struct area *area, u32 slot)
{
	const u8 *chunk = area_chunk(area, slot);
	u32 i;

	for (i = 0; i < area_chunk_pages(area); i++)
		if ((chunk[i] & PAGE_PINNED) || (chunk[i] & PAGE_STATE) == PAGE_TAKEN)
			return false;
	return true;
}

bool area_unit_is_pinned(const struct area *area, u32 unit)
{
	const u8 *pages = area->pages + ((size_t)unit << area->map.unit_order);
	u32 i;

	for (i = 0; i < 1U << area->map.unit_order; i++)
		if (pages[i] & PAGE_PINNED)
			return true;
	return false;
}

u32 area_slot_pages_in_use(const struct area *area, u32 slot)
{
	const u8 *chunk = area_chunk(area, slot);
	u32 in_use = 0;
	u32 i;

	for (i = 0; i < area_chunk_pages(area); i++)
		in_use += (chunk[i] & PAGE_STATE) == PAGE_MOVABLE;
	return in_use;
}
