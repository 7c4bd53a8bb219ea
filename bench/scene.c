/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The area in a condition: see scene.h. */
#include "scene.h"

#include <fcntl.h>
#include <linux/dma-heap.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "busy.h"
#include "cmabulk_bench/cmabulk_bench.h"
#include "lib/books.h"
#include "lib/machine.h"
#include "lib/pool.h"

/* Part of the area that is occupied, in percent; first more, which is then thinned out. */
#define OCCUPIED_PERCENT 40
#define FILLED_PERCENT	 55
#define PINNED_BLOCKS	 47
#define PINNED_ONE_IN	 64
/* Pages left outside the area: besides what the kernel keeps for itself; and for page cache to go back and forth. */
#define SCARCE_PAGES	 1024
#define BUSY_PAGES	 32768
/* Left to everybody while the rest of free memory is written to. */
#define SPARE_PAGES	 8192
/* A disk that writes 160 MiB/s, and starts after a while. */
#define WRITE_DELAY_NS	 200000000
#define WRITE_STEP_NS	 25000
/* What somebody else holds: 300 MiB. */
#define HELD_ORDER	 4
#define HELD_PAGES	 G_GUINT64_CONSTANT(76800)
/* How long to try to empty the area: who was short of memory reads programs again, and all over the area. */
#define EMPTY_SECONDS	 60

static guint64 percent(const struct scene *scene, guint part)
{
	return scene->area.pages * part / 100;
}

/* It may have moved until now; from here on it does not. False: out of the area. */
static bool pin_page(struct scene *scene, const struct occupant *occupant, size_t index)
{
	void *page = occupant_page(occupant, index);
	guint64 frame;

	pins_add(&scene->pins, page);
	frame = frame_of(page);
	if (!area_has(&scene->area, frame))
		return false;
	scene->pinned[frame - scene->area.base] = true;
	return true;
}

/* Gives back what a condition holds of the area, and waits until it is back. */
static void let_go(struct scene *scene)
{
	int pool;

	if (scene->held < 0)
		return;
	close(scene->held);
	scene->held = -1;
	pool = pool_open(POOL_MEDIA);
	books_settled(pool);
	close(pool);
}

static void build_empty(struct scene *scene)
{
}

static void build_movable(struct scene *scene)
{
	occupant_fill(&scene->occupant, scene->frames, &scene->area, OCCUPANT_ANONYMOUS,
		      percent(scene, FILLED_PERCENT));
	occupant_thin(&scene->occupant, &scene->area, scene->random,
		      percent(scene, OCCUPIED_PERCENT));
}

static void build_thp(struct scene *scene)
{
	occupant_fill(&scene->occupant, scene->frames, &scene->area, OCCUPANT_HUGE,
		      percent(scene, OCCUPIED_PERCENT));
}

static void build_dirty_shmem(struct scene *scene)
{
	occupant_fill(&scene->occupant, scene->frames, &scene->area, OCCUPANT_SHMEM,
		      percent(scene, OCCUPIED_PERCENT));
}

static void build_clean_cache(struct scene *scene)
{
	guint64 size = machine_read_key("/proc/meminfo", "MemTotal") * 1024;

	scene->file = ioctl(scene->bench, BENCH_FILE, &size);
	g_assert_no_errno(scene->file);
	occupant_fill_file(&scene->occupant, scene->frames, &scene->area, scene->file,
			   percent(scene, OCCUPIED_PERCENT));
}

static void build_writeback(struct scene *scene)
{
	struct bench_writeback writeback = {
		.delay_ns = WRITE_DELAY_NS,
		.step_ns = WRITE_STEP_NS,
	};

	build_clean_cache(scene);
	writeback.file = scene->file;
	g_assert_cmpint(pool_ioctl(scene->bench, BENCH_WRITEBACK, &writeback), ==, 0);
	g_assert_cmpuint(writeback.pages, >=, scene->occupant.inside);
}

