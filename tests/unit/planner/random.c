// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Runs a check on random areas for as long as a test may take. Every area has a
 * seed of its own, which is what a failure prints.
 */
#include "random.h"

#include <glib.h>
#include <inttypes.h>
#include <stdlib.h>

#include "engine.h"
#include "generate.h"

/* For each test; there are some forty. */
#if defined(__SANITIZE_ADDRESS__)
#define SECONDS 0.3
#else
#define SECONDS 0.7
#endif

struct run {
	u64 seed;
	gint64 end;
	u64 nr_areas;
	u64 nr_plans;
};

static struct run run_begin(void)
{
	const char *seed = g_getenv("CMABULK_SEED");
	const char *seconds = g_getenv("CMABULK_SECONDS");
	const double length = seconds ? g_ascii_strtod(seconds, NULL) : SECONDS;
	const u64 base = seed ? g_ascii_strtoull(seed, NULL, 0) :
				((u64)g_random_int() << 32 | g_random_int()) >> 8;

	g_test_message("CMABULK_SEED=%" PRIu64, base);
	return (struct run){
		.seed = base,
		.end = g_get_monotonic_time() + (gint64)(length * G_USEC_PER_SEC),
	};
}

static bool run_goes_on(const struct run *run)
{
	return !g_test_failed() && (!run->nr_areas || g_get_monotonic_time() < run->end);
}

static void run_end(const struct run *run)
{
	g_test_message("%" PRIu64 " plans of %" PRIu64 " areas", run->nr_plans, run->nr_areas);
}

static void run_failed(const struct run *run, const char *what)
{
	g_test_fail_printf("%s does not hold; again with CMABULK_SEED=%" PRIu64, what,
			   run->seed + run->nr_areas);
}

/* A rule holds of a plan as the engine goes about any request in any area. */
static bool rule_holds(const struct plan *plan, void *data)
{
	const struct rule *rule = data;

	if (rule->holds(plan))
		return true;
	plan_print(plan);
	return false;
}

static struct engine generate_engine(struct source *source, struct area *area)
{
	return (struct engine){
		.area = area,
		.want = generate_want(source, area, EFFORT_ANY),
		.style = source_below(source, NR_ENGINE_STYLES),
		.max_ranges = generate_max_ranges(source),
		.memory = source_chance(source, 70) ? ~0ULL : source_below(source, 4096),
		.grow = source_chance(source, 70) ? 0 : 1 + source_below(source, area->nr_units),
		.stale = source_chance(source, 30),
		.isolated = source_chance(source, 30),
	};
}

void random_rule(const struct rule *rule)
{
	struct run run = run_begin();

	while (run_goes_on(&run)) {
		struct source source = { run.seed + run.nr_areas };
		struct area *area = generate_area(&source);
		struct engine engine = generate_engine(&source, area);

		engine.check = rule_holds;
		engine.data = (void *)rule;
		engine_run(&engine);
		if (engine.failed)
			run_failed(&run, rule->name);
		run.nr_plans += engine.nr_plans;
		run.nr_areas++;
		area_free(area);
	}
	run_end(&run);
}

void random_promise(const struct promise *promise)
{
	struct run run = run_begin();

	while (run_goes_on(&run)) {
		struct source source = { run.seed + run.nr_areas };
		struct area *area = generate_area(&source);
		struct engine engine = generate_engine(&source, area);

		if (!promise->is_kept(&engine, &source))
			run_failed(&run, promise->name);
		run.nr_plans += engine.nr_plans;
		run.nr_areas++;
		area_free(area);
	}
	run_end(&run);
}
