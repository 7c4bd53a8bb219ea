/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the engine does with plans: claim, mark what became of each slot, plan
 * again. Claims succeed or fail by what the pages really are.
 */
#ifndef PLANNER_ENGINE_H
#define PLANNER_ENGINE_H

#include "area.h"
#include "plan.h"

/* What becomes of the rest of a range in which a slot does not come. */
enum engine_style {
	ENGINE_GRABS, /* each slot comes or not by itself */
	ENGINE_SPLITS, /* nothing comes, the next plan may try the others again */
	ENGINE_GIVES_UP, /* nothing comes of the unit, and it is not tried again */
	NR_ENGINE_STYLES,
};

/**
 * struct engine - one call of the engine
 * @area:	what it works on
 * @want:	what it was asked for; nr_chunks is what is still missing
 * @style:	how it deals with a range that fails
 * @max_ranges:	room for ranges in one plan
 * @memory:	pages that there is room for elsewhere
 * @grow:	units to survey at a time, 0 for all
 * @stale:	what is left of a unit is not surveyed again after a claim
 * @isolated:	somebody else is working on some of the units
 * @check:	called with every plan; false ends the call
 * @data:	for @check
 * @max_plans:	plans after which it is clear that there is no end
 * @nr_plans:	plans made, in all calls
 * @nr_done:	chunks claimed, in all calls
 * @failed:	@check said so, or the engine was made to do what cannot be
 */
struct engine {
	struct area *area;
	struct cma_bulk_want want;
	enum engine_style style;
	u32 max_ranges;
	u64 memory;
	u32 grow;
	bool stale;
	bool isolated;
	bool (*check)(const struct plan *plan, void *data);
	void *data;
	u64 max_plans;
	u64 nr_plans;
	u64 nr_done;
	bool failed;
};

void engine_run(struct engine *engine);

#endif /* PLANNER_ENGINE_H */
