/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The library in direct mode on the real module: what an allocation is, how it comes short, how
 * it is cancelled, what its buffers can do; and that nothing is lost whatever happens.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmabulk.h>

#include "lib/books.h"
#include "lib/frames.h"
#include "lib/machine.h"
#include "lib/occupant.h"
#include "lib/pins.h"
#include "lib/pool.h"

#define ORDER	    4
#define CHUNK_PAGES (1 << ORDER)
#define CHUNKS	    G_GUINT64_CONSTANT(4800)
#define BUFFERS	    25
#define THREADS	    8

#define UNTOUCHED ((void *)1)

struct fixture {
	struct cmabulk_connection *connection;
	struct cmabulk_request *request;
	struct cmabulk_allocation *allocation;
	struct area area;
	int pool;
	size_t chunk_size;
	struct books books;
};

static void setup(struct fixture *fixture, gconstpointer data)
{
	fixture->pool = pool_open(POOL_MEDIA);
	fixture->books = books_settled(fixture->pool);
	fixture->chunk_size = (size_t)sysconf(_SC_PAGESIZE) << ORDER;
	area_open(&fixture->area, AREA_MEDIA);
	g_assert_cmpint(cmabulk_connection_open_direct(&fixture->connection), ==, 0);
	g_assert_cmpint(cmabulk_request_new(&fixture->request), ==, 0);
	g_assert_cmpint(cmabulk_request_set_pool(fixture->request, POOL_MEDIA), ==, 0);
	g_assert_cmpint(cmabulk_request_set_order(fixture->request, ORDER), ==, 0);
	g_assert_cmpint(cmabulk_request_set_count(fixture->request, CHUNKS), ==, 0);
	g_assert_cmpint(cmabulk_request_set_timeout(fixture->request,
						    CMABULK_REQUEST_TIMEOUT_INFINITE),
			==, 0);
}

static void release(struct fixture *fixture)
{
	fixture->allocation = cmabulk_allocation_unref(fixture->allocation);
}

static void teardown(struct fixture *fixture, gconstpointer data)
{
	release(fixture);
	cmabulk_request_unref(fixture->request);
	cmabulk_connection_unref(fixture->connection);
	books_assert_same(fixture->pool, &fixture->books);
	books_assert_empty(fixture->pool);
	close(fixture->pool);
	area_close(&fixture->area);
}

static int allocate(struct fixture *fixture)
{
	return cmabulk_connection_allocate(fixture->connection, fixture->request,
					   &fixture->allocation);
}

static guint64 pool_chunks(const struct fixture *fixture)
{
	return fixture->area.pages / CHUNK_PAGES;
}

/* Nothing was allocated and the pool has nothing in anybody's hands. */
static void assert_nothing_kept(struct fixture *fixture)
{
	books_assert_same(fixture->pool, &fixture->books);
	books_assert_empty(fixture->pool);
}

/* Zero as it comes; then every word gets a value that says where it is. */
static void use_buffer(struct cmabulk_buffer *buffer, guint64 salt)
{
	size_t words = cmabulk_buffer_get_size(buffer) / sizeof(guint64);
	void *address = NULL;
	guint64 *map;

	g_assert_cmpint(cmabulk_buffer_map(buffer, CMABULK_BUFFER_READ_WRITE, &address), ==, 0);
	map = address;
	g_assert_cmpint(cmabulk_buffer_begin_cpu_access(buffer, CMABULK_BUFFER_READ_WRITE), ==, 0);
	for (size_t i = 0; i < words; i += 64) {
		g_assert_cmpuint(map[i], ==, 0);
		map[i] = salt + i;
	}
	g_assert_cmpint(cmabulk_buffer_end_cpu_access(buffer, CMABULK_BUFFER_READ_WRITE), ==, 0);
	g_assert_cmpint(cmabulk_buffer_unmap(buffer, address), ==, 0);
}

static void assert_used(const struct cmabulk_buffer *buffer, guint64 salt)
{
	size_t words = cmabulk_buffer_get_size(buffer) / sizeof(guint64);
	void *address = NULL;
	guint64 *map;

	g_assert_cmpint(cmabulk_buffer_map(buffer, CMABULK_BUFFER_READ, &address), ==, 0);
	map = address;
	for (size_t i = 0; i < words; i += 64)
		g_assert_cmpuint(map[i], ==, salt + i);
	g_assert_cmpint(cmabulk_buffer_unmap(buffer, address), ==, 0);
}

static void assert_layout(const struct fixture *fixture, struct cmabulk_buffer *buffer,
			  guint64 chunks)
{
	struct stat status;
	guint64 offset;

	g_assert_cmpuint(cmabulk_buffer_get_chunks(buffer), ==, chunks);
	g_assert_cmpuint(cmabulk_buffer_get_chunk_size(buffer), ==, fixture->chunk_size);
	g_assert_cmpuint(cmabulk_buffer_get_order(buffer), ==, ORDER);
	g_assert_cmpuint(cmabulk_buffer_get_alignment(buffer), ==, fixture->chunk_size);
	g_assert_cmpuint(cmabulk_buffer_get_size(buffer), ==, chunks * fixture->chunk_size);
	g_assert_cmpuint(buffer_size(cmabulk_buffer_get_fd(buffer)), ==,
			 cmabulk_buffer_get_size(buffer));
	g_assert_no_errno(fstat(cmabulk_buffer_get_fd(buffer), &status));
	g_assert_cmpuint(cmabulk_buffer_get_inode(buffer), ==, status.st_ino);
	g_assert_cmpuint(cmabulk_buffer_get_id(buffer), >, 0);
	g_assert_cmpint(fcntl(cmabulk_buffer_get_fd(buffer), F_GETFD), ==, FD_CLOEXEC);
	g_assert_cmpint(cmabulk_buffer_get_chunk_offset(buffer, chunks - 1, &offset), ==, 0);
	g_assert_cmpuint(offset + fixture->chunk_size, ==, cmabulk_buffer_get_size(buffer));
}

