/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What keeps what alive: the module, its pools, devices, reservations and buffers, in every order
 * of going away; pools added and removed while the module runs; loading it wrongly.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/books.h"
#include "lib/events.h"
#include "lib/frames.h"
#include "lib/importer.h"
#include "lib/machine.h"
#include "lib/pool.h"

#define ORDER	    4
#define CHUNKS	    10
#define CHUNK_BYTES ((size_t)4096 << ORDER)
#define TIMEOUT_MS  60000

#define CLASS "/sys/class/cmabulk/"

static void setup(void)
{
	if (!module_is_loaded("cmabulk"))
		module_load_cmabulk(NULL);
}

static void assert_all_whole(void)
{
	static const char *const pools[] = { POOL_MEDIA, POOL_CAMERA };

	for (size_t i = 0; i < G_N_ELEMENTS(pools); i++) {
		int pool = pool_open(pools[i]);

		books_assert_empty(pool);
		close(pool);
	}
}

static void assert_unload_refused(void)
{
	g_assert_cmpint(module_try_unload("cmabulk"), ==, -EWOULDBLOCK);
	g_assert_true(module_is_loaded("cmabulk"));
}

/* Each of the things that may live, as the only one that does. */
static void test_unload(void)
{
	int pool, reservation, buffer, importer;
	struct cmabulk_fill fill;
	struct area area;
	void *map;

	setup();
	area_open(&area, AREA_MEDIA);
	pool = pool_open(POOL_MEDIA);
	assert_unload_refused();

	reservation = reservation_new(pool, ORDER, 0);
	close(pool);
	assert_unload_refused();

	g_assert_cmpint(reservation_fill(reservation, CMABULK_EFFORT_NORMAL, CHUNKS, 0, &fill), ==,
			0);
	buffer = reservation_export(reservation, CHUNKS, O_RDWR | O_CLOEXEC, "", NULL);
	g_assert_cmpint(buffer, >=, 0);
	close(reservation);
	assert_unload_refused();

	map = buffer_map(buffer);
	close(buffer);
	memset(map, 1, CHUNKS * CHUNK_BYTES);
	assert_unload_refused();
	munmap(map, CHUNKS * CHUNK_BYTES);

	pool = pool_open(POOL_MEDIA);
	buffer = buffer_new(pool, ORDER, CHUNKS);
	close(pool);
	importer = importer_open();
	g_assert_cmpint(importer_attach(importer, buffer, 0, 0, 0), ==, 0);
	close(buffer);
	assert_unload_refused();
	close(importer);

	/* The pages may still be on their way back: unloading waits for them. */
	module_unload("cmabulk");
	g_assert_cmpuint(area_used(&area), ==, 0);
	g_assert_false(g_file_test("/dev/cmabulk/" POOL_MEDIA, G_FILE_TEST_EXISTS));
	area_close(&area);
}

/* In and out, with work left to be done at each exit. */
static void test_reload(void)
{
	struct area area;

	area_open(&area, AREA_MEDIA);
	setup();
	for (int round = 0; round < machine_scale(30, 10); round++) {
		int pool = pool_open(POOL_MEDIA);
		int reservation = reservation_new(pool, ORDER, 0);
		guint64 chunks = reservation_fill_all(reservation, 500);

		int buffer = reservation_export(reservation, chunks / 2, O_CLOEXEC, "", NULL);

		g_assert_cmpint(buffer, >=, 0);
		close(buffer);
		close(reservation);
		close(pool);
		module_unload("cmabulk");
		g_assert_cmpuint(area_used(&area), ==, 0);
		module_load_cmabulk(NULL);
	}
	assert_all_whole();
	area_close(&area);
}

static void test_device_closed(void)
{
	struct cmabulk_fill fill;
	int pool, reservation;

	setup();
	pool = pool_open(POOL_MEDIA);
	reservation = reservation_new(pool, ORDER, 0);
	close(pool);
	g_assert_cmpint(reservation_fill(reservation, CMABULK_EFFORT_NORMAL, CHUNKS, 0, &fill), ==,
			0);
	g_assert_cmpint(reservation_interrupt(reservation), ==, 0);
	pool = reservation_export(reservation, CHUNKS, O_RDWR | O_CLOEXEC, "", NULL);
	g_assert_cmpint(pool, >=, 0);
	close(pool);
	close(reservation);
	assert_all_whole();
}

