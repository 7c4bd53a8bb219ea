/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How pages are moved out of what is claimed: once each, and by all CPUs that have nothing else to do. */
#include <glib.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "lib/books.h"
#include "lib/frames.h"
#include "lib/machine.h"
#include "lib/occupant.h"
#include "lib/pool.h"
#include "lib/tracing.h"

#define ORDER 4
#define PAGES (G_GUINT64_CONSTANT(1) << ORDER)

/* What happens whenever some pages have been moved, or were tried to be. */
#define EVENT "mm_migrate_pages"

struct fixture {
	struct area area;
	int pool;
	int frames;
	int reservation;
	struct books books;
	struct occupant occupant;
	guint64 in_use; /* pages of the area */
};

/*
 * Pageblocks that are full to different degrees, and free memory elsewhere that is not for movable
 * pages: what is moved out of one pageblock could go into the next that is going to be emptied.
 */
static void fixture_setup(struct fixture *fixture, gconstpointer data)
{
	GRand *random = machine_random(1);

	area_open(&fixture->area, AREA_MEDIA);
	fixture->pool = pool_open(POOL_MEDIA);
	fixture->frames = frames_open();
	fixture->books = books_settled(fixture->pool);
	fixture->reservation = reservation_new(fixture->pool, ORDER, 0);
	occupant_fill(&fixture->occupant, fixture->frames, &fixture->area, OCCUPANT_ANONYMOUS,
		      fixture->area.pages / 2);
	occupant_thin(&fixture->occupant, &fixture->area, random, fixture->area.pages * 4 / 10);
	g_rand_free(random);
	fixture->in_use = area_census(fixture->frames, &fixture->area).user;
}

static void fixture_teardown(struct fixture *fixture, gconstpointer data)
{
	close(fixture->reservation);
	occupant_free(&fixture->occupant);
	close(fixture->frames);
	books_assert_same(fixture->pool, &fixture->books);
	books_assert_empty(fixture->pool);
	close(fixture->pool);
	area_close(&fixture->area);
}

static void fill_all(struct fixture *fixture)
{
	guint64 chunks = fixture->area.pages / PAGES;
	struct cmabulk_fill fill;

	reservation_fill(fixture->reservation, CMABULK_EFFORT_FAST, chunks, 0, &fill);
	g_print("# %llu of %" G_GUINT64_FORMAT " chunks\n", fill.nr_allocated, chunks);
	g_assert_cmpuint(fill.nr_allocated * 100, >=, chunks * 95);
}

static void test_once(struct fixture *fixture, gconstpointer data)
{
	guint64 moved = machine_read_key("/proc/vmstat", "pgmigrate_success");

	fill_all(fixture);
	moved = machine_read_key("/proc/vmstat", "pgmigrate_success") - moved;
	g_print("# %" G_GUINT64_FORMAT " pages moved of %" G_GUINT64_FORMAT " in use\n", moved,
		fixture->in_use);
	g_assert_cmpuint(moved * 100, >=, fixture->in_use * 90);
	g_assert_cmpuint(moved * 100, <=, fixture->in_use * 102);
}

/* The caller does its part, and at least one worker did something on another CPU meanwhile. */
static void test_side_by_side(struct fixture *fixture, gconstpointer data)
{
	static const char *const events[] = { "migrate/" EVENT, NULL };
	g_auto(GStrv) lines = NULL;
	unsigned int by_caller = 0, by_workers = 0;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		g_test_skip("one CPU: there is nobody to help");
		return;
	}
	tracing_start(events);
	fill_all(fixture);
	lines = tracing_take();
	tracing_stop();
	for (char **line = lines; *line; line++) {
		if (trace_line_is(*line, EVENT, getpid()))
			by_caller++;
		else if (trace_line_is(*line, EVENT, 0) && strstr(*line, "kworker/"))
			by_workers++;
	}
	g_print("# pages were moved %u times by the caller, %u times by workers\n", by_caller,
		by_workers);
	g_assert_cmpuint(by_caller, >, 0);
	g_assert_cmpuint(by_workers, >, 0);
}

#define ADD(name, function) \
	g_test_add("/moved/" name, struct fixture, NULL, fixture_setup, function, fixture_teardown)

int main(int argc, char **argv)
{
	machine_init(&argc, &argv);
	module_load_cmabulk(NULL);
	ADD("once", test_once);
	ADD("side-by-side", test_side_by_side);
	return g_test_run();
}
