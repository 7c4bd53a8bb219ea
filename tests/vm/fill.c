/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* FILL and INTERRUPT: topping a reservation up, efforts, budgets, being short, being stopped. */
#include "fill.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "lib/occupant.h"
#include "lib/pins.h"

/* More than one range takes to claim on a slow machine, and far less than the whole area. */
#define OVERSHOOT_SECONDS_PLAIN 5
#define OVERSHOOT_SECONDS_DEBUG 20

void fill_setup(struct fixture *fixture, gconstpointer data)
{
	area_open(&fixture->area, AREA_MEDIA);
	fixture->pool = pool_open(POOL_MEDIA);
	fixture->frames = frames_open();
	fixture->random = machine_random(1);
	fixture->books = books_settled(fixture->pool);
	fixture->reservation = reservation_new(fixture->pool, ORDER, 0);
}

void fill_teardown(struct fixture *fixture, gconstpointer data)
{
	close(fixture->reservation);
	close(fixture->frames);
	books_assert_same(fixture->pool, &fixture->books);
	books_assert_empty(fixture->pool);
	close(fixture->pool);
	area_close(&fixture->area);
	g_rand_free(fixture->random);
}

guint64 pool_chunks(const struct fixture *fixture)
{
	return fixture->area.pages / PAGES;
}

/* Blocks, skips and times of a report have to be consistent with each other. */
static void assert_report_sound(const struct cmabulk_fill *fill)
{
	const struct cmabulk_report *report = &fill->report;

	g_assert_cmpuint(report->blocks_free + report->blocks_movable + report->blocks_suspect +
				 report->blocks_taken,
			 ==, report->blocks_surveyed);
	g_assert_cmpuint(report->chunks_free + report->chunks_moved + report->chunks_salvaged, ==,
			 fill->nr_allocated);
	g_assert_cmpuint(report->ranges_failed, <=, report->ranges_tried);
	g_assert_cmpuint(report->salvage_ns, <=, report->claim_ns);
	g_assert_cmpuint(report->survey_ns + report->plan_ns + report->drain_ns + report->claim_ns,
			 <=, report->total_ns);
	g_assert_cmpuint(report->total_ns, >, 0);
}

static void test_zero_requests(struct fixture *fixture, gconstpointer data)
{
	struct cmabulk_fill fill;

	for (int effort = CMABULK_EFFORT_FAST; effort <= CMABULK_EFFORT_HARD; effort++) {
		g_assert_cmpint(reservation_fill(fixture->reservation, effort, 0, 0, &fill), ==, 0);
		g_assert_cmpuint(fill.nr_allocated, ==, 0);
		g_assert_cmpuint(fill.total, ==, 0);
		g_assert_cmpuint(fill.report.blocks_surveyed, >, 0);
		g_assert_cmpuint(fill.report.ranges_tried, ==, 0);
		assert_report_sound(&fill);
	}
}

static void test_whole_request(struct fixture *fixture, gconstpointer data)
{
	guint64 reference_request = area_reference_request(&fixture->area);
	struct cmabulk_fill fill;

	g_assert_cmpint(reservation_fill(fixture->reservation, CMABULK_EFFORT_NORMAL,
					 reference_request, 0, &fill),
			==, 0);
	g_assert_cmpuint(fill.nr_allocated, ==, reference_request);
	g_assert_cmpuint(fill.total, ==, reference_request);
	assert_report_sound(&fill);
	g_assert_cmpuint(books_settled(fixture->pool).query.states.reserved, ==,
			 reference_request * PAGES);
	g_assert_cmpuint(area_used(&fixture->area), ==, reference_request * PAGES);
	area_assert_owned(fixture->frames, &fixture->area, reference_request * PAGES);
}

static void test_top_up(struct fixture *fixture, gconstpointer data)
{
	static const guint64 steps[] = { 1, 10, 0, 100, 1, 500, 33 };
	guint64 total = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
		struct cmabulk_fill fill;

		g_assert_cmpint(reservation_fill(fixture->reservation, i % 3, steps[i], 0, &fill),
				==, 0);
		total += steps[i];
		g_assert_cmpuint(fill.nr_allocated, ==, steps[i]);
		g_assert_cmpuint(fill.total, ==, total);
		assert_report_sound(&fill);
	}
	g_assert_cmpuint(books_settled(fixture->pool).used, ==, total * PAGES);
	area_assert_owned(fixture->frames, &fixture->area, total * PAGES);
}

