// SPDX-License-Identifier: GPL-2.0-only
/*
 * The survey of bulk CMA allocation: what the pages of an area look like.
 *
 * Reads without locks and without references, so everything may be stale or in
 * flux: only raw loads, every number checked before it is used, none of the
 * folio_*() helpers, which assert. What comes out is a hint.
 */
#include <linux/cma.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/sched.h>

#include "internal.h"
#include "cma_bulk.h"
#include "cma_bulk_page.h"

/*
 * An order-0 page that is in use: does it hold more references than its
 * mappings, its page cache and its private data explain? A page that is not on
 * the LRU lists cannot be isolated; it may be on the way there in some CPU's
 * batch, which a drain tells.
 */
static enum cma_bulk_slot survey_small_page(const struct page *page,
					    unsigned long flags, unsigned int type)
{
	const unsigned long mapping = (unsigned long)READ_ONCE(page->mapping);
	int expected;

	if (flags & BIT(PG_reserved))
		return CMA_SLOT_SUSPECT;
	/* Before the type: pages of zsmalloc and of balloons have one, too. */
	if (cma_bulk_has_movable_ops(flags, mapping, type))
		return CMA_SLOT_MOVABLE;
	if (cma_bulk_has_type(type))
		return CMA_SLOT_SUSPECT;
	if (!(flags & BIT(PG_lru)))
		return CMA_SLOT_SUSPECT;
	if (flags & (BIT(PG_locked) | BIT(PG_writeback)))
		return CMA_SLOT_SUSPECT;

	expected = (int)type + 1;	/* shares its place with the map count, less one */
	/* Shared memory in the swap cache has no mapping. */
	if ((flags & BIT(PG_swapbacked)) && (flags & BIT(PG_swapcache)))
		expected++;
	if (!(mapping & CMA_BULK_MAPPING_ANON))
		expected += !!mapping;
	expected += !!(flags & BIT(PG_private)) + !!(flags & BIT(PG_private_2));

	return page_ref_count(page) > expected ? CMA_SLOT_SUSPECT : CMA_SLOT_MOVABLE;
}

/* Is a device writing the page, or reading it? */
static bool flags_tell_io(unsigned long flags)
{
	const unsigned long read = BIT(PG_lru) | BIT(PG_locked);

	return (flags & BIT(PG_writeback)) || (flags & (read | BIT(PG_uptodate))) == read;
}

/*
 * A page of the compound page that begins with @head: movable when the whole is on the LRU
 * lists and neither read nor written, is hugetlb's or has movable operations. Returns how
 * many pages from @pfn on belong to it.
 */
static unsigned long survey_compound(const struct page *head, unsigned long pfn,
				     enum cma_bulk_slot *kind)
{
	const unsigned long head_pfn = page_to_pfn(head);
	const unsigned long flags = cma_bulk_page_flags(head);
	const unsigned long mapping = (unsigned long)READ_ONCE(head->mapping);
	const unsigned int type = READ_ONCE(head->page_type);
	const unsigned int order = cma_bulk_compound_order(head);

	*kind = CMA_SLOT_SUSPECT;
	if (pfn < head_pfn || order >= BITS_PER_LONG - 1 ||
	    pfn - head_pfn >= (1UL << order))
		return 1;

	if (cma_bulk_is_hugetlb(head, type) || cma_bulk_has_movable_ops(flags, mapping, type))
		*kind = CMA_SLOT_MOVABLE;
	else if ((flags & BIT(PG_lru)) && !flags_tell_io(flags))
		*kind = CMA_SLOT_MOVABLE;
	return head_pfn + (1UL << order) - pfn;
}

/* Pages from @pfn on that are part of a free page, which may start before @pfn. */
static unsigned long survey_buddy(unsigned long pfn)
{
	unsigned int order;

	for (order = 0; order <= MAX_PAGE_ORDER; order++) {
		const unsigned long head = pfn & (~0UL << order);
		const struct page *page = pfn_to_page(head);
		unsigned long buddy;

		if (!cma_bulk_is_buddy(READ_ONCE(page->page_type)))
			continue;
		buddy = buddy_order_unsafe(page);
		if (buddy <= MAX_PAGE_ORDER && head + (1UL << buddy) > pfn)
			return head + (1UL << buddy) - pfn;
		return 0;
	}
	return 0;
}

/*
 * A page that is not in use nor known to be on the buddy lists: inside a larger
 * free page, or probably on a per-CPU list. What is claimed has been isolated
 * and drained, so what is on no buddy list then is in somebody's hands. Else it
 * is worth asking only of the first page of a pageblock, where a walk begins.
 */
