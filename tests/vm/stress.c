/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Everything at once, for a while: eight threads on two pools with random orders, counts, efforts,
 * budgets, interrupts, exports, mappings and closes, beside a dma-heap user of the same area (but
 * for a stock pool, which has to have its area to itself), pins that come and go, and programs'
 * memory that moves in and out. Every chunk carries a tag of its
 * own while it is held: no two overlap, none is lost, and the kernel has nothing to report.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/books.h"
#include "lib/events.h"
#include "lib/frames.h"
#include "lib/importer.h"
#include "lib/machine.h"
#include "lib/occupant.h"
#include "lib/pins.h"
#include "lib/pool.h"

#define WORKERS	      8
#define SLOTS	      6 /* buffers a worker holds at most */
#define SECONDS_PLAIN 30
#define SECONDS_DEBUG 150

/* Free outside the areas while it runs: enough to move to, so little that areas get used too. */
#define LEAVE_PAGES (320 * 1024 / 4)

static atomic_bool stop;
static atomic_ullong next_tag = 1;
static atomic_ullong counts[5];

enum count {
	COUNT_FILLS,
	COUNT_CHUNKS,
	COUNT_BUFFERS,
	COUNT_INTERRUPTED,
	COUNT_HEAP,
};

static void count(enum count which, guint64 number)
{
	atomic_fetch_add(&counts[which], number);
}

/* A buffer whose every chunk starts and ends with a tag: @tag + its index. */
struct held {
	int fd;
	guint64 tag;
	size_t size;
	size_t chunk_bytes;
};

static guint64 *chunk_first(char *map, const struct held *held, size_t chunk)
{
	return (guint64 *)(map + chunk * held->chunk_bytes);
}

static guint64 *chunk_last(char *map, const struct held *held, size_t chunk)
{
	return (guint64 *)(map + (chunk + 1) * held->chunk_bytes - sizeof(guint64));
}

static char *held_map(const struct held *held)
{
	char *map = mmap(NULL, held->size, PROT_READ | PROT_WRITE, MAP_SHARED, held->fd, 0);

	g_assert_true(map != MAP_FAILED);
	return map;
}

/* @zero: they have to be zero before, as nobody has written to them yet. */
static void held_tag(struct held *held, bool zero)
{
	size_t chunks = held->size / held->chunk_bytes;
	char *map = held_map(held);

	held->tag = atomic_fetch_add(&next_tag, chunks);
	for (size_t i = 0; i < chunks; i++) {
		if (zero) {
			g_assert_cmpuint(*chunk_first(map, held, i), ==, 0);
			g_assert_cmpuint(*chunk_last(map, held, i), ==, 0);
		}
		*chunk_first(map, held, i) = held->tag + i;
		*chunk_last(map, held, i) = held->tag + i;
	}
	munmap(map, held->size);
}

static void held_check(const struct held *held)
{
	char *map = held_map(held);

	for (size_t i = 0; i < held->size / held->chunk_bytes; i++) {
		g_assert_cmpuint(*chunk_first(map, held, i), ==, held->tag + i);
		g_assert_cmpuint(*chunk_last(map, held, i), ==, held->tag + i);
	}
	munmap(map, held->size);
}

static void held_close(struct held *held)
{
	if (held->fd < 0)
		return;
	held_check(held);
	close(held->fd);
	held->fd = -1;
}

/* @lock keeps @reservation open while somebody else interrupts it. */
struct worker {
	pthread_t thread;
	pthread_mutex_t lock;
	int reservation;
	guint number;
	GRand *random;
	struct held held[SLOTS];
};

static struct worker workers[WORKERS];
static const char *const pools[] = { POOL_MEDIA, POOL_CAMERA };

static void worker_fill(struct worker *worker, int effort, guint64 chunks)
{
	guint64 budget = 0;
	struct cmabulk_fill fill;
	int ret;

	if (random_chance(worker->random, 3))
		budget = g_rand_int_range(worker->random, 1, 50000000);
	ret = reservation_fill(worker->reservation, effort, chunks, budget, &fill);
	if (ret && ret != -EBUSY && ret != -ETIME && ret != -EINTR && ret != -ENOMEM)
		g_error("FILL: %s", g_strerror(-ret));
	g_assert_cmpuint(fill.nr_allocated, <=, chunks);
	if (!ret)
		g_assert_cmpuint(fill.nr_allocated, ==, chunks);
	count(COUNT_FILLS, 1);
	count(COUNT_CHUNKS, fill.nr_allocated);
	count(COUNT_INTERRUPTED, ret == -EINTR);
}

static guint64 worker_total(struct worker *worker)
{
	struct cmabulk_fill fill;

	g_assert_cmpint(reservation_fill(worker->reservation, CMABULK_EFFORT_FAST, 0, 0, &fill), ==,
			0);
	return fill.total;
}

