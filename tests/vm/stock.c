/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stock pools, NAME:SIZE@BASE[+RESERVE]: what they may not be made of, each with its reason in the
 * kernel's log, and what is theirs alone: claims from the top down, the reserve, and that pageblocks
 * are still what they were. On a kernel with the series as on one without.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/books.h"
#include "lib/frames.h"
#include "lib/machine.h"
#include "lib/pool.h"

#define CLASS "/sys/class/cmabulk/"
#define POOL  "stock"
#define ORDER 4
#define MIB   (G_GUINT64_CONSTANT(1) << 20)
#define BLOCK (FRAMES_PER_BLOCK * 4096)

/* What the heap's user takes at a time: while it does, a good part of the area is isolated. */
#define HEAP_BYTES (64 * MIB)

struct place {
	guint64 base;
	guint64 end;
};

static struct place area_place(const char *name)
{
	const guint64 page = sysconf(_SC_PAGESIZE);
	struct place place;
	struct area area;

	area_open(&area, name);
	place.base = area.base * page;
	place.end = (area.base + area.pages) * page;
	area_close(&area);
	return place;
}

/* Where the last zone lies: the runner is asked for more than one. */
static struct place last_zone(void)
{
	g_autofree char *text = machine_read("/proc/zoneinfo");
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	const guint64 page = sysconf(_SC_PAGESIZE);
	guint64 spanned = 0, present = 0, start;
	struct place zone = { 0 };
	guint zones = 0;

	for (char **line = lines; *line; line++) {
		sscanf(*line, " spanned %" G_GUINT64_FORMAT, &spanned);
		sscanf(*line, " present %" G_GUINT64_FORMAT, &present);
		if (sscanf(*line, " start_pfn: %" G_GUINT64_FORMAT, &start) != 1 || !present)
			continue;
		zones++;
		if (start * page > zone.base)
			zone = (struct place){ start * page, (start + spanned) * page };
	}
	g_assert_cmpuint(zones, >=, 2);
	return zone;
}

/* How many pageblocks are CMA's, of all zones. */
static guint64 cma_blocks(void)
{
	g_autofree char *text = machine_read("/proc/pagetypeinfo");
	g_auto(GStrv) lines = g_strsplit(strstr(text, "Number of blocks type"), "\n", -1);
	guint64 sum = 0;
	int column = -1;

	for (char **line = lines; *line; line++) {
		g_auto(GStrv) words = g_regex_split_simple("[ ,]+", *line, 0, 0);

		/* "Number of blocks type" and "Node N zone NAME" are four words and five. */
		if (column < 0) {
			for (int i = 0; words[i]; i++)
				if (!strcmp(words[i], "CMA"))
					column = i + 1;
		} else if (g_strv_length(words) > (guint)column) {
			sum += g_ascii_strtoull(words[column], NULL, 10);
		}
	}
	g_assert_cmpint(column, >=, 0);
	return sum;
}

static int log_open(void)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	g_assert_no_errno(log);
	g_assert_no_errno(lseek(log, 0, SEEK_END));
	return log;
}

/* Whether one of the lines since the last look holds the text. */
static bool log_says(int log, const char *text)
{
	bool found = false;
	char line[4096];
	ssize_t length;

	while ((length = read(log, line, sizeof(line) - 1)) > 0) {
		line[length] = '\0';
		found |= strstr(line, text) != NULL;
	}
	return found;
}

static int G_GNUC_PRINTF(1, 2) add(const char *format, ...)
{
	g_autofree char *spec = NULL;
	va_list arguments;

	va_start(arguments, format);
	spec = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	return machine_try_write(CLASS "add", spec);
}

static int add_place(const char *name, guint64 base, guint64 end)
{
	return add("%s:%" G_GUINT64_FORMAT "@0x%" G_GINT64_MODIFIER "x", name, end - base, base);
}

/* Its events hold a removed pool for a moment. */
static void remove_pool(const char *name)
{
	g_autofree char *path = g_strconcat(CLASS, name, NULL);

	machine_write(CLASS "remove", name);
	g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
}