/* A reservation shared by fork lives until both have closed it. */
static void test_reservation_shared(void)
{
	struct cmabulk_query query;
	struct cmabulk_fill fill;
	int pool, reservation, go[2], status;
	pid_t child;
	char byte;

	setup();
	pool = pool_open(POOL_MEDIA);
	reservation = reservation_new(pool, ORDER, 0);
	g_assert_no_errno(pipe2(go, O_CLOEXEC));
	child = fork();
	if (!child) {
		close(go[1]);
		if (read(go[0], &byte, 1))
			_exit(1);
		_exit(reservation_fill(reservation, CMABULK_EFFORT_NORMAL, 5, 0, &fill) ||
		      fill.total != CHUNKS + 5);
	}
	close(go[0]);
	g_assert_cmpint(reservation_fill(reservation, CMABULK_EFFORT_NORMAL, CHUNKS, 0, &fill), ==,
			0);
	close(reservation);
	g_assert_cmpint(pool_query(pool, &query), ==, 0);
	g_assert_cmpuint(query.states.reserved, ==, CHUNKS << ORDER);
	close(go[1]);
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	g_assert_cmpint(status, ==, 0);
	books_assert_empty(pool);
	close(pool);
}

static void assert_attribute(const char *name, guint64 expected)
{
	g_autofree char *path = g_build_filename(CLASS POOL_MEDIA, name, NULL);

	g_assert_cmpuint(machine_read_number(path), ==, expected);
}

static void test_attributes(void)
{
	g_autofree char *area = NULL;
	struct cmabulk_query query;
	struct cmabulk_fill fill;
	int pool, reservation, buffer;

	setup();
	pool = pool_open(POOL_MEDIA);
	reservation = reservation_new(pool, ORDER, 0);
	g_assert_cmpint(reservation_fill(reservation, CMABULK_EFFORT_NORMAL, CHUNKS, 0, &fill), ==,
			0);
	buffer = reservation_export(reservation, 3, O_RDWR | O_CLOEXEC, "", NULL);
	query = books_settled(pool).query;
	area = machine_read(CLASS POOL_MEDIA "/area");
	g_assert_cmpstr(area, ==, module_area(AREA_MEDIA));
	assert_attribute("pages", query.pages);
	assert_attribute("order_per_bit", query.order_per_bit);
	assert_attribute("max_order", query.max_order);
	assert_attribute("cached", 0);
	assert_attribute("reserved", (CHUNKS - 3) << ORDER);
	assert_attribute("exported", 3 << ORDER);
	assert_attribute("draining", 0);
	assert_attribute("stuck", 0);
	assert_attribute("buffers", 1);
	assert_attribute("reservations", 1);
	assert_attribute("events_lost", 0);
	close(reservation);
	close(buffer);
	books_assert_empty(pool);
	close(pool);
}

/* Nodes are root's alone: nobody passes by quotas or makes up owners. */
static void test_node(void)
{
	struct stat status;

	setup();
	g_assert_no_errno(stat("/dev/cmabulk/" POOL_MEDIA, &status));
	g_assert_true(S_ISCHR(status.st_mode));
	g_assert_cmpuint(status.st_mode & 07777, ==, 0600);
	g_assert_cmpuint(status.st_uid, ==, 0);
}

static void expect_pool_event(struct events *events, enum cmabulk_genl_command command)
{
	struct event event;

	do {
		if (!events_next(events, TIMEOUT_MS, &event))
			g_error("no event %d", command);
	} while (event.command != command);
	g_assert_cmpstr(event.pool, ==, POOL_CAMERA);
}