/* Exporting in between takes from what is held; later chunks go on from there. */
static void test_top_up_after_export(struct fixture *fixture, gconstpointer data)
{
	struct cmabulk_fill fill;
	int buffer;

	reservation_fill(fixture->reservation, CMABULK_EFFORT_NORMAL, 30, 0, &fill);
	buffer = reservation_export(fixture->reservation, 20, O_RDWR | O_CLOEXEC, "first", NULL);
	g_assert_cmpint(buffer, >=, 0);
	g_assert_cmpint(reservation_fill(fixture->reservation, CMABULK_EFFORT_NORMAL, 5, 0, &fill),
			==, 0);
	g_assert_cmpuint(fill.nr_allocated, ==, 5);
	g_assert_cmpuint(fill.total, ==, 15);
	close(buffer);
}

/* Each effort gets what the one before could not: pins for good, and pins that go. */
static void test_efforts(struct fixture *fixture, gconstpointer data)
{
	struct cmabulk_fill fast, normal, hard;
	g_autofree void **pages = NULL;
	struct pins stay, leave;
	struct occupant occupant;
	size_t blocks, pinned = 0;
	int ret;

	occupant_fill(&occupant, fixture->frames, &fixture->area, OCCUPANT_ANONYMOUS,
		      fixture->area.pages / 3);
	pages = occupant_page_per_block(&occupant, &fixture->area, fixture->random, &blocks);
	g_assert_cmpuint(blocks, >=, 20);
	pins_init(&stay);
	pins_init(&leave);
	for (size_t block = 0; block < fixture->area.pages / FRAMES_PER_BLOCK; block++)
		if (pages[block])
			pins_add(pinned++ % 2 ? &stay : &leave, pages[block]);

	ret = reservation_fill(fixture->reservation, CMABULK_EFFORT_FAST, pool_chunks(fixture), 0,
			       &fast);
	g_assert_cmpint(ret, ==, -EBUSY);
	assert_report_sound(&fast);
	g_assert_cmpuint(fast.nr_allocated, >, 0);
	g_assert_cmpuint(fast.report.chunks_salvaged, ==, 0);
	g_assert_cmpuint(fast.report.skipped_suspect, >, 0);

	pins_clear(&leave);
	ret = reservation_fill(fixture->reservation, CMABULK_EFFORT_NORMAL,
			       pool_chunks(fixture) - fast.total, 0, &normal);
	g_assert_cmpint(ret, ==, -EBUSY);
	assert_report_sound(&normal);
	g_assert_cmpuint(normal.nr_allocated, >, 0);
	g_assert_cmpuint(normal.report.chunks_salvaged, ==, 0);

	ret = reservation_fill(fixture->reservation, CMABULK_EFFORT_HARD,
			       pool_chunks(fixture) - normal.total, 0, &hard);
	g_assert_cmpint(ret, ==, -EBUSY);
	assert_report_sound(&hard);
	g_assert_cmpuint(hard.nr_allocated, >, 0);
	g_assert_cmpuint(hard.report.chunks_salvaged, >, 0);
	g_assert_cmpuint(hard.report.skipped_busy, >, 0);
	g_assert_cmpuint(hard.total, ==,
			 fast.nr_allocated + normal.nr_allocated + hard.nr_allocated);

	pins_clear(&stay);
	occupant_free(&occupant);
}

/* Whatever a program's memory is, it moves: fast gets nearly all of an area full of it. */
static void test_kinds(struct fixture *fixture, gconstpointer data)
{
	static const enum occupant_kind kinds[] = { OCCUPANT_ANONYMOUS, OCCUPANT_SHMEM,
						    OCCUPANT_HUGE };

	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
		int reservation = reservation_new(fixture->pool, ORDER, 0);
		struct occupant occupant;
		struct cmabulk_fill fill;

		occupant_fill(&occupant, fixture->frames, &fixture->area, kinds[i],
			      fixture->area.pages / 2);
		reservation_fill(reservation, CMABULK_EFFORT_FAST, pool_chunks(fixture), 0, &fill);
		g_print("# kind %zu: %llu of %" G_GUINT64_FORMAT " chunks by fast\n", i,
			fill.nr_allocated, pool_chunks(fixture));
		g_assert_cmpuint(fill.nr_allocated * 100, >=, pool_chunks(fixture) * 95);
		g_assert_cmpuint(fill.report.chunks_moved, >, 0);
		close(reservation);
		occupant_free(&occupant);
	}
}