static void test_texts(void)
{
	static const struct {
		const char *area;
		const char *reason; /* NULL: what is no multiple of a pageblock */
		bool is_for_small_blocks; /* the largest free page is two of them */
	} cases[] = {
		{ "400M@", "is no place" },
		{ "4@M", "is no place" },
		{ "4M@512M+", "is no place" },
		{ "4M@512Mx", "is no place" },
		{ "4M@512M+2Mx", "is no place" },
		{ "4M@512M@512M", "is no place" },
		{ "4Z@512M", "is no place" },
		{ "0x@512M", "is no place" },
		{ "4M@-512M", "is no place" },
		{ "4M@ 512M", "is no place" },
		{ "18446744073709551616@0", "is no place" },
		{ "16E@0", "is no place" },
		{ "000000000000000000000000000004M@512M", "is no place" },
		{ "8E@8E", "beyond what this machine can address" },
		{ "0@512M", NULL },
		{ "4K@512M", NULL },
		{ "1M@512M", NULL },
		{ "3M@512M", NULL },
		{ "4194305@512M", NULL },
		{ "4M@513M", NULL },
		{ "4M@536870913", NULL },
		{ "4M@512M+1M", NULL },
		{ "8M@512M+2M", "together are to be a multiple of 4096 KiB", true },
		{ "8M@514M+4M", "together are to be a multiple of 4096 KiB", true },
		{ "4M@512M+4M", "leaves nothing" },
		{ "4M@512M+6M", "leaves nothing", true },
	};
	g_autofree char *multiples =
		g_strdup_printf("multiples of %" G_GUINT64_FORMAT " KiB", BLOCK / 1024);
	int log = log_open();

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		if (cases[i].is_for_small_blocks && BLOCK > 2 * MIB)
			continue;
		g_test_message("%s", cases[i].area);
		g_assert_cmpint(add(POOL ":%s", cases[i].area), ==, -EINVAL);
		g_assert_true(log_says(log, cases[i].reason ?: multiples));
	}
	close(log);
}

/* What begins with a letter is a name, whatever follows. */
static void test_names(void)
{
	int log = log_open();

	g_assert_cmpint(add(POOL ":cma@20000000"), ==, machine_unknown_area());
	g_assert_true(log_says(log, "cma@20000000"));
	if (!machine_has_series()) {
		g_assert_cmpint(add(POOL ":" AREA_MEDIA), ==, -EOPNOTSUPP);
		g_assert_true(log_says(log, "lacks the series"));
	}
	close(log);
}

static void assert_refused(int log, guint64 base, guint64 end, int error, const char *reason)
{
	int ret = add_place(POOL, base, end);

	g_test_message("0x%" G_GINT64_MODIFIER "x to 0x%" G_GINT64_MODIFIER "x: %d", base, end,
		       ret);
	g_assert_cmpint(ret, ==, error);
	g_assert_true(log_says(log, reason));
}

static void test_places(void)
{
	const struct place area = area_place(AREA_MEDIA);
	const struct place zone = last_zone();
	const guint64 blocks = cma_blocks();
	/* Far above what the runner gives the machine, and not what any can have. */
	const guint64 nowhere = MIB << 14, never = G_GUINT64_CONSTANT(1) << 60;
	int log = log_open();

	/* Not of CMA: beside the area, over either end of it, all of it and more. */
	assert_refused(log, area.base - BLOCK, area.base, -EINVAL, "none of CMA's");
	assert_refused(log, area.end, area.end + BLOCK, -EINVAL, "none of CMA's");
	assert_refused(log, area.base - BLOCK, area.base + BLOCK, -EINVAL, "none of CMA's");
	assert_refused(log, area.end - BLOCK, area.end + BLOCK, -EINVAL, "none of CMA's");
	assert_refused(log, area.base - BLOCK, area.end + BLOCK, -EINVAL, "none of CMA's");
	assert_refused(log, 0, BLOCK, -EINVAL, "none of CMA's");
	/* Not memory, and from memory into what is not. */
	assert_refused(log, nowhere, nowhere + BLOCK, -ENXIO, "no memory");
	assert_refused(log, never, never + BLOCK, -ENXIO, "no memory");
	assert_refused(log, zone.end - BLOCK, zone.end + BLOCK, -ENXIO, "no memory");
	/* Of two zones. */
	assert_refused(log, zone.base - BLOCK, zone.base + BLOCK, -EINVAL, "lies in two zones");
	/* A look changes nothing. */
	g_assert_cmpuint(cma_blocks(), ==, blocks);
	close(log);
}

