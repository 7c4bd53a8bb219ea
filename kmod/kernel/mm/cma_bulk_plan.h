/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The planner of bulk CMA allocation: which ranges to claim, in which order.
 *
 * A pure function of what the survey saw and what is wanted. It takes no lock,
 * allocates nothing and touches no page, so that the same file is compiled into
 * userspace tests and a fuzzer.
 */
#ifndef _MM_CMA_BULK_PLAN_H
#define _MM_CMA_BULK_PLAN_H

#include <linux/string.h>
#include <linux/types.h>

/*
 * A slot is where one chunk can lie: 2^slot_order pages, aligned to that, of
 * which the chunk is the first 2^order. They differ when the chunk's alignment
 * exceeds its size.
 *
 * Ordered by how bad they are: a slot is as bad as the worst page of its chunk.
 * From CMA_SLOT_TAKEN on nothing is ever planned.
 */
enum cma_bulk_slot {
	CMA_SLOT_FREE,		/* all pages on the free lists */
	CMA_SLOT_MOVABLE,	/* has pages in use, all of them should move */
	CMA_SLOT_SUSPECT,	/* has a page that looks pinned or busy */
	CMA_SLOT_TAKEN,		/* has a page that CMA handed out */
	CMA_SLOT_DONE,		/* claimed by this call */
	CMA_SLOT_BUSY,		/* tried by this call, did not come */
	CMA_SLOT_NO_MEMORY,	/* tried by this call, nowhere to move pages to */
	CMA_SLOT_ISOLATED,	/* somebody else is working on its pageblock */
	CMA_SLOT_IN_IO,		/* left alone while a device reads or writes a page */
};

/* Mark of the planner for slots of the plan in hand; clear between calls. */
#define CMA_SLOT_PICKED		0x80

/**
 * struct cma_bulk_unit - what one unit holds
 * @movable: pages in use that should move
 * @suspect: pages in use that look pinned or busy
 *
 * A unit is a pageblock or, for larger slots, a slot.
 */
struct cma_bulk_unit {
	u32 movable;
	u32 suspect;
};

/**
 * struct cma_bulk_map - what the survey saw
 * @first_pfn:	first page of the first slot
 * @order:	order of a chunk
 * @slot_order:	order of a slot, max(order, align)
 * @unit_order:	order of a unit, max(slot_order, pageblock_order)
 * @nr_units:	units surveyed so far
 * @slots:	an enum cma_bulk_slot for each slot of these units
 * @units:	one for each unit
 * @keys:	scratch for the planner, one for each unit
 *
 * The first slot starts a unit.
 */
struct cma_bulk_map {
	u64 first_pfn;
	u32 order;
	u32 slot_order;
	u32 unit_order;
	u32 nr_units;
	u8 *slots;
	struct cma_bulk_unit *units;
	u64 *keys;
};

/**
 * struct cma_bulk_want - what the caller wants of the plan
 * @nr_chunks:		chunks still missing
 * @max_migrate:	pages to migrate in one range, at most, unless a single
 *			unit has more
 * @max_pages:		pages in one range, at most, unless a single unit has more;
 *			0 for no limit
 * @free_only:		plan nothing that needs a page to be moved
 * @suspects:		try what holds suspects, too, last: units as a whole or, with
 *			@salvage, single slots
 * @salvage:		claim the chunks around suspects, too
 */
struct cma_bulk_want {
	u64 nr_chunks;
	u64 max_migrate;
	u64 max_pages;
	bool free_only;
	bool suspects;
	bool salvage;
};

/* The kind of a range, in the order in which ranges are to be claimed. */
enum cma_bulk_kind {
	CMA_RANGE_FREE,		/* free, in units without suspects */
	CMA_RANGE_SALVAGE_FREE,	/* free, in units with suspects */
	CMA_RANGE_MOVE,		/* movable, in units without suspects */
	CMA_RANGE_SALVAGE_MOVE,	/* movable, in units with suspects */
	CMA_RANGE_SUSPECT,	/* has suspects */
};

/**
 * struct cma_bulk_range - slots that follow each other, to be claimed together
 * @first_slot:	index of the first slot
 * @nr_slots:	slots, at least 1; exactly 1 when chunks do not fill slots
 * @migrate:	pages in use, an estimate
 * @kind:	enum cma_bulk_kind
 */
struct cma_bulk_range {
	u32 first_slot;
	u32 nr_slots;
	u32 migrate;
	u32 kind;
};

/* Slots in one unit. */
static inline u32 cma_bulk_unit_slots(const struct cma_bulk_map *map)
{
	return 1U << (map->unit_order - map->slot_order);
}

/* First page of slot @slot. */
static inline u64 cma_bulk_slot_pfn(const struct cma_bulk_map *map, u32 slot)
{
	return map->first_pfn + ((u64)slot << map->slot_order);
}

/*
 * How many slots from @first on, up to @end, which is beyond it, are as the first: most
 * slots are as their neighbours, and looking at each takes longer than all that is
 * decided about them.
 */
static inline u32 cma_bulk_same_slots(const u8 *slots, u32 first, u32 end)
{
	const u8 *other;

	if (first + 1 == end || slots[first + 1] != slots[first])
		return 1;
	other = memchr_inv(slots + first, slots[first], end - first);
	return (other ? (u32)(other - slots) : end) - first;
}

u32 cma_bulk_plan(struct cma_bulk_map *map, const struct cma_bulk_want *want,
		  struct cma_bulk_range *ranges, u32 max_ranges);

#endif /* _MM_CMA_BULK_PLAN_H */