/* What the steps got adds up to what was claimed, and efforts rise. */
static void assert_steps(const struct cmabulk_allocation *allocation)
{
	guint64 sum = 0;
	struct cmabulk_step step = { 0 };
	guint effort = CMABULK_REQUEST_EFFORT_FAST;

	for (guint i = 0; i < cmabulk_allocation_get_n_steps(allocation); i++) {
		g_assert_cmpint(cmabulk_allocation_get_step(allocation, i, &step, sizeof(step)), ==,
				0);
		g_assert_cmpuint(step.effort, >=, effort);
		g_assert_cmpuint(step.requested, ==,
				 cmabulk_allocation_get_requested(allocation) - sum);
		g_assert_cmpuint(step.granted, ==,
				 step.chunks_free + step.chunks_moved + step.chunks_salvaged);
		g_assert_cmpuint(step.total_ns / 1000, <=, step.elapsed_usec);
		effort = step.effort;
		sum += step.granted;
	}
	g_assert_cmpuint(sum, ==, cmabulk_allocation_get_claimed(allocation));
}

static void test_reference_request(struct fixture *fixture, gconstpointer data)
{
	cmabulk_request_set_buffers(fixture->request, BUFFERS);
	g_assert_cmpint(allocate(fixture), ==, CMABULK_ALLOCATION_COMPLETE);
	g_assert_cmpint(cmabulk_allocation_get_error(fixture->allocation), ==, 0);
	g_assert_cmpuint(cmabulk_allocation_get_granted(fixture->allocation), ==, CHUNKS);
	g_assert_cmpuint(cmabulk_allocation_get_size(fixture->allocation), ==,
			 CHUNKS * fixture->chunk_size);
	g_assert_cmpstr(cmabulk_allocation_get_pool(fixture->allocation), ==, POOL_MEDIA);
	g_assert_cmpuint(cmabulk_allocation_get_n_buffers(fixture->allocation), ==, BUFFERS);
	assert_steps(fixture->allocation);
	for (guint i = 0; i < BUFFERS; i++) {
		struct cmabulk_buffer *buffer =
			cmabulk_allocation_get_buffer(fixture->allocation, i);

		assert_layout(fixture, buffer, CHUNKS / BUFFERS);
		use_buffer(buffer, (guint64)i << 32);
	}
	for (guint i = 0; i < BUFFERS; i++)
		assert_used(cmabulk_allocation_get_buffer(fixture->allocation, i),
			    (guint64)i << 32);
}

static void test_uneven_spread(struct fixture *fixture, gconstpointer data)
{
	cmabulk_request_set_count(fixture->request, 100);
	cmabulk_request_set_buffers(fixture->request, 7);
	g_assert_cmpint(allocate(fixture), ==, 0);
	for (guint i = 0; i < 7; i++)
		assert_layout(fixture, cmabulk_allocation_get_buffer(fixture->allocation, i),
			      i < 2 ? 15 : 14);
	g_assert_null(cmabulk_allocation_get_buffer(fixture->allocation, 7));
}

static void test_orders(struct fixture *fixture, gconstpointer data)
{
	static const guint cases[][2] = { { 0, 0 }, { 0, 6 }, { 4, 9 }, { 9, 0 }, { 11, 3 } };

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		guint order = cases[i][0], align = MAX(order, cases[i][1]);
		struct cmabulk_buffer *buffer;

		cmabulk_request_set_order(fixture->request, order);
		cmabulk_request_set_align(fixture->request, cases[i][1]);
		cmabulk_request_set_count(fixture->request, 5);
		g_assert_cmpint(allocate(fixture), ==, 0);
		buffer = cmabulk_allocation_get_buffer(fixture->allocation, 0);
		g_assert_cmpuint(cmabulk_buffer_get_chunks(buffer), ==, 5);
		g_assert_cmpuint(cmabulk_buffer_get_size(buffer), ==,
				 (guint64)sysconf(_SC_PAGESIZE) * 5 << order);
		g_assert_cmpuint(cmabulk_buffer_get_alignment(buffer), ==,
				 (guint64)sysconf(_SC_PAGESIZE) << align);
		release(fixture);
	}
}