static void worker_export(struct worker *worker, guint order, guint64 chunks)
{
	struct held *held = &worker->held[random_below(worker->random, SLOTS)];

	held_close(held);
	held->fd =
		reservation_export(worker->reservation, chunks, O_RDWR | O_CLOEXEC, "stress", NULL);
	g_assert_cmpint(held->fd, >=, 0);
	held->chunk_bytes = (size_t)4096 << order;
	held->size = chunks * held->chunk_bytes;
	/* Some are closed while they are being zeroed. */
	if (random_chance(worker->random, 6)) {
		close(held->fd);
		held->fd = -1;
		return;
	}
	held_tag(held, true);
	count(COUNT_BUFFERS, 1);
}

static void worker_set_reservation(struct worker *worker, int reservation)
{
	int old;

	pthread_mutex_lock(&worker->lock);
	old = worker->reservation;
	worker->reservation = reservation;
	pthread_mutex_unlock(&worker->lock);
	if (old >= 0)
		close(old);
}

static void worker_allocate(struct worker *worker)
{
	guint order = random_below(worker->random, 8);
	guint align = random_below(worker->random, 10);
	int pool = pool_open(pools[worker->number % 3 == 2]);
	guint64 most = MAX(2, (worker->number % 3 == 2 ? 2000 : 12000) >> order), total;

	worker_set_reservation(worker, reservation_new(pool, order, align));
	close(pool);
	for (int i = g_rand_int_range(worker->random, 1, 4); i; i--)
		worker_fill(worker, (int)random_below(worker->random, 3),
			    g_rand_int_range(worker->random, 1, MIN(most, 1500)));
	total = worker_total(worker);
	while (total > 0 && random_below(worker->random, 4)) {
		guint64 chunks = 1 + random_below(worker->random, total);

		worker_export(worker, order, chunks);
		total -= chunks;
	}
	worker_set_reservation(worker, -1);
}

static void worker_interrupt_another(struct worker *worker)
{
	struct worker *other = &workers[random_below(worker->random, WORKERS)];

	pthread_mutex_lock(&other->lock);
	if (other->reservation >= 0)
		g_assert_cmpint(reservation_interrupt(other->reservation), ==, 0);
	pthread_mutex_unlock(&other->lock);
}

static void worker_import(struct worker *worker)
{
	struct held *held = &worker->held[random_below(worker->random, SLOTS)];
	guint64 first;
	int importer;

	if (held->fd < 0)
		return;
	importer = importer_open();
	g_assert_cmpint(importer_attach(importer, held->fd, 0, 0, 0), ==, 0);
	g_assert_cmpint(importer_map(importer, random_below(worker->random, 3)), ==, 0);
	g_assert_cmpint(importer_read(importer, IMPORTER_VIA_DEVICE, 0, &first, sizeof(first)), ==,
			0);
	g_assert_cmpuint(first, ==, held->tag);
	close(importer);
}

/* Books read while everything moves still add up. */
static void worker_query(struct worker *worker)
{
	int pool = pool_open(pools[random_below(worker->random, 2)]);
	g_autofree struct cmabulk_buffer_info *entries = NULL;
	g_autoptr(GArray) counters = NULL;
	struct cmabulk_buffers buffers;
	struct cmabulk_survey survey;
	guint64 pages = 0;

	g_assert_cmpint(pool_survey(pool, &survey), ==, 0);
	g_assert_cmpint(pool_buffers(pool, &buffers, &entries), ==, 0);
	for (guint64 i = 0; i < buffers.count; i++)
		pages += entries[i].pages;
	g_assert_cmpuint(pages, ==, books_owned(&buffers.states) - buffers.states.cached);
	g_assert_cmpint(counters_dump(&counters), ==, 0);
	close(pool);
}

static void worker_close_some(struct worker *worker)
{
	for (int i = 0; i < SLOTS; i++)
		if (random_chance(worker->random, 3))
			held_close(&worker->held[i]);
}

static void *worker_run(void *data)
{
	struct worker *worker = data;

	while (!atomic_load(&stop)) {
		switch (random_below(worker->random, 12)) {
		case 0 ... 4:
			worker_allocate(worker);
			break;
		case 5 ... 6:
			worker_interrupt_another(worker);
			break;
		case 7:
			worker_import(worker);
			break;
		case 8:
			worker_query(worker);
			break;
		default:
			worker_close_some(worker);
		}
	}
	for (int i = 0; i < SLOTS; i++)
		held_close(&worker->held[i]);
	return NULL;
}

static void worker_start(struct worker *worker, guint number)
{
	worker->number = number;
	worker->random = machine_random(10 + number);
	for (int i = 0; i < SLOTS; i++)
		worker->held[i].fd = -1;
	machine_start_thread(&worker->thread, worker_run, worker);
}

static void worker_join(struct worker *worker)
{
	pthread_join(worker->thread, NULL);
	g_rand_free(worker->random);
}

