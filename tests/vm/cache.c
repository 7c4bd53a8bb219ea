/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The cache of a pool: what a small request leaves of its pageblock serves the next ones, is
 * withheld from nobody, and goes back by itself, under pressure, and with its pool.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/books.h"
#include "lib/events.h"
#include "lib/frames.h"
#include "lib/machine.h"
#include "lib/pool.h"

#define ORDER	     4
#define PAGES	     (G_GUINT64_CONSTANT(1) << ORDER)
#define BLOCK_CHUNKS (FRAMES_PER_BLOCK / PAGES)

#define CLASS "/sys/class/cmabulk/"

#define THREADS 4

/* What is kept is there until something is done about it, however busy the machine is. */
#define LONG_MS	   "600000"
#define DEFAULT_MS "100"

static void keep_for(const char *ms)
{
	machine_write("/sys/module/cmabulk/parameters/debug_cache_ms", ms);
}

struct fixture {
	struct area area;
	int pool;
	int frames;
	int reservation;
};

/* A survey is not to see less of the area than there is. */
static void empty_cache(int pool)
{
	struct cmabulk_survey survey;

	g_assert_cmpint(pool_survey(pool, &survey), ==, 0);
}

/* What comes alone is no reason to keep anything: somebody asks, and is gone. */
static void ask_before(int pool)
{
	int reservation = reservation_new(pool, ORDER, 0);

	g_assert_cmpuint(reservation_fill_all(reservation, 1), ==, 1);
	close(reservation);
	/* It was not alone if there was another test before. */
	empty_cache(pool);
}

static void fixture_setup(struct fixture *fixture, gconstpointer data)
{
	keep_for(LONG_MS);
	area_open(&fixture->area, AREA_CAMERA);
	fixture->pool = pool_open(POOL_CAMERA);
	fixture->frames = frames_open();
	ask_before(fixture->pool);
	books_assert_empty(fixture->pool);
	fixture->reservation = reservation_new(fixture->pool, ORDER, 0);
}

static void fixture_teardown(struct fixture *fixture, gconstpointer data)
{
	close(fixture->reservation);
	empty_cache(fixture->pool);
	books_assert_empty(fixture->pool);
	close(fixture->pool);
	close(fixture->frames);
	area_close(&fixture->area);
	keep_for(DEFAULT_MS);
}

static struct cmabulk_report fill_some(int reservation, guint64 chunks)
{
	struct cmabulk_fill fill;

	g_assert_cmpint(reservation_fill(reservation, CMABULK_EFFORT_NORMAL, chunks, 0, &fill), ==,
			0);
	g_assert_cmpuint(fill.nr_allocated, ==, chunks);
	if (chunks < BLOCK_CHUNKS)
		g_assert_cmpuint(fill.report.chunks_free, ==, chunks);
	g_assert_cmpuint(fill.report.total_ns, >, 0);
	return fill.report;
}

static guint64 cached_pages(int pool)
{
	struct cmabulk_query query;

	g_assert_cmpint(pool_query(pool, &query), ==, 0);
	return query.states.cached;
}

static guint64 draining_pages(int pool)
{
	struct cmabulk_query query;

	g_assert_cmpint(pool_query(pool, &query), ==, 0);
	return query.states.draining;
}

