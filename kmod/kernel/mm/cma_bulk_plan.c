// SPDX-License-Identifier: GPL-2.0-only
/*
 * The planner of bulk CMA allocation: which ranges to claim, in which order.
 *
 * First it picks slots, cheapest first, until there are enough; then it joins
 * the picked ones that follow each other into ranges. In that order, because
 * ranges joined before picking would bring in units that are not the cheapest.
 *
 * Pure: see cma_bulk_plan.h.
 */
#include <linux/limits.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/types.h>

#include "cma_bulk_plan.h"

/*
 * What can be picked from one unit at one go, cheapest first. Each is one pass
 * over the units.
 */
enum pick {
	PICK_FREE,		/* free slots of units without suspects */
	PICK_SALVAGE_FREE,	/* free slots of units with suspects */
	PICK_MOVE,		/* movable slots of units without suspects */
	PICK_SALVAGE_MOVE,	/* movable slots of units with suspects */
	PICK_WHOLE,		/* all of a unit with suspects */
	NR_PICKS,
};

static bool pick_wanted(enum pick pick, const struct cma_bulk_want *want)
{
	switch (pick) {
	case PICK_FREE:
		return true;
	case PICK_SALVAGE_FREE:
		return want->salvage;
	case PICK_MOVE:
		return !want->free_only;
	case PICK_SALVAGE_MOVE:
		return want->salvage && !want->free_only;
	case PICK_WHOLE:
		return want->suspects && !want->free_only;
	default:
		return false;
	}
}

/* The slots that @pick takes, by their states. The unit has been checked before. */
static const struct {
	u8 best;
	u8 worst;
} pick_slots[NR_PICKS] = {
	[PICK_FREE] = { CMA_SLOT_FREE, CMA_SLOT_FREE },
	[PICK_SALVAGE_FREE] = { CMA_SLOT_FREE, CMA_SLOT_FREE },
	[PICK_MOVE] = { CMA_SLOT_MOVABLE, CMA_SLOT_MOVABLE },
	[PICK_SALVAGE_MOVE] = { CMA_SLOT_MOVABLE, CMA_SLOT_MOVABLE },
	[PICK_WHOLE] = { CMA_SLOT_FREE, CMA_SLOT_SUSPECT },
};

static bool pick_takes(enum pick pick, u8 slot)
{
	return slot >= pick_slots[pick].best && slot <= pick_slots[pick].worst;
}

/* Has this unit a page that looks pinned or busy? */
static bool unit_is_suspect(const struct cma_bulk_map *map, u32 unit)
{
	return map->units[unit].suspect != 0;
}

static bool pick_takes_unit(enum pick pick, bool suspect)
{
	return suspect == (pick != PICK_FREE && pick != PICK_MOVE);
}

/*
 * The price of the @gain slots that @pick would get from @unit when @need are
 * wanted. Free slots cost the isolation of their unit only: units that give
 * more of them come first, but what fits into a part of a unit goes where the
 * least is left over. All others cost the pages to be moved, per slot gained;
 * among units with suspects these come first, as one of them spoils the unit.
 */
static u32 pick_price(const struct cma_bulk_map *map, enum pick pick, u32 unit,
		      u32 gain, u64 need)
{
	const struct cma_bulk_unit *info = &map->units[unit];
	/* In 1/256 pages; 32 bits, for machines that cannot divide more. */
	const u32 pages = (min(info->movable, U32_MAX >> 8) << 8) / gain;

	switch (pick) {
	case PICK_FREE:
	case PICK_SALVAGE_FREE:
		if (need < cma_bulk_unit_slots(map) && gain >= need)
			return gain - (u32)need;
		return 2 * cma_bulk_unit_slots(map) - gain;
	case PICK_WHOLE:
		return min(info->suspect, 0xfffU) << 20 | min(pages, 0xfffffU);
	default:
		return pages;
	}
}

/* An area may have millions of slots: let others run, now and then. */
static void breathe(u32 unit)
{
	if (unit % 256 == 255)
		cond_resched();
}

/* How many slots @pick would get from @unit. */
static u32 pick_gain(const struct cma_bulk_map *map, enum pick pick, u32 unit)
{
	const u32 per_unit = cma_bulk_unit_slots(map);
	const u8 *slots = map->slots + (size_t)unit * per_unit;
	u32 gain = 0;
	u32 i, nr;

	if (!pick_takes_unit(pick, unit_is_suspect(map, unit)))
		return 0;
	for (i = 0; i < per_unit; i += nr) {
		nr = cma_bulk_same_slots(slots, i, per_unit);
		gain += pick_takes(pick, slots[i]) ? nr : 0;
	}
	return gain;
}

