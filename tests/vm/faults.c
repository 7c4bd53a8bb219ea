/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every allocation that an operation makes fails once: the first, then the second, until the
 * operation has no more to fail. Each time it says so or does without, and nothing is lost. What
 * background work allocates fails at random, found by who called.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/books.h"
#include "lib/events.h"
#include "lib/faults.h"
#include "lib/frames.h"
#include "lib/importer.h"
#include "lib/machine.h"
#include "lib/occupant.h"
#include "lib/pool.h"

#define ORDER	     4
#define CHUNKS	     40
#define CHUNK_BYTES  ((size_t)4096 << ORDER)
/* Pages that are left when what is asked for has to be moved out of them: 32 pageblocks or more. */
#define MOVING_PAGES 32768

/*
 * Up to here each allocation is failed; after that, where pages are moved by the thousand, ever
 * fewer of them: those are the same few places over and over.
 */
#define EVERY_ONE      200
/* The same where each try has to fill memory first, which takes seconds. */
#define EVERY_ONE_SLOW 12
/* The same where each try loads the module and unloads it. */
#define EVERY_ONE_LOAD 24
/* An operation that allocates more than this does not end. */
#define MOST	       2000000

/* What operations work on; set up anew for each. */
struct scene {
	int pool;
	int reservation;
	int wall; /* a reservation that keeps most of the area, or -1 */
	int buffer;
	int importer;
	char *map;
	struct cmabulk_fill fill; /* what the last FILL said */
	int frames;
	struct occupant occupant;
	struct area area;
};

struct operation {
	const char *name;
	void (*prepare)(struct scene *scene); /* before each try, with nothing failing */
	int (*run)(struct scene *scene); /* 0 or a negative errno */
	void (*undo)(struct scene *scene); /* after each try, whatever it returned */
	int other_error; /* besides -ENOMEM, or 0 */
	bool slow; /* to prepare */
};

