/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random areas and requests of every shape that a test can afford. */
#ifndef PLANNER_GENERATE_H
#define PLANNER_GENERATE_H

#include "area.h"
#include "source.h"

/* Which efforts a request may ask for; the values are bits. */
enum effort {
	EFFORT_FAST = 1,
	EFFORT_NORMAL = 2,
	EFFORT_HARD = 4,
	EFFORT_ANY = 7,
};

struct area *generate_area(struct source *source);
void generate_slot(struct area *area, struct source *source, u32 slot, enum cma_bulk_slot kind);
struct cma_bulk_want generate_want(struct source *source, const struct area *area,
				   enum effort efforts);
u32 generate_max_ranges(struct source *source, const struct area *area);

#endif /* PLANNER_GENERATE_H */