/* The counters of everybody who tells: QUERY, BUFFERS, sysfs, netlink and the area itself. */
static void assert_books(const struct fixture *fixture, guint64 cached, guint64 reserved)
{
	g_autofree struct cmabulk_buffer_info *entries = NULL;
	struct cmabulk_buffers buffers;
	struct cmabulk_query query;
	GArray *counters;
	bool found = false;

	g_assert_cmpint(pool_query(fixture->pool, &query), ==, 0);
	g_assert_cmpuint(query.states.cached, ==, cached);
	g_assert_cmpuint(query.states.reserved, ==, reserved);
	g_assert_cmpuint(query.free_pages, ==, query.pages - reserved);
	g_assert_cmpint(pool_buffers(fixture->pool, &buffers, &entries), ==, 0);
	g_assert_cmpuint(buffers.states.cached, ==, cached);
	g_assert_cmpuint(buffers.states.reserved, ==, reserved);
	g_assert_cmpuint(machine_read_number(CLASS POOL_CAMERA "/cached"), ==, cached);
	g_assert_cmpint(counters_dump(&counters), ==, 0);
	for (guint i = 0; i < counters->len; i++) {
		const struct counters *pool = &g_array_index(counters, struct counters, i);

		if (strcmp(pool->pool, POOL_CAMERA) != 0)
			continue;
		found = true;
		g_assert_cmpuint(pool->values[CMABULK_ATTR_CACHED], ==, cached);
	}
	g_assert_true(found);
	g_array_unref(counters);
	area_assert_owned(fixture->frames, &fixture->area, cached + reserved);
}

static void test_remainder_serves_next(struct fixture *fixture, gconstpointer data)
{
	g_autofree guint64 *addresses = NULL;
	guint64 count;

	g_assert_cmpuint(fill_some(fixture->reservation, 1).ranges_tried, ==, 1);
	assert_books(fixture, FRAMES_PER_BLOCK - PAGES, PAGES);
	for (guint64 held = 1; held < BLOCK_CHUNKS; held++)
		g_assert_cmpuint(fill_some(fixture->reservation, 1).ranges_tried, ==, 0);
	assert_books(fixture, 0, FRAMES_PER_BLOCK);

	g_assert_cmpint(reservation_chunks(fixture->reservation, &addresses, &count), ==, 0);
	g_assert_cmpuint(count, ==, BLOCK_CHUNKS);
	for (guint64 i = 1; i < count; i++)
		g_assert_cmpuint(addresses[i] / 4096 / FRAMES_PER_BLOCK, ==,
				 addresses[0] / 4096 / FRAMES_PER_BLOCK);

	g_assert_cmpuint(fill_some(fixture->reservation, 1).ranges_tried, ==, 1);
	assert_books(fixture, FRAMES_PER_BLOCK - PAGES, FRAMES_PER_BLOCK + PAGES);
}

/* Between what is left and what is needed, no more than one pageblock is claimed. */
static void test_several_chunks(struct fixture *fixture, gconstpointer data)
{
	fill_some(fixture->reservation, BLOCK_CHUNKS - 1);
	assert_books(fixture, PAGES, FRAMES_PER_BLOCK - PAGES);
	g_assert_cmpuint(fill_some(fixture->reservation, 3).ranges_tried, ==, 1);
	assert_books(fixture, FRAMES_PER_BLOCK - 2 * PAGES, FRAMES_PER_BLOCK + 2 * PAGES);
	/* As much as a pageblock, and nothing is left of it: not the cache's. */
	fill_some(fixture->reservation, BLOCK_CHUNKS);
	assert_books(fixture, 0, 2 * FRAMES_PER_BLOCK + 2 * PAGES);
}

static void test_goes_back_when_idle(struct fixture *fixture, gconstpointer data)
{
	keep_for(DEFAULT_MS);
	fill_some(fixture->reservation, 1);
	g_assert_cmpuint(books_settled(fixture->pool).query.states.reserved, ==, PAGES);
	assert_books(fixture, 0, PAGES);
}

static void test_all_after_one(struct fixture *fixture, gconstpointer data)
{
	const guint64 all = fixture->area.pages / PAGES;

	fill_some(fixture->reservation, 1);
	g_assert_cmpuint(cached_pages(fixture->pool), >, 0);
	fill_some(fixture->reservation, all - 1);
	assert_books(fixture, 0, fixture->area.pages);
}

