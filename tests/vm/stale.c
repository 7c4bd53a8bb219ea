/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What one program wrote, no other sees: a child fills the pool with a pattern and lets it go,
 * another allocates the same chunks and looks through mmap, vmap and the device's addresses,
 * while they are being zeroed and after.
 *
 * Called with "--expect-stale" it proves that it would notice: zeroing is switched off by a debug
 * parameter, and each of the looks has to find the pattern, and nothing else to complain about.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/books.h"
#include "lib/importer.h"
#include "lib/machine.h"
#include "lib/pool.h"

#define ORDER	    4
#define CHUNK_BYTES ((size_t)4096 << ORDER)
#define PATTERN	    0xa5
#define RUN	    4096 /* bytes of it in a row that nothing else would leave */

/* Exit status of a child that looked. Anything else means that it could not look. */
enum verdict {
	VERDICT_CLEAN = 10,
	VERDICT_STALE = 11,
	VERDICT_OTHER = 12, /* neither zero nor the pattern */
};

static bool expect_stale;

static guint64 pool_chunks(int pool)
{
	struct cmabulk_query query;

	g_assert_cmpint(pool_query(pool, &query), ==, 0);
	return query.pages >> ORDER;
}

/* Runs @run in a process of its own; returns its exit status. */
static int in_child(int (*run)(gconstpointer data), gconstpointer data)
{
	pid_t child = fork();
	int status;

	if (!child)
		_exit(run(data));
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	g_assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* All of the pool that can be had, in one buffer. */
static int whole_buffer(int pool)
{
	int reservation = reservation_new(pool, ORDER, 0), buffer;
	guint64 chunks = reservation_fill_all(reservation, pool_chunks(pool));

	g_assert_cmpuint(chunks, >=, pool_chunks(pool) * 98 / 100);
	buffer = reservation_export(reservation, chunks, O_RDWR | O_CLOEXEC, "whole", NULL);
	g_assert_cmpint(buffer, >=, 0);
	close(reservation);
	return buffer;
}

static int leave_pattern(gconstpointer data)
{
	int pool = pool_open(POOL_CAMERA), buffer = whole_buffer(pool);
	void *map = buffer_map(buffer);

	memset(map, PATTERN, buffer_size(buffer));
	return 0;
}

/*
 * Backwards, so that the reader runs into the zeroing, not behind it. What is not zero may be
 * older than the pattern: the pool was not quite all to be had. A page full of it tells.
 */
static enum verdict verdict_of(const unsigned char *bytes, size_t size)
{
	enum verdict verdict = VERDICT_CLEAN;
	size_t run = 0;

	for (size_t i = size; i; i--) {
		run = bytes[i - 1] == PATTERN ? run + 1 : 0;
		if (run == RUN)
			return VERDICT_STALE;
		if (bytes[i - 1])
			verdict = VERDICT_OTHER;
	}
	return verdict;
}

static enum verdict look_by_map(int buffer)
{
	return verdict_of(buffer_map(buffer), buffer_size(buffer));
}

/* The same, bracketed as it should be: which also waits until all is zeroed. */
static enum verdict look_by_bracketed_map(int buffer)
{
	g_assert_cmpint(buffer_sync(buffer, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ), ==, 0);
	return look_by_map(buffer);
}

static enum verdict look_by_importer(int importer, enum importer_path via, size_t size)
{
	g_autofree unsigned char *bytes = NULL;
	guint64 mismatch;

	g_assert_cmpint(importer_check(importer, via, 0, 0, size, &mismatch), ==, 0);
	if (mismatch == size)
		return VERDICT_CLEAN;
	bytes = g_malloc(size);
	g_assert_cmpint(importer_read(importer, via, 0, bytes, size), ==, 0);
	return verdict_of(bytes, size);
}

static enum verdict look_by_vmap(int buffer)
{
	int importer = importer_open();

	g_assert_cmpint(importer_attach(importer, buffer, 0, 0, 0), ==, 0);
	g_assert_cmpint(importer_vmap(importer), ==, 0);
	return look_by_importer(importer, IMPORTER_VIA_VMAP, buffer_size(buffer));
}

static enum verdict look_by_device(int buffer)
{
	int importer = importer_open();

	g_assert_cmpint(importer_attach(importer, buffer, 0, 0, 0), ==, 0);
	g_assert_cmpint(importer_map(importer, IMPORTER_TO_DEVICE), ==, 0);
	return look_by_importer(importer, IMPORTER_VIA_DEVICE, buffer_size(buffer));
}

/* One way to look, how slow zeroing is meanwhile, and whether to wait for its end first. */
struct look {
	const char *name;
	enum verdict (*run)(int buffer);
	guint delay_us; /* before each chunk */
	bool wait; /* for the end of zeroing */
	bool cancel; /* a buffer before it is closed while it is being zeroed */
};

/* Much slower than any look: most of the buffer is not zeroed yet when it begins. */
#define SLOW_US 2000

static const struct look looks[] = {
	{ "/stale/mmap/during", look_by_map, .delay_us = SLOW_US },
	{ "/stale/mmap/bracketed", look_by_bracketed_map, .delay_us = SLOW_US },
	{ "/stale/mmap/at-full-speed", look_by_map },
	{ "/stale/mmap/after", look_by_map, .wait = true },
	{ "/stale/vmap/during", look_by_vmap, .delay_us = SLOW_US },
	{ "/stale/vmap/at-full-speed", look_by_vmap },
	{ "/stale/vmap/after", look_by_vmap, .wait = true },
	{ "/stale/device/during", look_by_device, .delay_us = SLOW_US },
	{ "/stale/device/at-full-speed", look_by_device },
	{ "/stale/device/after", look_by_device, .wait = true },
	{ "/stale/mmap/cancelled-before", look_by_map, .delay_us = SLOW_US, .cancel = true },
	{ "/stale/device/cancelled-before", look_by_device, .delay_us = SLOW_US, .cancel = true },
};

static int look_at_buffer(gconstpointer data)
{
	const struct look *look = data;
	int pool = pool_open(POOL_CAMERA), buffer;

	if (look->cancel)
		close(whole_buffer(pool));
	books_settled(pool);
	buffer = whole_buffer(pool);
	if (look->wait)
		g_assert_cmpint(buffer_sync(buffer, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ), ==, 0);
	return look->run(buffer);
}

static void set_delay(guint delay_us)
{
	g_autofree char *text = g_strdup_printf("%u", delay_us);

	machine_write("/sys/module/cmabulk/parameters/debug_zero_delay_us", text);
}

static void test_look(gconstpointer data)
{
	const struct look *look = data;
	int pool = pool_open(POOL_CAMERA);
	enum verdict verdict;

	set_delay(0);
	g_assert_cmpint(in_child(leave_pattern, NULL), ==, 0);
	books_assert_empty(pool);
	set_delay(look->delay_us);
	verdict = in_child(look_at_buffer, look);
	set_delay(0);
	g_assert_cmpint(verdict, ==, expect_stale ? VERDICT_STALE : VERDICT_CLEAN);
	books_assert_empty(pool);
	close(pool);
}

/* A fault waits for its own chunk, not for the buffer: else looking "during" would show nothing. */
static void test_fault_is_prompt(void)
{
	int pool = pool_open(POOL_CAMERA), buffer;
	gint64 start, first, all;
	volatile char *map;

	set_delay(SLOW_US);
	start = machine_now();
	buffer = whole_buffer(pool);
	map = buffer_map(buffer);
	g_assert_false(map[buffer_size(buffer) - 1]);
	first = machine_now() - start;
	g_assert_cmpint(buffer_sync(buffer, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ), ==, 0);
	all = machine_now() - start;
	set_delay(0);
	g_print("# first byte after %.1f ms, all zeroed after %.1f ms\n", milliseconds(first),
		milliseconds(all));
	g_assert_cmpint(first, <, all / 2);
	munmap((void *)map, buffer_size(buffer));
	close(buffer);
	books_assert_empty(pool);
	close(pool);
}

/* Closing a buffer does not wait for its zeroing. */
static void test_close_is_prompt(void)
{
	int pool = pool_open(POOL_CAMERA), buffer;
	gint64 start, closed, all;

	set_delay(SLOW_US);
	buffer = whole_buffer(pool);
	start = machine_now();
	g_assert_cmpint(buffer_sync(buffer, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ), ==, 0);
	all = machine_now() - start;
	close(buffer);
	books_assert_empty(pool);

	buffer = whole_buffer(pool);
	start = machine_now();
	close(buffer);
	closed = machine_now() - start;
	set_delay(0);
	g_print("# closed in %.1f ms, zeroing takes %.1f ms\n", milliseconds(closed),
		milliseconds(all));
	g_assert_cmpint(closed, <, all / 2);
	books_assert_empty(pool);
	close(pool);
}

int main(int argc, char **argv)
{
	machine_init(&argc, &argv);
	expect_stale = argc > 1 && !strcmp(argv[1], "--expect-stale");
	/* Both before any child wants them. */
	module_load_cmabulk(expect_stale ? "debug_skip_zeroing=1" : NULL);
	module_load("cmabulk_importer", NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(looks); i++)
		g_test_add_data_func(looks[i].name, &looks[i], test_look);
	if (!expect_stale) {
		g_test_add_func("/stale/fault-is-prompt", test_fault_is_prompt);
		g_test_add_func("/stale/close-is-prompt", test_close_is_prompt);
	}
	return g_test_run();
}
