// SPDX-License-Identifier: LGPL-2.1-or-later
/* The simulated engine: efforts, results, reports, books. A pageblock is 512 pages, 2 MiB. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"

static void fast_takes_all_that_is_free(void)
{
	struct backend_reservation *reservation;
	struct cmabulk_fill fill;
	struct pool pool;

	pool_open(&pool, "media=16M");
	reservation = pool_reserve(&pool, 4, 0);
	g_assert_cmpint(pool_fill(&pool, reservation, CMABULK_EFFORT_FAST, 256, &fill), ==, 0);
	g_assert_cmpuint(fill.nr_allocated, ==, 256);
	g_assert_cmpuint(fill.total, ==, 256);
	g_assert_cmpuint(fill.report.chunks_free, ==, 256);
	g_assert_cmpuint(fill.report.blocks_surveyed, ==, 8);
	g_assert_cmpuint(fill.report.blocks_free, ==, 8);
	g_assert_cmpuint(fill.report.ranges_tried, ==, 8);
	g_assert_cmpuint(fill.report.ranges_failed, ==, 0);
	g_assert_cmpuint(pool_check(&pool), ==, 4096);
	pool.ops->close(reservation);
	g_assert_cmpuint(pool_check(&pool), ==, 0);
	pool_close(&pool);
}

/* Pageblocks 3 and 7 have a page that does not move; 0 and 4 are busy; 8 of them. */
#define OBSTACLES "media=16M,unmovable=4,busy=4"

static void each_effort_gets_more(void)
{
	struct backend_reservation *reservation;
	struct cmabulk_fill fill;
	struct pool pool;

	pool_open(&pool, OBSTACLES);
	reservation = pool_reserve(&pool, 4, 0);
	g_assert_cmpint(pool_fill(&pool, reservation, CMABULK_EFFORT_FAST, 256, &fill), ==, -EBUSY);
	g_assert_cmpuint(fill.nr_allocated, ==, 128);
	g_assert_cmpuint(fill.report.skipped_suspect, ==, 128);
	g_assert_cmpuint(fill.report.skipped_busy, ==, 0);
	g_assert_cmpuint(fill.report.skipped_taken, ==, 0);
	g_assert_cmpuint(fill.report.ranges_tried, ==, 4);
	g_assert_cmpuint(fill.report.blocks_suspect, ==, 4);

	g_assert_cmpint(pool_fill(&pool, reservation, CMABULK_EFFORT_NORMAL, 128, &fill), ==,
			-EBUSY);
	g_assert_cmpuint(fill.nr_allocated, ==, 64);
	g_assert_cmpuint(fill.report.chunks_moved, ==, 64);
	g_assert_cmpuint(fill.report.ranges_tried, ==, 4);
	g_assert_cmpuint(fill.report.ranges_failed, ==, 2);
	g_assert_cmpuint(fill.report.skipped_busy, ==, 64);
	g_assert_cmpuint(fill.report.skipped_taken, ==, 128);

	g_assert_cmpint(pool_fill(&pool, reservation, CMABULK_EFFORT_HARD, 64, &fill), ==, -EBUSY);
	g_assert_cmpuint(fill.nr_allocated, ==, 62);
	g_assert_cmpuint(fill.report.chunks_salvaged, ==, 62);
	g_assert_cmpuint(fill.report.skipped_busy, ==, 2);
	g_assert_cmpuint(fill.total, ==, 254);
	g_assert_cmpuint(pool_check(&pool), ==, 4064);
	pool.ops->close(reservation);
	g_assert_cmpuint(pool_check(&pool), ==, 0);
	pool_close(&pool);
}

static void obstacles_come_back(void)
{
	struct backend_reservation *reservation;
	struct cmabulk_fill fill;
	struct pool pool;

	pool_open(&pool, "media=8M,busy=1");
	for (int round = 0; round < 2; round++) {
		reservation = pool_reserve(&pool, 0, 0);
		g_assert_cmpint(pool_fill(&pool, reservation, CMABULK_EFFORT_FAST, 1, &fill), ==,
				-EBUSY);
		g_assert_cmpuint(fill.nr_allocated, ==, 0);
		g_assert_cmpint(pool_fill(&pool, reservation, CMABULK_EFFORT_NORMAL, 2048, &fill),
				==, 0);
		pool.ops->close(reservation);
	}
	pool_close(&pool);
}