/* One page in each of so many random pageblocks; nothing else is in the area. */
static void build_pinned_47(struct scene *scene)
{
	struct occupant occupant;
	size_t blocks = scene->area.pages / FRAMES_PER_BLOCK;
	g_autofree bool *done = g_new0(bool, blocks);
	size_t pinned = 0;

	occupant_fill(&occupant, scene->frames, &scene->area, OCCUPANT_ANONYMOUS,
		      percent(scene, OCCUPIED_PERCENT));
	for (int tries = 0; pinned < PINNED_BLOCKS; tries++) {
		size_t index = random_below(scene->random, occupant.pages);
		guint64 frame = occupant.frames[index];

		g_assert_cmpint(tries, <, 1000000);
		if (!frame || done[(frame - scene->area.base) / FRAMES_PER_BLOCK])
			continue;
		done[(frame - scene->area.base) / FRAMES_PER_BLOCK] = true;
		pinned += pin_page(scene, &occupant, index);
	}
	occupant_free(&occupant);
}

static void build_pinned_every_block(struct scene *scene)
{
	for (guint64 first = 0; first < scene->area.pages; first += FRAMES_PER_BLOCK) {
		guint64 index = first + random_below(scene->random, FRAMES_PER_BLOCK);

		g_assert_cmpint(frame_take(scene->frames, scene->area.base + index), ==, 0);
		scene->pinned[index] = true;
	}
}

/* One page in each 64 of a program's, which go on being used. */
static void build_pinned_1_in_64(struct scene *scene)
{
	size_t seen = 0, chosen = 0;

	occupant_fill(&scene->occupant, scene->frames, &scene->area, OCCUPANT_ANONYMOUS,
		      percent(scene, OCCUPIED_PERCENT));
	for (size_t i = 0; i < scene->occupant.pages; i++) {
		if (!scene->occupant.frames[i])
			continue;
		if (seen % PINNED_ONE_IN == 0)
			chosen = seen + random_below(scene->random, PINNED_ONE_IN);
		if (seen++ == chosen)
			pin_page(scene, &scene->occupant, i);
	}
}

static void hog(struct scene *scene, guint64 leave)
{
	int ret = pool_ioctl(scene->frames, PIN_HOG, &leave);

	/* -ENOMEM: what is left does not come in large pieces. */
	g_assert(ret == 0 || ret == -ENOMEM);
}

static void build_busy_cpus(struct scene *scene)
{
	hog(scene, BUSY_PAGES);
	scene->busy = busy_start(scene->bench);
}

/* Below what the kernel keeps, the area's last page would be everybody's: whoever asks next is killed. */
static guint64 kept_pages(void)
{
	guint64 kept = machine_read_number("/proc/sys/vm/min_free_kbytes") * 1024;

	return kept / (guint64)sysconf(_SC_PAGESIZE);
}

/* Free memory that programs ran from is slow to write to on an emulator. @leave: pages for others, meanwhile. */
static void scrub(struct scene *scene, guint order, guint64 leave)
{
	struct bench_scrub scrub = { .keep = kept_pages() + leave, .order = order };

	g_assert_cmpint(pool_ioctl(scene->bench, BENCH_SCRUB, &scrub), ==, 0);
}

static void build_no_memory(struct scene *scene)
{
	build_movable(scene);
	hog(scene, kept_pages() + SCARCE_PAGES);
	/* What is left are pages whose programs have just been dropped: those that come next. */
	scrub(scene, 0, SCARCE_PAGES / 4);
}

/* What a camera or a decoder holds while others use the area too. */
static void build_shared_cma(struct scene *scene)
{
	int pool = pool_open(POOL_MEDIA);

	scene->held = reservation_new(pool, HELD_ORDER, 0);
	g_assert_cmpuint(reservation_fill_all(scene->held, HELD_PAGES >> HELD_ORDER), ==,
			 HELD_PAGES >> HELD_ORDER);
	close(pool);
}

