/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The dma-buf as a driver sees it, through a test importer: the scatterlist, its limits, access
 * through it and through vmap, every order of letting go, and letting go while it is being used.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/books.h"
#include "lib/frames.h"
#include "lib/importer.h"
#include "lib/machine.h"
#include "lib/pool.h"

#define ORDER	    4
#define CHUNKS	    24
#define CHUNK_BYTES ((size_t)4096 << ORDER)
#define BYTES	    (CHUNKS * CHUNK_BYTES)

struct fixture {
	int pool;
	int buffer;
	int importer;
	guint64 addresses[CHUNKS]; /* of the chunks, in the buffer's order */
};

/*
 * A buffer some of whose chunks are neighbours and some are not: a second reservation takes
 * chunks in between. Their addresses are asked for before they are exported.
 */
static void fixture_setup(struct fixture *fixture, gconstpointer data)
{
	g_autofree guint64 *addresses = NULL;
	int reservation, between;
	struct cmabulk_fill fill = { 0 };
	guint64 count;

	fixture->pool = pool_open(POOL_MEDIA);
	reservation = reservation_new(fixture->pool, ORDER, 0);
	between = reservation_new(fixture->pool, ORDER, 0);
	for (guint64 step = 1; fill.total < CHUNKS; step++) {
		struct cmabulk_fill gap;

		g_assert_cmpint(reservation_fill(reservation, CMABULK_EFFORT_NORMAL,
						 MIN(step, CHUNKS - fill.total), 0, &fill),
				==, 0);
		g_assert_cmpint(reservation_fill(between, CMABULK_EFFORT_NORMAL, 1, 0, &gap), ==,
				0);
	}
	g_assert_cmpint(reservation_chunks(reservation, &addresses, &count), ==, 0);
	g_assert_cmpuint(count, ==, CHUNKS);
	memcpy(fixture->addresses, addresses, sizeof(fixture->addresses));
	fixture->buffer =
		reservation_export(reservation, CHUNKS, O_RDWR | O_CLOEXEC, "imported", NULL);
	g_assert_cmpint(fixture->buffer, >=, 0);
	close(reservation);
	close(between);
	fixture->importer = importer_open();
}

static void fixture_teardown(struct fixture *fixture, gconstpointer data)
{
	if (fixture->importer >= 0)
		close(fixture->importer);
	if (fixture->buffer >= 0)
		close(fixture->buffer);
	books_assert_empty(fixture->pool);
	close(fixture->pool);
}

static guint neighbours(const struct fixture *fixture)
{
	guint count = 0;

	for (guint i = 1; i < CHUNKS; i++)
		count += fixture->addresses[i] == fixture->addresses[i - 1] + CHUNK_BYTES;
	return count;
}

/*
 * Walks table and chunks side by side: every byte of every chunk once, in order, and no segment
 * breaks a limit. @max and @boundary are 0 for none.
 */
static void assert_table_covers(const struct fixture *fixture, guint32 max, guint64 boundary,
				guint32 *ret_segments)
{
	g_autofree struct importer_segment *segments = NULL;
	guint64 offset = 0;
	guint32 count;

	g_assert_cmpint(importer_table(fixture->importer, &segments, &count), ==, 0);
	for (guint32 i = 0; i < count; i++) {
		struct importer_segment *segment = &segments[i];

		g_assert_cmpuint(segment->length, >, 0);
		g_assert_cmpuint(segment->address % 4096, ==, 0);
		g_assert_cmpuint(segment->length % 4096, ==, 0);
		if (max)
			g_assert_cmpuint(segment->length, <=, max);
		if (boundary)
			g_assert_cmpuint(segment->address / boundary, ==,
					 (segment->address + segment->length - 1) / boundary);
		for (guint64 done = 0; done < segment->length; done += 4096, offset += 4096) {
			g_assert_cmpuint(offset, <, BYTES);
			g_assert_cmpuint(segment->address + done, ==,
					 fixture->addresses[offset / CHUNK_BYTES] +
						 offset % CHUNK_BYTES);
		}
	}
	g_assert_cmpuint(offset, ==, BYTES);
	*ret_segments = count;
}