static void test_owner_in_the_books(struct fixture *fixture, gconstpointer data)
{
	struct cmabulk_entry **entries = NULL;

	cmabulk_request_set_count(fixture->request, 30);
	cmabulk_request_set_buffers(fixture->request, 3);
	cmabulk_request_set_label(fixture->request, "fr\xc3\xa4mes");
	cmabulk_request_set_account(fixture->request, "media");
	cmabulk_request_set_owner(fixture->request, 1234, 56);
	cmabulk_request_set_cookie(fixture->request, G_MAXUINT64);
	g_assert_cmpint(allocate(fixture), ==, 0);
	g_assert_cmpint(cmabulk_connection_list_buffers(fixture->connection, POOL_MEDIA, &entries),
			==, 3);
	for (guint i = 0; i < 3; i++) {
		const struct cmabulk_buffer *buffer =
			cmabulk_allocation_get_buffer(fixture->allocation, i);
		const struct cmabulk_entry *entry = entries[i];
		g_autofree char *name = g_strdup_printf("fr\xc3\xa4mes-%u", i);

		g_assert_cmpstr(cmabulk_buffer_get_name(buffer), ==, name);
		g_assert_cmpstr(cmabulk_entry_get_name(entry), ==, name);
		g_assert_cmpuint(cmabulk_entry_get_id(entry), ==, cmabulk_buffer_get_id(buffer));
		g_assert_cmpuint(cmabulk_entry_get_inode(entry), ==,
				 cmabulk_buffer_get_inode(buffer));
		g_assert_cmpstr(cmabulk_entry_get_kind_name(entry), ==, "buffer");
		g_assert_cmpstr(cmabulk_entry_get_state_name(entry), ==, "exported");
		g_assert_cmpuint(cmabulk_entry_get_order(entry), ==, ORDER);
		g_assert_cmpuint(cmabulk_entry_get_chunks(entry), ==, 10);
		g_assert_cmpuint(cmabulk_entry_get_size(entry), ==,
				 10 * (guint64)fixture->chunk_size);
		g_assert_cmpuint(cmabulk_entry_get_owner_uid(entry), ==, 1234);
		g_assert_cmpint(cmabulk_entry_get_owner_pid(entry), ==, 56);
		g_assert_cmpuint(cmabulk_entry_get_cookie(entry), ==, G_MAXUINT64);
		g_assert_cmpstr(cmabulk_entry_get_account(entry), ==, "media");
		g_assert_cmpstr(cmabulk_entry_get_label(entry), ==, "fr\xc3\xa4mes");
		g_assert_cmpuint(cmabulk_entry_get_reservation(entry), >, 0);
		g_assert_cmpuint(cmabulk_entry_get_age_usec(entry), <,
				 G_GUINT64_CONSTANT(600000000));
	}
	g_assert_null(entries[3]);
	cmabulk_entry_array_free(entries);
}

static void test_many_in_the_books(struct fixture *fixture, gconstpointer data)
{
	struct cmabulk_entry **entries = NULL;

	cmabulk_request_set_count(fixture->request, 200);
	cmabulk_request_set_buffers(fixture->request, 200);
	g_assert_cmpint(allocate(fixture), ==, 0);
	g_assert_cmpint(cmabulk_connection_list_buffers(fixture->connection, POOL_MEDIA, &entries),
			==, 200);
	for (guint i = 0; i < 200; i++)
		g_assert_cmpuint(cmabulk_entry_get_id(entries[i]), ==,
				 cmabulk_buffer_get_id(
					 cmabulk_allocation_get_buffer(fixture->allocation, i)));
	cmabulk_entry_array_free(entries);
}

static void test_pools(struct fixture *fixture, gconstpointer data)
{
	struct cmabulk_pool **pools = NULL;
	struct cmabulk_pool_survey survey;
	struct cmabulk_pool *pool = NULL;

	g_assert_cmpint(cmabulk_connection_list_pools(fixture->connection, &pools), ==, 2);
	g_assert_cmpstr(cmabulk_pool_get_name(pools[0]), ==, POOL_CAMERA);
	g_assert_cmpstr(cmabulk_pool_get_name(pools[1]), ==, POOL_MEDIA);
	g_assert_null(pools[2]);
	cmabulk_pool_array_free(pools);

	g_assert_cmpint(allocate(fixture), ==, 0);
	g_assert_cmpint(cmabulk_connection_get_pool(fixture->connection, POOL_MEDIA, &pool), ==, 0);
	g_assert_cmpstr(cmabulk_pool_get_area(pool), ==, module_area(AREA_MEDIA));
	g_assert_cmpstr(cmabulk_pool_get_engine_name(pool), ==,
			machine_is_stock() ? "stock" : "kernel");
	g_assert_cmpuint(cmabulk_pool_get_pages(pool), ==, fixture->area.pages);
	g_assert_cmpuint(cmabulk_pool_get_exported_pages(pool), ==, CHUNKS * CHUNK_PAGES);
	g_assert_cmpuint(cmabulk_pool_get_free_pages(pool), ==,
			 fixture->area.pages - CHUNKS * CHUNK_PAGES);
	g_assert_cmpuint(cmabulk_pool_get_n_buffers(pool), ==, 1);
	g_assert_cmpuint(cmabulk_pool_get_n_reservations(pool), ==, 0);
	cmabulk_pool_unref(pool);

	g_assert_cmpint(cmabulk_connection_survey_pool(fixture->connection, POOL_MEDIA, &survey,
						       sizeof(survey)),
			==, 0);
	g_assert_cmpuint(survey.pages_taken, ==, CHUNKS * CHUNK_PAGES);
	g_assert_cmpuint(survey.pages_free + survey.pages_movable + survey.pages_suspect +
				 survey.pages_taken,
			 ==, fixture->area.pages);
}