/* The same amount, held by upstream's heap. */
static void build_full_cma(struct scene *scene)
{
	g_autofree char *path = g_build_filename("/dev/dma_heap", scene->area.name, NULL);
	struct dma_heap_allocation_data allocation = {
		.len = HELD_PAGES * (guint64)sysconf(_SC_PAGESIZE),
		.fd_flags = O_RDWR | O_CLOEXEC,
	};
	int heap = open(path, O_RDWR | O_CLOEXEC);

	g_assert_no_errno(heap);
	g_assert_cmpint(pool_ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &allocation), ==, 0);
	scene->held = (int)allocation.fd;
	close(heap);
}

const struct condition conditions[] = {
	{ "empty", "nothing in the area", build_empty },
	{ "clean-cache", "40 % is clean page cache", build_clean_cache },
	{ "movable", "40 % is anonymous memory, pageblocks to different degrees", build_movable,
	  .moves = true },
	{ "thp", "40 % is anonymous memory in huge pages", build_thp, .moves = true },
	{ "dirty-shmem", "40 % is shared memory", build_dirty_shmem, .moves = true },
	{ "writeback", "40 % is page cache that a slow disk is writing", build_writeback },
	{ "pinned-47", "47 pageblocks have a page that a pipe refers to", build_pinned_47 },
	{ "pinned-every-block", "a page frame in every pageblock is taken",
	  build_pinned_every_block },
	{ "pinned-1-in-64", "40 % is anonymous memory, one page in 64 of it pinned; whole area",
	  build_pinned_1_in_64, .whole = true, .moves = true },
	{ "busy-cpus", "all other CPUs allocate and free page cache", build_busy_cpus,
	  .spare = 128 },
	{ "no-memory", "as movable, and nearly no free memory outside", build_no_memory, .spare = 4,
	  .moves = true },
	{ "shared-cma", "300 MiB of the area are in a reservation", build_shared_cma,
	  .special = true },
	{ "full-cma", "300 MiB of the area are in a buffer of upstream's heap", build_full_cma,
	  .special = true },
	{ NULL },
};

const struct condition *condition_find(const char *name)
{
	for (const struct condition *condition = conditions; condition->name; condition++)
		if (g_str_equal(condition->name, name))
			return condition;
	return NULL;
}

static guint64 kernel_symbol(const char *name)
{
	g_autofree char *text = machine_read("/proc/kallsyms");
	g_autofree char *line = g_strdup_printf(" T %s\n", name);
	char *found = strstr(text, line);

	g_assert_nonnull(found);
	while (found > text && found[-1] != '\n')
		found--;
	return g_ascii_strtoull(found, NULL, 16);
}

static void load_bench(void)
{
	g_autofree char *parameters = g_strdup_printf("lru_add_drain_all=%#" G_GINT64_MODIFIER
						      "x drain_all_pages=%#" G_GINT64_MODIFIER "x",
						      kernel_symbol("lru_add_drain_all"),
						      kernel_symbol("drain_all_pages"));

	module_load(BENCH_DEVICE, parameters);
}

void scene_init(struct scene *scene, const char *area)
{
	memset(scene, 0, sizeof(*scene));
	/* What we run is not dropped with the area: else it would be read into it as soon as it is empty. */
	g_assert_no_errno(mlockall(MCL_CURRENT | MCL_ONFAULT));
	load_bench();
	scene->bench = open("/dev/" BENCH_DEVICE, O_RDWR | O_CLOEXEC);
	g_assert_no_errno(scene->bench);
	scene->frames = frames_open();
	area_open(&scene->area, area);
	scene->random = machine_random(1);
	scene->pinned = g_new0(bool, scene->area.pages);
	scene->file = -1;
	scene->held = -1;
	pins_init(&scene->pins);
}

void scene_free(struct scene *scene)
{
	scene_clear(scene);
	pins_clear(&scene->pins);
	close(scene->bench);
	close(scene->frames);
	area_close(&scene->area);
	g_rand_free(scene->random);
	g_free(scene->pinned);
}