/* Reads files until so many pages of the area hold some; false when there are not enough. */
static bool read_files(struct fixture *fixture, const char *directory, guint64 pages)
{
	g_autoptr(GDir) listing = g_dir_open(directory, 0, NULL);
	guint64 before = area_census(fixture->frames, &fixture->area).user;
	const char *name;

	g_assert_nonnull(listing);
	while ((name = g_dir_read_name(listing))) {
		g_autofree char *path = g_build_filename(directory, name, NULL);
		g_autofree char *text = NULL;

		if (g_file_test(path, G_FILE_TEST_IS_REGULAR))
			g_file_get_contents(path, &text, NULL, NULL);
		if (area_census(fixture->frames, &fixture->area).user >= before + pages)
			return true;
	}
	return false;
}

/* Files just read look pinned until the kernel's batches of new pages are put on the lists. */
static void test_page_cache(struct fixture *fixture, gconstpointer data)
{
	/* A debug kernel needs far more for itself, to read with. */
	guint64 leave = (guint64)machine_scale(48, 192) * 1024 / 4;
	struct cmabulk_fill fill;

	pool_ioctl(fixture->frames, PIN_HOG, &leave);
	g_assert_true(read_files(fixture, "/usr/lib/x86_64-linux-gnu", 10000));
	g_assert_cmpint(pool_ioctl(fixture->frames, PIN_UNHOG, NULL), ==, 0);
	reservation_fill(fixture->reservation, CMABULK_EFFORT_NORMAL, pool_chunks(fixture), 0,
			 &fill);
	g_print("# %llu of %" G_GUINT64_FORMAT " chunks among read files\n", fill.nr_allocated,
		pool_chunks(fixture));
	g_assert_cmpuint(fill.nr_allocated * 100, >=, pool_chunks(fixture) * 98);
}

/* What others hold is never asked for, and is counted. */
static void test_taken(struct fixture *fixture, gconstpointer data)
{
	int other = reservation_new(fixture->pool, ORDER, 0);
	guint64 half = pool_chunks(fixture) / 2;
	struct cmabulk_fill fill;

	g_assert_cmpint(reservation_fill(other, CMABULK_EFFORT_NORMAL, half, 0, &fill), ==, 0);
	g_assert_cmpint(reservation_fill(fixture->reservation, CMABULK_EFFORT_HARD,
					 pool_chunks(fixture), 0, &fill),
			==, -EBUSY);
	g_assert_cmpuint(fill.nr_allocated, >=, (pool_chunks(fixture) - half) * 99 / 100);
	g_assert_cmpuint(fill.nr_allocated, <=, pool_chunks(fixture) - half);
	g_assert_cmpuint(fill.report.skipped_taken, ==, half);
	close(other);
}

/* An area full of movable pages, so that a FILL of all of it takes a while. */
static void occupy(struct fixture *fixture, struct occupant *occupant)
{
	occupant_fill(occupant, fixture->frames, &fixture->area, OCCUPANT_ANONYMOUS,
		      fixture->area.pages * 6 / 10);
}

static void test_budget(struct fixture *fixture, gconstpointer data)
{
	static const guint64 budgets[] = { 1, 1000000, 20000000 };
	const gint64 overshoot = G_GINT64_CONSTANT(1000000000) *
				 machine_scale(OVERSHOOT_SECONDS_PLAIN, OVERSHOOT_SECONDS_DEBUG);
	struct occupant occupant;
	struct cmabulk_fill fill;
	bool expired = false;

	occupy(fixture, &occupant);
	for (size_t i = 0; i < G_N_ELEMENTS(budgets); i++) {
		guint64 wanted = pool_chunks(fixture);
		gint64 start;
		int ret;

		reservation_fill(fixture->reservation, CMABULK_EFFORT_HARD, 0, 0, &fill);
		wanted -= fill.total;
		start = machine_now();
		ret = reservation_fill(fixture->reservation, CMABULK_EFFORT_HARD, wanted,
				       budgets[i], &fill);
		g_print("# budget %" G_GUINT64_FORMAT " ns: %llu chunks in %.3f ms, result %d\n",
			budgets[i], fill.nr_allocated, milliseconds(machine_now() - start), ret);
		g_assert_cmpint(machine_now() - start, <, budgets[i] + overshoot);
		if (ret == -ETIME)
			expired = true;
		else
			g_assert_true(!ret || ret == -EBUSY);
		assert_report_sound(&fill);
	}
	g_assert_true(expired);
	/* A budget that suffices changes nothing. */
	g_assert_cmpint(reservation_fill(fixture->reservation, CMABULK_EFFORT_HARD, 0, G_MAXINT64,
					 &fill),
			==, 0);
	occupant_free(&occupant);
}

/* A FILL in a thread of its own, told when it is about to begin. */
struct filler {
	pthread_t thread;
	pthread_barrier_t begin;
	int reservation;
	guint64 chunks;
	struct cmabulk_fill fill;
	int result;
};