static void test_pool_removed(void)
{
	guint64 cookie = G_GUINT64_CONSTANT(0x1122334455667788);
	int pool, held, filled, buffer;
	struct cmabulk_export export;
	struct cmabulk_query query;
	struct cmabulk_fill fill;
	struct events *events;
	guint64 *map;

	setup();
	events = events_new();
	pool = pool_open(POOL_CAMERA);
	buffer = buffer_new(pool, ORDER, CHUNKS);
	map = buffer_map(buffer);
	*map = cookie;
	held = reservation_new(pool, ORDER, 0);
	filled = reservation_new(pool, ORDER, 0);
	g_assert_cmpint(reservation_fill(filled, CMABULK_EFFORT_NORMAL, CHUNKS, 0, &fill), ==, 0);

	machine_write(CLASS "remove", POOL_CAMERA);
	expect_pool_event(events, CMABULK_CMD_POOL_REMOVED);
	g_assert_false(g_file_test("/dev/cmabulk/" POOL_CAMERA, G_FILE_TEST_EXISTS));
	g_assert_false(g_file_test(CLASS POOL_CAMERA, G_FILE_TEST_EXISTS));
	g_assert_cmpint(pool_try_open(POOL_CAMERA), ==, -ENOENT);
	g_assert_cmpint(pool_query(pool, &query), ==, -ENODEV);
	g_assert_cmpint(reservation_try_new(pool, ORDER, 0, NULL), ==, -ENODEV);
	memset(&fill, 0xff, sizeof(fill));
	g_assert_cmpint(reservation_fill(held, CMABULK_EFFORT_FAST, 1, 0, &fill), ==, -ENODEV);
	g_assert_cmpuint(fill.nr_allocated, ==, 0);
	g_assert_cmpint(reservation_fill(filled, CMABULK_EFFORT_FAST, 1, 0, &fill), ==, -ENODEV);
	g_assert_cmpuint(fill.total, ==, CHUNKS);
	g_assert_cmpint(reservation_export(filled, 1, O_CLOEXEC, "", &export), ==, -ENODEV);

	/* What was exported stays whole, for old and new users. */
	g_assert_cmpuint(*map, ==, cookie);
	munmap(map, buffer_size(buffer));
	map = buffer_map(buffer);
	g_assert_cmpuint(*map, ==, cookie);
	munmap(map, buffer_size(buffer));

	/* As long as it lives its area cannot be a pool again. */
	g_assert_cmpint(machine_try_write(CLASS "add", module_pool(POOL_CAMERA, AREA_CAMERA)), <,
			0);
	close(buffer);
	close(held);
	close(filled);
	close(pool);
	while (machine_try_write(CLASS "add", module_pool(POOL_CAMERA, AREA_CAMERA)) < 0)
		events_wait(events, 100);
	expect_pool_event(events, CMABULK_CMD_POOL_ADDED);
	events_free(events);
	assert_all_whole();
}

/* A FILL that runs while its pool goes ends with -ENODEV or has just ended by itself. */
struct filler {
	pthread_t thread;
	pthread_barrier_t begin;
	int reservation;
	int result;
	struct cmabulk_fill fill;
};

static void *filler_run(void *data)
{
	struct filler *filler = data;

	pthread_barrier_wait(&filler->begin);
	do {
		filler->result = reservation_fill(filler->reservation, CMABULK_EFFORT_HARD, 1, 0,
						  &filler->fill);
	} while (!filler->result && filler->fill.total < 900);
	return NULL;
}

static void test_pool_removed_during_fill(void)
{
	int caught = 0;

	setup();
	for (int round = 0; round < machine_scale(20, 8); round++) {
		struct filler filler = { 0 };
		int pool = pool_open(POOL_CAMERA);

		filler.reservation = reservation_new(pool, ORDER, 0);
		close(pool);
		pthread_barrier_init(&filler.begin, NULL, 2);
		machine_start_thread(&filler.thread, filler_run, &filler);
		pthread_barrier_wait(&filler.begin);
		machine_write(CLASS "remove", POOL_CAMERA);
		pthread_join(filler.thread, NULL);
		pthread_barrier_destroy(&filler.begin);
		g_assert_true(!filler.result || filler.result == -ENODEV ||
			      filler.result == -EBUSY);
		caught += filler.result == -ENODEV;
		close(filler.reservation);
		while (machine_try_write(CLASS "add", module_pool(POOL_CAMERA, AREA_CAMERA)) < 0)
			g_thread_yield();
		assert_all_whole();
	}
	g_assert_cmpint(caught, >, 0);
}

