// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the planner promises of a whole call: that it ends, and that it gets
 * everything that this effort can get. What can be got is known from the pages,
 * before the call changes them.
 */
#include "coverage.h"

#include <stdlib.h>
#include <string.h>

#define EVERYTHING (~0ULL)

/* Ask for @nr_chunks with nothing in the way but the pages themselves. */
static void ask(struct engine *engine, u64 nr_chunks, bool suspects, bool salvage)
{
	engine->want.nr_chunks = nr_chunks;
	engine->want.free_only = false;
	engine->want.suspects = suspects;
	engine->want.salvage = salvage;
	engine->isolated = false;
	engine->memory = EVERYTHING;
}

static bool unit_looks_suspect(const struct area *area, u32 unit)
{
	const u8 *pages = area->pages + ((size_t)unit << area->map.unit_order);
	u32 i;

	for (i = 0; i < 1U << area->map.unit_order; i++)
		if (pages[i] & PAGE_SUSPECT)
			return true;
	return false;
}

/* What a slot must be for the call to owe it. */
typedef bool (*is_owed_t)(const struct area *area, u32 slot);

static bool owed_by_hard(const struct area *area, u32 slot)
{
	return area_slot_is_obtainable(area, slot);
}

static bool owed_by_normal(const struct area *area, u32 slot)
{
	return area_slot_is_obtainable(area, slot) &&
	       !area_unit_is_pinned(area, area_slot_unit(area, slot));
}

static bool owed_by_fast(const struct area *area, u32 slot)
{
	return owed_by_normal(area, slot) && !unit_looks_suspect(area, area_slot_unit(area, slot));
}

static bool owed_without_memory(const struct area *area, u32 slot)
{
	return area_slot_is_obtainable(area, slot) && !area_slot_pages_in_use(area, slot);
}

/* Which slots the call owes, now. To be freed. */
static bool *owed_slots(const struct area *area, is_owed_t is_owed)
{
	bool *owed = calloc(area_nr_slots(area), sizeof(*owed));
	u32 slot;

	if (!owed)
		abort();
	for (slot = 0; slot < area_nr_slots(area); slot++)
		owed[slot] = is_owed(area, slot);
	return owed;
}

static u64 nr_owed(const struct area *area, const bool *owed)
{
	u64 nr = 0;
	u32 slot;

	for (slot = 0; slot < area_nr_slots(area); slot++)
		nr += owed[slot];
	return nr;
}

static bool all_are_done(const struct area *area, const bool *owed)
{
	u32 slot;

	for (slot = 0; slot < area_nr_slots(area); slot++)
		if (owed[slot] && area->marks[slot] != CMA_SLOT_DONE)
			return false;
	return true;
}

/* Run what was asked for and see whether all that is owed came. */
static bool gets(struct engine *engine, is_owed_t is_owed)
{
	bool *owed = owed_slots(engine->area, is_owed);
	bool got;

	engine_run(engine);
	got = !engine->failed && all_are_done(engine->area, owed);
	free(owed);
	return got;
}

static bool ends_within_as_many_plans_as_slots(struct engine *engine, struct source *source)
{
	u64 limit = area_nr_slots(engine->area);

	/* One more for each part of the area that is surveyed: the one that is empty. */
	limit += engine->grow ? engine->area->nr_units / engine->grow + 1 : 1;
	engine_run(engine);
	return !engine->failed && engine->nr_plans <= limit;
}

static bool hard_gets_every_obtainable_chunk(struct engine *engine, struct source *source)
{
	ask(engine, EVERYTHING, true, true);
	engine->style = source_chance(source, 50) ? ENGINE_GRABS : ENGINE_SPLITS;
	return gets(engine, owed_by_hard);
}

static bool normal_gets_every_unit_without_pins(struct engine *engine, struct source *source)
{
	ask(engine, EVERYTHING, true, false);
	return gets(engine, owed_by_normal);
}

static bool fast_gets_every_unit_without_pins_or_suspects(struct engine *engine,
							  struct source *source)
{
	ask(engine, EVERYTHING, false, false);
	return gets(engine, owed_by_fast);
}

static bool without_memory_hard_gets_all_that_is_free(struct engine *engine, struct source *source)
{
	ask(engine, EVERYTHING, false, true);
	engine->memory = source_below(source, 64);
	engine->style = source_chance(source, 50) ? ENGINE_GRABS : ENGINE_SPLITS;
	return gets(engine, owed_without_memory);
}

/* As many as asked for, if there are as many, and never one more. */
static bool hard_gets_as_many_as_asked_for(struct engine *engine, struct source *source)
{
	const u64 nr_chunks = source_below(source, area_nr_slots(engine->area) + 1);
	bool *owed = owed_slots(engine->area, owed_by_hard);
	const u64 nr = nr_owed(engine->area, owed);

	free(owed);
	ask(engine, nr_chunks, true, true);
	engine->style = source_chance(source, 50) ? ENGINE_GRABS : ENGINE_SPLITS;
	engine_run(engine);
	return !engine->failed && engine->nr_done == (nr < nr_chunks ? nr : nr_chunks);
}

/* A call ended short; the next one, of more effort, adds what is missing. */
static bool efforts_add_up(struct engine *engine, struct source *source)
{
	bool *owed = owed_slots(engine->area, owed_by_hard);
	const u64 nr = nr_owed(engine->area, owed);

	free(owed);
	ask(engine, EVERYTHING, false, false);
	engine_run(engine);
	area_begin_call(engine->area);
	ask(engine, EVERYTHING, true, false);
	engine_run(engine);
	area_begin_call(engine->area);
	ask(engine, EVERYTHING, true, true);
	engine->style = ENGINE_SPLITS;
	engine_run(engine);
	return !engine->failed && engine->nr_done == nr;
}

const struct promise promises[] = {
	{ "ends-within-as-many-plans-as-slots", ends_within_as_many_plans_as_slots },
	{ "hard-gets-every-obtainable-chunk", hard_gets_every_obtainable_chunk },
	{ "hard-gets-as-many-as-asked-for", hard_gets_as_many_as_asked_for },
	{ "normal-gets-every-unit-without-pins", normal_gets_every_unit_without_pins },
	{ "fast-gets-every-unit-without-pins-or-suspects",
	  fast_gets_every_unit_without_pins_or_suspects },
	{ "without-memory-hard-gets-all-that-is-free", without_memory_hard_gets_all_that_is_free },
	{ "efforts-add-up", efforts_add_up },
	{ NULL, NULL },
};