/* Without a name it is the pool with most free pages. */
static void test_default_pool(struct fixture *fixture, gconstpointer data)
{
	struct cmabulk_allocation *first = NULL;

	cmabulk_request_set_pool(fixture->request, NULL);
	cmabulk_request_set_count(fixture->request, pool_chunks(fixture) - 10);
	g_assert_cmpint(allocate(fixture), ==, 0);
	g_assert_cmpstr(cmabulk_allocation_get_pool(fixture->allocation), ==, POOL_MEDIA);
	first = fixture->allocation;
	cmabulk_request_set_count(fixture->request, 10);
	g_assert_cmpint(allocate(fixture), ==, 0);
	g_assert_cmpstr(cmabulk_allocation_get_pool(fixture->allocation), ==, POOL_CAMERA);
	cmabulk_allocation_unref(first);
}

/* All but @left of the pool's chunks, by another request. */
static struct cmabulk_allocation *take_all_but(struct fixture *fixture, guint64 left)
{
	struct cmabulk_allocation *allocation;

	cmabulk_request_set_count(fixture->request, pool_chunks(fixture) - left);
	g_assert_cmpint(allocate(fixture), ==, 0);
	allocation = fixture->allocation;
	fixture->allocation = NULL;
	return allocation;
}

static void test_all_or_nothing(struct fixture *fixture, gconstpointer data)
{
	struct cmabulk_allocation *others = take_all_but(fixture, 50);
	struct books books = books_settled(fixture->pool);

	cmabulk_request_set_count(fixture->request, 60);
	g_assert_cmpint(allocate(fixture), ==, CMABULK_ALLOCATION_PARTIAL);
	g_assert_cmpint(cmabulk_allocation_get_error(fixture->allocation), ==, -EBUSY);
	g_assert_cmpuint(cmabulk_allocation_get_n_buffers(fixture->allocation), ==, 0);
	g_assert_cmpuint(cmabulk_allocation_get_granted(fixture->allocation), ==, 0);
	g_assert_cmpuint(cmabulk_allocation_get_claimed(fixture->allocation), ==, 50);
	g_assert_cmpuint(cmabulk_allocation_get_n_steps(fixture->allocation), ==, 3);
	assert_steps(fixture->allocation);
	books_assert_same(fixture->pool, &books);
	cmabulk_allocation_unref(others);
}

static void test_minimum(struct fixture *fixture, gconstpointer data)
{
	struct cmabulk_allocation *others = take_all_but(fixture, 50);

	cmabulk_request_set_count(fixture->request, 60);
	cmabulk_request_set_minimum(fixture->request, 50);
	cmabulk_request_set_buffers(fixture->request, 4);
	g_assert_cmpint(allocate(fixture), ==, CMABULK_ALLOCATION_PARTIAL);
	g_assert_cmpuint(cmabulk_allocation_get_granted(fixture->allocation), ==, 50);
	g_assert_cmpuint(cmabulk_allocation_get_n_buffers(fixture->allocation), ==, 4);
	assert_layout(fixture, cmabulk_allocation_get_buffer(fixture->allocation, 1), 13);
	assert_layout(fixture, cmabulk_allocation_get_buffer(fixture->allocation, 2), 12);
	release(fixture);

	/* Waits for what is on its way back. Fewer chunks than buffers: no buffer is empty. */
	cmabulk_request_set_buffers(fixture->request, 60);
	g_assert_cmpint(allocate(fixture), ==, CMABULK_ALLOCATION_PARTIAL);
	g_assert_cmpuint(cmabulk_allocation_get_n_buffers(fixture->allocation), ==, 50);
	cmabulk_allocation_unref(others);
}

static void test_nothing_there(struct fixture *fixture, gconstpointer data)
{
	struct cmabulk_allocation *others = take_all_but(fixture, 0);

	cmabulk_request_set_count(fixture->request, 1);
	g_assert_cmpint(allocate(fixture), ==, CMABULK_ALLOCATION_PARTIAL);
	g_assert_cmpuint(cmabulk_allocation_get_claimed(fixture->allocation), ==, 0);
	cmabulk_allocation_unref(others);
}

/* Memory of ours in a good part of the area, with a page pinned in many pageblocks. */
struct pressure {
	struct occupant occupant;
	struct pins pins;
	size_t pinned;
	int frames;
};

static void pressure_make(struct pressure *pressure, const struct area *area)
{
	g_autoptr(GRand) random = machine_random(1);
	g_autofree void **pages = NULL;

	pins_init(&pressure->pins);
	pressure->frames = frames_open();
	occupant_fill(&pressure->occupant, pressure->frames, area, OCCUPANT_ANONYMOUS,
		      area->pages / 2);
	pages = occupant_page_per_block(&pressure->occupant, area, random, &pressure->pinned);
	for (size_t i = 0; i < area->pages / FRAMES_PER_BLOCK; i++)
		if (pages[i])
			pins_add(&pressure->pins, pages[i]);
}

static void pressure_end(struct pressure *pressure)
{
	pins_clear(&pressure->pins);
	occupant_free(&pressure->occupant);
	close(pressure->frames);
}