/* What the cache has may be the only piece that is large enough, with what lies around it. */
static void test_larger_chunk_after_one(struct fixture *fixture, gconstpointer data)
{
	const guint64 all = fixture->area.pages / FRAMES_PER_BLOCK;
	unsigned int block_order = g_bit_storage(FRAMES_PER_BLOCK) - 1;
	int large = reservation_new(fixture->pool, block_order, 0), small;

	fill_some(large, all - 1);
	small = reservation_new(fixture->pool, ORDER, 0);
	fill_some(small, 1);
	assert_books(fixture, FRAMES_PER_BLOCK - PAGES,
		     fixture->area.pages - FRAMES_PER_BLOCK + PAGES);
	close(small);
	while (draining_pages(fixture->pool))
		g_usleep(1000);
	fill_some(large, 1);
	assert_books(fixture, 0, fixture->area.pages);
	close(large);
}

static void test_survey_sees_all(struct fixture *fixture, gconstpointer data)
{
	struct cmabulk_survey survey;

	fill_some(fixture->reservation, 1);
	g_assert_cmpint(pool_survey(fixture->pool, &survey), ==, 0);
	g_assert_cmpuint(survey.pages_taken, ==, PAGES);
	g_assert_cmpuint(survey.blocks_taken, ==, 1);
	assert_books(fixture, 0, PAGES);
}

static void test_goes_back_under_pressure(struct fixture *fixture, gconstpointer data)
{
	fill_some(fixture->reservation, 1);
	g_assert_cmpuint(cached_pages(fixture->pool), >, 0);
	machine_write("/proc/sys/vm/drop_caches", "2");
	assert_books(fixture, 0, PAGES);
}

/* One page in each pageblock is somebody's: to move nothing is more than to keep something. */
static void test_no_free_pageblock(struct fixture *fixture, gconstpointer data)
{
	guint64 blocks = fixture->area.pages / FRAMES_PER_BLOCK;
	struct cmabulk_fill fill;

	for (guint64 block = 0; block < blocks; block++)
		g_assert_cmpint(frame_take(fixture->frames,
					   fixture->area.base + block * FRAMES_PER_BLOCK + 100),
				==, 0);
	for (guint64 held = 0; held < 3; held++) {
		g_assert_cmpint(reservation_fill(fixture->reservation, CMABULK_EFFORT_HARD, 1, 0,
						 &fill),
				==, 0);
		g_assert_cmpuint(fill.total, ==, held + 1);
		g_assert_cmpuint(fill.report.pages_to_migrate, ==, 0);
		g_assert_cmpuint(cached_pages(fixture->pool), ==, 0);
	}
	frames_drop_all(fixture->frames);
}

/* Nobody else has a page in the area from here on. */
static void move_all_out(struct fixture *fixture)
{
	int all = reservation_new(fixture->pool, 0, 0);

	fill_some(all, fixture->area.pages);
	close(all);
	books_settled(fixture->pool);
}

static void fill_new(int pool, GArray *reservations, unsigned int order, unsigned int align,
		     guint64 chunks)
{
	int reservation = reservation_new(pool, order, align);

	fill_some(reservation, chunks);
	g_array_append_val(reservations, reservation);
}

/*
 * A request takes the last of each pageblock that is kept, and more: what it took from the one that
 * then has to make room for another must not be forgotten when there is no other.
 */