static void test_pool_added_wrongly(void)
{
	const struct {
		const char *text;
		int expected;
	} cases[] = {
		{ "x", -EINVAL },
		{ ":", -EINVAL },
		{ "x:", machine_unknown_area() },
		{ ":numa0", -EINVAL },
		{ "x:nothing", machine_unknown_area() },
		{ module_pool(POOL_MEDIA, AREA_MEDIA), -EEXIST },
		{ module_pool("other", AREA_MEDIA), -EBUSY },
		{ module_pool(POOL_MEDIA, AREA_CAMERA), -EEXIST },
		{ module_pool("a/b", AREA_CAMERA), -EINVAL },
		{ module_pool("..", AREA_CAMERA), -EINVAL },
		{ module_pool("abcdefghijklmnopqrstuvwxyz-0123456789", AREA_CAMERA), -EINVAL },
		{ module_pool("add", AREA_CAMERA), -EINVAL },
		{ module_pool("remove", AREA_CAMERA), -EINVAL },
	};

	setup();
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		int ret = machine_try_write(CLASS "add", cases[i].text);

		g_test_message("\"%s\": %d", cases[i].text, ret);
		g_assert_cmpint(ret, ==, cases[i].expected);
	}
	assert_all_whole();
}

static void test_pool_removed_wrongly(void)
{
	static const char *const wrong[] = {
		"\n",		"nothing",	 "1", "add", POOL_MEDIA ":" AREA_MEDIA,
		POOL_MEDIA "x", "../" POOL_MEDIA
	};

	setup();
	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_test_message("\"%s\"", wrong[i]);
		g_assert_cmpint(machine_try_write(CLASS "remove", wrong[i]), ==, -ENOENT);
	}
	assert_all_whole();
	/* What is removed cannot be removed again, while a device is open or not. */
	int pool = pool_open(POOL_CAMERA);

	g_assert_cmpint(machine_try_write(CLASS "remove", POOL_CAMERA "\n"), ==, 0);
	g_assert_cmpint(machine_try_write(CLASS "remove", POOL_CAMERA), ==, -ENOENT);
	g_assert_cmpint(machine_try_write(CLASS "add", module_pool(POOL_CAMERA, AREA_CAMERA)), ==,
			-EEXIST);
	g_assert_cmpint(machine_try_write(CLASS "add", module_pool("other", AREA_CAMERA)), ==,
			-EBUSY);
	close(pool);
	while (machine_try_write(CLASS "add", module_pool(POOL_CAMERA, AREA_CAMERA)) < 0)
		g_thread_yield();
	assert_all_whole();
}

/* Pools come and go while others look for them and the module is asked to leave. */
struct churner {
	pthread_t thread;
	atomic_bool stop;
	guint64 removed;
};

static void *churner_run(void *data)
{
	struct churner *churner = data;

	while (!atomic_load(&churner->stop)) {
		int pool = pool_try_open(POOL_CAMERA), ret;
		struct cmabulk_query query;

		if (pool >= 0) {
			ret = pool_query(pool, &query);
			g_assert_true(!ret || ret == -ENODEV);
			close(pool);
		}
		ret = machine_try_write(CLASS "remove", POOL_CAMERA);
		g_assert_true(!ret || ret == -ENOENT || ret == -ENODEV);
		churner->removed += !ret;
		ret = machine_try_write(CLASS "add", module_pool(POOL_CAMERA, AREA_CAMERA));
		g_assert_true(ret <= 0);
	}
	return NULL;
}

static void test_pool_churn(void)
{
	struct churner churners[3] = { 0 };
	guint64 removed = 0;
	int unloaded = 0;

	for (int round = 0; round < machine_scale(10, 4); round++) {
		setup();
		for (size_t i = 0; i < G_N_ELEMENTS(churners); i++) {
			atomic_store(&churners[i].stop, false);
			machine_start_thread(&churners[i].thread, churner_run, &churners[i]);
		}
		for (int spin = 0; spin < 1000; spin++) {
			GArray *dump;

			if (!counters_dump(&dump))
				g_array_unref(dump);
			/* Refused while a device is open for a moment; else they find nothing. */
			if (spin > 100 && !module_try_unload("cmabulk")) {
				unloaded++;
				break;
			}
		}
		for (size_t i = 0; i < G_N_ELEMENTS(churners); i++) {
			atomic_store(&churners[i].stop, true);
			pthread_join(churners[i].thread, NULL);
		}
		if (module_is_loaded("cmabulk"))
			module_unload("cmabulk");
	}
	for (size_t i = 0; i < G_N_ELEMENTS(churners); i++)
		removed += churners[i].removed;
	g_print("# %" G_GUINT64_FORMAT " pools removed, unloaded %d times under it\n", removed,
		unloaded);
	g_assert_cmpuint(removed, >, 0);
	g_assert_cmpint(unloaded, >, 0);
	setup();
	assert_all_whole();
}