static void large_chunks_need_clean_pageblocks(void)
{
	struct backend_reservation *reservation;
	struct cmabulk_fill fill;
	struct pool pool;

	/* Order 10 is two pageblocks: 0-1 and 4-5 are busy, 2-3 and 6-7 do not come at all. */
	pool_open(&pool, OBSTACLES);
	reservation = pool_reserve(&pool, 10, 0);
	g_assert_cmpint(pool_fill(&pool, reservation, CMABULK_EFFORT_FAST, 4, &fill), ==, -EBUSY);
	g_assert_cmpuint(fill.nr_allocated, ==, 0);
	g_assert_cmpuint(fill.report.skipped_suspect, ==, 4);
	g_assert_cmpint(pool_fill(&pool, reservation, CMABULK_EFFORT_HARD, 4, &fill), ==, -EBUSY);
	g_assert_cmpuint(fill.nr_allocated, ==, 2);
	g_assert_cmpuint(fill.report.skipped_busy, ==, 2);
	g_assert_cmpuint(pool_check(&pool), ==, 2048);
	pool.ops->close(reservation);
	pool_close(&pool);
}

static void alignment_leaves_the_rest_to_others(void)
{
	struct backend_reservation *wide, *narrow;
	struct cmabulk_fill fill;
	struct pool pool;

	pool_open(&pool, "media=4M");
	wide = pool_reserve(&pool, 0, 10);
	g_assert_cmpint(pool_fill(&pool, wide, CMABULK_EFFORT_HARD, 2, &fill), ==, -EBUSY);
	g_assert_cmpuint(fill.nr_allocated, ==, 1);
	narrow = pool_reserve(&pool, 0, 0);
	g_assert_cmpint(pool_fill(&pool, narrow, CMABULK_EFFORT_FAST, 1023, &fill), ==, 0);
	g_assert_cmpuint(pool_check(&pool), ==, 1024);
	pool.ops->close(wide);
	pool.ops->close(narrow);
	pool_close(&pool);
}

static void refusals_change_nothing(void)
{
	const struct cmabulk_owner owner = { 0 };
	struct cmabulk_owner endless = { 0 };
	struct backend_reservation *reservation;
	struct backend_reservation *none = NULL;
	struct backend_buffer buffer;
	struct cmabulk_fill fill;
	struct pool pool;
	uint64_t id;

	memset(endless.label, 'x', sizeof(endless.label));
	pool_open(&pool, "media=4M");
	g_assert_cmpint(pool.ops->reserve(pool.backend, &owner, 11, 0, &none, &id), ==, -EINVAL);
	g_assert_cmpint(pool.ops->reserve(pool.backend, &owner, 0, 11, &none, &id), ==, -EINVAL);
	g_assert_cmpint(pool.ops->reserve(pool.backend, &endless, 0, 0, &none, &id), ==, -EINVAL);
	g_assert_null(none);
	reservation = pool_reserve(&pool, 4, 0);
	g_assert_cmpint(pool_fill(&pool, reservation, 3, 1, &fill), ==, -EINVAL);
	g_assert_cmpint(pool_fill(&pool, reservation, 0, 65, &fill), ==, -E2BIG);
	g_assert_cmpint(pool_fill(&pool, reservation, 0, UINT64_MAX, &fill), ==, -EOVERFLOW);
	g_assert_cmpint(pool_fill(&pool, reservation, 0, 60, &fill), ==, 0);
	g_assert_cmpint(pool_fill(&pool, reservation, 0, 5, &fill), ==, -E2BIG);
	g_assert_cmpint(pool.ops->export(reservation, 0, "", &buffer), ==, -EINVAL);
	g_assert_cmpint(pool.ops->export(reservation, 61, "", &buffer), ==, -ENODATA);
	g_assert_cmpint(pool.ops->export(reservation, 65, "", &buffer), ==, -E2BIG);
	g_assert_cmpint(pool.ops->export(reservation, 1, "a-name-that-is-longer-than-may-be",
					 &buffer),
			==, -EINVAL);
	g_assert_cmpuint(pool_check(&pool), ==, 960);
	pool.ops->close(reservation);
	pool_close(&pool);
}

