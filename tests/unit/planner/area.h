/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An area as an array of pages, and the survey of it: what the planner is told,
 * counted page by page as the planner's header says, and what it is not told.
 */
#ifndef PLANNER_AREA_H
#define PLANNER_AREA_H

#include <linux/types.h>

#include "cma_bulk_plan.h"

/* What a page is; the flags go with PAGE_MOVABLE. */
enum page {
	PAGE_FREE,
	PAGE_MOVABLE, /* in use */
	PAGE_TAKEN, /* CMA handed it out */
	PAGE_STATE = 0x0f,
	PAGE_SUSPECT = 0x10, /* the survey believes it to be pinned */
	PAGE_PINNED = 0x20, /* it is pinned, which the survey cannot know */
};

/**
 * struct area - an area, or as much of it as a test needs
 * @map:	what the planner sees; its arrays are as long as the area
 * @nr_units:	units there are; those surveyed so far are map.nr_units
 * @pages:	enum page of every page
 * @marks:	for each slot what the engine made of it, 0 while untried
 * @isolated:	for each unit whether somebody else is working on it
 */
struct area {
	struct cma_bulk_map map;
	u32 nr_units;
	u8 *pages;
	u8 *marks;
	bool *isolated;
};

struct area *area_new(u32 order, u32 slot_order, u32 unit_order, u32 nr_units);
void area_free(struct area *area);

u32 area_nr_slots(const struct area *area);
u8 *area_chunk(const struct area *area, u32 slot);
u32 area_chunk_pages(const struct area *area);
u32 area_slot_unit(const struct area *area, u32 slot);

void area_survey_unit(struct area *area, u32 unit);
void area_survey(struct area *area, u32 nr_units);
void area_begin_call(struct area *area);

bool area_slot_is_obtainable(const struct area *area, u32 slot);
bool area_unit_is_pinned(const struct area *area, u32 unit);
u32 area_slot_pages_in_use(const struct area *area, u32 slot);

#endif /* PLANNER_AREA_H */