static void test_overlaps(void)
{
	const struct place area = area_place(AREA_MEDIA);
	/* The largest free pages are 4 MiB, mostly two pageblocks. */
	const guint64 middle = area.base + 100 * MIB, odd = middle + BLOCK;
	int log = log_open();

	g_assert_cmpint(add_place(POOL, area.base, odd), ==, 0);
	g_assert_cmpint(add_place("whole", area.base, area.end), ==, -EBUSY);
	g_assert_true(log_says(log, "too near"));
	g_assert_cmpint(add_place("inside", area.base + BLOCK, area.base + 2 * BLOCK), ==, -EBUSY);
	g_assert_cmpint(add_place("first", area.base, area.base + BLOCK), ==, -EBUSY);
	g_assert_cmpint(add_place("last", odd - BLOCK, area.end), ==, -EBUSY);
	/* Beside it, but a free page may reach over the border, unless none is larger than a pageblock. */
	if (BLOCK < 4 * MIB)
		g_assert_cmpint(add_place("near", odd, area.end), ==, -EBUSY);
	g_assert_cmpint(add_place(POOL, odd + BLOCK, area.end), ==, -EEXIST);
	g_assert_cmpint(add_place("next", odd + BLOCK, area.end), ==, 0);
	remove_pool("next");
	remove_pool(POOL);

	/* By name and by place is the same memory. */
	if (machine_has_series()) {
		g_assert_cmpint(add("named:" AREA_MEDIA), ==, 0);
		g_assert_cmpint(add_place(POOL, area.base, area.base + BLOCK), ==, -EBUSY);
		remove_pool("named");
		g_assert_cmpint(add_place(POOL, area.end - BLOCK, area.end), ==, 0);
		g_assert_cmpint(add("named:" AREA_MEDIA), ==, -EBUSY);
		remove_pool(POOL);
	}
	close(log);
}

/* The same in the parameter: nothing of it is made then. */
static void test_parameter(void)
{
	const struct place area = area_place(AREA_MEDIA);
	static const struct {
		const char *second;
		int expected;
	} cases[] = {
		{ "4M@512M", -EBUSY },
		{ "1M@512M", -EINVAL },
		{ "4M@16G", -ENXIO },
	};

	module_unload("cmabulk");
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *parameters = g_strdup_printf("pools=a:%" G_GUINT64_FORMAT
							      "K@%" G_GUINT64_FORMAT "K,b:%s",
							      (area.end - area.base) >> 10,
							      area.base >> 10, cases[i].second);

		g_assert_cmpint(module_try_load("cmabulk", parameters), ==, cases[i].expected);
		g_assert_false(module_is_loaded("cmabulk"));
	}
	module_load("cmabulk", NULL);
}

static void test_what_it_says(void)
{
	const struct place area = area_place(AREA_MEDIA);
	g_autofree char *features = NULL, *engine = NULL;
	struct cmabulk_query query;
	int pool;

	g_assert_cmpint(add_place(POOL, area.base, area.end), ==, 0);
	pool = pool_open(POOL);
	g_assert_cmpint(pool_query(pool, &query), ==, 0);
	g_assert_cmpuint(query.engine, ==, CMABULK_ENGINE_STOCK);
	g_assert_cmpuint(query.features, ==, CMABULK_FEATURE_BITMAP_UNAWARE);
	g_assert_cmpuint(query.pages * sysconf(_SC_PAGESIZE), ==, area.end - area.base);
	engine = machine_read(CLASS POOL "/engine");
	g_assert_cmpstr(engine, ==, "stock");
	features = machine_read(CLASS POOL "/features");
	g_assert_cmpstr(features, ==, "bitmap-unaware");
	close(pool);
	remove_pool(POOL);
}

/* The addresses of the lowest and of the last byte of what a reservation holds. */
static struct place held_place(int reservation, guint64 bytes)
{
	g_autofree guint64 *addresses = NULL;
	struct place place = { .base = G_MAXUINT64 };
	guint64 count;

	g_assert_cmpint(reservation_chunks(reservation, &addresses, &count), ==, 0);
	g_assert_cmpuint(count, >, 0);
	for (guint64 i = 0; i < count; i++) {
		place.base = MIN(place.base, addresses[i]);
		place.end = MAX(place.end, addresses[i] + bytes);
	}
	return place;
}

/* Nothing else is in the area, or nearly so: what is asked for lies at its top. */
static void test_top_down(void)
{
	const struct place area = area_place(AREA_MEDIA);
	const guint64 quarter = (area.end - area.base) / 4;
	struct cmabulk_fill fill;
	struct place held;
	int pool, first, second;

	g_assert_cmpint(add_place(POOL, area.base, area.end), ==, 0);
	pool = pool_open(POOL);
	first = reservation_new(pool, ORDER, 0);
	g_assert_cmpint(reservation_fill(first, CMABULK_EFFORT_FAST, quarter >> (ORDER + 12), 0,
					 &fill),
			==, 0);
	held = held_place(first, 1 << (ORDER + 12));
	g_assert_cmpuint(held.base, >=, area.end - 2 * quarter);
	g_assert_cmpuint(held.end, >, area.end - quarter / 2);

	/* The next one below it. */
	second = reservation_new(pool, ORDER, 0);
	g_assert_cmpint(reservation_fill(second, CMABULK_EFFORT_FAST, quarter >> (ORDER + 12), 0,
					 &fill),
			==, 0);
	held = held_place(second, 1 << (ORDER + 12));
	g_assert_cmpuint(held.base, >=, area.base + quarter / 2);
	close(first);
	close(second);
	books_assert_empty(pool);
	close(pool);
	remove_pool(POOL);
}