static void nothing_asked_only_reports(void)
{
	struct backend_reservation *reservation;
	struct cmabulk_fill fill;
	struct pool pool;

	pool_open(&pool, OBSTACLES);
	reservation = pool_reserve(&pool, 4, 0);
	g_assert_cmpint(pool_fill(&pool, reservation, CMABULK_EFFORT_FAST, 0, &fill), ==, 0);
	g_assert_cmpuint(fill.report.blocks_suspect, ==, 4);
	g_assert_cmpuint(fill.report.ranges_tried, ==, 0);
	pool.ops->close(reservation);
	pool_close(&pool);
}

static void a_budget_ends_it(void)
{
	struct backend_reservation *reservation;
	struct cmabulk_fill fill = {
		.size = sizeof(fill),
		.effort = CMABULK_EFFORT_FAST,
		.nr_requests = 128,
		.budget_ns = 1,
	};
	struct pool pool;

	pool_open(&pool, "media=8M,move=5ms");
	reservation = pool_reserve(&pool, 4, 0);
	g_assert_cmpint(pool.ops->fill(reservation, &fill), ==, -ETIME);
	g_assert_cmpuint(fill.nr_allocated, ==, 0);
	/* The first range begins before the budget is used up, and is finished. */
	fill.budget_ns = 4000000;
	g_assert_cmpint(pool.ops->fill(reservation, &fill), ==, -ETIME);
	g_assert_cmpuint(fill.nr_allocated, ==, 32);
	g_assert_cmpuint(fill.report.chunks_moved, ==, 32);
	g_assert_cmpuint(fill.report.pages_to_migrate, ==, 512);
	g_assert_cmpuint(fill.report.claim_ns, >=, 5000000);
	g_assert_cmpuint(fill.report.blocks_movable, ==, 4);
	pool.ops->close(reservation);
	pool_close(&pool);
}

static void an_early_interrupt_is_the_next_fills(void)
{
	struct backend_reservation *reservation;
	struct cmabulk_fill fill;
	struct pool pool;

	pool_open(&pool, "media=8M");
	reservation = pool_reserve(&pool, 4, 0);
	pool.ops->interrupt(reservation);
	g_assert_cmpint(pool_fill(&pool, reservation, 0, 8, &fill), ==, -EINTR);
	g_assert_cmpuint(fill.nr_allocated, ==, 0);
	g_assert_cmpuint(fill.report.blocks_surveyed, ==, 4);
	g_assert_cmpint(pool_fill(&pool, reservation, 0, 8, &fill), ==, 0);
	pool.ops->close(reservation);
	pool_close(&pool);
}

struct filler {
	struct pool *pool;
	struct backend_reservation *reservation;
	uint64_t chunks;
	struct cmabulk_fill fill;
	int result;
};

static void *run_filler(void *userdata)
{
	struct filler *filler = userdata;

	filler->result = pool_fill(filler->pool, filler->reservation, CMABULK_EFFORT_HARD,
				   filler->chunks, &filler->fill);
	return NULL;
}

/*
 * A fill that runs, with something in hand: seen in the list, which the books agree with all
 * the time.
 */
static void wait_for_pages(struct pool *pool)
{
	struct backend_snapshot snapshot;
	uint64_t pages;

	do {
		g_assert_cmpint(pool->ops->snapshot(pool->backend, &snapshot), ==, 0);
		g_assert_cmpuint(snapshot.count, ==, 1);
		pages = snapshot.entries[0].pages;
		g_assert_cmpuint(snapshot.states.reserved, ==, pages);
		free(snapshot.entries);
		g_thread_yield();
	} while (pages == 0);
}

static void interrupts_come_between_ranges(void)
{
	struct backend_reservation *reservation;
	struct cmabulk_fill fill;
	struct filler filler;
	pthread_t thread;
	struct pool pool;

	/* All of it would take more than ten minutes. */
	pool_open(&pool, "media=64M,move=50ms,pageblock-order=0");
	reservation = pool_reserve(&pool, 0, 0);
	filler = (struct filler){ .pool = &pool, .reservation = reservation, .chunks = 1 << 14 };
	pthread_create(&thread, NULL, run_filler, &filler);
	wait_for_pages(&pool);
	g_assert_cmpint(pool_fill(&pool, reservation, 0, 1, &fill), ==, -EALREADY);
	pool.ops->interrupt(reservation);
	pthread_join(thread, NULL);
	g_assert_cmpint(filler.result, ==, -EINTR);
	g_assert_cmpuint(filler.fill.nr_allocated, >, 0);
	g_assert_cmpuint(filler.fill.nr_allocated, ==, filler.fill.total);
	g_assert_cmpuint(pool_check(&pool), ==, filler.fill.total);
	/* It was for that one alone. */
	g_assert_cmpint(pool_fill(&pool, reservation, 0, 1, &fill), ==, 0);
	pool.ops->close(reservation);
	pool_close(&pool);
}