static unsigned long survey_unused(unsigned long pfn, bool claimed,
				   enum cma_bulk_slot *kind)
{
	unsigned long run = 0;

	if (claimed || pageblock_aligned(pfn))
		run = survey_buddy(pfn);
	*kind = run || !claimed ? CMA_SLOT_FREE : CMA_SLOT_SUSPECT;
	return run ?: 1;
}

/* What the page at @pfn looks like, and how many from there on look the same. */
static unsigned long survey_page(unsigned long pfn, bool claimed, enum cma_bulk_slot *kind)
{
	const struct page *page = pfn_to_page(pfn);
	const unsigned long flags = cma_bulk_page_flags(page);
	const struct page *head = (const struct page *)_compound_head(page);
	const unsigned int type = READ_ONCE(page->page_type);

	if (cma_bulk_is_buddy(type)) {
		const unsigned long order = buddy_order_unsafe(page);

		*kind = CMA_SLOT_FREE;
		return order <= MAX_PAGE_ORDER ? 1UL << order : 1;
	}
	if (head != page || (flags & BIT(PG_head)))
		return survey_compound(head, pfn, kind);
	if (!page_ref_count(page))
		return survey_unused(pfn, claimed, kind);

	*kind = survey_small_page(page, flags, type);
	return 1;
}

/**
 * cma_bulk_survey_border() - the next border that cuts no compound page in two
 * @pfn:	a PFN of the extent
 *
 * Return: @pfn, or where the compound page that has begun before ends. A hint: of a page
 * in flux that may be anything beyond @pfn.
 */
unsigned long cma_bulk_survey_border(unsigned long pfn)
{
	const struct page *page = pfn_to_page(pfn);
	const struct page *head = (const struct page *)_compound_head(page);
	enum cma_bulk_slot kind;

	return head == page ? pfn : pfn + survey_compound(head, pfn, &kind);
}

/**
 * cma_bulk_survey_anonymous() - count pages of anonymous memory
 * @pfn:	first PFN
 * @end:	one past the last PFN
 * @largest:	in and out: the most of them that are of one page
 *
 * Small and large ones, KSM's, and private ones of hugetlb.
 *
 * Return: how many, a hint: of a page in flux a whole large one may count, or none.
 */
unsigned long cma_bulk_survey_anonymous(unsigned long pfn, unsigned long end, u64 *largest)
{
	unsigned long nr = 0;

	while (pfn < end) {
		const struct page *page = pfn_to_page(pfn);
		const struct page *head = (const struct page *)_compound_head(page);
		enum cma_bulk_slot kind;
		unsigned long run = 1;

		if (cma_bulk_is_buddy(READ_ONCE(page->page_type))) {
			const unsigned long order = buddy_order_unsafe(page);

			run = order <= MAX_PAGE_ORDER ? 1UL << order : 1;
		} else {
			if (head != page || (cma_bulk_page_flags(page) & BIT(PG_head)))
				run = survey_compound(head, pfn, &kind);
			/* Its order may have been read when the page was split. */
			run = min3(run, end - pfn, (unsigned long)MAX_ORDER_NR_PAGES);
			if ((unsigned long)READ_ONCE(head->mapping) & CMA_BULK_MAPPING_ANON) {
				*largest = max_t(u64, *largest, run);
				nr += run;
			}
		}
		pfn += run;
	}
	return nr;
}

/*
 * A walk over pages, with what CMA handed out, that steps over those of a kind
 * together. @claimed: the pages are this call's own, their bits in the bitmap say
 * nothing. @untaken: up to there CMA has handed out none of the pages to come.
 * @ahead: how many pages from @pfn on are known to be of @kind; 0 at the end.
 */
struct survey_walk {
	const struct cma_bulk_call *call;
	unsigned long pfn;
	unsigned long end;
	unsigned long untaken;
	unsigned long ahead;
	enum cma_bulk_slot kind;
	bool claimed;
};

/* Look up in the bitmap whose the next pages are. Returns how many are taken. */
static unsigned long survey_bitmap(struct survey_walk *walk)
{
	const struct cma_bulk_extent *extent = walk->call->extent;
	const unsigned int shift = walk->call->cma->order_per_bit;
	const unsigned long bit = (walk->pfn - extent->base_pfn) >> shift;
	const unsigned long last = (walk->end - 1 - extent->base_pfn) >> shift;
	unsigned long next;

	/* data_race(): a hint; cma_bulk_claim_bits() looks under the lock. */
	next = data_race(find_next_bit(extent->bitmap, last + 1, bit));
	if (next != bit) {
		walk->untaken = min(walk->end, extent->base_pfn + (next << shift));
		return 0;
	}
	/* data_race(): as above, hence not from @bit on again. */
	next = data_race(find_next_zero_bit(extent->bitmap, last + 1, bit + 1));
	return min(walk->end, extent->base_pfn + (next << shift)) - walk->pfn;
}

