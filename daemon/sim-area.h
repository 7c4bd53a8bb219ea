/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The area of a simulated pool: which pages are handed out, which do not move, and
 * what each effort gets of it. Pure bookkeeping: there is no memory behind it, and
 * no lock. The words are those of cmabulk(4).
 */
#ifndef CMABULKD_SIM_AREA_H
#define CMABULKD_SIM_AREA_H

#include <linux/cmabulk.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend.h"

struct sim_area {
	uint64_t pages;
	uint64_t taken_pages;
	unsigned int pageblock_order;
	unsigned int unmovable_every;
	unsigned int busy_every;
	/* What nobody was handed is used as movable memory, and costs time to move: see move_ns. */
	bool is_in_use;
	uint64_t *taken; /* a bit per page */
	uint32_t *block_taken; /* pages per pageblock */
};

/*
 * How one fill goes through the area, a range at a time: first the ranges with nothing suspect
 * in them, then those that are only busy, then those with a page that does not move. A range is
 * a pageblock, or a slot where that is larger; a slot is what a chunk takes with its alignment.
 */
struct sim_scan {
	unsigned int order;
	unsigned int slot_order;
	unsigned int range_order;
	unsigned int effort;
	unsigned int phase;
	uint64_t next;
	uint64_t ranges;
};

/* -ENOMEM */
int sim_area_init(struct sim_area *area, const struct sim_options *options, uint64_t page_size);
void sim_area_destroy(struct sim_area *area);
/* All but size and flags. */
void sim_area_survey(const struct sim_area *area, struct cmabulk_survey *ret);
void sim_area_release(struct sim_area *area, uint64_t first_page, unsigned int order);

void sim_scan_init(struct sim_scan *scan, const struct sim_area *area, unsigned int order,
		   unsigned int align, unsigned int effort);
/* The next range worth trying, once each; false: this effort finds no more. */
bool sim_scan_next(struct sim_scan *scan, const struct sim_area *area, uint64_t *ret_range);
/* How many pageblocks trying it moves: 0 when it is free. */
uint64_t sim_scan_cost(const struct sim_scan *scan, const struct sim_area *area, uint64_t range);
/* Takes up to @wanted chunks of it, as the effort can; returns how many, first pages in @ret. */
uint64_t sim_scan_claim(const struct sim_scan *scan, struct sim_area *area, uint64_t range,
			uint64_t wanted, uint64_t *ret, struct cmabulk_report *report);
/* Why what did not come did not come; @got are those that did. */
void sim_scan_report_skipped(const struct sim_scan *scan, const struct sim_area *area, uint64_t got,
			     struct cmabulk_report *report);

#endif