static void test_nothing_is_forgotten(struct fixture *fixture, gconstpointer data)
{
	const guint64 halves = 8, left = halves * 31;
	unsigned int block_order = g_bit_storage(FRAMES_PER_BLOCK) - 1;
	int others = reservation_new(fixture->pool, block_order, 0);
	int last = reservation_new(fixture->pool, 0, 0);
	g_autoptr(GArray) reservations = g_array_new(false, false, sizeof(int));
	struct cmabulk_fill fill;

	move_all_out(fixture);
	fill_some(others, fixture->area.pages / FRAMES_PER_BLOCK - 4);
	/* A page in each half of a pageblock: then there are as many as are kept. */
	for (guint64 half = 0; half < halves; half++)
		fill_new(fixture->pool, reservations, 0, block_order - 1, 1);
	/* And of each half what there is down to order 5, in requests that are small. */
	for (unsigned int order = block_order - 2; order >= 5; order--) {
		const guint64 most = (FRAMES_PER_BLOCK >> order) - 1;

		for (guint64 got = 0; got < halves; got += MIN(most, halves - got))
			fill_new(fixture->pool, reservations, order, 0, MIN(most, halves - got));
	}
	assert_books(fixture, left, fixture->area.pages - left);
	g_assert_cmpint(reservation_fill(last, CMABULK_EFFORT_NORMAL, left + 1, 0, &fill), ==,
			-EBUSY);
	g_assert_cmpuint(fill.nr_allocated, ==, left);
	assert_books(fixture, 0, fixture->area.pages);

	for (guint i = 0; i < reservations->len; i++)
		close(g_array_index(reservations, int, i));
	close(last);
	close(others);
}

static guint64 free_blocks(int pool)
{
	struct cmabulk_survey survey;

	g_assert_cmpint(pool_survey(pool, &survey), ==, 0);
	return survey.blocks_free;
}

/*
 * Each comes alone, and stays: no free pageblock is spoilt while there is room in another. One is
 * enough for all of them, even where a page of somebody else's lies in the pageblock they share:
 * what another test gave back may be that, from the lists of this CPU.
 */
static void test_lone_requests_share(struct fixture *fixture, gconstpointer data)
{
	guint64 before;

	keep_for("0");
	/* Until when the next one is not alone was set by the last. */
	ask_before(fixture->pool);
	before = free_blocks(fixture->pool);
	for (guint64 held = 0; held < BLOCK_CHUNKS; held++)
		g_assert_cmpuint(fill_some(fixture->reservation, 1).ranges_tried, ==, 1);
	assert_books(fixture, 0, FRAMES_PER_BLOCK);
	g_assert_cmpuint(free_blocks(fixture->pool) + 1, >=, before);
}

/* One thread's requests, of all shapes; what it holds must be nobody else's. */
struct worker {
	pthread_t thread;
	int pool;
	guint32 stream;
};

static bool is_zero(const guint8 *bytes, size_t size)
{
	return !bytes[0] && !memcmp(bytes, bytes + 1, size - 1);
}

static void use_buffer(struct worker *worker, GRand *random, unsigned int order, unsigned int align)
{
	int reservation = reservation_new(worker->pool, order, align);
	g_autofree guint64 *addresses = NULL;
	guint64 chunks = 1 + random_below(random, 6), count;
	size_t bytes = ((size_t)chunks << order) * 4096;
	guint8 mark = 1 + worker->stream;
	guint8 *map;
	int buffer;

	g_assert_cmpuint(reservation_fill_all(reservation, chunks), ==, chunks);
	if (random_chance(random, 2)) {
		g_assert_cmpint(reservation_chunks(reservation, &addresses, &count), ==, 0);
		for (guint64 i = 0; i < count; i++)
			g_assert_cmpuint(addresses[i] %
						 (G_GUINT64_CONSTANT(4096) << MAX(order, align)),
					 ==, 0);
	}
	buffer = reservation_export(reservation, chunks, O_RDWR | O_CLOEXEC, "", NULL);
	g_assert_cmpint(buffer, >=, 0);
	close(reservation);
	map = buffer_map(buffer);
	g_assert_true(is_zero(map, bytes));
	memset(map, mark, bytes);
	sched_yield();
	for (size_t i = 0; i < bytes; i++)
		g_assert_cmpuint(map[i], ==, mark);
	munmap(map, bytes);
	close(buffer);
}