/* The upstream heap, on the area of the larger pool: fails when nothing is left, never wrongly. */
static void *heap_run(void *data)
{
	int heap = open("/dev/dma_heap/" AREA_MEDIA, O_RDWR | O_CLOEXEC);
	g_autoptr(GRand) random = machine_random(5);

	g_assert_no_errno(heap);
	while (!atomic_load(&stop)) {
		struct dma_heap_allocation_data allocation = {
			.len = 4096 << random_below(random, 9),
			.fd_flags = O_RDWR | O_CLOEXEC,
		};
		struct held held = { .size = allocation.len, .chunk_bytes = allocation.len };

		if (pool_ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &allocation) < 0)
			continue;
		held.fd = (int)allocation.fd;
		held_tag(&held, true);
		held_close(&held);
		count(COUNT_HEAP, 1);
	}
	close(heap);
	return NULL;
}

/* A program whose memory comes and goes, part of it from the areas. */
static void *program_run(void *data)
{
	g_autoptr(GRand) random = machine_random(6);
	const size_t size = 48 << 20, piece = 4 << 20;
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	g_assert_true(memory != MAP_FAILED);
	while (!atomic_load(&stop)) {
		char *at = memory + random_below(random, size / piece) * piece;

		if (g_rand_boolean(random))
			madvise(at, piece, MADV_DONTNEED);
		else
			memset(at, 1, piece);
	}
	munmap(memory, size);
	return NULL;
}

static void assert_all_whole(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(pools); i++) {
		int pool = pool_open(pools[i]);

		books_assert_empty(pool);
		close(pool);
	}
}

static struct flicker *start_pins(const struct occupant *occupant, const struct area *area)
{
	g_autoptr(GRand) random = machine_random(3);
	g_autofree void **pages = NULL;
	size_t blocks, pinned = 0;

	pages = occupant_page_per_block(occupant, area, random, &blocks);
	for (size_t block = 0; block < area->pages / FRAMES_PER_BLOCK; block++)
		if (pages[block])
			pages[pinned++] = pages[block];
	g_assert_cmpuint(pinned, >, 0);
	return flicker_start(pages, pinned, 100, 4);
}

static void run_for(int seconds)
{
	/* The one thing here that only time ends. */
	g_usleep((gulong)seconds * G_USEC_PER_SEC);
	atomic_store(&stop, true);
}

static void test_stress(void)
{
	const char *limit = g_getenv("CMABULK_STRESS_SECONDS");
	int seconds = limit ? atoi(limit) : machine_scale(SECONDS_PLAIN, SECONDS_DEBUG);
	int frames = frames_open();
	guint64 leave = LEAVE_PAGES, pinned;
	struct occupant occupant;
	struct flicker *flicker;
	pthread_t heap, program;
	struct area area;

	area_open(&area, AREA_MEDIA);
	occupant_fill(&occupant, frames, &area, OCCUPANT_ANONYMOUS, area.pages / 5);
	pool_ioctl(frames, PIN_HOG, &leave);
	flicker = start_pins(&occupant, &area);
	if (!machine_is_stock())
		machine_start_thread(&heap, heap_run, NULL);
	machine_start_thread(&program, program_run, NULL);
	/* They interrupt each other, also one that has not started yet or has ended. */
	for (guint i = 0; i < WORKERS; i++) {
		workers[i].reservation = -1;
		pthread_mutex_init(&workers[i].lock, NULL);
	}
	for (guint i = 0; i < WORKERS; i++)
		worker_start(&workers[i], i);
	run_for(seconds);
	for (guint i = 0; i < WORKERS; i++)
		worker_join(&workers[i]);
	for (guint i = 0; i < WORKERS; i++)
		pthread_mutex_destroy(&workers[i].lock);
	if (!machine_is_stock())
		pthread_join(heap, NULL);
	pthread_join(program, NULL);
	pinned = flicker_stop(flicker);
	g_print("# %d s: %llu FILLs (%llu interrupted), %llu chunks, %llu buffers, %llu heap buffers, "
		"%" G_GUINT64_FORMAT " pins\n",
		seconds, counts[COUNT_FILLS], counts[COUNT_INTERRUPTED], counts[COUNT_CHUNKS],
		counts[COUNT_BUFFERS], counts[COUNT_HEAP], pinned);
	/* It was a stress, and not a standstill. */
	for (size_t i = 0; i < G_N_ELEMENTS(counts); i++)
		if (i != COUNT_HEAP || !machine_is_stock())
			g_assert_cmpuint(counts[i], >, 0);

	occupant_free(&occupant);
	close(frames);
	assert_all_whole();
	area_close(&area);
}

int main(int argc, char **argv)
{
	machine_init(&argc, &argv);
	module_load_cmabulk(NULL);
	module_load("cmabulk_importer", NULL);
	g_test_add_func("/stress", test_stress);
	return g_test_run();
}