static void attach_and_map(const struct fixture *fixture, guint32 flags, guint32 max,
			   guint64 boundary)
{
	g_assert_cmpint(importer_attach(fixture->importer, fixture->buffer, flags, max, boundary),
			==, 0);
	g_assert_cmpint(importer_map(fixture->importer, IMPORTER_BIDIRECTIONAL), ==, 0);
}

static void unmap_and_detach(const struct fixture *fixture)
{
	g_assert_cmpint(importer_unmap(fixture->importer), ==, 0);
	g_assert_cmpint(importer_detach(fixture->importer), ==, 0);
}

static void test_merged(struct fixture *fixture, gconstpointer data)
{
	guint32 segments;

	/* Both have to occur, or nothing was shown. */
	g_assert_cmpuint(neighbours(fixture), >, 0);
	g_assert_cmpuint(neighbours(fixture), <, CHUNKS - 1);
	attach_and_map(fixture, 0, 0, 0);
	assert_table_covers(fixture, 0, 0, &segments);
	g_assert_cmpuint(segments, ==, CHUNKS - neighbours(fixture));
	unmap_and_detach(fixture);
}

static void test_limits(struct fixture *fixture, gconstpointer data)
{
	static const guint32 maxima[] = { 4096, 8192, 12288, 65536, 69632, 131072, 1 << 20 };
	static const guint64 boundaries[] = { 4096, 32768, 65536, 1 << 20 };
	guint32 segments;

	for (size_t i = 0; i < G_N_ELEMENTS(maxima); i++) {
		attach_and_map(fixture, 0, maxima[i], 0);
		assert_table_covers(fixture, maxima[i], 0, &segments);
		unmap_and_detach(fixture);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(boundaries); i++) {
		attach_and_map(fixture, 0, 0, boundaries[i]);
		assert_table_covers(fixture, 0, boundaries[i], &segments);
		unmap_and_detach(fixture);
	}
}

/* Importers of different limits at the same time get tables of their own. */
static void test_two_importers(struct fixture *fixture, gconstpointer data)
{
	struct fixture other = *fixture;
	guint32 few, many;

	other.importer = importer_open();
	attach_and_map(fixture, 0, 0, 0);
	attach_and_map(&other, 0, 8192, 0);
	assert_table_covers(fixture, 0, 0, &few);
	assert_table_covers(&other, 8192, 0, &many);
	g_assert_cmpuint(few, <, many);
	close(other.importer);
	assert_table_covers(fixture, 0, 0, &few);
	unmap_and_detach(fixture);
}

/* A dynamic importer gets its mapping with the attachment. */
static void test_dynamic(struct fixture *fixture, gconstpointer data)
{
	guint32 segments;

	for (int round = 0; round < 3; round++) {
		attach_and_map(fixture, IMPORTER_DYNAMIC, 0, 0);
		assert_table_covers(fixture, 0, 0, &segments);
		unmap_and_detach(fixture);
	}
}

static void test_directions(struct fixture *fixture, gconstpointer data)
{
	guint32 segments;

	g_assert_cmpint(importer_attach(fixture->importer, fixture->buffer, 0, 0, 0), ==, 0);
	for (int direction = IMPORTER_BIDIRECTIONAL; direction <= IMPORTER_FROM_DEVICE;
	     direction++) {
		g_assert_cmpint(importer_map(fixture->importer, direction), ==, 0);
		assert_table_covers(fixture, 0, 0, &segments);
		g_assert_cmpint(importer_begin(fixture->importer, direction), ==, 0);
		g_assert_cmpint(importer_end(fixture->importer, direction), ==, 0);
		g_assert_cmpint(importer_unmap(fixture->importer), ==, 0);
	}
	/* Bracketing works without a mapping too. */
	g_assert_cmpint(importer_begin(fixture->importer, IMPORTER_FROM_DEVICE), ==, 0);
	g_assert_cmpint(importer_end(fixture->importer, IMPORTER_FROM_DEVICE), ==, 0);
	g_assert_cmpint(importer_detach(fixture->importer), ==, 0);
}

