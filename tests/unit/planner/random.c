// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Runs a check on random areas for as long as a test may take. Every area has a
 * seed of its own, which is what a failure prints.
 */
#include "random.h"

#include <glib.h>
#include <inttypes.h>
#include <time.h>

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
	double end;
	u64 nr_areas;
	u64 nr_plans;
};

/* Of the processor, so that a busy machine does not make for fewer plans. */
static double seconds_used(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

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
		.end = seconds_used() + length,
	};
}

static bool run_goes_on(const struct run *run)
{
	return !g_test_failed() && (!run->nr_areas || seconds_used() < run->end);
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
struct rule_check {
	const struct rule *rule;
	bool holds;
};

static bool check_rule(const struct plan *plan, void *data)
{
	struct rule_check *check = data;

	check->holds = check->rule->holds(plan);
	if (!check->holds)
		plan_print(plan);
	return check->holds;
}

static struct engine generate_engine(struct source *source, struct area *area, enum effort efforts)
{
	return (struct engine){
		.area = area,
		.want = generate_want(source, area, efforts),
		.style = source_below(source, NR_ENGINE_STYLES),
		.max_ranges = generate_max_ranges(source, area),
		.memory = source_chance(source, 70) ? ~0ULL : source_below(source, 4096),
		.grow = source_chance(source, 70) ? 0 : 1 + source_below(source, area->nr_units),
		.stale = source_chance(source, 30),
		.isolated = source_chance(source, 30),
	};
}

void random_rule(const struct rule *rule)
{
	const enum effort efforts = rule->efforts ? rule->efforts : EFFORT_ANY;
	struct run run = run_begin();

	while (run_goes_on(&run)) {
		struct source source = { run.seed + run.nr_areas };
		struct area *area = generate_area(&source);
		struct engine engine = generate_engine(&source, area, efforts);
		struct rule_check check = { .rule = rule, .holds = true };

		engine.check = check_rule;
		engine.data = &check;
		engine_run(&engine);
		/* What else may be wrong with the plan is another test's to say. */
		if (!check.holds)
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
		struct engine engine = generate_engine(&source, area, EFFORT_ANY);

		if (!promise->is_kept(&engine, &source))
			run_failed(&run, promise->name);
		run.nr_plans += engine.nr_plans;
		run.nr_areas++;
		area_free(area);
	}
	run_end(&run);
}