static void test_efforts(struct fixture *fixture, gconstpointer data)
{
	struct pressure pressure;
	guint64 claimed[3];

	pressure_make(&pressure, &fixture->area);
	for (guint effort = 0; effort < G_N_ELEMENTS(claimed); effort++) {
		cmabulk_request_set_count(fixture->request, pool_chunks(fixture));
		cmabulk_request_set_effort(fixture->request, (enum cmabulk_request_effort)effort);
		g_assert_cmpint(allocate(fixture), ==, CMABULK_ALLOCATION_PARTIAL);
		g_assert_cmpuint(cmabulk_allocation_get_n_steps(fixture->allocation), ==,
				 effort + 1);
		assert_steps(fixture->allocation);
		claimed[effort] = cmabulk_allocation_get_claimed(fixture->allocation);
		release(fixture);
		books_settled(fixture->pool);
	}
	g_print("# of %" G_GUINT64_FORMAT " chunks, %zu pages pinned: fast %" G_GUINT64_FORMAT
		", normal %" G_GUINT64_FORMAT ", hard %" G_GUINT64_FORMAT "\n",
		pool_chunks(fixture), pressure.pinned, claimed[0], claimed[1], claimed[2]);
	g_assert_cmpuint(claimed[2], >, claimed[0]);
	g_assert_cmpuint(claimed[2] + pressure.pinned, >=, pool_chunks(fixture) * 99 / 100);
	pressure_end(&pressure);
}

static void test_timeout(struct fixture *fixture, gconstpointer data)
{
	struct pressure pressure;

	pressure_make(&pressure, &fixture->area);
	cmabulk_request_set_count(fixture->request, pool_chunks(fixture));
	cmabulk_request_set_timeout(fixture->request, 1);
	g_assert_cmpint(allocate(fixture), ==, CMABULK_ALLOCATION_TIMED_OUT);
	g_assert_cmpint(cmabulk_allocation_get_error(fixture->allocation), ==, -ETIME);
	g_assert_cmpuint(cmabulk_allocation_get_n_buffers(fixture->allocation), ==, 0);
	release(fixture);
	pressure_end(&pressure);
}

static void test_cancelled_before(struct fixture *fixture, gconstpointer data)
{
	cmabulk_request_cancel(fixture->request);
	for (int i = 0; i < 2; i++) {
		g_assert_cmpint(allocate(fixture), ==, CMABULK_ALLOCATION_CANCELLED);
		g_assert_cmpint(cmabulk_allocation_get_error(fixture->allocation), ==, -ECANCELED);
		g_assert_cmpuint(cmabulk_allocation_get_n_steps(fixture->allocation), ==, 0);
		release(fixture);
	}
	g_assert_cmpint(cmabulk_request_rearm(fixture->request), ==, 0);
	g_assert_cmpint(allocate(fixture), ==, CMABULK_ALLOCATION_COMPLETE);
}

struct canceller {
	struct cmabulk_request *request;
	pthread_t thread;
	guint delay_usec;
	gint stop;
};

/* Again and again: the first may come between two steps, which the kernel knows nothing of. */
static void *canceller_run(void *data)
{
	struct canceller *canceller = data;

	g_usleep(canceller->delay_usec);
	while (!g_atomic_int_get(&canceller->stop)) {
		cmabulk_request_cancel(canceller->request);
		g_usleep(2000);
	}
	return NULL;
}

/* At random moments, so that some come before, some within and some after a step. */
static void test_cancelled_from_a_thread(struct fixture *fixture, gconstpointer data)
{
	g_autoptr(GRand) random = machine_random(2);
	int rounds = machine_scale(20, 6);
	struct pressure pressure;
	guint within = 0;

	pressure_make(&pressure, &fixture->area);
	cmabulk_request_set_count(fixture->request, pool_chunks(fixture));
	for (int i = 0; i < rounds; i++) {
		struct canceller canceller = {
			.request = fixture->request,
			.delay_usec = random_below(random, machine_scale(100000, 500000)),
		};
		int ret;

		ret = pthread_create(&canceller.thread, NULL, canceller_run, &canceller);
		g_assert_cmpint(ret, ==, 0);
		ret = allocate(fixture);
		g_atomic_int_set(&canceller.stop, 1);
		pthread_join(canceller.thread, NULL);
		g_assert_true(ret == CMABULK_ALLOCATION_CANCELLED ||
			      ret == CMABULK_ALLOCATION_PARTIAL);
		g_assert_cmpuint(cmabulk_allocation_get_n_buffers(fixture->allocation), ==, 0);
		if (ret == CMABULK_ALLOCATION_CANCELLED) {
			struct cmabulk_step step = { 0 };
			guint steps = cmabulk_allocation_get_n_steps(fixture->allocation);

			if (steps && !cmabulk_allocation_get_step(fixture->allocation, steps - 1,
								  &step, sizeof(step)))
				within += step.error == -EINTR;
		}
		release(fixture);
		g_assert_cmpint(cmabulk_request_rearm(fixture->request), ==, 0);
	}
	g_print("# %u of %d were cancelled within a step\n", within, rounds);
	g_assert_cmpuint(within, >, 0);
	pressure_end(&pressure);
}

static struct cmabulk_request *signalled_request;

