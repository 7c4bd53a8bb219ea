/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The benchmark's part in the guest: every contender in every condition, taking turns, each time in
 * a condition built afresh. One JSON object per run and line on standard output, progress on
 * standard error. ../bench/bench makes tables and pictures of it.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "contender.h"
#include "lib/machine.h"
#include "scene.h"

/* Buffers a large request is exported in. */
#define BUFFERS 25

static char *chosen_conditions, *chosen_contenders, *area;
static int chosen_order = 4, chosen_runs = 5, chosen_calls = 1000, chosen_buffers = BUFFERS;
static gint64 chosen_wanted = 4800;
static double chosen_limit = 30, chosen_budget = 20;

static const GOptionEntry options[] = {
	{ "conditions", 0, 0, G_OPTION_ARG_STRING, &chosen_conditions,
	  "Conditions, separated by commas; all unless said otherwise", "NAMES" },
	{ "contenders", 0, 0, G_OPTION_ARG_STRING, &chosen_contenders,
	  "Contenders, separated by commas; those that can be compared unless said otherwise",
	  "NAMES" },
	{ "order", 0, 0, G_OPTION_ARG_INT, &chosen_order, "Order of every chunk (4)", "ORDER" },
	{ "chunks", 0, 0, G_OPTION_ARG_INT64, &chosen_wanted,
	  "Chunks asked for (4800), 0 for all there could be", "COUNT" },
	{ "buffers", 0, 0, G_OPTION_ARG_INT, &chosen_buffers, "Buffers they come in (25)",
	  "COUNT" },
	{ "calls", 0, 0, G_OPTION_ARG_INT, &chosen_calls, "Calls of a series (1000)", "COUNT" },
	{ "runs", 0, 0, G_OPTION_ARG_INT, &chosen_runs, "Runs of each (5)", "COUNT" },
	{ "limit", 0, 0, G_OPTION_ARG_DOUBLE, &chosen_limit,
	  "Stop those that go on and on (30), 0 to let them", "SECONDS" },
	{ "budget", 0, 0, G_OPTION_ARG_DOUBLE, &chosen_budget,
	  "What a FILL with a deadline has (20)", "MILLISECONDS" },
	{ "area", 0, 0, G_OPTION_ARG_STRING, &area, "CMA area", "NAME" },
	{ NULL },
};

/* Whether @name is in a list of names, which ends the program when it is not. */
static bool is_chosen(const char *chosen, const char *name, bool by_default)
{
	g_auto(GStrv) names = chosen ? g_strsplit(chosen, ",", -1) : NULL;

	return names ? g_strv_contains((const char *const *)names, name) : by_default;
}

static void check_names(void)
{
	g_auto(GStrv) wanted_conditions = g_strsplit(chosen_conditions ?: "", ",", -1);
	g_auto(GStrv) wanted_contenders = g_strsplit(chosen_contenders ?: "", ",", -1);

	for (char **name = wanted_conditions; *name; name++)
		if (!condition_find(*name))
			g_error("there is no condition \"%s\"", *name);
	for (char **name = wanted_contenders; *name; name++)
		if (!contender_find(*name))
			g_error("there is no contender \"%s\"", *name);
}

static struct task make_task(const struct scene *scene, const struct condition *condition)
{
	guint64 most = scene->area.pages >> chosen_order;
	struct task task = {
		.order = (guint)chosen_order,
		.wanted = condition->whole || !chosen_wanted ? most :
							       MIN((guint64)chosen_wanted, most),
		.calls = (guint)chosen_calls,
		.limit = (guint64)(chosen_limit * 1e9),
		.budget = (guint64)(chosen_budget * 1e6),
	};

	task.buffers = (guint)MIN((guint64)chosen_buffers, task.wanted);
	return task;
}