static void *use_buffers(void *data)
{
	static const struct {
		unsigned int order;
		unsigned int align;
	} shapes[] = { { 4, 0 }, { 0, 0 }, { 2, 5 }, { 0, 9 }, { 5, 5 }, { 3, 8 }, { 4, 0 } };
	struct worker *worker = data;
	GRand *random = machine_random(worker->stream);

	for (int i = 0; i < machine_scale(100, 30); i++) {
		size_t shape = random_below(random, G_N_ELEMENTS(shapes));

		use_buffer(worker, random, shapes[shape].order, shapes[shape].align);
	}
	g_rand_free(random);
	return NULL;
}

static void test_chunks_are_ones_own(struct fixture *fixture, gconstpointer data)
{
	struct worker workers[THREADS];

	for (guint32 i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ .pool = fixture->pool, .stream = i };
		machine_start_thread(&workers[i].thread, use_buffers, &workers[i]);
	}
	for (guint32 i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
}

static void test_goes_back_with_its_pool(void)
{
	struct area area;
	int pool, reservation;

	keep_for(LONG_MS);
	area_open(&area, AREA_CAMERA);
	for (int i = 0; i < 5; i++) {
		pool = pool_open(POOL_CAMERA);
		ask_before(pool);
		reservation = reservation_new(pool, ORDER, 0);
		fill_some(reservation, 1);
		g_assert_cmpuint(cached_pages(pool), >, 0);
		machine_write(CLASS "remove", POOL_CAMERA);
		/* Of a stock area nobody can be asked now. */
		if (!machine_is_stock())
			g_assert_cmpuint(area_used(&area), ==, PAGES);
		close(reservation);
		close(pool);
		/* Until the last page is back the old one is in the way. */
		while (machine_try_write(CLASS "add", module_pool(POOL_CAMERA, AREA_CAMERA)) < 0)
			g_usleep(1000);
	}
	pool = pool_open(POOL_CAMERA);
	books_assert_empty(pool);
	close(pool);
	area_close(&area);
	keep_for(DEFAULT_MS);
}

static void test_goes_back_with_the_module(void)
{
	struct area area;
	int pool, reservation;

	area_open(&area, AREA_CAMERA);
	for (int i = 0; i < 5; i++) {
		keep_for(LONG_MS);
		pool = pool_open(POOL_CAMERA);
		ask_before(pool);
		reservation = reservation_new(pool, ORDER, 0);
		fill_some(reservation, 1);
		g_assert_cmpuint(cached_pages(pool), >, 0);
		close(reservation);
		close(pool);
		module_unload("cmabulk");
		g_assert_cmpuint(area_used(&area), ==, 0);
		module_load_cmabulk(NULL);
	}
	pool = pool_open(POOL_CAMERA);
	books_assert_empty(pool);
	close(pool);
	area_close(&area);
}

#define CASE(name, test) \
	g_test_add("/cache/" name, struct fixture, NULL, fixture_setup, test, fixture_teardown)

int main(int argc, char **argv)
{
	machine_init(&argc, &argv);
	module_load_cmabulk(NULL);
	CASE("remainder-serves-next", test_remainder_serves_next);
	CASE("several-chunks", test_several_chunks);
	CASE("goes-back-when-idle", test_goes_back_when_idle);
	CASE("all-after-one", test_all_after_one);
	CASE("larger-chunk-after-one", test_larger_chunk_after_one);
	CASE("survey-sees-all", test_survey_sees_all);
	CASE("goes-back-under-pressure", test_goes_back_under_pressure);
	/* For a moment after one that found no free pageblock nobody looks for one. */
	CASE("nothing-is-forgotten", test_nothing_is_forgotten);
	CASE("no-free-pageblock", test_no_free_pageblock);
	CASE("lone-requests-share", test_lone_requests_share);
	CASE("chunks-are-ones-own", test_chunks_are_ones_own);
	g_test_add_func("/cache/goes-back-with-its-pool", test_goes_back_with_its_pool);
	g_test_add_func("/cache/goes-back-with-the-module", test_goes_back_with_the_module);
	return g_test_run();
}
