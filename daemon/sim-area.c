// SPDX-License-Identifier: LGPL-2.1-or-later
/* The area of a simulated pool, and what each effort gets of it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "sim-area.h"

#define WORD_BITS 64

/* Of a pageblock or a range, worst last. */
enum sim_kind {
	SIM_CLEAN,
	SIM_BUSY, /* its suspect page moves for those who wait */
	SIM_UNMOVABLE,
};

/* Phases of a scan are the kinds, in their order. */
#define PHASES (SIM_UNMOVABLE + 1)

int sim_area_init(struct sim_area *area, const struct sim_options *options, uint64_t page_size)
{
	uint64_t pages = options->bytes / page_size;

	*area = (struct sim_area){
		.pages = pages,
		.pageblock_order = options->pageblock_order,
		.unmovable_every = options->unmovable_every,
		.busy_every = options->busy_every,
		.is_in_use = options->move_ns > 0,
		.taken = calloc((pages + WORD_BITS - 1) / WORD_BITS, sizeof(*area->taken)),
		.block_taken =
			calloc(pages >> options->pageblock_order, sizeof(*area->block_taken)),
	};
	if (area->taken && area->block_taken)
		return 0;
	sim_area_destroy(area);
	return -ENOMEM;
}

void sim_area_destroy(struct sim_area *area)
{
	free(area->taken);
	free(area->block_taken);
	*area = (struct sim_area){ 0 };
}

/*
 * Pages
 */

static bool page_is_taken(const struct sim_area *area, uint64_t page)
{
	return area->taken[page / WORD_BITS] >> (page % WORD_BITS) & 1;
}

/*
 * The bits of a chunk in the word that @page is in: chunks are aligned, so all of it or whole
 * words.
 */
static uint64_t word_mask(uint64_t page, unsigned int order)
{
	if (order >= 6)
		return UINT64_MAX;
	return ((UINT64_C(1) << (1U << order)) - 1) << (page % WORD_BITS);
}

static bool chunk_is_free(const struct sim_area *area, uint64_t first, unsigned int order)
{
	uint64_t mask = word_mask(first, order);
	uint64_t end = first + (UINT64_C(1) << order);

	for (uint64_t page = first; page < end; page += WORD_BITS)
		if (area->taken[page / WORD_BITS] & mask)
			return false;
	return true;
}

static void chunk_set(struct sim_area *area, uint64_t first, unsigned int order, bool is_taken)
{
	uint64_t mask = word_mask(first, order);
	uint64_t end = first + (UINT64_C(1) << order);
	uint64_t block_pages = UINT64_C(1) << area->pageblock_order;
	uint32_t change = (uint32_t)MIN(block_pages, end - first);

	for (uint64_t page = first; page < end; page += WORD_BITS) {
		if (is_taken)
			area->taken[page / WORD_BITS] |= mask;
		else
			area->taken[page / WORD_BITS] &= ~mask;
	}
	for (uint64_t page = first; page < end; page += block_pages) {
		uint32_t *count = &area->block_taken[page >> area->pageblock_order];

		*count = is_taken ? *count + change : *count - change;
	}
	if (is_taken)
		area->taken_pages += end - first;
	else
		area->taken_pages -= end - first;
}

void sim_area_release(struct sim_area *area, uint64_t first_page, unsigned int order)
{
	chunk_set(area, first_page, order, false);
}

/*
 * Pageblocks
 */

/* The one page of a pageblock that can be in the way. */
static uint64_t suspect_page(const struct sim_area *area, uint64_t block)
{
	return (block << area->pageblock_order) + (UINT64_C(1) << area->pageblock_order) / 2;
}

static enum sim_kind block_kind(const struct sim_area *area, uint64_t block)
{
	if (area->unmovable_every && (block + 1) % area->unmovable_every == 0)
		return SIM_UNMOVABLE;
	/* From the other end, so that with the same distance both are there. */
	if (area->busy_every && block % area->busy_every == 0 &&
	    !page_is_taken(area, suspect_page(area, block)))
		return SIM_BUSY;
	return SIM_CLEAN;
}