static void two_fill_at_once(void)
{
	struct filler fillers[2];
	pthread_t threads[2];
	struct pool pool;

	pool_open(&pool, "media=128M,move=100us");
	for (int i = 0; i < 2; i++) {
		fillers[i] = (struct filler){
			.pool = &pool,
			.reservation = pool_reserve(&pool, 3, 0),
			.chunks = 4096,
		};
		pthread_create(&threads[i], NULL, run_filler, &fillers[i]);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	/* All there is, and none of it twice. */
	g_assert_cmpuint(fillers[0].fill.total + fillers[1].fill.total, ==, 4096);
	g_assert_cmpuint(pool_check(&pool), ==, 32768);
	for (int i = 0; i < 2; i++)
		pool.ops->close(fillers[i].reservation);
	g_assert_cmpuint(pool_check(&pool), ==, 0);
	pool_close(&pool);
}

static void the_pool_goes_under_a_fill(void)
{
	struct backend_reservation *reservation;
	struct backend_buffer buffer;
	struct filler filler;
	pthread_t thread;
	struct pool pool;

	pool_open(&pool, "media=64M,move=50ms,pageblock-order=0");
	reservation = pool_reserve(&pool, 0, 0);
	filler = (struct filler){ .pool = &pool, .reservation = reservation, .chunks = 1 << 14 };
	pthread_create(&thread, NULL, run_filler, &filler);
	wait_for_pages(&pool);
	pool.ops->free(g_steal_pointer(&pool.backend));
	pthread_join(thread, NULL);
	g_assert_cmpint(filler.result, ==, -ENODEV);
	g_assert_cmpint(pool.ops->export(reservation, 1, "", &buffer), ==, -ENODEV);
	pool.ops->close(reservation);
	pool_close(&pool);
}

/* As a device that went: nothing is to be had or seen, and what was handed out stays. */
static void an_unplugged_pool_is_gone(void)
{
	struct backend_reservation *reservation;
	struct backend_snapshot snapshot;
	struct cmabulk_survey survey;
	struct backend_buffer buffer;
	struct cmabulk_query query;
	struct cmabulk_fill fill;
	struct pool pool;

	pool_open(&pool, "media=8M,removable=yes");
	buffer = pool_make_buffer(&pool, 0, 3);
	reservation = pool_reserve(&pool, 0, 0);
	backend_sim_unplug(pool.backend);
	g_assert_true(pool.is_gone);
	g_assert_cmpint(pool.ops->query(pool.backend, &query), ==, -ENODEV);
	g_assert_cmpint(pool.ops->survey(pool.backend, &survey), ==, -ENODEV);
	g_assert_cmpint(pool.ops->snapshot(pool.backend, &snapshot), ==, -ENODEV);
	g_assert_cmpint(pool_fill(&pool, reservation, CMABULK_EFFORT_FAST, 1, &fill), ==, -ENODEV);
	pool.ops->close(reservation);
	g_assert_cmpint(ftruncate(buffer.fd, 0), ==, -1);
	close(buffer.fd);
	pool_close(&pool);
}

static void buffers_are_sealed_and_zero(void)
{
	static const char zeroes[65536];
	struct backend_buffer buffer;
	struct stat status;
	struct pool pool;
	void *mapped;

	pool_open(&pool, "media=8M");
	buffer = pool_make_buffer(&pool, 4, 3);
	g_assert_cmpint(fcntl(buffer.fd, F_GET_SEALS) & (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW),
			==, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW);
	g_assert_cmpint(fcntl(buffer.fd, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
	g_assert_cmpint(ftruncate(buffer.fd, 4096), ==, -1);
	g_assert_cmpint(ftruncate(buffer.fd, 1 << 24), ==, -1);
	g_assert_cmpint(fstat(buffer.fd, &status), ==, 0);
	g_assert_cmpuint((uint64_t)status.st_size, ==, 196608);
	g_assert_cmpuint(status.st_ino, ==, buffer.inode);
	/* Lazily: none of it was touched. */
	g_assert_cmpuint((uint64_t)status.st_blocks, ==, 0);
	mapped = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, buffer.fd, 65536);
	g_assert_true(mapped != MAP_FAILED);
	g_assert_cmpint(memcmp(mapped, zeroes, sizeof(zeroes)), ==, 0);
	munmap(mapped, 65536);
	close(buffer.fd);
	pool_close(&pool);
}

static void snapshots_describe_what_lives(void)
{
	struct backend_reservation *reservation;
	struct backend_snapshot snapshot;
	struct backend_buffer buffer;
	struct cmabulk_query query;
	struct cmabulk_fill fill;
	struct pool pool;

	pool_open(&pool, "media=8M");
	reservation = pool_reserve(&pool, 4, 5);
	g_assert_cmpint(pool_fill(&pool, reservation, 0, 5, &fill), ==, 0);
	g_assert_cmpint(pool.ops->export(reservation, 2, "frames", &buffer), ==, 0);
	g_assert_cmpint(pool.ops->snapshot(pool.backend, &snapshot), ==, 0);
	g_assert_cmpuint(snapshot.count, ==, 2);
	g_assert_cmpuint(snapshot.entries[0].object, ==, CMABULK_OBJECT_RESERVATION);
	g_assert_cmpuint(snapshot.entries[0].chunks, ==, 3);
	g_assert_cmpuint(snapshot.entries[0].state, ==, CMABULK_STATE_RESERVED);
	g_assert_cmpuint(snapshot.entries[1].object, ==, CMABULK_OBJECT_BUFFER);
	g_assert_cmpuint(snapshot.entries[1].id, ==, buffer.id);
	g_assert_cmpuint(snapshot.entries[1].inode, ==, buffer.inode);
	g_assert_cmpuint(snapshot.entries[1].state, ==, CMABULK_STATE_EXPORTED);
	g_assert_cmpuint(snapshot.entries[1].reservation, ==, snapshot.entries[0].id);
	g_assert_cmpuint(snapshot.entries[1].chunks, ==, 2);
	g_assert_cmpuint(snapshot.entries[1].pages, ==, 32);
	g_assert_cmpuint(snapshot.entries[1].align, ==, 5);
	g_assert_cmpstr(snapshot.entries[1].name, ==, "frames");
	g_assert_cmpstr(snapshot.entries[1].owner.account, ==, "test:1000");
	g_assert_cmpuint(snapshot.entries[1].owner.cookie, ==, 7);
	free(snapshot.entries);
	g_assert_cmpint(pool.ops->query(pool.backend, &query), ==, 0);
	g_assert_cmpstr(query.name, ==, "media");
	g_assert_cmpstr(query.area, ==, "simulated");
	g_assert_cmpuint(query.engine, ==, 0);
	g_assert_cmpuint(query.max_order, ==, 11);
	pool.ops->close(reservation);
	close(buffer.fd);
	pool_close(&pool);
}

static void options_are_checked(void)
{
	static const char *const wrong[] = {
		"",
		"media",
		"=8M",
		"media=",
		"Media=8M",
		"add=8M",
		"media=3M",
		"media=0",
		"media=8M,",
		"media=8M,busy",
		"media=8X",
		"media=2T",
		"media=8M,busy=x",
		"media=8M,x=1",
		"media=8M,move=1",
		"media=8M ",
		"media=8M,move=",
		"media=99999999T",
		"me dia=8M",
		"media=8M,removable=maybe",
	};
	struct sim_options options = { 0 };
	g_autofree char *problem = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autofree char *sentence = NULL;

		/* A bare number is seconds, of which a minute is the limit. */
		if (strcmp(wrong[i], "media=8M,move=1") == 0)
			continue;
		g_test_message("\"%s\"", wrong[i]);
		g_assert_cmpint(sim_options_parse(wrong[i], &options, &sentence), ==, -EINVAL);
		g_assert_nonnull(sentence);
		g_assert_cmpuint(options.bytes, ==, 0);
	}
	g_assert_cmpint(
		sim_options_parse(
			"a_b-1=64K,pageblock-order=2,busy=3,unmovable=5,move=2ms,removable=yes",
			&options, &problem),
		==, 0);
	g_assert_cmpstr(options.name, ==, "a_b-1");
	g_assert_cmpuint(options.bytes, ==, 65536);
	g_assert_cmpuint(options.pageblock_order, ==, 2);
	g_assert_cmpuint(options.busy_every, ==, 3);
	g_assert_cmpuint(options.unmovable_every, ==, 5);
	g_assert_cmpuint(options.move_ns, ==, 2000000);
	g_assert_true(options.is_removable);
}

/* Many small steps of everything, against the books. The seed is GTest's: see --seed. */
static void random_steps_keep_the_books(void)
{
	struct backend_reservation *reservations[8] = { NULL };
	g_autoptr(GArray) buffers = g_array_new(FALSE, FALSE, sizeof(int));
	struct backend_buffer buffer;
	struct cmabulk_fill fill;
	struct pool pool;

	pool_open(&pool, "media=32M,unmovable=5,busy=3,pageblock-order=6");
	for (int step = 0; step < 5000; step++) {
		int which = g_test_rand_int_range(0, 8);

		if (!reservations[which])
			reservations[which] =
				pool_reserve(&pool, (unsigned int)g_test_rand_int_range(0, 8),
					     (unsigned int)g_test_rand_int_range(0, 9));
		switch (g_test_rand_int_range(0, 4)) {
		case 0:
			pool_fill(&pool, reservations[which],
				  (unsigned int)g_test_rand_int_range(0, 3),
				  (uint64_t)g_test_rand_int_range(0, 40), &fill);
			break;
		case 1:
			if (pool.ops->export(reservations[which],
					     (uint64_t)g_test_rand_int_range(1, 20), "",
					     &buffer) >= 0)
				g_array_append_val(buffers, buffer.fd);
			break;
		case 2:
			pool.ops->close(g_steal_pointer(&reservations[which]));
			break;
		default:
			if (buffers->len > 0) {
				guint at = (guint)g_test_rand_int_range(0, (gint32)buffers->len);

				close(g_array_index(buffers, int, at));
				g_array_remove_index_fast(buffers, at);
			}
		}
		if (step % 16 == 0)
			pool_check(&pool);
		if (step % 64 == 0)
			pool_settle(&pool);
	}
	for (int i = 0; i < 8; i++)
		pool.ops->close(reservations[i]);
	for (guint i = 0; i < buffers->len; i++)
		close(g_array_index(buffers, int, i));
	while (pool_check(&pool) > 0)
		loop_once(pool.loop);
	pool_close(&pool);
}

void add_sim_tests(void)
{
	g_test_add_func("/sim/fast-takes-all-that-is-free", fast_takes_all_that_is_free);
	g_test_add_func("/sim/each-effort-gets-more", each_effort_gets_more);
	g_test_add_func("/sim/obstacles-come-back", obstacles_come_back);
	g_test_add_func("/sim/large-chunks-need-clean-pageblocks",
			large_chunks_need_clean_pageblocks);
	g_test_add_func("/sim/alignment-leaves-the-rest-to-others",
			alignment_leaves_the_rest_to_others);
	g_test_add_func("/sim/refusals-change-nothing", refusals_change_nothing);
	g_test_add_func("/sim/nothing-asked-only-reports", nothing_asked_only_reports);
	g_test_add_func("/sim/a-budget-ends-it", a_budget_ends_it);
	g_test_add_func("/sim/an-early-interrupt-is-the-next-fills",
			an_early_interrupt_is_the_next_fills);
	g_test_add_func("/sim/interrupts-come-between-ranges", interrupts_come_between_ranges);
	g_test_add_func("/sim/two-fill-at-once", two_fill_at_once);
	g_test_add_func("/sim/the-pool-goes-under-a-fill", the_pool_goes_under_a_fill);
	g_test_add_func("/sim/an-unplugged-pool-is-gone", an_unplugged_pool_is_gone);
	g_test_add_func("/sim/buffers-are-sealed-and-zero", buffers_are_sealed_and_zero);
	g_test_add_func("/sim/snapshots-describe-what-lives", snapshots_describe_what_lives);
	g_test_add_func("/sim/options-are-checked", options_are_checked);
	g_test_add_func("/sim/random-steps-keep-the-books", random_steps_keep_the_books);
}