/* Look at the next page. */
static void survey_look(struct survey_walk *walk)
{
	walk->ahead = 0;
	if (walk->pfn == walk->end)
		return;
	if (walk->pfn == walk->untaken) {
		walk->ahead = survey_bitmap(walk);
		walk->kind = CMA_SLOT_TAKEN;
		walk->untaken = max(walk->untaken, walk->pfn + walk->ahead);
	}
	if (!walk->ahead)
		walk->ahead = min(survey_page(walk->pfn, walk->claimed, &walk->kind),
				  walk->untaken - walk->pfn);
}

static struct survey_walk survey_walk(const struct cma_bulk_call *call, unsigned long pfn,
				      unsigned long end, bool claimed)
{
	struct survey_walk walk = {
		.call = call,
		.pfn = pfn,
		.end = end,
		.untaken = claimed ? end : pfn,
		.claimed = claimed,
	};

	survey_look(&walk);
	return walk;
}

/* Step over the pages that come next and look the same, as @kind. Returns how many. */
static unsigned long survey_run(struct survey_walk *walk, enum cma_bulk_slot *kind)
{
	const unsigned long start = walk->pfn;

	*kind = walk->kind;
	do {
		walk->pfn += walk->ahead;
		survey_look(walk);
	} while (walk->ahead && walk->kind == *kind);
	return walk->pfn - start;
}

/* Where the slots up to @slot end. The last one may reach beyond the extent. */
static unsigned long survey_end(const struct cma_bulk_call *call, u32 slot)
{
	return min_t(u64, cma_bulk_slot_pfn(&call->map, slot),
		     call->extent->base_pfn + call->extent->count);
}

/* Note that the @nr pages at @pfn look like @kind. */
static void survey_note(struct cma_bulk_call *call, unsigned long pfn,
			unsigned long nr, enum cma_bulk_slot kind,
			struct cma_bulk_unit *unit)
{
	const struct cma_bulk_map *map = &call->map;
	const unsigned long end = pfn + nr;
	u32 slot = (pfn - map->first_pfn) >> map->slot_order;

	/* As good as it gets: that worsens no slot. */
	if (kind == CMA_SLOT_FREE)
		return;
	while (pfn < end) {
		const unsigned long start = cma_bulk_slot_pfn(map, slot);
		const unsigned long chunk_end = min(end, start + (1UL << map->order));

		/* What follows the chunk in its slot does not matter. */
		if (pfn < chunk_end) {
			if (map->slots[slot] < CMA_SLOT_DONE)
				map->slots[slot] = max_t(u8, map->slots[slot], kind);
			if (unit && kind == CMA_SLOT_MOVABLE)
				unit->movable += chunk_end - pfn;
			if (unit && kind == CMA_SLOT_SUSPECT)
				unit->suspect += chunk_end - pfn;
		}
		pfn = cma_bulk_slot_pfn(map, ++slot);
	}
}

/* Forget what was seen of slots whose fate is still open. */
static void survey_forget(struct cma_bulk_call *call, u32 first, u32 nr)
{
	u8 *slots = call->map.slots + first;
	u32 i;

	for (i = 0; i < nr; i++)
		if (slots[i] < CMA_SLOT_DONE)
			slots[i] = CMA_SLOT_FREE;
}

/* A page that is suspect makes its unit so, for the planner. */
static void survey_suspects(struct cma_bulk_call *call, u32 first, u32 nr)
{
	u32 slot;

	for (slot = first; slot < first + nr; slot++) {
		struct cma_bulk_unit *unit =
			&call->map.units[cma_bulk_slot_unit(call, slot)];

		if (call->map.slots[slot] == CMA_SLOT_SUSPECT && !unit->suspect)
			unit->suspect = 1;
	}
}

/**
 * cma_bulk_suspect() - note that slots which looked free were not to be had
 * @call:	the call
 * @first:	first slot
 * @nr:		slots
 */
void cma_bulk_suspect(struct cma_bulk_call *call, u32 first, u32 nr)
{
	memset(call->map.slots + first, CMA_SLOT_SUSPECT, nr);
	survey_suspects(call, first, nr);
}

