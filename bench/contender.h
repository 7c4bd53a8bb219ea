/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ways to get many chunks that are measured side by side. */
#ifndef BENCH_CONTENDER_H
#define BENCH_CONTENDER_H

#include <glib.h>
#include <stdbool.h>

#include "scene.h"

/* What one run is to get. */
struct task {
	guint order;
	guint64 wanted; /* chunks */
	guint buffers; /* they are exported in, where a contender exports */
	guint calls; /* how often one chunk is asked for, by those that make a series */
	guint64 limit; /* nanoseconds after which who goes on and on is stopped; 0: never */
	guint64 budget; /* nanoseconds that a FILL with a deadline has */
};

/* What came of it; times in nanoseconds from the start. */
struct outcome {
	guint64 got; /* chunks */
	guint64 own; /* until the pages were owned */
	guint64 ready; /* until they were zeroed */
	guint64 fill; /* part of @own spent in FILL */
	guint64 ranges; /* that were claimed, 0 where nobody tells */
	guint64 migrated; /* pages, until they were owned */
	guint64 survey, plan, drain, claim; /* parts of @fill, as the report has them */
	guint64 budget; /* that FILL had, 0 for none */
	int error; /* 0 or a negative errno; -ETIME where it was stopped */
};

struct contender {
	const char *name;
	const char *description;
	/* Makes one run and gives everything back. */
	void (*run)(const struct contender *contender, struct scene *scene, const struct task *task,
		    struct outcome *ret);
	int detail; /* for @run: which of several */
	guint outside; /* MiB that it takes from outside the area for the reference request */
	bool special; /* answers one question; not part of a comparison unless named */
};

/* Ends with one whose name is NULL. */
extern const struct contender contenders[];
/* NULL when there is no such. */
const struct contender *contender_find(const char *name);

/* Called by a contender the moment all pages are owned: @outcome gets what holds so far. */
void outcome_owned(struct outcome *outcome, gint64 start, guint64 migrated_before);
/* Pages that were migrated since boot. */
guint64 migrated_pages(void);

/* In contender-*.c; see there. */
void run_loop(const struct contender *contender, struct scene *scene, const struct task *task,
	      struct outcome *ret);
void run_memset(const struct contender *contender, struct scene *scene, const struct task *task,
		struct outcome *ret);
void run_contig_release(const struct contender *contender, struct scene *scene,
			const struct task *task, struct outcome *ret);
void run_heap(const struct contender *contender, struct scene *scene, const struct task *task,
	      struct outcome *ret);
void run_heap_series(const struct contender *contender, struct scene *scene,
		     const struct task *task, struct outcome *ret);
void run_fill(const struct contender *contender, struct scene *scene, const struct task *task,
	      struct outcome *ret);
void run_fill_in_time(const struct contender *contender, struct scene *scene,
		      const struct task *task, struct outcome *ret);
void run_fill_stock(const struct contender *contender, struct scene *scene, const struct task *task,
		    struct outcome *ret);
void run_total(const struct contender *contender, struct scene *scene, const struct task *task,
	       struct outcome *ret);
void run_total_series(const struct contender *contender, struct scene *scene,
		      const struct task *task, struct outcome *ret);
void run_release(const struct contender *contender, struct scene *scene, const struct task *task,
		 struct outcome *ret);
void run_daemon(const struct contender *contender, struct scene *scene, const struct task *task,
		struct outcome *ret);
void run_ping(const struct contender *contender, struct scene *scene, const struct task *task,
	      struct outcome *ret);

#endif /* BENCH_CONTENDER_H */
