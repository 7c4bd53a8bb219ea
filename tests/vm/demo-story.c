/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The demonstration: 300 MiB from a 400 MiB area that programs occupy half of and in which pages
 * are pinned. As one piece it fails; as 4800 chunks, which an ordinary user asks the daemon for
 * with cmabulkctl, it succeeds. Who may have less is told so. Tells what happened, and ends with
 * an error if any of it was not so.
 */
#include <errno.h>
#include <fcntl.h>
#include <json.h>
#include <linux/dma-heap.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "demo-users.h"
#include "lib/books.h"
#include "lib/frames.h"
#include "lib/machine.h"
#include "lib/occupant.h"
#include "lib/pins.h"
#include "lib/pool.h"

#define MIB	    (1 << 20)
#define CHUNKS	    4800
#define CHUNK_BYTES ((guint64)65536)
#define BUFFERS	    25
#define WANTED	    ((guint64)CHUNKS * CHUNK_BYTES)

/* What the area is to be filled with, and the least that counts as pressure. */
#define OCCUPY_BYTES (260ULL * MIB)
#define OCCUPY_LEAST (130ULL * MIB)

/*
 * Of all pageblocks, how many have a page that is pinned for good: so many that the others alone do
 * not make 4800 chunks. And in how many pins come and go, every so often.
 */
#define PINNED_PERCENT	40
#define FLICKER_PERCENT 15
#define FLICKER_MS	80

/* As cmabulkctl(1) says: the account may not have that much. */
#define EXIT_OVER_LIMIT 6

/* For the daemon to find a pool, on the slowest machine. */
#define DAEMON_SECONDS 60

/* The device of a test module, into which the user's command imports its buffers. */
#define IMPORTER_PATH "/dev/cmabulk_importer"

static bool failed;

static void G_GNUC_PRINTF(2, 3) expect(bool condition, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	if (!condition) {
		g_autofree char *text = g_strdup_vprintf(format, arguments);

		g_print("      NOT SO: %s\n", text);
		failed = true;
	}
	va_end(arguments);
}

static double mib(guint64 number)
{
	return (double)number / MIB;
}

struct pressure {
	int frames;
	struct area area;
	struct occupant occupant;
	struct pins pins;
	bool *pinned; /* per pageblock: a page in it is pinned for good */
	struct flicker *flicker;
	GRand *random;
};

static size_t pressure_blocks(const struct pressure *pressure)
{
	return pressure->area.pages / FRAMES_PER_BLOCK;
}

static void pressure_init(struct pressure *pressure)
{
	memset(pressure, 0, sizeof(*pressure));
	pressure->random = machine_random(1);
	pressure->frames = frames_open();
	area_open(&pressure->area, AREA_MEDIA);
	pressure->pinned = g_new0(bool, pressure_blocks(pressure));
	pins_init(&pressure->pins);
	g_print("   The area     \"%s\", %.0f MiB at %#" G_GINT64_MODIFIER "x, %zu pageblocks\n",
		pressure->area.name, mib(pressure->area.pages * sysconf(_SC_PAGESIZE)),
		pressure->area.base * sysconf(_SC_PAGESIZE), pressure_blocks(pressure));
}

static void pressure_occupy(struct pressure *pressure)
{
	guint64 inside;

	occupant_fill(&pressure->occupant, pressure->frames, &pressure->area, OCCUPANT_ANONYMOUS,
		      OCCUPY_BYTES / sysconf(_SC_PAGESIZE));
	inside = pressure->occupant.inside * sysconf(_SC_PAGESIZE);
	g_print("   Occupied     %.0f MiB of it by a program's memory (as pagemap shows)\n",
		mib(inside));
	expect(inside >= OCCUPY_LEAST, "at least %.0f MiB are occupied", mib(OCCUPY_LEAST));
}

/*
 * One page of the program in each of @percent random pageblocks in which it has some and nothing is
 * pinned for good. Fewer when there are not so many. @ret_blocks, which may be NULL, and @ret_pages have room for all.
 */
static size_t pressure_choose(struct pressure *pressure, unsigned int percent, size_t *ret_blocks,
			      void **ret_pages)
{
	size_t count = pressure_blocks(pressure) * percent / 100;
	size_t occupied, chosen = 0, tries = 100 * pressure_blocks(pressure);
	g_autofree void **pages = NULL;

	pages = occupant_page_per_block(&pressure->occupant, &pressure->area, pressure->random,
					&occupied);
	while (chosen < count && tries--) {
		size_t block = random_below(pressure->random, pressure_blocks(pressure));

		if (!pages[block] || pressure->pinned[block])
			continue;
		if (ret_blocks)
			ret_blocks[chosen] = block;
		ret_pages[chosen++] = pages[block];
		pages[block] = NULL;
	}
	return chosen;
}