static void survey_block(const struct sim_area *area, uint64_t block, struct cmabulk_survey *survey)
{
	uint64_t rest = (UINT64_C(1) << area->pageblock_order) - area->block_taken[block];

	survey->blocks++;
	survey->pages_taken += area->block_taken[block];
	if (block_kind(area, block) != SIM_CLEAN) {
		survey->blocks_suspect++;
		survey->pages_suspect++;
		rest--;
	} else if (area->block_taken[block]) {
		survey->blocks_taken++;
	} else if (area->is_in_use) {
		survey->blocks_movable++;
	} else {
		survey->blocks_free++;
	}
	if (area->is_in_use)
		survey->pages_movable += rest;
	else
		survey->pages_free += rest;
}

void sim_area_survey(const struct sim_area *area, struct cmabulk_survey *ret)
{
	struct cmabulk_survey survey = { .size = sizeof(survey) };

	for (uint64_t block = 0; block < area->pages >> area->pageblock_order; block++)
		survey_block(area, block, &survey);
	*ret = survey;
}

/*
 * Ranges and slots
 */

/* Slots whose chunk is inside the area: the last one's alignment may reach beyond. */
static uint64_t slot_count(const struct sim_scan *scan, const struct sim_area *area)
{
	uint64_t chunk = UINT64_C(1) << scan->order;

	return area->pages < chunk ? 0 : ((area->pages - chunk) >> scan->slot_order) + 1;
}

static uint64_t range_slots(const struct sim_scan *scan)
{
	return UINT64_C(1) << (scan->range_order - scan->slot_order);
}

void sim_scan_init(struct sim_scan *scan, const struct sim_area *area, unsigned int order,
		   unsigned int align, unsigned int effort)
{
	*scan = (struct sim_scan){
		.order = order,
		.slot_order = MAX(order, align),
		.effort = effort,
	};
	scan->range_order = MAX(scan->slot_order, area->pageblock_order);
	scan->ranges = (slot_count(scan, area) + range_slots(scan) - 1) / range_slots(scan);
}

static uint64_t slot_page(const struct sim_scan *scan, uint64_t slot)
{
	return slot << scan->slot_order;
}

/* Of the pageblocks that its chunk touches. */
static enum sim_kind slot_kind(const struct sim_scan *scan, const struct sim_area *area,
			       uint64_t slot)
{
	uint64_t first = slot_page(scan, slot);
	uint64_t last = first + (UINT64_C(1) << scan->order) - 1;
	enum sim_kind worst = SIM_CLEAN;

	for (uint64_t block = first >> area->pageblock_order;
	     block <= last >> area->pageblock_order; block++)
		worst = MAX(worst, block_kind(area, block));
	return worst;
}

/* All slots of a range are in the same pageblock, unless there is one only. */
static enum sim_kind range_kind(const struct sim_scan *scan, const struct sim_area *area,
				uint64_t range)
{
	return slot_kind(scan, area, range * range_slots(scan));
}

static bool slot_has_unmovable(const struct sim_scan *scan, const struct sim_area *area,
			       uint64_t slot)
{
	uint64_t first = slot_page(scan, slot);
	uint64_t end = first + (UINT64_C(1) << scan->order);

	for (uint64_t block = first >> area->pageblock_order;
	     block <= (end - 1) >> area->pageblock_order; block++) {
		uint64_t page = suspect_page(area, block);

		if (block_kind(area, block) == SIM_UNMOVABLE && page >= first && page < end)
			return true;
	}
	return false;
}

static uint64_t range_end(const struct sim_scan *scan, const struct sim_area *area, uint64_t range)
{
	return MIN((range + 1) * range_slots(scan), slot_count(scan, area));
}

static bool range_has_free_slot(const struct sim_scan *scan, const struct sim_area *area,
				uint64_t range)
{
	for (uint64_t slot = range * range_slots(scan); slot < range_end(scan, area, range); slot++)
		if (chunk_is_free(area, slot_page(scan, slot), scan->order))
			return true;
	return false;
}