static void nothing(struct scene *scene)
{
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void undo(struct scene *scene)
{
	if (scene->map)
		munmap(scene->map, CHUNKS * CHUNK_BYTES);
	scene->map = NULL;
	close_fd(&scene->importer);
	close_fd(&scene->buffer);
	close_fd(&scene->reservation);
}

static int run_open(struct scene *scene)
{
	int fd = pool_try_open(POOL_MEDIA);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static int run_query(struct scene *scene)
{
	struct cmabulk_query query;

	return pool_query(scene->pool, &query);
}

static int run_survey(struct scene *scene)
{
	struct cmabulk_survey survey;

	return pool_survey(scene->pool, &survey);
}

static void prepare_buffers(struct scene *scene)
{
	scene->buffer = buffer_new(scene->pool, ORDER, 2);
	scene->reservation = reservation_new(scene->pool, ORDER, 0);
}

static int run_buffers(struct scene *scene)
{
	static struct cmabulk_buffer_info entries[16];
	struct cmabulk_buffers buffers = {
		.size = sizeof(buffers),
		.entry_size = sizeof(entries[0]),
		.capacity = G_N_ELEMENTS(entries),
		.entries = (guintptr)entries,
	};

	return pool_ioctl(scene->pool, CMABULK_IOC_BUFFERS, &buffers);
}

static int run_reserve(struct scene *scene)
{
	int fd = reservation_try_new(scene->pool, ORDER, 0, NULL);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static void prepare_fill(struct scene *scene)
{
	scene->reservation = reservation_new(scene->pool, ORDER, 0);
}

static int run_fill(struct scene *scene, enum cmabulk_effort effort)
{
	return reservation_fill(scene->reservation, effort, CHUNKS, 0, &scene->fill);
}

/* The count is right whatever it returned. */
static void undo_fill(struct scene *scene)
{
	struct cmabulk_fill after;

	g_assert_cmpint(reservation_fill(scene->reservation, CMABULK_EFFORT_FAST, 0, 0, &after), ==,
			0);
	g_assert_cmpuint(after.total, ==, scene->fill.total);
	g_assert_cmpuint(scene->fill.total, ==, scene->fill.nr_allocated);
	undo(scene);
}

static int run_fill_fast(struct scene *scene)
{
	return run_fill(scene, CMABULK_EFFORT_FAST);
}

static int run_fill_normal(struct scene *scene)
{
	return run_fill(scene, CMABULK_EFFORT_NORMAL);
}

static int run_fill_hard(struct scene *scene)
{
	return run_fill(scene, CMABULK_EFFORT_HARD);
}

/*
 * Some pageblocks left, and a quarter of those full of a program's memory: what is asked for has
 * to be moved out of the way first, in part. The rest of the area is in another reservation's hands.
 * (The page allocator fills the areas no faster than the memory outside: filling more would leave
 * the kernel none for itself.)
 */
static void prepare_moving_fill(struct scene *scene)
{
	const guint64 left = MOVING_PAGES;

	if (scene->wall < 0) {
		scene->wall = reservation_new(scene->pool, ORDER, 0);
		g_assert_cmpuint(reservation_fill_all(scene->wall,
						      (scene->area.pages - left) >> ORDER),
				 ==, (scene->area.pages - left) >> ORDER);
	}
	occupant_free(&scene->occupant);
	occupant_fill(&scene->occupant, scene->frames, &scene->area, OCCUPANT_ANONYMOUS, left / 4);
	prepare_fill(scene);
}

static int run_moving_fill(struct scene *scene)
{
	const guint64 wanted = MOVING_PAGES * 7 / 8 >> ORDER;

	return reservation_fill(scene->reservation, CMABULK_EFFORT_HARD, wanted, 0, &scene->fill);
}

static void prepare_held(struct scene *scene)
{
	struct cmabulk_fill fill;

	prepare_fill(scene);
	g_assert_cmpint(reservation_fill(scene->reservation, CMABULK_EFFORT_NORMAL, CHUNKS, 0,
					 &fill),
			==, 0);
}

static int run_export(struct scene *scene)
{
	scene->buffer = reservation_export(scene->reservation, CHUNKS / 2, O_RDWR | O_CLOEXEC,
					   "faulty", NULL);
	return MIN(scene->buffer, 0);
}

/* All moved or none. */
static void undo_export(struct scene *scene)
{
	struct cmabulk_fill fill;

	g_assert_cmpint(reservation_fill(scene->reservation, CMABULK_EFFORT_FAST, 0, 0, &fill), ==,
			0);
	g_assert_cmpuint(fill.total, ==, scene->buffer < 0 ? CHUNKS : CHUNKS / 2);
	undo(scene);
}

static int run_chunks(struct scene *scene)
{
	g_autofree guint64 *addresses = NULL;
	guint64 count;

	return reservation_chunks(scene->reservation, &addresses, &count);
}

static void prepare_importer(struct scene *scene)
{
	scene->buffer = buffer_new(scene->pool, ORDER, CHUNKS);
	scene->importer = importer_open();
}

static int run_attach(struct scene *scene)
{
	return importer_attach(scene->importer, scene->buffer, 0, 0, 0);
}

static int run_attach_dynamic(struct scene *scene)
{
	return importer_attach(scene->importer, scene->buffer, IMPORTER_DYNAMIC, 0, 0);
}

static void prepare_attached(struct scene *scene)
{
	prepare_importer(scene);
	g_assert_cmpint(run_attach(scene), ==, 0);
}

static int run_import_map(struct scene *scene)
{
	return importer_map(scene->importer, IMPORTER_BIDIRECTIONAL);
}

static int run_vmap(struct scene *scene)
{
	return importer_vmap(scene->importer);
}

static int run_begin(struct scene *scene)
{
	return importer_begin(scene->importer, IMPORTER_FROM_DEVICE);
}

static void prepare_buffer(struct scene *scene)
{
	scene->buffer = buffer_new(scene->pool, ORDER, CHUNKS);
}

static int run_mmap(struct scene *scene)
{
	void *map = mmap(NULL, CHUNKS * CHUNK_BYTES, PROT_READ, MAP_SHARED, scene->buffer, 0);

	if (map == MAP_FAILED)
		return -errno;
	/* That takes memory, too: what did not go is unmapped when nothing fails any more. */
	scene->map = map;
	if (munmap(map, CHUNKS * CHUNK_BYTES) < 0)
		return -errno;
	scene->map = NULL;
	return 0;
}

static void prepare_fault(struct scene *scene)
{
	prepare_buffer(scene);
	scene->map = buffer_map(scene->buffer);
}

/* A fault that finds no memory is taken again: all there is to see is that the bytes come. */
static int run_fault(struct scene *scene)
{
	for (size_t i = 0; i < CHUNKS * CHUNK_BYTES; i += 4096)
		if (scene->map[i])
			return -EIO;
	return 0;
}

static int run_dump(struct scene *scene)
{
	g_autoptr(GArray) counters = NULL;

	return counters_dump(&counters);
}

/* Put together where nothing fails. */
static const char *camera;
static const char *parameters;

static int run_pool_add(struct scene *scene)
{
	return machine_try_write("/sys/class/cmabulk/add", camera);
}

static void remove_camera(struct scene *scene)
{
	/* Not the node, which the kernel goes without when it has no memory for it. */
	if (g_file_test("/sys/class/cmabulk/" POOL_CAMERA, G_FILE_TEST_EXISTS))
		machine_write("/sys/class/cmabulk/remove", POOL_CAMERA);
}

static int run_close(struct scene *scene)
{
	close_fd(&scene->reservation);
	return 0;
}

static const struct operation operations[] = {
	{ "/faults/open", nothing, run_open, undo },
	{ "/faults/query", nothing, run_query, undo },
	{ "/faults/survey", nothing, run_survey, undo },
	{ "/faults/buffers", prepare_buffers, run_buffers, undo },
	{ "/faults/reserve", nothing, run_reserve, undo },
	{ "/faults/fill-fast", prepare_fill, run_fill_fast, undo_fill },
	{ "/faults/fill-normal", prepare_fill, run_fill_normal, undo_fill },
	{ "/faults/fill-hard", prepare_fill, run_fill_hard, undo_fill },
	{ "/faults/fill-moving", prepare_moving_fill, run_moving_fill, undo_fill, -EBUSY, true },
	{ "/faults/export", prepare_held, run_export, undo_export },
	{ "/faults/chunks", prepare_held, run_chunks, undo },
	{ "/faults/close", prepare_held, run_close, undo },
	{ "/faults/attach", prepare_importer, run_attach, undo },
	{ "/faults/attach-dynamic", prepare_importer, run_attach_dynamic, undo },
	{ "/faults/map", prepare_attached, run_import_map, undo },
	{ "/faults/vmap", prepare_attached, run_vmap, undo },
	{ "/faults/begin-access", prepare_attached, run_begin, undo },
	{ "/faults/mmap", prepare_buffer, run_mmap, undo },
	{ "/faults/page-fault", prepare_fault, run_fault, undo },
	{ "/faults/dump", nothing, run_dump, undo, -ENOENT },
	{ "/faults/pool-add", remove_camera, run_pool_add, remove_camera },
};

static void scene_setup(struct scene *scene)
{
	*scene = (struct scene){ .reservation = -1, .wall = -1, .buffer = -1, .importer = -1 };
	area_open(&scene->area, AREA_MEDIA);
	scene->frames = frames_open();
	scene->pool = pool_open(POOL_MEDIA);
}

static void scene_teardown(struct scene *scene)
{
	occupant_free(&scene->occupant);
	close_fd(&scene->wall);
	books_assert_empty(scene->pool);
	close(scene->pool);
	close(scene->frames);
	area_close(&scene->area);
}

/* Tries with the @nth allocation failing; false when there was none. */
static bool operation_try(const struct operation *operation, struct scene *scene, guint nth)
{
	bool injected;
	int ret;

	operation->prepare(scene);
	memset(&scene->fill, 0, sizeof(scene->fill));
	faults_arm(nth);
	ret = operation->run(scene);
	injected = faults_disarm();
	operation->undo(scene);
	g_test_message("%u: %d%s", nth, ret, injected ? ", injected" : "");
	if (ret && (!injected || (ret != -ENOMEM && ret != operation->other_error)))
		g_error("%s, allocation %u%s: %s", operation->name, nth,
			injected ? "" : " (nothing failed)", g_strerror(-ret));
	return injected;
}

static guint next_step(const struct operation *operation, guint nth)
{
	if (operation->slow)
		return nth < EVERY_ONE_SLOW ? 1 : nth / 2;
	return nth < EVERY_ONE ? 1 : nth / 10;
}

static void test_operation(gconstpointer data)
{
	const struct operation *operation = data;
	guint nth = 1, failed = 0;
	struct books before;
	struct scene scene;

	scene_setup(&scene);
	/* Prepared once, so that what stays between tries is counted as there before. */
	operation->prepare(&scene);
	operation->undo(&scene);
	before = books_settled(scene.pool);
	while (operation_try(operation, &scene, nth)) {
		books_assert_same(scene.pool, &before);
		failed++;
		nth += next_step(operation, nth);
		g_assert_cmpuint(nth, <, MOST);
	}
	g_print("# %s: %u allocations failed, the last of about %u\n", operation->name, failed,
		nth);
	scene_teardown(&scene);
}

/*
 * Loading the module: it comes or it does not. A pool may be missing then, for want of memory
 * after others could be seen.
 */
static void test_load(void)
{
	guint nth = 1, failed = 0;
	bool injected;

	module_unload("cmabulk");
	do {
		int ret;

		faults_arm(nth);
		ret = module_try_load("cmabulk", parameters);
		injected = faults_disarm();
		g_test_message("%u: %d", nth, ret);
		if (ret && !injected)
			g_error("loading failed by itself: %s", g_strerror(-ret));
		if (!ret)
			module_unload("cmabulk");
		g_assert_false(module_is_loaded("cmabulk"));
		failed += ret != 0;
		nth += nth < EVERY_ONE_LOAD ? 1 : nth / 10;
	} while (injected);
	g_assert_cmpuint(failed, >, 0);
	g_print("# loading failed %u times, with about %u allocations\n", failed, nth);
	module_load_cmabulk(NULL);
}

/*
 * Whatever the module's own code allocates, in any task, fails every third time: FILLs come short,
 * exports fail, events get lost and are counted. At the end everything is where it belongs.
 */
static void background_round(int pool)
{
	int reservation = reservation_try_new(pool, ORDER, 0, NULL), buffer;
	struct cmabulk_fill fill;

	if (reservation < 0) {
		g_assert_cmpint(reservation, ==, -ENOMEM);
		return;
	}
	reservation_fill(reservation, CMABULK_EFFORT_NORMAL, CHUNKS, 0, &fill);
	buffer = reservation_export(reservation, MAX(1, fill.total / 2), O_CLOEXEC, "", NULL);
	if (buffer >= 0)
		close(buffer);
	else
		g_assert_true(buffer == -ENOMEM || buffer == -ENODATA);
	close(reservation);
}

static void test_background(void)
{
	guint64 start = machine_read_number("/sys/module/cmabulk/sections/.text");
	guint64 size = machine_read_number("/sys/module/cmabulk/coresize");
	int pool = pool_open(POOL_MEDIA);
	struct events *events = events_new();
	guint64 lost;

	faults_stack(start, start + size, 33);
	for (int round = 0; round < 300; round++)
		background_round(pool);
	faults_stack(start, start + size, 0);
	books_assert_empty(pool);
	lost = machine_read_number("/sys/class/cmabulk/" POOL_MEDIA "/events_lost");
	g_print("# %" G_GUINT64_FORMAT " events lost for want of memory\n", lost);
	g_assert_cmpuint(lost, >, 0);
	g_assert_true(events_overrun(events));
	events_free(events);
	close(pool);
}

int main(int argc, char **argv)
{
	machine_init(&argc, &argv);
	camera = module_pool(POOL_CAMERA, AREA_CAMERA);
	parameters = module_pools();
	if (!faults_available())
		g_error("this kernel cannot fail allocations on request");
	module_load_cmabulk(NULL);
	module_load("cmabulk_importer", NULL);
	faults_prepare();
	for (size_t i = 0; i < G_N_ELEMENTS(operations); i++)
		g_test_add_data_func(operations[i].name, &operations[i], test_operation);
	g_test_add_func("/faults/background", test_background);
	g_test_add_func("/faults/load", test_load);
	return g_test_run();
}