static void cancel_on_signal(int number)
{
	cmabulk_request_cancel(signalled_request);
}

static void *signal_run(void *data)
{
	struct canceller *canceller = data;

	while (!g_atomic_int_get(&canceller->stop)) {
		kill(getpid(), SIGUSR1);
		g_usleep(2000);
	}
	return NULL;
}

/* The handler runs in whichever thread gets the signal: it may take no lock. */
static void test_cancelled_from_a_handler(struct fixture *fixture, gconstpointer data)
{
	struct sigaction action = { .sa_handler = cancel_on_signal };
	struct canceller canceller = { .request = fixture->request };
	int ret;

	signalled_request = fixture->request;
	g_assert_no_errno(sigaction(SIGUSR1, &action, NULL));
	ret = pthread_create(&canceller.thread, NULL, signal_run, &canceller);
	g_assert_cmpint(ret, ==, 0);
	for (int i = 0; i < 20; i++) {
		ret = allocate(fixture);
		g_assert_true(ret == CMABULK_ALLOCATION_CANCELLED ||
			      ret == CMABULK_ALLOCATION_COMPLETE);
		release(fixture);
		cmabulk_request_rearm(fixture->request);
	}
	g_atomic_int_set(&canceller.stop, 1);
	pthread_join(canceller.thread, NULL);
	action.sa_handler = SIG_DFL;
	g_assert_no_errno(sigaction(SIGUSR1, &action, NULL));
}

/* Signals that have nothing to do with it do not make it come short. */
static void ignore_signal(int number)
{
}

static void test_signals_do_not_hurt(struct fixture *fixture, gconstpointer data)
{
	const struct itimerval often = { { 0, 1000 }, { 0, 1000 } };
	const struct itimerval never = { 0 };
	struct sigaction action = { .sa_handler = ignore_signal };

	g_assert_no_errno(sigaction(SIGALRM, &action, NULL));
	g_assert_no_errno(setitimer(ITIMER_REAL, &often, NULL));
	for (int i = 0; i < 5; i++) {
		cmabulk_request_set_buffers(fixture->request, BUFFERS);
		g_assert_cmpint(allocate(fixture), ==, CMABULK_ALLOCATION_COMPLETE);
		for (guint j = 0; j < BUFFERS; j++)
			use_buffer(cmabulk_allocation_get_buffer(fixture->allocation, j), j);
		release(fixture);
	}
	g_assert_no_errno(setitimer(ITIMER_REAL, &never, NULL));
	action.sa_handler = SIG_DFL;
	g_assert_no_errno(sigaction(SIGALRM, &action, NULL));
}

static guint count_descriptors(void)
{
	g_autoptr(GDir) directory = g_dir_open("/proc/self/fd", 0, NULL);
	guint count = 0;

	while (g_dir_read_name(directory))
		count++;
	return count;
}

/* With room for every number of descriptors from none to all but one. */
static void test_descriptor_table_full(struct fixture *fixture, gconstpointer data)
{
	struct rlimit before, limit;
	guint descriptors = count_descriptors();

	g_assert_no_errno(getrlimit(RLIMIT_NOFILE, &before));
	cmabulk_request_set_count(fixture->request, 100);
	cmabulk_request_set_buffers(fixture->request, 10);
	for (guint room = 0; room < 12; room++) {
		int next = open("/dev/null", O_RDONLY | O_CLOEXEC), ret;

		g_assert_no_errno(next);
		close(next);
		limit = before;
		limit.rlim_cur = (rlim_t)next + room;
		fixture->allocation = UNTOUCHED;
		g_assert_no_errno(setrlimit(RLIMIT_NOFILE, &limit));
		ret = allocate(fixture);
		g_assert_no_errno(setrlimit(RLIMIT_NOFILE, &before));
		g_assert_cmpint(ret, ==, -EMFILE);
		g_assert_true(fixture->allocation == UNTOUCHED);
		fixture->allocation = NULL;
		assert_nothing_kept(fixture);
		g_assert_cmpuint(count_descriptors(), ==, descriptors);
	}
	g_assert_cmpint(allocate(fixture), ==, 0);
}

static void expect_refusal(struct fixture *fixture, int error)
{
	fixture->allocation = UNTOUCHED;
	g_assert_cmpint(allocate(fixture), ==, error);
	g_assert_true(fixture->allocation == UNTOUCHED);
	fixture->allocation = NULL;
	assert_nothing_kept(fixture);
}

static void test_refusals(struct fixture *fixture, gconstpointer data)
{
	struct cmabulk_pool *pool = UNTOUCHED;

	cmabulk_request_set_pool(fixture->request, "nonsense");
	expect_refusal(fixture, -ENXIO);
	g_assert_cmpint(cmabulk_connection_get_pool(fixture->connection, "nonsense", &pool), ==,
			-ENXIO);
	g_assert_true(pool == UNTOUCHED);
	cmabulk_request_set_pool(fixture->request, POOL_MEDIA);
	cmabulk_request_set_order(fixture->request, 30);
	cmabulk_request_set_count(fixture->request, 1);
	expect_refusal(fixture, -EINVAL);
	cmabulk_request_set_order(fixture->request, 0);
	cmabulk_request_set_align(fixture->request, 30);
	expect_refusal(fixture, -EINVAL);
	cmabulk_request_set_align(fixture->request, 0);
	cmabulk_request_set_count(fixture->request, fixture->area.pages + 1);
	expect_refusal(fixture, -E2BIG);
	cmabulk_request_set_count(fixture->request, G_MAXUINT64);
	expect_refusal(fixture, -EOVERFLOW);
	cmabulk_request_set_count(fixture->request, 3);
	cmabulk_request_set_buffers(fixture->request, 4);
	expect_refusal(fixture, -EINVAL);
}