/*
 * The scan
 */

bool sim_scan_next(struct sim_scan *scan, const struct sim_area *area, uint64_t *ret_range)
{
	unsigned int phases = scan->effort == CMABULK_EFFORT_FAST ? SIM_BUSY : PHASES;

	for (; scan->phase < phases; scan->phase++, scan->next = 0)
		while (scan->next < scan->ranges) {
			uint64_t range = scan->next++;

			if (range_kind(scan, area, range) == scan->phase &&
			    range_has_free_slot(scan, area, range)) {
				*ret_range = range;
				return true;
			}
		}
	return false;
}

uint64_t sim_scan_cost(const struct sim_scan *scan, const struct sim_area *area, uint64_t range)
{
	if (!area->is_in_use && range_kind(scan, area, range) == SIM_CLEAN)
		return 0;
	return scan->order > area->pageblock_order ?
		       UINT64_C(1) << (scan->order - area->pageblock_order) :
		       1;
}

static uint64_t take_slots(const struct sim_scan *scan, struct sim_area *area, uint64_t range,
			   uint64_t wanted, uint64_t *ret)
{
	uint64_t got = 0;

	for (uint64_t slot = range * range_slots(scan);
	     slot < range_end(scan, area, range) && got < wanted; slot++) {
		uint64_t page = slot_page(scan, slot);

		if (!chunk_is_free(area, page, scan->order) || slot_has_unmovable(scan, area, slot))
			continue;
		chunk_set(area, page, scan->order, true);
		ret[got++] = page;
	}
	return got;
}

uint64_t sim_scan_claim(const struct sim_scan *scan, struct sim_area *area, uint64_t range,
			uint64_t wanted, uint64_t *ret, struct cmabulk_report *report)
{
	/* Now, not when it was planned: others may have come and gone. */
	enum sim_kind kind = range_kind(scan, area, range);
	uint64_t cost = sim_scan_cost(scan, area, range);
	uint64_t got = 0;

	report->ranges_tried++;
	if (area->is_in_use)
		report->pages_to_migrate += cost << area->pageblock_order;
	else
		report->pages_to_migrate += cost;
	if (kind == SIM_CLEAN || (kind == SIM_BUSY && scan->effort != CMABULK_EFFORT_FAST) ||
	    scan->effort == CMABULK_EFFORT_HARD)
		got = take_slots(scan, area, range, wanted, ret);
	if (got == 0 || kind == SIM_UNMOVABLE)
		report->ranges_failed++;
	if (kind == SIM_UNMOVABLE)
		report->chunks_salvaged += got;
	else if (cost > 0)
		report->chunks_moved += got;
	else
		report->chunks_free += got;
	return got;
}

static void report_slot(const struct sim_scan *scan, const struct sim_area *area, uint64_t slot,
			bool is_exhausted, struct cmabulk_report *report)
{
	enum sim_kind kind;

	if (!chunk_is_free(area, slot_page(scan, slot), scan->order)) {
		report->skipped_taken++;
		return;
	}
	kind = slot_kind(scan, area, slot);
	if (scan->effort == CMABULK_EFFORT_FAST && kind != SIM_CLEAN)
		report->skipped_suspect++;
	/* Of a scan that was ended early nobody knows what it would have tried. */
	else if (is_exhausted)
		report->skipped_busy++;
}

void sim_scan_report_skipped(const struct sim_scan *scan, const struct sim_area *area, uint64_t got,
			     struct cmabulk_report *report)
{
	unsigned int phases = scan->effort == CMABULK_EFFORT_FAST ? SIM_BUSY : PHASES;

	for (uint64_t slot = 0; slot < slot_count(scan, area); slot++)
		report_slot(scan, area, slot, scan->phase >= phases, report);
	/* What came is not in others' hands. */
	report->skipped_taken -= MIN(got, report->skipped_taken);
}