static int heap_alloc(int heap, guint64 bytes)
{
	struct dma_heap_allocation_data allocation = {
		.len = bytes,
		.fd_flags = O_RDWR | O_CLOEXEC,
	};
	int ret = pool_ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &allocation);

	return ret ? ret : (int)allocation.fd;
}

/* With all of the pool handed out, the kernel's own users still get what the reserve has. */
static void test_reserve(void)
{
	const struct place area = area_place(AREA_MEDIA);
	const guint64 reserve = 16 * MIB, blocks = cma_blocks();
	int heap = open("/dev/dma_heap/" AREA_MEDIA, O_RDWR | O_CLOEXEC);
	int pool, reservation, buffers[64];
	struct cmabulk_query query;
	struct place held;

	g_assert_no_errno(heap);
	g_assert_cmpint(add(POOL ":%" G_GUINT64_FORMAT "@0x%" G_GINT64_MODIFIER "x+16M",
			    area.end - area.base, area.base),
			==, 0);
	pool = pool_open(POOL);
	g_assert_cmpint(pool_query(pool, &query), ==, 0);
	g_assert_cmpuint(query.pages * sysconf(_SC_PAGESIZE), ==, area.end - area.base - reserve);
	reservation = reservation_new(pool, ORDER, 0);
	g_assert_cmpuint(reservation_fill_all(reservation, query.pages >> ORDER), >,
			 (query.pages >> ORDER) * 9 / 10);
	held = held_place(reservation, 1 << (ORDER + 12));
	g_assert_cmpuint(held.base, >=, area.base + reserve);
	for (size_t i = 0; i < G_N_ELEMENTS(buffers); i++) {
		buffers[i] = heap_alloc(heap, 64 << 10);
		g_assert_cmpint(buffers[i], >=, 0);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(buffers); i++)
		close(buffers[i]);
	close(reservation);
	books_assert_empty(pool);
	close(pool);
	close(heap);
	remove_pool(POOL);
	g_assert_cmpuint(cma_blocks(), ==, blocks);
}

/* Somebody who isolates one pageblock after another for a moment each. */
struct isolator {
	pthread_t thread;
	atomic_bool stop;
	guint64 buffers;
};

static void *isolator_run(void *data)
{
	int heap = open("/dev/dma_heap/" AREA_MEDIA, O_RDWR | O_CLOEXEC);
	struct isolator *isolator = data;

	g_assert_no_errno(heap);
	while (!atomic_load(&isolator->stop)) {
		int buffer = heap_alloc(heap, HEAP_BYTES);

		if (buffer < 0)
			continue;
		isolator->buffers++;
		close(buffer);
	}
	close(heap);
	return NULL;
}

/* A pageblock that is isolated when it is looked at is looked at again. */
static void test_isolated(void)
{
	const struct place area = area_place(AREA_MEDIA);
	const guint64 blocks = cma_blocks();
	struct isolator isolator = { 0 };

	machine_start_thread(&isolator.thread, isolator_run, &isolator);
	for (int round = 0; round < machine_scale(200, 50); round++) {
		g_assert_cmpint(add_place(POOL, area.base, area.end), ==, 0);
		remove_pool(POOL);
	}
	atomic_store(&isolator.stop, true);
	pthread_join(isolator.thread, NULL);
	g_print("# %" G_GUINT64_FORMAT " buffers beside it\n", isolator.buffers);
	g_assert_cmpuint(isolator.buffers, >, 0);
	g_assert_cmpuint(cma_blocks(), ==, blocks);
}

int main(int argc, char **argv)
{
	machine_init(&argc, &argv);
	module_load("cmabulk", NULL);
	g_test_add_func("/stock/texts", test_texts);
	g_test_add_func("/stock/names", test_names);
	g_test_add_func("/stock/places", test_places);
	g_test_add_func("/stock/overlaps", test_overlaps);
	g_test_add_func("/stock/parameter", test_parameter);
	g_test_add_func("/stock/what-it-says", test_what_it_says);
	g_test_add_func("/stock/top-down", test_top_down);
	g_test_add_func("/stock/reserve", test_reserve);
	g_test_add_func("/stock/isolated", test_isolated);
	return g_test_run();
}