/* As another user, for this thread only. */
static void test_not_permitted(struct fixture *fixture, gconstpointer data)
{
	struct cmabulk_pool **pools = UNTOUCHED;

	g_assert_no_errno(seteuid(65534));
	g_assert_cmpint(allocate(fixture), ==, -EACCES);
	g_assert_cmpint(cmabulk_connection_list_pools(fixture->connection, &pools), ==, -EACCES);
	g_assert_true(pools == UNTOUCHED);
	g_assert_no_errno(seteuid(0));
}

static void test_import(struct fixture *fixture, gconstpointer data)
{
	struct cmabulk_buffer *original, *imported = UNTOUCHED;
	int fd;

	cmabulk_request_set_count(fixture->request, 12);
	g_assert_cmpint(allocate(fixture), ==, 0);
	original = cmabulk_allocation_get_buffer(fixture->allocation, 0);
	use_buffer(original, 7);
	fd = cmabulk_buffer_dup_fd(original);
	g_assert_no_errno(fd);
	g_assert_cmpint(fcntl(fd, F_GETFD), ==, FD_CLOEXEC);

	g_assert_cmpint(cmabulk_buffer_import(fd, fixture->chunk_size + 1, &imported), ==, -EINVAL);
	g_assert_cmpint(cmabulk_buffer_import(fd, fixture->chunk_size * 8, &imported), ==, -EINVAL);
	g_assert_cmpint(cmabulk_buffer_import(fd, 1, &imported), ==, -EINVAL);
	g_assert_true(imported == UNTOUCHED);
	g_assert_cmpint(cmabulk_buffer_import(fd, 0, &imported), ==, 0);
	g_assert_cmpuint(cmabulk_buffer_get_chunks(imported), ==, 0);
	cmabulk_buffer_unref(imported);

	g_assert_cmpint(cmabulk_buffer_import(fd, fixture->chunk_size, &imported), ==, 0);
	close(fd);
	g_assert_cmpuint(cmabulk_buffer_get_chunks(imported), ==, 12);
	g_assert_cmpuint(cmabulk_buffer_get_order(imported), ==, ORDER);
	g_assert_cmpuint(cmabulk_buffer_get_inode(imported), ==,
			 cmabulk_buffer_get_inode(original));
	/* It keeps the memory when all else is gone. */
	release(fixture);
	assert_used(imported, 7);
	cmabulk_buffer_unref(imported);
}

static void test_mapping_keeps_the_memory(struct fixture *fixture, gconstpointer data)
{
	size_t size = 12 * fixture->chunk_size;
	void *address = NULL;

	cmabulk_request_set_count(fixture->request, 12);
	g_assert_cmpint(allocate(fixture), ==, 0);
	g_assert_cmpint(cmabulk_buffer_map(cmabulk_allocation_get_buffer(fixture->allocation, 0),
					   CMABULK_BUFFER_READ_WRITE, &address),
			==, 0);
	release(fixture);
	memset(address, 0x5a, size);
	g_assert_cmpint(((unsigned char *)address)[size - 1], ==, 0x5a);
	g_assert_no_errno(munmap(address, size));
}

/* In a child the connection refuses, the buffer works. */
static void test_fork(struct fixture *fixture, gconstpointer data)
{
	struct cmabulk_buffer *buffer;
	int status;
	pid_t child;

	cmabulk_request_set_count(fixture->request, 12);
	g_assert_cmpint(allocate(fixture), ==, 0);
	buffer = cmabulk_allocation_get_buffer(fixture->allocation, 0);
	child = fork();
	g_assert_no_errno(child);
	if (child == 0) {
		struct cmabulk_pool *pool;

		g_assert_cmpint(cmabulk_connection_get_pool(fixture->connection, POOL_MEDIA, &pool),
				==, -ECHILD);
		use_buffer(buffer, 9);
		_exit(0);
	}
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	g_assert_cmpint(status, ==, 0);
	assert_used(buffer, 9);
}

static void *worker_run(void *data)
{
	g_autoptr(GRand) random = machine_random(GPOINTER_TO_UINT(data));
	struct cmabulk_connection *connection = NULL;
	struct cmabulk_request *request = NULL;

	g_assert_cmpint(cmabulk_connection_open_direct(&connection), ==, 0);
	g_assert_cmpint(cmabulk_request_new(&request), ==, 0);
	cmabulk_request_set_pool(request, POOL_MEDIA);
	for (int i = machine_scale(30, 10); i > 0; i--) {
		struct cmabulk_allocation *allocation = NULL;
		guint64 count = (guint64)g_rand_int_range(random, 1, 400);
		guint buffers = (guint)g_rand_int_range(random, 1, 10);
		int ret;

		cmabulk_request_set_order(request, (guint)random_below(random, 5));
		cmabulk_request_set_count(request, count);
		cmabulk_request_set_buffers(request, MIN(count, buffers));
		ret = cmabulk_connection_allocate(connection, request, &allocation);
		g_assert_cmpint(ret, ==, CMABULK_ALLOCATION_COMPLETE);
		for (guint j = 0; j < cmabulk_allocation_get_n_buffers(allocation); j++)
			use_buffer(cmabulk_allocation_get_buffer(allocation, j), j);
		cmabulk_allocation_unref(allocation);
	}
	cmabulk_request_unref(request);
	cmabulk_connection_unref(connection);
	return NULL;
}