static int compare_keys(const void *a, const void *b)
{
	const u64 x = *(const u64 *)a;
	const u64 y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* Mark up to @need slots of @unit. Returns how many. */
static u64 pick_unit(struct cma_bulk_map *map, enum pick pick, u32 unit, u64 need)
{
	const u32 per_unit = cma_bulk_unit_slots(map);
	u8 *slots = map->slots + (size_t)unit * per_unit;
	u64 picked = 0;
	u32 i, nr;

	for (i = 0; i < per_unit && picked < need; i += nr) {
		nr = cma_bulk_same_slots(slots, i, per_unit);
		if (!pick_takes(pick, slots[i]))
			continue;
		nr = min_t(u64, nr, need - picked);
		memset(slots + i, slots[i] | CMA_SLOT_PICKED, nr);
		picked += nr;
	}
	return picked;
}

/*
 * Mark up to @need slots in the units that are cheapest for @pick. The price is
 * the upper half of the key, the unit the lower, so that among equals the lower
 * address wins and neighbours stay together.
 */
static u64 pick_cheapest(struct cma_bulk_map *map, enum pick pick, u64 need)
{
	bool sorted = true;
	u64 picked = 0;
	u32 nr_keys = 0;
	u32 unit;
	u32 i;

	if (!need)
		return 0;
	for (unit = 0; unit < map->nr_units; unit++) {
		const u32 gain = pick_gain(map, pick, unit);

		breathe(unit);
		if (!gain)
			continue;
		map->keys[nr_keys] = (u64)pick_price(map, pick, unit, gain, need) << 32 | unit;
		if (nr_keys && map->keys[nr_keys] < map->keys[nr_keys - 1])
			sorted = false;
		nr_keys++;
	}
	if (!sorted)
		sort(map->keys, nr_keys, sizeof(*map->keys), compare_keys, NULL);

	for (i = 0; i < nr_keys && picked < need; i++)
		picked += pick_unit(map, pick, (u32)map->keys[i], need - picked);
	return picked;
}

/* Is @slot picked, and if so is it to be claimed on its own as a suspect? */
static bool slot_is_lone_suspect(const struct cma_bulk_want *want, u8 slot)
{
	return want->salvage && slot == (CMA_SLOT_SUSPECT | CMA_SLOT_PICKED);
}

static enum cma_bulk_kind slot_kind(u8 slot, bool salvage)
{
	switch (slot & ~CMA_SLOT_PICKED) {
	case CMA_SLOT_FREE:
		return salvage ? CMA_RANGE_SALVAGE_FREE : CMA_RANGE_FREE;
	case CMA_SLOT_MOVABLE:
		return salvage ? CMA_RANGE_SALVAGE_MOVE : CMA_RANGE_MOVE;
	default:
		return CMA_RANGE_SUSPECT;
	}
}

/*
 * The kind of the picked slots of @unit: that of the worst of them, so that a
 * unit from which free and movable slots were picked is isolated and claimed
 * once. A salvaged unit's suspects are not counted, they go by themselves; a
 * unit with suspects that is not salvaged is suspect as a whole.
 */
static enum cma_bulk_kind unit_kind(const struct cma_bulk_map *map,
				    const struct cma_bulk_want *want, u32 unit)
{
	const u32 per_unit = cma_bulk_unit_slots(map);
	const u8 *slots = map->slots + (size_t)unit * per_unit;
	const bool suspect = unit_is_suspect(map, unit);
	enum cma_bulk_kind kind = CMA_RANGE_FREE;
	u32 i;

	if (suspect && !want->salvage)
		return CMA_RANGE_SUSPECT;
	for (i = 0; i < per_unit; i += cma_bulk_same_slots(slots, i, per_unit))
		if ((slots[i] & CMA_SLOT_PICKED) && !slot_is_lone_suspect(want, slots[i]))
			kind = max(kind, slot_kind(slots[i], suspect));
	return kind;
}

/*
 * What has to be moved for a slot of a unit, if it is not free, and for all
 * slots that are picked from it. An estimate: pages in use are taken to be
 * spread over the slots that are not free.
 */
struct burden {
	u32 per_slot;
	u64 picked;
};

static struct burden unit_burden(const struct cma_bulk_map *map,
				 const struct cma_bulk_want *want, u32 unit)
{
	const u32 per_unit = cma_bulk_unit_slots(map);
	const u8 *slots = map->slots + (size_t)unit * per_unit;
	const struct cma_bulk_unit *info = &map->units[unit];
	struct burden burden = {};
	u32 used = 0, picked = 0;
	u32 i;

	if (!info->movable && !info->suspect)
		return burden;
	for (i = 0; i < per_unit; i++) {
		const u8 state = slots[i] & ~CMA_SLOT_PICKED;

		if (state != CMA_SLOT_MOVABLE && state != CMA_SLOT_SUSPECT)
			continue;
		used++;
		picked += slots[i] != state && !slot_is_lone_suspect(want, slots[i]);
	}
	/* Some may lie in slots that are taken or have been tried. */
	burden.per_slot = used ? DIV_ROUND_UP(info->movable + info->suspect, used) : 0;
	burden.per_slot = min(burden.per_slot, 1U << map->order);
	burden.picked = (u64)burden.per_slot * picked;
	return burden;
}

/*
 * May @slot join @range, which is of its kind? When it is the first of its unit
 * then all of the unit must fit, as the others will follow.
 */
static bool range_takes(const struct cma_bulk_map *map,
			const struct cma_bulk_want *want,
			const struct cma_bulk_range *range, u32 slot, u64 unit_pages)
{
	const bool same_unit = slot % cma_bulk_unit_slots(map) != 0;
	u64 pages;

	if (map->slot_order != map->order)
		return false;
	if (range->first_slot + range->nr_slots != slot)
		return false;
	if (range->kind == CMA_RANGE_SUSPECT)
		return same_unit && !want->salvage;
	/* Units with suspects are likely to fail: not together with others. */
	if (range->kind == CMA_RANGE_SALVAGE_MOVE)
		return same_unit;
	if (same_unit)
		return true;
	pages = ((u64)range->nr_slots << map->slot_order) + (1ULL << map->unit_order);
	if (want->max_pages && pages > want->max_pages)
		return false;
	return range->migrate + unit_pages <= min_t(u64, want->max_migrate, U32_MAX);
}

/* The ranges made so far, and whether the last is of the kind being made. */
struct joiner {
	struct cma_bulk_range *ranges;
	u32 nr_ranges;
	u32 max_ranges;
	bool open;
};

static void join_slot(const struct cma_bulk_map *map,
		      const struct cma_bulk_want *want, struct joiner *joiner,
		      u32 slot, const struct burden *burden, enum cma_bulk_kind kind)
{
	const bool is_free = (map->slots[slot] & ~CMA_SLOT_PICKED) == CMA_SLOT_FREE;
	const u32 migrate = is_free ? 0 : burden->per_slot;

	if (joiner->open) {
		struct cma_bulk_range *last = joiner->ranges + joiner->nr_ranges - 1;

		if (range_takes(map, want, last, slot, burden->picked)) {
			last->nr_slots++;
			last->migrate += migrate;
			return;
		}
	}
	/* What does not fit is left for the next plan. */
	if (joiner->nr_ranges == joiner->max_ranges) {
		joiner->open = false;
		return;
	}
	joiner->ranges[joiner->nr_ranges++] = (struct cma_bulk_range){
		.first_slot = slot,
		.nr_slots = 1,
		.migrate = migrate,
		.kind = kind,
	};
	joiner->open = true;
}

/* Is @slot picked, and of @kind in a unit whose other slots are of kind @others? */
static bool slot_joins(const struct cma_bulk_want *want, u8 slot, enum cma_bulk_kind kind,
		       enum cma_bulk_kind others)
{
	if (!(slot & CMA_SLOT_PICKED))
		return false;
	return kind == (slot_is_lone_suspect(want, slot) ? CMA_RANGE_SUSPECT : others);
}

/*
 * Join @nr slots of one unit that are in the same state. Where the first has gone
 * the others follow, unless each is a range of its own.
 */
static void join_run(const struct cma_bulk_map *map, const struct cma_bulk_want *want,
		     struct joiner *joiner, u32 first, u32 nr,
		     const struct burden *burden, enum cma_bulk_kind kind)
{
	const bool is_free = (map->slots[first] & ~CMA_SLOT_PICKED) == CMA_SLOT_FREE;
	struct cma_bulk_range *last;
	u32 i;

	if (map->slot_order != map->order || (kind == CMA_RANGE_SUSPECT && want->salvage)) {
		for (i = 0; i < nr; i++)
			join_slot(map, want, joiner, first + i, burden, kind);
		return;
	}
	join_slot(map, want, joiner, first, burden, kind);
	if (!joiner->open)
		return;
	last = joiner->ranges + joiner->nr_ranges - 1;
	last->nr_slots += nr - 1;
	last->migrate += is_free ? 0 : (nr - 1) * burden->per_slot;
}

/* Join the picked slots of @unit that are of @kind. */
static void join_unit(const struct cma_bulk_map *map,
		      const struct cma_bulk_want *want, struct joiner *joiner,
		      u32 unit, enum cma_bulk_kind kind)
{
	const u32 per_unit = cma_bulk_unit_slots(map);
	const enum cma_bulk_kind others = (enum cma_bulk_kind)map->keys[unit];
	const struct burden burden = unit_burden(map, want, unit);
	const u32 end = (unit + 1) * per_unit;
	const u8 *slots = map->slots;
	u32 first, next;

	for (first = unit * per_unit; first < end; first = next) {
		next = first + cma_bulk_same_slots(slots, first, end);
		if (slot_joins(want, slots[first], kind, others))
			join_run(map, want, joiner, first, next - first, &burden, kind);
	}
}

static void clear_marks(struct cma_bulk_map *map, u32 unit)
{
	const u32 per_unit = cma_bulk_unit_slots(map);
	u8 *slots = map->slots + (size_t)unit * per_unit;
	u32 i, nr;

	for (i = 0; i < per_unit; i += nr) {
		nr = cma_bulk_same_slots(slots, i, per_unit);
		if (slots[i] & CMA_SLOT_PICKED)
			memset(slots + i, slots[i] & ~CMA_SLOT_PICKED, nr);
	}
}

/* Join the picked slots into ranges, better kinds first, and clear the marks. */
static u32 join_picked(struct cma_bulk_map *map, const struct cma_bulk_want *want,
		       struct cma_bulk_range *ranges, u32 max_ranges)
{
	struct joiner joiner = { .ranges = ranges, .max_ranges = max_ranges };
	enum cma_bulk_kind kind;
	u32 i;

	for (i = 0; i < map->nr_units; i++) {
		breathe(i);
		map->keys[i] = unit_kind(map, want, i);
	}

	for (kind = CMA_RANGE_FREE; kind <= CMA_RANGE_SUSPECT; kind++) {
		joiner.open = false;
		for (i = 0; i < map->nr_units; i++) {
			breathe(i);
			if (map->keys[i] == kind ||
			    (kind == CMA_RANGE_SUSPECT && unit_is_suspect(map, i)))
				join_unit(map, want, &joiner, i, kind);
		}
	}
	for (i = 0; i < map->nr_units; i++) {
		breathe(i);
		clear_marks(map, i);
	}
	return joiner.nr_ranges;
}

/**
 * cma_bulk_plan() - choose what to claim
 * @map:	what the survey saw
 * @want:	what is missing, and how far to go for it
 * @ranges:	out: disjoint ranges in the order in which to claim them
 * @max_ranges:	room in @ranges
 *
 * Never plans more chunks than wanted, nor one that is taken or has been tried.
 * When @ranges was too small, or when ranges failed, the caller plans again
 * after it has changed the state of the slots it tried: as every range has at
 * least one slot, that comes to an end.
 *
 * Return: the number of ranges; 0 when nothing is left to try.
 */
u32 cma_bulk_plan(struct cma_bulk_map *map, const struct cma_bulk_want *want,
		  struct cma_bulk_range *ranges, u32 max_ranges)
{
	u64 need = want->nr_chunks;
	enum pick pick;

	for (pick = PICK_FREE; pick < NR_PICKS && need; pick++) {
		if (!pick_wanted(pick, want))
			continue;
		/* Whole units first, then where the rest of the request fits best. */
		if (pick == PICK_FREE || pick == PICK_SALVAGE_FREE)
			need -= pick_cheapest(map, pick, need - need % cma_bulk_unit_slots(map));
		need -= pick_cheapest(map, pick, need);
	}

	return join_picked(map, want, ranges, max_ranges);
}