/* Look at @nr slots from @first on. */
static void survey_slots(struct cma_bulk_call *call, u32 first, u32 nr, bool claimed)
{
	unsigned long pfn = cma_bulk_slot_pfn(&call->map, first);
	const unsigned long end = survey_end(call, first + nr);

	survey_forget(call, first, nr);
	while (pfn < end) {
		const unsigned long block_end = min(end, pageblock_end_pfn(pfn));
		struct survey_walk walk = survey_walk(call, pfn, block_end, claimed);

		while (walk.ahead) {
			const unsigned long start = walk.pfn;
			enum cma_bulk_slot kind;
			const unsigned long run = survey_run(&walk, &kind);

			survey_note(call, start, run, kind, NULL);
		}
		pfn = block_end;
		cond_resched();
	}
	survey_suspects(call, first, nr);
}

/**
 * cma_bulk_survey_claimed() - look again at slots whose bits this call has set
 * @call:	the call
 * @first:	first slot
 * @nr:		slots
 */
void cma_bulk_survey_claimed(struct cma_bulk_call *call, u32 first, u32 nr)
{
	const ktime_t start = ktime_get();

	survey_slots(call, first, nr, true);
	cma_bulk_clock(&call->req->report.survey_ns, start);
}

/**
 * cma_bulk_survey_suspects() - find the next pages that look pinned or busy
 * @call:	the call, which has set the bits of these pages
 * @pfn:	PFN to begin at; moves to the first of those found, or to @end
 * @end:	one past the last PFN
 *
 * Return: how many follow each other from *@pfn on, within a pageblock; 0 when there
 * are none.
 */
unsigned long cma_bulk_survey_suspects(const struct cma_bulk_call *call, unsigned long *pfn,
				       unsigned long end)
{
	while (*pfn < end) {
		const unsigned long block_end = min(end, pageblock_end_pfn(*pfn));
		struct survey_walk walk = survey_walk(call, *pfn, block_end, true);

		while (walk.ahead) {
			enum cma_bulk_slot kind;
			const unsigned long run = survey_run(&walk, &kind);

			if (kind == CMA_SLOT_SUSPECT)
				return run;
			*pfn += run;
		}
		*pfn = block_end;
		cond_resched();
	}
	return 0;
}

static bool survey_is_in_io(const struct page *page)
{
	const struct page *head = (const struct page *)_compound_head(page);

	return page_ref_count(head) && flags_tell_io(cma_bulk_page_flags(head));
}

static u64 survey_slot_io(const struct cma_bulk_call *call, u32 slot)
{
	const unsigned long pfn = cma_bulk_slot_pfn(&call->map, slot);
	unsigned long i;
	u64 nr = 0;

	for (i = 0; i < 1UL << call->map.order; i++) {
		nr += survey_is_in_io(pfn_to_page(pfn + i));
		if (pageblock_aligned(pfn + i))
			cond_resched();
	}
	return nr;
}

/**
 * cma_bulk_survey_is_in_io() - is a page of these slots being read or written?
 * @call:	the call
 * @first:	first slot
 * @nr:		slots
 */
bool cma_bulk_survey_is_in_io(const struct cma_bulk_call *call, u32 first, u32 nr)
{
	u32 slot;

	for (slot = first; slot < first + nr; slot++)
		if (survey_slot_io(call, slot))
			return true;
	return false;
}

/**
 * cma_bulk_survey_io() - count pages that are read or written, in slots that wait for that
 * @call:	the call
 */
u64 cma_bulk_survey_io(const struct cma_bulk_call *call)
{
	const struct cma_bulk_map *map = &call->map;
	const u32 nr_slots = map->nr_units * cma_bulk_unit_slots(map);
	const ktime_t start = ktime_get();
	u64 nr = 0;
	u32 slot;

	for (slot = 0; slot < nr_slots; slot++) {
		if (!(slot % cma_bulk_unit_slots(map)))
			cond_resched();
		if (map->slots[slot] == CMA_SLOT_SUSPECT || map->slots[slot] == CMA_SLOT_IN_IO)
			nr += survey_slot_io(call, slot);
	}
	cma_bulk_clock(&call->req->report.survey_ns, start);
	return nr;
}

/**
 * cma_bulk_survey_set_aside() - leave alone what is being read or written
 * @call:	the call
 *
 * Until cma_bulk_survey_recall(). Who takes whole units leaves whole units.
 */