/* A connection each; every page must come zeroed although others just wrote to it. */
static void test_threads(struct fixture *fixture, gconstpointer data)
{
	pthread_t threads[THREADS];

	for (guint i = 0; i < THREADS; i++) {
		int ret = pthread_create(&threads[i], NULL, worker_run, GUINT_TO_POINTER(10 + i));

		g_assert_cmpint(ret, ==, 0);
	}
	for (guint i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

/* Buffers outlive their pool; whoever looks for it is told. */
static void test_pool_removed(struct fixture *fixture, gconstpointer data)
{
	struct cmabulk_pool *pool = UNTOUCHED;

	cmabulk_request_set_pool(fixture->request, POOL_CAMERA);
	cmabulk_request_set_count(fixture->request, 12);
	g_assert_cmpint(allocate(fixture), ==, 0);
	machine_write("/sys/class/cmabulk/remove", POOL_CAMERA);
	use_buffer(cmabulk_allocation_get_buffer(fixture->allocation, 0), 3);
	assert_used(cmabulk_allocation_get_buffer(fixture->allocation, 0), 3);
	g_assert_cmpint(cmabulk_connection_get_pool(fixture->connection, POOL_CAMERA, &pool), ==,
			-ENXIO);
	release(fixture);
	for (int i = 0;
	     machine_try_write("/sys/class/cmabulk/add", module_pool(POOL_CAMERA, AREA_CAMERA));
	     i++) {
		g_assert_cmpint(i, <, 1000);
		g_usleep(10000);
	}
	g_assert_cmpint(cmabulk_connection_get_pool(fixture->connection, POOL_CAMERA, &pool), ==,
			0);
	cmabulk_pool_unref(pool);
}

static void test_no_module(void)
{
	__attribute__((cleanup(cmabulk_connection_unrefp))) struct cmabulk_connection *connection =
		NULL;
	struct cmabulk_connection *other = UNTOUCHED;
	struct cmabulk_pool **pools = UNTOUCHED;
	struct cmabulk_pool *pool = UNTOUCHED;

	g_assert_cmpint(cmabulk_connection_open_direct(&connection), ==, 0);
	module_unload("cmabulk");
	g_assert_cmpint(cmabulk_connection_list_pools(connection, &pools), ==, -ENOENT);
	g_assert_cmpint(cmabulk_connection_get_pool(connection, POOL_MEDIA, &pool), ==, -ENOENT);
	g_assert_cmpint(cmabulk_connection_open_direct(&other), ==, -ENOENT);
	g_assert_true(other == UNTOUCHED);
	module_load_cmabulk(NULL);
	g_assert_cmpint(cmabulk_connection_get_pool(connection, POOL_MEDIA, &pool), ==, 0);
	cmabulk_pool_unref(pool);
}

#define ADD(name, function) \
	g_test_add("/library/" name, struct fixture, NULL, setup, function, teardown)

int main(int argc, char **argv)
{
	machine_init(&argc, &argv);
	module_load_cmabulk(NULL);
	ADD("allocates/reference-request", test_reference_request);
	ADD("allocates/uneven-spread", test_uneven_spread);
	ADD("allocates/orders", test_orders);
	ADD("allocates/owner-in-the-books", test_owner_in_the_books);
	ADD("allocates/many-in-the-books", test_many_in_the_books);
	ADD("allocates/pools", test_pools);
	ADD("allocates/default-pool", test_default_pool);
	ADD("comes-short/all-or-nothing", test_all_or_nothing);
	ADD("comes-short/minimum", test_minimum);
	ADD("comes-short/nothing-there", test_nothing_there);
	ADD("comes-short/efforts", test_efforts);
	ADD("comes-short/timeout", test_timeout);
	ADD("is-cancelled/before", test_cancelled_before);
	ADD("is-cancelled/from-a-thread", test_cancelled_from_a_thread);
	ADD("is-cancelled/from-a-handler", test_cancelled_from_a_handler);
	ADD("is-cancelled/signals-do-not-hurt", test_signals_do_not_hurt);
	ADD("refuses/descriptor-table-full", test_descriptor_table_full);
	ADD("refuses/refusals", test_refusals);
	ADD("refuses/not-permitted", test_not_permitted);
	ADD("has-buffers/import", test_import);
	ADD("has-buffers/mapping-keeps-the-memory", test_mapping_keeps_the_memory);
	ADD("has-buffers/fork", test_fork);
	ADD("has-buffers/threads", test_threads);
	ADD("lives-on/pool-removed", test_pool_removed);
	g_test_add_func("/library/lives-on/no-module", test_no_module);
	return g_test_run();
}