/* Program, device and kernel mapping are three views of the same bytes. */
static void test_views(struct fixture *fixture, gconstpointer data)
{
	static const size_t offsets[] = { 0, 1, 4095, 65535, 65536 - 8, BYTES / 2, BYTES - 16 };
	unsigned char *map = buffer_map(fixture->buffer);
	unsigned char bytes[16], back[16];
	guint64 mismatch;

	attach_and_map(fixture, 0, 0, 0);
	g_assert_cmpint(importer_vmap(fixture->importer), ==, 0);
	for (int via = IMPORTER_VIA_VMAP; via <= IMPORTER_VIA_DEVICE; via++) {
		g_assert_cmpint(importer_check(fixture->importer, via, 0, 0, BYTES, &mismatch), ==,
				0);
		g_assert_cmpuint(mismatch, ==, BYTES);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(offsets); i++) {
		memset(bytes, 1 + (int)i, sizeof(bytes));
		g_assert_cmpint(importer_write(fixture->importer, i % 2, offsets[i], bytes,
					       sizeof(bytes)),
				==, 0);
		g_assert_cmpmem(map + offsets[i], sizeof(bytes), bytes, sizeof(bytes));
		g_assert_cmpint(importer_read(fixture->importer, !(i % 2), offsets[i], back,
					      sizeof(back)),
				==, 0);
		g_assert_cmpmem(back, sizeof(back), bytes, sizeof(bytes));
		memset(map + offsets[i], 0, sizeof(bytes));
	}
	memset(map, 0x3c, BYTES);
	for (int via = IMPORTER_VIA_VMAP; via <= IMPORTER_VIA_DEVICE; via++) {
		importer_check(fixture->importer, via, 0x3c, 0, BYTES, &mismatch);
		g_assert_cmpuint(mismatch, ==, BYTES);
	}
	g_assert_cmpint(importer_vunmap(fixture->importer), ==, 0);
	unmap_and_detach(fixture);
	munmap(map, BYTES);
}

static void test_vmap_shared(struct fixture *fixture, gconstpointer data)
{
	int other = importer_open();
	guint64 mismatch;

	g_assert_cmpint(importer_attach(fixture->importer, fixture->buffer, 0, 0, 0), ==, 0);
	g_assert_cmpint(importer_attach(other, fixture->buffer, 0, 0, 0), ==, 0);
	for (int round = 0; round < 3; round++) {
		g_assert_cmpint(importer_vmap(fixture->importer), ==, 0);
		g_assert_cmpint(importer_vmap(other), ==, 0);
		g_assert_cmpint(importer_fill(other, IMPORTER_VIA_VMAP, round, 0, BYTES), ==, 0);
		g_assert_cmpint(importer_vunmap(other), ==, 0);
		importer_check(fixture->importer, IMPORTER_VIA_VMAP, round, 0, BYTES, &mismatch);
		g_assert_cmpuint(mismatch, ==, BYTES);
		g_assert_cmpint(importer_vunmap(fixture->importer), ==, 0);
	}
	close(other);
}

enum step {
	STEP_CLOSE_BUFFER,
	STEP_VUNMAP,
	STEP_UNMAP,
	STEP_MUNMAP,
	STEPS,
};

static void take_step(struct fixture *fixture, enum step step, void *map)
{
	switch (step) {
	case STEP_CLOSE_BUFFER:
		close(fixture->buffer);
		fixture->buffer = -1;
		break;
	case STEP_VUNMAP:
		g_assert_cmpint(importer_vunmap(fixture->importer), ==, 0);
		break;
	case STEP_UNMAP:
		g_assert_cmpint(importer_unmap(fixture->importer), ==, 0);
		break;
	default:
		munmap(map, BYTES);
	}
}

/* Everybody who still has it still sees it, whoever else has let go. */
static void assert_views_left(struct fixture *fixture, guint done, const unsigned char *map)
{
	guint64 mismatch;

	if (!(done & 1 << STEP_VUNMAP)) {
		importer_check(fixture->importer, IMPORTER_VIA_VMAP, 0x42, 0, BYTES, &mismatch);
		g_assert_cmpuint(mismatch, ==, BYTES);
	}
	if (!(done & 1 << STEP_UNMAP)) {
		importer_check(fixture->importer, IMPORTER_VIA_DEVICE, 0x42, 0, BYTES, &mismatch);
		g_assert_cmpuint(mismatch, ==, BYTES);
	}
	if (!(done & 1 << STEP_MUNMAP))
		g_assert_cmpint(map[BYTES - 1], ==, 0x42);
}