/* Looks for a node that never may be there, not even for a moment: somebody could open it. */
struct watcher {
	pthread_t thread;
	atomic_bool stop;
	guint64 seen;
};

static void *watcher_run(void *data)
{
	struct watcher *watcher = data;

	while (!atomic_load(&watcher->stop))
		watcher->seen += g_file_test("/dev/cmabulk/a", G_FILE_TEST_EXISTS);
	return NULL;
}

/* @pattern with the areas of both pools in place of their names here. */
static const char *parameter(const char *pattern)
{
	g_autoptr(GString) text = g_string_new(pattern);

	g_string_replace(text, "MEDIA", module_area(AREA_MEDIA), 0);
	g_string_replace(text, "CAMERA", module_area(AREA_CAMERA), 0);
	return g_intern_string(text->str);
}

/* A module that cannot do what its parameters say does not stay, and leaves nothing. */
static void test_loaded_wrongly(void)
{
	const char *const wrong[] = {
		"pools=a:nothing",
		parameter("pools=a:MEDIA,b:nothing"),
		parameter("pools=a:MEDIA,a:CAMERA"),
		parameter("pools=a:MEDIA,b:MEDIA"),
		"pools=a",
		parameter("pools=/:MEDIA"),
		"pools=,",
	};
	struct watcher watcher = { 0 };

	setup();
	module_unload("cmabulk");
	machine_start_thread(&watcher.thread, watcher_run, &watcher);
	/* Twice: what a load left behind would be in the way of the next. */
	for (size_t i = 0; i < 2 * G_N_ELEMENTS(wrong); i++) {
		const char *parameters = wrong[i % G_N_ELEMENTS(wrong)];
		int ret = module_try_load("cmabulk", parameters);

		g_test_message("%s: %d", parameters, ret);
		g_assert_cmpint(ret, <, 0);
		g_assert_false(module_is_loaded("cmabulk"));
		g_assert_false(g_file_test(CLASS, G_FILE_TEST_EXISTS));
		g_assert_false(g_file_test("/dev/cmabulk/a", G_FILE_TEST_EXISTS));
	}
	atomic_store(&watcher.stop, true);
	pthread_join(watcher.thread, NULL);
	g_assert_cmpuint(watcher.seen, ==, 0);
	/* Without pools it waits for some to be added. */
	module_load("cmabulk", NULL);
	machine_write(CLASS "add", module_pool(POOL_MEDIA, AREA_MEDIA));
	machine_write(CLASS "add", module_pool(POOL_CAMERA, AREA_CAMERA));
	assert_all_whole();
}

int main(int argc, char **argv)
{
	machine_init(&argc, &argv);
	g_test_add_func("/lifetimes/unload", test_unload);
	g_test_add_func("/lifetimes/reload", test_reload);
	g_test_add_func("/lifetimes/device-closed", test_device_closed);
	g_test_add_func("/lifetimes/reservation-shared", test_reservation_shared);
	g_test_add_func("/lifetimes/attributes", test_attributes);
	g_test_add_func("/lifetimes/node", test_node);
	g_test_add_func("/lifetimes/pool-removed", test_pool_removed);
	g_test_add_func("/lifetimes/pool-removed-during-fill", test_pool_removed_during_fill);
	g_test_add_func("/lifetimes/pool-added-wrongly", test_pool_added_wrongly);
	g_test_add_func("/lifetimes/pool-removed-wrongly", test_pool_removed_wrongly);
	g_test_add_func("/lifetimes/pool-churn", test_pool_churn);
	g_test_add_func("/lifetimes/loaded-wrongly", test_loaded_wrongly);
	return g_test_run();
}
