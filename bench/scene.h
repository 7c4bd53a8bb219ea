/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The area in one of the conditions that a run meets. Each is built afresh from an area that was
 * emptied and seen to be empty; what is pinned is remembered, as it decides what can be had.
 */
#ifndef BENCH_SCENE_H
#define BENCH_SCENE_H

#include <glib.h>
#include <stdbool.h>

#include "lib/frames.h"
#include "lib/occupant.h"
#include "lib/pins.h"

struct busy;

struct scene {
	int frames; /* /dev/cmabulk_pin */
	int bench; /* /dev/cmabulk_bench */
	struct area area;
	GRand *random;
	struct occupant occupant;
	struct pins pins;
	bool *pinned; /* per page frame of the area */
	int file; /* whose page cache lies in the area, or -1 */
	struct busy *busy; /* CPUs that allocate and free, or NULL */
	int held; /* who holds a part of the area: a reservation or a dma-buf, or -1 */
};

struct condition {
	const char *name;
	const char *description;
	void (*build)(struct scene *scene);
	guint spare; /* MiB that it leaves outside the area, roughly; 0: enough for everybody */
	bool whole; /* the request is for the whole area */
	bool moves; /* pages are moved: to memory that was written since programs ran there */
	bool special; /* answers one question; not built unless named */
};

/* Ends with one whose name is NULL. */
extern const struct condition conditions[];
/* NULL when there is no such. */
const struct condition *condition_find(const char *name);

/* Opens the devices and looks at the area; loads the modules that the benchmark needs. */
void scene_init(struct scene *scene, const char *area);
void scene_free(struct scene *scene);
/* Empties the area, makes sure of that, and builds the condition. */
void scene_build(struct scene *scene, const struct condition *condition);
/* Undoes it. */
void scene_clear(struct scene *scene);

/* Chunks of @order in which no page is pinned, at most @wanted. */
guint64 scene_obtainable(const struct scene *scene, guint order, guint64 wanted);
/*
 * The fewest pages that have to be moved for @wanted chunks of @order, when pageblocks are taken as a
 * whole, those with a pinned page not at all. G_MAXUINT64: there are not that many.
 */
guint64 scene_least_moves(const struct scene *scene, guint order, guint64 wanted);

#endif /* BENCH_SCENE_H */
