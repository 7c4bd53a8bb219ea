/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The library in direct mode: what buffers can do. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib-direct.h"

#define THREADS 8

static void test_import(struct direct *direct, gconstpointer data)
{
	struct cmabulk_buffer *original, *imported = UNTOUCHED;
	int fd;

	cmabulk_request_set_count(direct->request, 12);
	g_assert_cmpint(direct_allocate(direct), ==, 0);
	original = cmabulk_allocation_get_buffer(direct->allocation, 0);
	direct_use_buffer(original, 7);
	fd = cmabulk_buffer_dup_fd(original);
	g_assert_no_errno(fd);
	g_assert_cmpint(fcntl(fd, F_GETFD), ==, FD_CLOEXEC);

	g_assert_cmpint(cmabulk_buffer_import(fd, direct->chunk_size + 1, &imported), ==, -EINVAL);
	g_assert_cmpint(cmabulk_buffer_import(fd, direct->chunk_size * 8, &imported), ==, -EINVAL);
	g_assert_cmpint(cmabulk_buffer_import(fd, 1, &imported), ==, -EINVAL);
	g_assert_true(imported == UNTOUCHED);
	g_assert_cmpint(cmabulk_buffer_import(fd, 0, &imported), ==, 0);
	g_assert_cmpuint(cmabulk_buffer_get_chunks(imported), ==, 0);
	cmabulk_buffer_unref(imported);

	g_assert_cmpint(cmabulk_buffer_import(fd, direct->chunk_size, &imported), ==, 0);
	close(fd);
	g_assert_cmpuint(cmabulk_buffer_get_chunks(imported), ==, 12);
	g_assert_cmpuint(cmabulk_buffer_get_order(imported), ==, ORDER);
	g_assert_cmpuint(cmabulk_buffer_get_inode(imported), ==,
			 cmabulk_buffer_get_inode(original));
	/* It keeps the memory when all else is gone. */
	direct_release(direct);
	direct_assert_used(imported, 7);
	cmabulk_buffer_unref(imported);
}

static void test_mapping_keeps_the_memory(struct direct *direct, gconstpointer data)
{
	size_t size = 12 * direct->chunk_size;
	void *address = NULL;

	cmabulk_request_set_count(direct->request, 12);
	g_assert_cmpint(direct_allocate(direct), ==, 0);
	g_assert_cmpint(cmabulk_buffer_map(cmabulk_allocation_get_buffer(direct->allocation, 0),
					   CMABULK_BUFFER_READ_WRITE, &address),
			==, 0);
	direct_release(direct);
	memset(address, 0x5a, size);
	g_assert_cmpint(((unsigned char *)address)[size - 1], ==, 0x5a);
	g_assert_no_errno(munmap(address, size));
}

/* In a child the connection refuses, the buffer works. */
static void test_fork(struct direct *direct, gconstpointer data)
{
	struct cmabulk_buffer *buffer;
	int status;
	pid_t child;

	cmabulk_request_set_count(direct->request, 12);
	g_assert_cmpint(direct_allocate(direct), ==, 0);
	buffer = cmabulk_allocation_get_buffer(direct->allocation, 0);
	child = fork();
	g_assert_no_errno(child);
	if (child == 0) {
		struct cmabulk_pool *pool;

		g_assert_cmpint(cmabulk_connection_get_pool(direct->connection, POOL_MEDIA, &pool),
				==, -ECHILD);
		direct_use_buffer(buffer, 9);
		_exit(0);
	}
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	g_assert_cmpint(status, ==, 0);
	direct_assert_used(buffer, 9);
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
			direct_use_buffer(cmabulk_allocation_get_buffer(allocation, j), j);
		cmabulk_allocation_unref(allocation);
	}
	cmabulk_request_unref(request);
	cmabulk_connection_unref(connection);
	return NULL;
}

/* A connection each; every page must come zeroed although others just wrote to it. */
static void test_threads(struct direct *direct, gconstpointer data)
{
	pthread_t threads[THREADS];

	for (guint i = 0; i < THREADS; i++) {
		int ret = pthread_create(&threads[i], NULL, worker_run, GUINT_TO_POINTER(10 + i));

		g_assert_cmpint(ret, ==, 0);
	}
	for (guint i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

void direct_add_buffers(void)
{
	DIRECT_ADD("has-buffers/import", test_import);
	DIRECT_ADD("has-buffers/mapping-keeps-the-memory", test_mapping_keeps_the_memory);
	DIRECT_ADD("has-buffers/fork", test_fork);
	DIRECT_ADD("has-buffers/threads", test_threads);
}
