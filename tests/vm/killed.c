/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A process killed at random moments leaks nothing: 200 times, at least 50 of them while it was
 * inside FILL, which the kernel's own tracepoints have to show.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/books.h"
#include "lib/frames.h"
#include "lib/importer.h"
#include "lib/machine.h"
#include "lib/pool.h"
#include "lib/tracing.h"

#define KILLS	     200
#define KILLS_INSIDE 50
/* Enough for both at any plausible share, few enough to end. */
#define KILLS_MOST   2000

/* Between two looks at the books. */
#define KILLS_PER_LOOK 20

static const char *const pools[] = { POOL_MEDIA, POOL_CAMERA };

/*
 * What the victim does until it is killed: every call there is, in random order and amounts, with
 * most of the time going to FILLs that have to work.
 */
static void victim_fill(GRand *random, int reservation, guint order)
{
	guint64 most = (order < 4 ? 4000 : 16000) >> order;
	struct cmabulk_fill fill;
	guint64 budget = g_rand_boolean(random) ? 0 : g_rand_int_range(random, 1, 200000000);

	reservation_fill(reservation, random_below(random, 3),
			 g_rand_int_range(random, 1, MAX(2, most)), budget, &fill);
}

static void victim_use(GRand *random, int buffer)
{
	size_t size = buffer_size(buffer);
	char *map = buffer_map(buffer);
	int importer;

	for (int i = 0; i < 10; i++)
		map[random_below(random, size)] = 1;
	if (g_rand_boolean(random))
		munmap(map, size);
	if (g_rand_boolean(random)) {
		importer = importer_open();
		importer_attach(importer, buffer, 0, 0, 0);
		importer_map(importer, IMPORTER_TO_DEVICE);
		importer_vmap(importer);
		if (g_rand_boolean(random))
			close(importer);
	}
	if (g_rand_boolean(random))
		close(buffer);
}

static void victim_round(GRand *random)
{
	guint order = random_below(random, 7);
	int pool = pool_open(pools[random_below(random, G_N_ELEMENTS(pools))]);
	int reservation = reservation_new(pool, order, 0);
	int buffer;

	close(pool);
	victim_fill(random, reservation, order);
	victim_fill(random, reservation, order);
	buffer = reservation_export(reservation, g_rand_int_range(random, 1, 30), O_RDWR, "victim",
				    NULL);
	if (buffer >= 0)
		victim_use(random, buffer);
	if (g_rand_boolean(random))
		close(reservation);
}

static void G_GNUC_NORETURN victim_run(guint32 number)
{
	GRand *random = machine_random(1000 + number);

	for (;;) {
		victim_round(random);
		/* What it did not close it keeps, but not until it has no descriptor left. */
		if (random_chance(random, 8))
			close_range(3, ~0U, 0);
	}
}

/* Waits for a random time, or until the victim ended by itself, which it never should. */
static void wait_at_random(GRand *random, pid_t victim)
{
	int pidfd = (int)syscall(SYS_pidfd_open, victim, 0);
	struct pollfd poller = { .fd = pidfd, .events = POLLIN };

	g_assert_no_errno(pidfd);
	if (poll(&poller, 1, g_rand_int_range(random, 1, machine_scale(200, 800))))
		g_error("the victim ended before it was killed");
	close(pidfd);
}

/*
 * Inside: its FILL began before the signal was generated and ended, if at all, after. The signal's
 * event carries whom it was for.
 */
static bool was_inside(pid_t victim)
{
	g_auto(GStrv) lines = tracing_take();
	g_autofree char *target = g_strdup_printf(" pid=%d ", victim);
	bool inside = false;

	for (char **line = lines; *line; line++) {
		const char *signal = trace_line_fields(*line, "signal_generate");

		if (signal && strstr(signal, "sig=9 ") && strstr(signal, target))
			return inside;
		if (trace_line_is(*line, "fill_start", victim))
			inside = true;
		else if (trace_line_is(*line, "fill_end", victim))
			inside = false;
	}
	g_error("no trace of the signal that killed %d", victim);
}

static bool kill_one(GRand *random, guint32 number)
{
	pid_t victim = fork();
	int status;

	if (!victim)
		victim_run(number);
	wait_at_random(random, victim);
	g_assert_no_errno(kill(victim, SIGKILL));
	g_assert_cmpint(waitpid(victim, &status, 0), ==, victim);
	g_assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return was_inside(victim);
}

static void assert_nothing_owned(const struct books *before)
{
	for (size_t i = 0; i < G_N_ELEMENTS(pools); i++) {
		int pool = pool_open(pools[i]);

		books_assert_same(pool, &before[i]);
		g_assert_cmpuint(books_owned(&before[i].query.states), ==, 0);
		close(pool);
	}
}

/* Pages that do not move in every other pageblock: then FILL takes its time. */
static void make_it_hard(int frames, GRand *random)
{
	static const char *const areas[] = { AREA_MEDIA, AREA_CAMERA };

	for (size_t i = 0; i < G_N_ELEMENTS(areas); i++) {
		struct area area;

		area_open(&area, areas[i]);
		for (guint64 block = 0; block < area.pages; block += 2 * FRAMES_PER_BLOCK)
			for (int pin = 0; pin < 3; pin++)
				frame_take(frames, area.base + block +
							   random_below(random, FRAMES_PER_BLOCK));
		area_close(&area);
	}
}

static void test_killed(void)
{
	static const char *const events[] = { "cmabulk/fill_start", "cmabulk/fill_end",
					      "signal/signal_generate", NULL };
	struct books before[G_N_ELEMENTS(pools)];
	g_autoptr(GRand) random = machine_random(1);
	int kills = 0, inside = 0, frames = frames_open();

	make_it_hard(frames, random);
	for (size_t i = 0; i < G_N_ELEMENTS(pools); i++) {
		int pool = pool_open(pools[i]);

		before[i] = books_settled(pool);
		close(pool);
	}
	tracing_start(events);
	while (kills < KILLS || inside < KILLS_INSIDE) {
		g_assert_cmpint(kills, <, KILLS_MOST);
		inside += kill_one(random, kills++);
		if (kills % KILLS_PER_LOOK == 0)
			assert_nothing_owned(before);
	}
	tracing_stop();
	g_print("# killed %d times, %d of them inside FILL\n", kills, inside);
	assert_nothing_owned(before);
	close(frames);
	for (size_t i = 0; i < G_N_ELEMENTS(pools); i++) {
		int pool = pool_open(pools[i]);

		books_assert_empty(pool);
		close(pool);
	}
}

int main(int argc, char **argv)
{
	machine_init(&argc, &argv);
	module_load_cmabulk(NULL);
	module_load("cmabulk_importer", NULL);
	g_test_add_func("/killed", test_killed);
	return g_test_run();
}