static void *filler_run(void *data)
{
	struct filler *filler = data;

	pthread_barrier_wait(&filler->begin);
	filler->result = reservation_fill(filler->reservation, CMABULK_EFFORT_HARD, filler->chunks,
					  0, &filler->fill);
	return NULL;
}

static void filler_start(struct filler *filler, int reservation, guint64 chunks)
{
	filler->reservation = reservation;
	filler->chunks = chunks;
	pthread_barrier_init(&filler->begin, NULL, 2);
	machine_start_thread(&filler->thread, filler_run, filler);
	pthread_barrier_wait(&filler->begin);
}

static void filler_join(struct filler *filler)
{
	pthread_join(filler->thread, NULL);
	pthread_barrier_destroy(&filler->begin);
}

/* Watches the area's bitmap: nobody else takes anything. False when the FILL was over too soon. */
static bool fill_has_begun(const struct fixture *fixture)
{
	for (int spin = 0; spin < 1000000; spin++)
		if (area_used(&fixture->area))
			return true;
	return false;
}

/* A second FILL of the same reservation is refused while one runs, and writes nothing. */
static bool fill_is_refused(int reservation)
{
	struct cmabulk_fill fill;

	if (reservation_fill(reservation, CMABULK_EFFORT_FAST, 0, 0, &fill) != -EALREADY)
		return false;
	g_assert_cmpuint(fill.report.total_ns, ==, 0);
	g_assert_cmpuint(fill.total, ==, 0);
	return true;
}

/* The INTERRUPT that is pending stops this FILL before it gets anything, and no other one. */
static void assert_interrupt_spent(int reservation, guint64 held)
{
	struct cmabulk_fill fill;

	g_assert_cmpint(reservation_fill(reservation, CMABULK_EFFORT_NORMAL, 1, 0, &fill), ==,
			-EINTR);
	g_assert_cmpuint(fill.nr_allocated, ==, 0);
	g_assert_cmpuint(fill.total, ==, held);
	assert_report_sound(&fill);
}

/*
 * INTERRUPT may come in the FILL or too late for it: then it is for the next one. Tried until it
 * hit, with the memory put back each time.
 */
static void test_interrupt(struct fixture *fixture, gconstpointer data)
{
	bool interrupted = false, refused = false;

	for (int attempt = 0; attempt < 30 && !interrupted; attempt++) {
		int reservation = reservation_new(fixture->pool, ORDER, 0);
		struct occupant occupant;
		struct filler filler;

		occupy(fixture, &occupant);
		filler_start(&filler, reservation, pool_chunks(fixture));
		g_assert_true(fill_has_begun(fixture));
		refused |= fill_is_refused(reservation);
		g_assert_cmpint(reservation_interrupt(reservation), ==, 0);
		filler_join(&filler);
		assert_report_sound(&filler.fill);
		interrupted = filler.result == -EINTR;
		if (interrupted)
			g_assert_cmpuint(filler.fill.nr_allocated, <, filler.chunks);
		else
			g_assert_true(!filler.result || filler.result == -EBUSY);
		g_assert_cmpuint(filler.fill.total, ==, filler.fill.nr_allocated);
		if (!interrupted && filler.fill.total < filler.chunks)
			assert_interrupt_spent(reservation, filler.fill.total);
		close(reservation);
		occupant_free(&occupant);
	}
	g_assert_true(interrupted);
	g_assert_true(refused);
}

/*
 * However many INTERRUPTs with nothing running stop the next FILL that asks for chunks, and only
 * that: one that only reports, or is refused, does not spend them.
 */
static void test_interrupt_idle(struct fixture *fixture, gconstpointer data)
{
	struct cmabulk_fill fill;

	g_assert_cmpint(reservation_interrupt(fixture->reservation), ==, 0);
	g_assert_cmpint(reservation_interrupt(fixture->reservation), ==, 0);
	g_assert_cmpint(reservation_fill(fixture->reservation, CMABULK_EFFORT_NORMAL, 0, 0, &fill),
			==, 0);
	g_assert_cmpint(reservation_fill(fixture->reservation, CMABULK_EFFORT_NORMAL,
					 pool_chunks(fixture) + 1, 0, &fill),
			==, -E2BIG);
	assert_interrupt_spent(fixture->reservation, 0);
	g_assert_cmpint(reservation_fill(fixture->reservation, CMABULK_EFFORT_NORMAL, 10, 0, &fill),
			==, 0);
	g_assert_cmpuint(fill.nr_allocated, ==, 10);
}

/*
 * After a FILL is before the next one. The second kind of "too many", more than there is room for
 * beside what is held, is found later than the first and spends nothing either.
 */