static void print_outcome(const struct condition *condition, const struct contender *contender,
			  const struct task *task, size_t occupied, guint64 obtainable,
			  guint64 least, int run, const struct outcome *outcome)
{
	printf("{\"condition\":\"%s\",\"contender\":\"%s\",\"order\":%u,\"requested\":%" G_GUINT64_FORMAT
	       ",\"obtainable\":%" G_GUINT64_FORMAT ",\"got\":%" G_GUINT64_FORMAT
	       ",\"own_us\":%.1f,\"ready_us\":%.1f,\"fill_us\":%.1f,\"migrated\":%" G_GUINT64_FORMAT
	       ",\"ranges\":%" G_GUINT64_FORMAT ",\"error\":%d,\"run\":%d",
	       condition->name, contender->name, task->order, task->wanted, obtainable,
	       outcome->got, (double)outcome->own / 1e3, (double)outcome->ready / 1e3,
	       (double)outcome->fill / 1e3, outcome->migrated, outcome->ranges, outcome->error,
	       run);
	if (outcome->fill)
		printf(",\"survey_us\":%.1f,\"plan_us\":%.1f,\"drain_us\":%.1f,\"claim_us\":%.1f",
		       (double)outcome->survey / 1e3, (double)outcome->plan / 1e3,
		       (double)outcome->drain / 1e3, (double)outcome->claim / 1e3);
	if (outcome->budget)
		printf(",\"budget_us\":%.1f", (double)outcome->budget / 1e3);
	printf(",\"occupied\":%zu", occupied);
	if (least != G_MAXUINT64)
		printf(",\"least_migrated\":%" G_GUINT64_FORMAT, least);
	printf("}\n");
}

static void run_one(struct scene *scene, const struct condition *condition,
		    const struct contender *contender, int run)
{
	struct task task = make_task(scene, condition);
	struct outcome outcome = { 0 };
	guint64 obtainable, least;
	size_t occupied;
	gint64 start = machine_now(), built;

	scene_build(scene, condition);
	built = machine_now() - start;
	occupied = scene->occupant.inside;
	obtainable = scene_obtainable(scene, task.order, task.wanted);
	least = scene_least_moves(scene, task.order, task.wanted);
	contender->run(contender, scene, &task, &outcome);
	scene_clear(scene);
	print_outcome(condition, contender, &task, occupied, obtainable, least, run, &outcome);
	fprintf(stderr,
		"%-18s %d/%d %-16s %6" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
		"  %9.2f ms (built in %.1f s)\n",
		condition->name, run + 1, chosen_runs, contender->name, outcome.got, obtainable,
		milliseconds(outcome.own), milliseconds((guint64)built) / 1000);
}

/* Where there is not enough memory for it, it is not stopped but killed. */
static bool is_possible(const struct condition *condition, const struct contender *contender)
{
	return !condition->spare || contender->outside <= condition->spare;
}

/*
 * Each in turn, so that what changes in the course of time hits all alike. Another one begins each time: what one
 * leaves behind in the machine is not always the same one's to find.
 */
static void run_condition(struct scene *scene, const struct condition *condition)
{
	g_autoptr(GPtrArray) chosen = g_ptr_array_new();

	for (const struct contender *contender = contenders; contender->name; contender++)
		if (is_chosen(chosen_contenders, contender->name, !contender->special) &&
		    is_possible(condition, contender))
			g_ptr_array_add(chosen, (gpointer)contender);
	for (guint run = 0; run < (guint)chosen_runs; run++)
		for (guint i = 0; i < chosen->len; i++)
			run_one(scene, condition, chosen->pdata[(run + i) % chosen->len], (int)run);
}

/* The first CPU is for who is measured, the others for whoever helps. */
static void stay_on_first_cpu(void)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	g_assert_no_errno(sched_setaffinity(0, sizeof(cpus), &cpus));
}

/* A buffer per chunk, for those that have nothing else. */
static void allow_many_files(void)
{
	const struct rlimit limit = { .rlim_cur = 1 << 17, .rlim_max = 1 << 17 };

	g_assert_no_errno(setrlimit(RLIMIT_NOFILE, &limit));
}

int main(int argc, char **argv)
{
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autoptr(GError) error = NULL;
	struct scene scene;

	g_option_context_add_main_entries(context, options, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error)) {
		fprintf(stderr, "%s\n", error->message);
		return 2;
	}
	check_names();
	machine_prepare();
	allow_many_files();
	stay_on_first_cpu();
	scene_init(&scene, area ?: AREA_MEDIA);
	for (const struct condition *condition = conditions; condition->name; condition++)
		if (is_chosen(chosen_conditions, condition->name, !condition->special))
			run_condition(&scene, condition);
	scene_free(&scene);
	return 0;
}