static void pressure_pin(struct pressure *pressure)
{
	g_autofree size_t *blocks = g_new(size_t, pressure_blocks(pressure));
	g_autofree void **pages = g_new(void *, pressure_blocks(pressure));
	size_t count = pressure_choose(pressure, PINNED_PERCENT, blocks, pages);

	for (size_t i = 0; i < count; i++) {
		pins_add(&pressure->pins, pages[i]);
		pressure->pinned[blocks[i]] = true;
	}
	g_print("   Pinned       a page for good in %zu pageblocks\n", count);
	expect((pressure_blocks(pressure) - count) * FRAMES_PER_BLOCK * sysconf(_SC_PAGESIZE) <
		       WANTED,
	       "whole pageblocks alone do not suffice");
}

static void pressure_flicker(struct pressure *pressure)
{
	g_autofree void **pages = g_new(void *, pressure_blocks(pressure));
	size_t count = pressure_choose(pressure, FLICKER_PERCENT, NULL, pages);

	g_print("                and pins that come and go in %zu others\n", count);
	expect(count > 0, "there are such");
	if (count)
		pressure->flicker = flicker_start(pages, count, FLICKER_MS, 2);
}

static void pressure_calm(struct pressure *pressure)
{
	if (pressure->flicker)
		flicker_stop(pressure->flicker);
	pressure->flicker = NULL;
	occupant_free(&pressure->occupant);
}

static void pressure_make(struct pressure *pressure)
{
	pressure_init(pressure);
	pressure_occupy(pressure);
	pressure_pin(pressure);
	pressure_flicker(pressure);
}

/*
 * What was tried moved the program's memory out of the area, as far as it could. The pinned pages
 * are where they were.
 */
static void pressure_renew(struct pressure *pressure)
{
	pressure_calm(pressure);
	pressure_occupy(pressure);
	pressure_flicker(pressure);
}

static void pressure_end(struct pressure *pressure)
{
	pressure_calm(pressure);
	pins_clear(&pressure->pins);
}

static void pressure_free(struct pressure *pressure)
{
	close(pressure->frames);
	area_close(&pressure->area);
	g_free(pressure->pinned);
	g_rand_free(pressure->random);
}

static void show_contiguous(void)
{
	struct dma_heap_allocation_data allocation = {
		.len = WANTED,
		.fd_flags = O_RDWR | O_CLOEXEC,
	};
	int heap = open("/dev/dma_heap/" AREA_MEDIA, O_RDWR | O_CLOEXEC), ret;
	gint64 start = machine_now();

	g_print("\n1. One contiguous piece of %.0f MiB, from the dma-heap\n", mib(WANTED));
	g_assert_no_errno(heap);
	ret = pool_ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &allocation);
	g_print("   %s after %.2f s%s%s\n", ret ? "Failed" : "Succeeded",
		milliseconds(machine_now() - start) / 1000, ret ? ": " : "",
		ret ? g_strerror(-ret) : "");
	expect(ret == -ENOMEM || ret == -EBUSY, "it fails");
	if (!ret)
		close((int)allocation.fd);
	close(heap);
}

/* Runs cmabulkctl; its report comes on standard error, what its command says on standard output. */
static bool run_cmabulkctl(char **ret_said, char **ret_report)
{
	g_autofree char *amount =
		g_strdup_printf("%dx%" G_GUINT64_FORMAT "K", CHUNKS, CHUNK_BYTES / 1024);
	g_autofree char *buffers = g_strdup_printf("%d", BUFFERS);
	const char *words[] = { "alloc",  amount,     "--buffers",     buffers,
				"--pool", POOL_MEDIA, "--timeout",     "60s",
				"--json", "--",	      users_program(), NULL };
	int status;

	g_print("   " USER_MEDIA "$ cmabulkctl alloc %s --buffers %s\n", amount, buffers);
	status = user_run(USER_MEDIA, words, ret_said, ret_report);
	if (status)
		g_print("   cmabulkctl ended with %d and said:\n%s", status, *ret_report);
	return status == 0;
}