void scene_clear(struct scene *scene)
{
	if (scene->busy)
		busy_stop(scene->busy);
	scene->busy = NULL;
	g_assert_cmpint(pool_ioctl(scene->bench, BENCH_SETTLE, NULL), ==, 0);
	if (scene->file >= 0)
		close(scene->file);
	scene->file = -1;
	let_go(scene);
	pins_clear(&scene->pins);
	pins_init(&scene->pins);
	frames_drop_all(scene->frames);
	occupant_free(&scene->occupant);
	g_assert_cmpint(pool_ioctl(scene->frames, PIN_UNHOG, NULL), ==, 0);
	memset(scene->pinned, 0, scene->area.pages * sizeof(*scene->pinned));
}

/*
 * Whatever still is in the area moves out of the way of one who claims all of it. Clean page cache it drops:
 * what is read again may be in the area again, every time.
 */
static void empty_area(struct scene *scene)
{
	struct bench_claim claim = {
		.base = scene->area.base,
		.pages = scene->area.pages,
		.wanted = scene->area.pages / FRAMES_PER_BLOCK,
		.order = 9,
		.method = BENCH_SINGLE,
	};
	struct pin_census census = { 0 };
	gint64 deadline = g_get_monotonic_time() + EMPTY_SECONDS * G_TIME_SPAN_SECOND;
	guint64 ns;

	while (g_get_monotonic_time() < deadline) {
		g_assert_cmpint(pool_ioctl(scene->bench, BENCH_CLAIM, &claim), ==, 0);
		g_assert_cmpint(pool_ioctl(scene->bench, BENCH_RELEASE, &ns), ==, 0);
		census = area_census(scene->frames, &scene->area);
		if (!claim.result && census.free + census.cached == scene->area.pages)
			return;
	}
	g_error("area %s does not get empty: %s; free %llu, on the way %llu, user memory %llu, "
		"taken %llu",
		scene->area.name, g_strerror(-claim.result), census.free, census.cached,
		census.user, census.owned);
}

void scene_build(struct scene *scene, const struct condition *condition)
{
	scene_clear(scene);
	machine_write("/proc/sys/vm/drop_caches", "1");
	if (condition->moves)
		scrub(scene, G_MAXUINT32, SPARE_PAGES);
	empty_area(scene);
	condition->build(scene);
	/* Page cache is not mapped any more: what is known of it is from before. */
	if (scene->occupant.base)
		occupant_refresh(&scene->occupant, &scene->area);
}

/* Whether one of the frames [@first, @first + @count) of the area is pinned. */
static bool any_pinned(const struct scene *scene, guint64 first, guint64 count)
{
	for (guint64 i = first; i < first + count; i++)
		if (scene->pinned[i])
			return true;
	return false;
}

guint64 scene_obtainable(const struct scene *scene, guint order, guint64 wanted)
{
	guint64 pages = G_GUINT64_CONSTANT(1) << order, obtainable = 0;
	guint64 first = (pages - scene->area.base % pages) % pages;

	for (; first + pages <= scene->area.pages && obtainable < wanted; first += pages)
		obtainable += !any_pinned(scene, first, pages);
	return obtainable;
}

static int compare_counts(const void *left, const void *right)
{
	const guint *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

guint64 scene_least_moves(const struct scene *scene, guint order, guint64 wanted)
{
	guint64 block_pages = MAX(FRAMES_PER_BLOCK, G_GUINT64_CONSTANT(1) << order);
	size_t blocks = scene->area.pages / block_pages;
	g_autofree guint *counts = g_new0(guint, blocks);
	guint64 moves = 0, got = 0;

	for (size_t i = 0; i < scene->occupant.pages; i++)
		if (scene->occupant.frames[i])
			counts[(scene->occupant.frames[i] - scene->area.base) / block_pages]++;
	for (size_t i = 0; i < blocks; i++)
		if (any_pinned(scene, i * block_pages, block_pages))
			counts[i] = G_MAXUINT;
	qsort(counts, blocks, sizeof(*counts), compare_counts);
	for (size_t i = 0; i < blocks && got < wanted && counts[i] != G_MAXUINT; i++) {
		moves += counts[i];
		got += block_pages >> order;
	}
	return got < wanted ? G_MAXUINT64 : moves;
}
