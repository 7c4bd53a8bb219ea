/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See lib-direct.h. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib-direct.h"

void direct_setup(struct direct *direct, gconstpointer data)
{
	direct->pool = pool_open(POOL_MEDIA);
	direct->books = books_settled(direct->pool);
	direct->chunk_size = (size_t)sysconf(_SC_PAGESIZE) << ORDER;
	area_open(&direct->area, AREA_MEDIA);
	g_assert_cmpint(cmabulk_connection_open_direct(&direct->connection), ==, 0);
	g_assert_cmpint(cmabulk_request_new(&direct->request), ==, 0);
	g_assert_cmpint(cmabulk_request_set_pool(direct->request, POOL_MEDIA), ==, 0);
	g_assert_cmpint(cmabulk_request_set_order(direct->request, ORDER), ==, 0);
	g_assert_cmpint(cmabulk_request_set_count(direct->request, CHUNKS), ==, 0);
	g_assert_cmpint(cmabulk_request_set_timeout(direct->request,
						    CMABULK_REQUEST_TIMEOUT_INFINITE),
			==, 0);
}

void direct_release(struct direct *direct)
{
	direct->allocation = cmabulk_allocation_unref(direct->allocation);
}

void direct_teardown(struct direct *direct, gconstpointer data)
{
	direct_release(direct);
	cmabulk_request_unref(direct->request);
	cmabulk_connection_unref(direct->connection);
	books_assert_same(direct->pool, &direct->books);
	books_assert_empty(direct->pool);
	close(direct->pool);
	area_close(&direct->area);
}

int direct_allocate(struct direct *direct)
{
	return cmabulk_connection_allocate(direct->connection, direct->request,
					   &direct->allocation);
}

guint64 direct_pool_chunks(const struct direct *direct)
{
	return direct->area.pages / CHUNK_PAGES;
}

void direct_assert_nothing_kept(struct direct *direct)
{
	books_assert_same(direct->pool, &direct->books);
	books_assert_empty(direct->pool);
}

void direct_use_buffer(struct cmabulk_buffer *buffer, guint64 salt)
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

void direct_assert_used(const struct cmabulk_buffer *buffer, guint64 salt)
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

void direct_assert_layout(const struct direct *direct, struct cmabulk_buffer *buffer,
			  guint64 chunks)
{
	struct stat status;
	guint64 offset;

	g_assert_cmpuint(cmabulk_buffer_get_chunks(buffer), ==, chunks);
	g_assert_cmpuint(cmabulk_buffer_get_chunk_size(buffer), ==, direct->chunk_size);
	g_assert_cmpuint(cmabulk_buffer_get_order(buffer), ==, ORDER);
	g_assert_cmpuint(cmabulk_buffer_get_alignment(buffer), ==, direct->chunk_size);
	g_assert_cmpuint(cmabulk_buffer_get_size(buffer), ==, chunks * direct->chunk_size);
	g_assert_cmpuint(buffer_size(cmabulk_buffer_get_fd(buffer)), ==,
			 cmabulk_buffer_get_size(buffer));
	g_assert_no_errno(fstat(cmabulk_buffer_get_fd(buffer), &status));
	g_assert_cmpuint(cmabulk_buffer_get_inode(buffer), ==, status.st_ino);
	g_assert_cmpuint(cmabulk_buffer_get_id(buffer), >, 0);
	g_assert_cmpint(fcntl(cmabulk_buffer_get_fd(buffer), F_GETFD), ==, FD_CLOEXEC);
	g_assert_cmpint(cmabulk_buffer_get_chunk_offset(buffer, chunks - 1, &offset), ==, 0);
	g_assert_cmpuint(offset + direct->chunk_size, ==, cmabulk_buffer_get_size(buffer));
}

void direct_assert_steps(const struct cmabulk_allocation *allocation)
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

void direct_pressure_make(struct direct_pressure *pressure, const struct area *area)
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

void direct_pressure_end(struct direct_pressure *pressure)
{
	pins_clear(&pressure->pins);
	occupant_free(&pressure->occupant);
	close(pressure->frames);
}
