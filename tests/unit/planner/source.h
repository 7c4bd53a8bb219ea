/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A source of random decisions: one number in, the same decisions out, so that
 * whatever a test finds can be had again from its seed.
 */
#ifndef PLANNER_SOURCE_H
#define PLANNER_SOURCE_H

#include <linux/types.h>

struct source {
	u64 state;
};

static inline u64 source_next(struct source *source)
{
	u64 z = (source->state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* A number below @limit, which is at least 1. */
static inline u32 source_below(struct source *source, u32 limit)
{
	return (u32)(source_next(source) % limit);
}

static inline bool source_chance(struct source *source, u32 percent)
{
	return source_below(source, 100) < percent;
}

#endif /* PLANNER_SOURCE_H */