/* Chunks and microseconds of one effort, which may have been tried more than once. */
static guint64 tell_effort(struct json_object *report, const char *effort)
{
	struct json_object *steps = json_member(report, "steps");
	guint64 granted = 0, elapsed = 0;

	for (size_t i = 0; i < json_object_array_length(steps); i++) {
		struct json_object *step = json_object_array_get_idx(steps, i);

		if (!g_str_equal(json_object_get_string(json_member(step, "effort")), effort))
			continue;
		granted += json_number(step, "granted");
		elapsed += json_number(step, "elapsed_us");
	}
	g_print("   by %-10s%5" G_GUINT64_FORMAT " chunks in %.2f s\n", effort, granted,
		milliseconds(elapsed * 1000) / 1000);
	expect(granted > 0, "some come by %s", effort);
	return granted;
}

static void tell_report(const char *text)
{
	/* Whatever else came on standard error came before the report. */
	const char *brace = text ? strchr(text, '{') : NULL;
	struct json_object *report = brace ? json_tokener_parse(brace) : NULL;
	guint64 sum = 0;

	if (!report) {
		expect(false, "cmabulkctl reports in JSON; it said: %s", text);
		return;
	}
	g_print("   %" G_GUINT64_FORMAT " chunks of 64 KiB (%.0f MiB) in %zu buffers in %.2f s\n",
		json_number(report, "granted"), mib(json_number(report, "bytes")),
		json_object_array_length(json_member(report, "buffers")),
		milliseconds(json_number(report, "elapsed_us") * 1000) / 1000);
	sum += tell_effort(report, "fast");
	sum += tell_effort(report, "normal");
	sum += tell_effort(report, "hard");
	expect(json_number(report, "granted") == CHUNKS, "all %d chunks are granted", CHUNKS);
	expect(sum == CHUNKS, "the efforts add up to %d", CHUNKS);
	expect(json_number(report, "bytes") == WANTED, "that is %.0f MiB", mib(WANTED));
	expect(json_object_array_length(json_member(report, "buffers")) == BUFFERS,
	       "they come in %d buffers", BUFFERS);
	json_object_put(report);
}

static void tell_use(const char *said)
{
	unsigned int buffers = 0;
	size_t bytes = 0, segments = 0;

	g_print("\n3. The buffers used\n");
	if (sscanf(said, "%u %zu %zu", &buffers, &bytes, &segments) != 3) {
		expect(false, "every buffer can be used");
		return;
	}
	g_print("   Mapped       %u buffers, %.0f MiB, every byte of it zero\n", buffers,
		mib(bytes));
	g_print("   Written      and read back, each its own\n");
	g_print("   Imported     by a device, which sees the same bytes in %zu segments\n",
		segments);
	expect(buffers == BUFFERS && bytes == WANTED, "all of them were used");
}

static void show_bulk(struct pressure *pressure)
{
	g_autofree char *said = NULL, *report = NULL;
	bool worked;

	g_print("\n2. The same as %d chunks in %d buffers, for an ordinary user, from cmabulkd\n",
		CHUNKS, BUFFERS);
	pressure_renew(pressure);
	worked = run_cmabulkctl(&said, &report);
	expect(worked, "it succeeds");
	if (!worked)
		return;
	tell_report(report);
	tell_use(said);
}

/* The second user's account has a limit; whoever asks for more learns what it has. */
static void show_quota(void)
{
	const char *holds[] = { "--json", "alloc", "16M", "--hold", NULL };
	const char *asks[] = { "alloc", "24M", NULL };
	g_autofree char *said = NULL, *errors = NULL;
	struct holder *holder;
	int status;

	g_print("\n4. A second user, who may have 32 MiB\n");
	g_print("   " USER_VISITOR "$ cmabulkctl alloc 16M --hold\n");
	holder = user_hold(USER_VISITOR, holds);
	g_print("   " USER_VISITOR "$ cmabulkctl alloc 24M\n");
	status = user_run(USER_VISITOR, asks, &said, &errors);
	g_print("   Refused with %d: %s\n", status, g_strchomp(errors));
	expect(status == EXIT_OVER_LIMIT, "that is the status for a limit, %d", EXIT_OVER_LIMIT);
	expect(strstr(errors, "16") && strstr(errors, "24") && strstr(errors, "32"),
	       "it says what the user has, asked for and may have");
	holder_let_go(holder);
}