void cma_bulk_survey_set_aside(struct cma_bulk_call *call)
{
	const struct cma_bulk_map *map = &call->map;
	const u32 nr_slots = map->nr_units * cma_bulk_unit_slots(map);
	const u32 step = call->req->effort == CMA_BULK_HARD ? 1 : cma_bulk_unit_slots(map);
	const ktime_t start = ktime_get();
	u32 first, slot;

	for (first = 0; first < nr_slots; first += step) {
		cond_resched();
		if (!memchr(map->slots + first, CMA_SLOT_SUSPECT, step) ||
		    !cma_bulk_survey_is_in_io(call, first, step))
			continue;
		for (slot = first; slot < first + step; slot++)
			if (map->slots[slot] < CMA_SLOT_TAKEN)
				map->slots[slot] = CMA_SLOT_IN_IO;
	}
	cma_bulk_clock(&call->req->report.survey_ns, start);
}

/**
 * cma_bulk_survey_recall() - have what was set aside, or was found so, looked at again
 * @call:	the call
 */
void cma_bulk_survey_recall(struct cma_bulk_call *call)
{
	const u32 nr_slots = call->map.nr_units * cma_bulk_unit_slots(&call->map);
	u32 slot;

	for (slot = 0; slot < nr_slots; slot++)
		if (call->map.slots[slot] == CMA_SLOT_IN_IO)
			cma_bulk_suspect(call, slot, 1);
}

/**
 * cma_bulk_survey_taken() - look again at slots that somebody may have taken
 * @call:	the call
 * @first:	first slot
 * @nr:		slots
 */
void cma_bulk_survey_taken(struct cma_bulk_call *call, u32 first, u32 nr)
{
	const ktime_t start = ktime_get();

	survey_slots(call, first, nr, false);
	cma_bulk_clock(&call->req->report.survey_ns, start);
}

/* Count a pageblock that has been looked at, by the worst of its pages. */
static void survey_count(struct cma_bulk_report *report, const u64 *pages)
{
	report->pages_free += pages[CMA_SLOT_FREE];
	report->pages_movable += pages[CMA_SLOT_MOVABLE];
	report->pages_suspect += pages[CMA_SLOT_SUSPECT];
	report->pages_taken += pages[CMA_SLOT_TAKEN];

	report->blocks_surveyed++;
	if (pages[CMA_SLOT_SUSPECT])
		report->blocks_suspect++;
	else if (pages[CMA_SLOT_TAKEN])
		report->blocks_taken++;
	else if (pages[CMA_SLOT_MOVABLE])
		report->blocks_movable++;
	else
		report->blocks_free++;
}

/* A unit that has not been looked at, the next one. */
static void survey_begin(struct cma_bulk_call *call, u32 unit)
{
	struct cma_bulk_map *map = &call->map;
	const u32 per_unit = cma_bulk_unit_slots(map);
	bool usable = true;

	map->nr_units++;
	/* Several slots are one pageblock, which lies in one section. */
	if (per_unit == 1)
		usable = cma_bulk_is_contiguous(cma_bulk_slot_pfn(map, unit), 1UL << map->order);
	memset(map->slots + (size_t)unit * per_unit, usable ? CMA_SLOT_FREE : CMA_SLOT_BUSY,
	       per_unit);
}

/**
 * cma_bulk_survey_unit() - look at all of a unit
 * @call:	the call
 * @unit:	the unit; counted in the report when it is the next new one
 */
void cma_bulk_survey_unit(struct cma_bulk_call *call, u32 unit)
{
	struct cma_bulk_map *map = &call->map;
	const u32 per_unit = cma_bulk_unit_slots(map);
	const unsigned long end = survey_end(call, (unit + 1) * per_unit);
	unsigned long pfn = cma_bulk_slot_pfn(map, unit * per_unit);
	const bool new = unit == map->nr_units;

	if (new)
		survey_begin(call, unit);
	else
		survey_forget(call, unit * per_unit, per_unit);
	map->units[unit] = (struct cma_bulk_unit){};

	while (pfn < end) {
		const unsigned long block_end = min(end, pageblock_end_pfn(pfn));
		struct survey_walk walk = survey_walk(call, pfn, block_end, false);
		u64 pages[CMA_SLOT_TAKEN + 1] = {};

		while (walk.ahead) {
			const unsigned long start = walk.pfn;
			enum cma_bulk_slot kind;
			const unsigned long run = survey_run(&walk, &kind);

			survey_note(call, start, run, kind, &map->units[unit]);
			pages[kind] += run;
		}
		pfn = block_end;
		if (new)
			survey_count(&call->req->report, pages);
	}
	cond_resched();
}