static void test_interrupt_between(struct fixture *fixture, gconstpointer data)
{
	struct cmabulk_fill fill;

	g_assert_cmpint(reservation_fill(fixture->reservation, CMABULK_EFFORT_NORMAL, 10, 0, &fill),
			==, 0);
	g_assert_cmpint(reservation_interrupt(fixture->reservation), ==, 0);
	g_assert_cmpint(reservation_fill(fixture->reservation, CMABULK_EFFORT_NORMAL, 0, 0, &fill),
			==, 0);
	g_assert_cmpuint(fill.total, ==, 10);
	g_assert_cmpint(reservation_fill(fixture->reservation, CMABULK_EFFORT_NORMAL,
					 pool_chunks(fixture) - 9, 0, &fill),
			==, -E2BIG);
	assert_interrupt_spent(fixture->reservation, 10);
	/* Answered, and so there is room for another one. */
	g_assert_cmpint(reservation_interrupt(fixture->reservation), ==, 0);
	assert_interrupt_spent(fixture->reservation, 10);
	g_assert_cmpint(reservation_fill(fixture->reservation, CMABULK_EFFORT_HARD, 10, 0, &fill),
			==, 0);
	g_assert_cmpuint(fill.total, ==, 20);
}

/* EXPORT beside a running FILL: takes what is there already, or says there is not enough. */
static void test_export_during_fill(struct fixture *fixture, gconstpointer data)
{
	struct cmabulk_fill fill;
	struct occupant occupant;
	struct filler filler;
	int buffer;

	occupy(fixture, &occupant);
	g_assert_cmpint(reservation_fill(fixture->reservation, CMABULK_EFFORT_NORMAL, 40, 0, &fill),
			==, 0);
	filler_start(&filler, fixture->reservation, pool_chunks(fixture) / 2);
	buffer = reservation_export(fixture->reservation, 40, O_RDWR | O_CLOEXEC, "", NULL);
	g_assert_cmpint(buffer, >=, 0);
	g_assert_cmpuint(buffer_size(buffer), ==, 40 * PAGES * sysconf(_SC_PAGESIZE));
	filler_join(&filler);
	g_assert_cmpuint(filler.fill.total, <=, filler.fill.nr_allocated + 40);
	reservation_fill(fixture->reservation, CMABULK_EFFORT_FAST, 0, 0, &fill);
	g_assert_cmpuint(fill.total, ==, filler.fill.nr_allocated);
	close(buffer);
	occupant_free(&occupant);
}

/* Several orders and alignments; the addresses tell. */
static void test_orders(struct fixture *fixture, gconstpointer data)
{
	static const guint orders[][2] = { { 0, 0 }, { 2, 2 }, { 6, 6 }, { 9, 9 },
					   { 0, 5 }, { 4, 7 }, { 5, 2 } };

	for (size_t i = 0; i < G_N_ELEMENTS(orders); i++) {
		guint order = orders[i][0], align = MAX(order, orders[i][1]);
		int reservation = reservation_new(fixture->pool, order, orders[i][1]);
		g_autofree guint64 *addresses = NULL;
		struct cmabulk_fill fill;
		guint64 count;

		g_assert_cmpint(reservation_fill(reservation, CMABULK_EFFORT_NORMAL, 20, 0, &fill),
				==, 0);
		g_assert_cmpint(reservation_chunks(reservation, &addresses, &count), ==, 0);
		g_assert_cmpuint(count, ==, 20);
		for (guint64 chunk = 0; chunk < count; chunk++)
			g_assert_cmpuint(addresses[chunk] % (sysconf(_SC_PAGESIZE) << align), ==,
					 0);
		close(reservation);
	}
}

int main(int argc, char **argv)
{
	machine_init(&argc, &argv);
	scarce_init();
	module_load_cmabulk(NULL);
	FILL_ADD("zero-requests", test_zero_requests);
	FILL_ADD("whole-request", test_whole_request);
	FILL_ADD("top-up", test_top_up);
	FILL_ADD("top-up-after-export", test_top_up_after_export);
	FILL_ADD("efforts", test_efforts);
	FILL_ADD("kinds", test_kinds);
	FILL_ADD("page-cache", test_page_cache);
	fill_add_scarce();
	FILL_ADD("taken", test_taken);
	FILL_ADD("budget", test_budget);
	FILL_ADD("interrupt", test_interrupt);
	FILL_ADD("interrupt-idle", test_interrupt_idle);
	FILL_ADD("interrupt-between", test_interrupt_between);
	FILL_ADD("export-during-fill", test_export_during_fill);
	FILL_ADD("orders", test_orders);
	return g_test_run();
}