/* What the daemon tells of the pool; json_object_put() it. NULL: it does not know it. */
static struct json_object *daemon_pool(void)
{
	struct json_object *status = daemon_tells("status"), *found = NULL;
	struct json_object *pools = status ? json_member(status, "pools") : NULL;

	for (size_t i = 0; pools && i < json_object_array_length(pools); i++) {
		struct json_object *pool = json_object_array_get_idx(pools, i);

		if (g_str_equal(json_object_get_string(json_member(pool, "name")), POOL_MEDIA))
			found = json_object_get(pool);
	}
	json_object_put(status);
	return found;
}

/* It finds the pool by itself, a moment after the module made it. */
static void wait_for_daemon(void)
{
	gint64 limit = machine_now() + DAEMON_SECONDS * G_GINT64_CONSTANT(1000000000);
	struct json_object *pool;

	while (!(pool = daemon_pool())) {
		if (machine_now() > limit)
			g_error("cmabulkd does not find the pool");
		g_usleep(50000);
	}
	json_object_put(pool);
}

static guint64 tell_charged(void)
{
	struct json_object *answer = daemon_tells("accounts");
	struct json_object *accounts = json_member(answer, "accounts");
	guint64 charged = 0;

	for (size_t i = 0; i < json_object_array_length(accounts); i++)
		charged += json_number(json_object_array_get_idx(accounts, i), "used");
	json_object_put(answer);
	return charged;
}

static void tell_daemon(const struct cmabulk_query *kernel)
{
	struct json_object *pool = daemon_pool();
	struct json_object *states = json_member(pool, "states");
	struct cmabulk_states theirs = {
		.cached = json_number(states, "cached"),
		.reserved = json_number(states, "reserved"),
		.exported = json_number(states, "exported"),
		.draining = json_number(states, "draining"),
	};
	guint64 charged = tell_charged();

	g_print("   The daemon   cached %llu, reserved %llu, exported %llu, draining %llu, buffers "
		"%" G_GUINT64_FORMAT ", charged %" G_GUINT64_FORMAT " bytes\n",
		theirs.cached, theirs.reserved, theirs.exported, theirs.draining,
		json_number(pool, "buffers"), charged);
	expect(!memcmp(&theirs, &kernel->states, sizeof(theirs)) &&
		       json_number(pool, "buffers") == kernel->buffers &&
		       json_number(pool, "free_pages") == kernel->free_pages,
	       "its books are the kernel's");
	expect(!charged, "nobody is charged for anything");
	json_object_put(pool);
}

static void show_whole(struct pressure *pressure)
{
	int pool = pool_open(POOL_MEDIA);
	struct books books = books_settled(pool);
	struct pin_census census;

	g_print("\n5. Everything closed\n");
	pressure_end(pressure);
	/* Aborts when a page is missing. */
	books_assert_empty(pool);
	census = area_census(pressure->frames, &pressure->area);
	g_print("   The area     whole: %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
		" pages handed out\n",
		books.used, pressure->area.pages);
	g_print("   The kernel   cached %llu, reserved %llu, exported %llu, draining %llu, buffers "
		"%llu, reservations %llu\n",
		books.query.states.cached, books.query.states.reserved, books.query.states.exported,
		books.query.states.draining, books.query.buffers, books.query.reservations);
	tell_daemon(&books.query);
	expect(!books.used && !census.owned, "no page is missing");
	expect(!books_owned(&books.query.states) && !books.query.buffers &&
		       !books.query.reservations,
	       "all counters are zero");
	close(pool);
}

int main(int argc, char **argv)
{
	struct pressure pressure;

	g_assert(argc == 2);
	users_init(argv[1]);
	machine_prepare();
	g_print("\ncmabulk: %d chunks of 64 KiB (%.0f MiB) from an area under pressure\n\n", CHUNKS,
		mib(WANTED));
	module_load_cmabulk(NULL);
	module_load("cmabulk_importer", NULL);
	/* Where there is no udevd, which has a rule for that. */
	g_assert_no_errno(chmod(IMPORTER_PATH, 0666));
	wait_for_daemon();
	pressure_make(&pressure);
	show_contiguous();
	show_bulk(&pressure);
	show_quota();
	show_whole(&pressure);
	pressure_free(&pressure);
	g_print("\n%s\n",
		failed ? "Not everything happened as said." : "All of it happened as said.");
	return failed ? 1 : 0;
}