static void let_go_in_order(struct fixture *fixture, const guint order[STEPS], bool detach)
{
	unsigned char *map;
	guint done = 0;

	fixture->buffer = buffer_new(fixture->pool, ORDER, CHUNKS);
	map = buffer_map(fixture->buffer);
	attach_and_map(fixture, 0, 0, 0);
	g_assert_cmpint(importer_vmap(fixture->importer), ==, 0);
	memset(map, 0x42, BYTES);
	for (int i = 0; i < STEPS; i++) {
		take_step(fixture, order[i], map);
		done |= 1 << order[i];
		assert_views_left(fixture, done, map);
	}
	if (detach) {
		g_assert_cmpint(importer_detach(fixture->importer), ==, 0);
	} else {
		/* What the importer's own close does. */
		close(fixture->importer);
		fixture->importer = importer_open();
	}
	books_assert_empty(fixture->pool);
}

/* All 24 orders of closing, munmap, unmap and vunmap; detaching last, as it must be. */
static void test_orders(struct fixture *fixture, gconstpointer data)
{
	close(fixture->buffer);
	for (guint code = 0; code < 256; code++) {
		guint order[STEPS], seen = 0;

		for (int i = 0; i < STEPS; i++) {
			order[i] = code >> 2 * i & 3;
			seen |= 1 << order[i];
		}
		if (seen == (1 << STEPS) - 1)
			let_go_in_order(fixture, order, code % 2);
	}
}

/* The importer's file alone keeps everything alive, and closing it undoes everything. */
static void test_importer_closed(struct fixture *fixture, gconstpointer data)
{
	struct cmabulk_query query;

	attach_and_map(fixture, 0, 0, 0);
	g_assert_cmpint(importer_vmap(fixture->importer), ==, 0);
	close(fixture->buffer);
	fixture->buffer = -1;
	g_assert_cmpint(pool_query(fixture->pool, &query), ==, 0);
	g_assert_cmpuint(query.states.exported, ==, BYTES / 4096);
	g_assert_cmpint(importer_fill(fixture->importer, IMPORTER_VIA_DEVICE, 1, 0, BYTES), ==, 0);
	close(fixture->importer);
	fixture->importer = -1;
}

/* Attaches, maps and reads a buffer that another thread closes meanwhile. */
struct racer {
	pthread_t thread;
	pthread_barrier_t begin;
	int pool;
	int buffer; /* a duplicate, closed by the racer */
	int result;
};

static void *racer_run(void *data)
{
	struct racer *racer = data;
	int importer = importer_open();
	guint64 mismatch = 0;

	pthread_barrier_wait(&racer->begin);
	racer->result = importer_attach(importer, racer->buffer, 0, 0, 0);
	if (!racer->result) {
		g_assert_cmpint(importer_map(importer, IMPORTER_FROM_DEVICE), ==, 0);
		g_assert_cmpint(importer_vmap(importer), ==, 0);
		importer_check(importer, IMPORTER_VIA_DEVICE, 0, 0, BYTES, &mismatch);
		g_assert_cmpuint(mismatch, ==, BYTES);
		importer_check(importer, IMPORTER_VIA_VMAP, 0, 0, BYTES, &mismatch);
		g_assert_cmpuint(mismatch, ==, BYTES);
	}
	close(importer);
	return NULL;
}

static void test_close_races(struct fixture *fixture, gconstpointer data)
{
	int rounds = machine_scale(200, 60), attached = 0;

	close(fixture->buffer);
	fixture->buffer = -1;
	for (int round = 0; round < rounds; round++) {
		struct racer racer = { .buffer = buffer_new(fixture->pool, ORDER, CHUNKS) };

		pthread_barrier_init(&racer.begin, NULL, 2);
		machine_start_thread(&racer.thread, racer_run, &racer);
		pthread_barrier_wait(&racer.begin);
		close(racer.buffer);
		pthread_join(racer.thread, NULL);
		pthread_barrier_destroy(&racer.begin);
		g_assert_true(!racer.result || racer.result == -EBADF);
		attached += !racer.result;
	}
	g_print("# attached before the close in %d of %d rounds\n", attached, rounds);
}

/* The same table mapped and unmapped over and over: nothing piles up. */
static void test_again_and_again(struct fixture *fixture, gconstpointer data)
{
	guint32 segments;

	g_assert_cmpint(importer_attach(fixture->importer, fixture->buffer, 0, 0, 0), ==, 0);
	for (int round = 0; round < machine_scale(300, 60); round++) {
		g_assert_cmpint(importer_map(fixture->importer, round % 3), ==, 0);
		g_assert_cmpint(importer_vmap(fixture->importer), ==, 0);
		g_assert_cmpint(importer_vunmap(fixture->importer), ==, 0);
		g_assert_cmpint(importer_unmap(fixture->importer), ==, 0);
	}
	g_assert_cmpint(importer_map(fixture->importer, IMPORTER_TO_DEVICE), ==, 0);
	assert_table_covers(fixture, 0, 0, &segments);
	unmap_and_detach(fixture);
}

static guint64 pool_attribute(const char *name)
{
	g_autofree char *path = g_build_filename("/sys/class/cmabulk", POOL_MEDIA, name, NULL);

	return machine_read_number(path);
}

/*
 * An importer that keeps a page reference past everything: the buffer is told to be draining, its
 * page is given to nobody, and it is released when the reference goes.
 */
static void test_reference_kept(struct fixture *fixture, gconstpointer data)
{
	g_autofree guint64 *addresses = NULL;
	int reservation;
	struct cmabulk_fill fill;
	struct cmabulk_query query;
	guint64 count;

	attach_and_map(fixture, 0, 0, 0);
	g_assert_cmpint(importer_hold(fixture->importer, 5 * CHUNK_BYTES + 4096), ==, 0);
	unmap_and_detach(fixture);
	close(fixture->buffer);
	fixture->buffer = -1;
	/* Looked at again some time later: it is the reference that counts, not the time. */
	for (int look = 0; look < 3; look++) {
		g_assert_cmpint(pool_query(fixture->pool, &query), ==, 0);
		g_assert_cmpuint(query.states.draining, >, 0);
		reservation = reservation_new(fixture->pool, ORDER, 0);
		reservation_fill(reservation, CMABULK_EFFORT_HARD, query.pages >> ORDER, 0, &fill);
		g_clear_pointer(&addresses, g_free);
		g_assert_cmpint(reservation_chunks(reservation, &addresses, &count), ==, 0);
		for (guint64 i = 0; i < count; i++)
			g_assert_cmpuint(addresses[i], !=, fixture->addresses[5]);
		close(reservation);
	}
	g_assert_cmpuint(pool_attribute("stuck"), >, 0);
	g_assert_cmpint(pool_query(fixture->pool, &query), ==, 0);
	g_assert_cmpuint(query.stuck, ==, pool_attribute("stuck"));
	g_assert_cmpuint(query.stuck, <=, query.states.draining);
	g_assert_cmpint(importer_drop(fixture->importer), ==, 0);
	books_assert_empty(fixture->pool);
	g_assert_cmpuint(pool_attribute("stuck"), ==, 0);
}

static void test_refused(struct fixture *fixture, gconstpointer data)
{
	int file = open("/dev/null", O_RDWR | O_CLOEXEC);

	g_assert_cmpint(importer_attach(fixture->importer, file, 0, 0, 0), ==, -EINVAL);
	g_assert_cmpint(importer_attach(fixture->importer, fixture->pool, 0, 0, 0), ==, -EINVAL);
	g_assert_cmpint(importer_attach(fixture->importer, -1, 0, 0, 0), ==, -EBADF);
	close(file);
}

#define ADD(name, function)                                                          \
	g_test_add("/importer/" name, struct fixture, NULL, fixture_setup, function, \
		   fixture_teardown)

int main(int argc, char **argv)
{
	machine_init(&argc, &argv);
	module_load_cmabulk(NULL);
	ADD("merged", test_merged);
	ADD("limits", test_limits);
	ADD("two-importers", test_two_importers);
	ADD("dynamic", test_dynamic);
	ADD("directions", test_directions);
	ADD("views", test_views);
	ADD("vmap-shared", test_vmap_shared);
	ADD("orders", test_orders);
	ADD("importer-closed", test_importer_closed);
	ADD("close-races", test_close_races);
	ADD("again-and-again", test_again_and_again);
	ADD("reference-kept", test_reference_kept);
	ADD("refused", test_refused);
	return g_test_run();
}
