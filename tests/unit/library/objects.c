// SPDX-License-Identifier: LGPL-2.1-or-later
/* Buffers and allocations as plain objects: layout, bounds, import of what is no dma-buf. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <sys/mman.h>

#include "allocation.h"
#include "buffer.h"
#include "suites.h"

#define UNTOUCHED ((void *)1)

static struct cmabulk_buffer *make_buffer(uint64_t chunks)
{
	struct cmabulk_buffer *buffer = NULL;

	g_assert_cmpint(buffer_new(&buffer), ==, 0);
	buffer->chunks = chunks;
	buffer->chunk_size = 65536;
	buffer->size = chunks * 65536;
	return buffer;
}

static void chunks_follow_each_other(void)
{
	struct cmabulk_buffer *buffer CLEANUP(cmabulk_buffer_unrefp) = make_buffer(192);
	uint64_t offset = 5;

	g_assert_cmpint(cmabulk_buffer_get_chunk_offset(buffer, 192, &offset), ==, -ERANGE);
	g_assert_cmpuint(offset, ==, 5);
	g_assert_cmpint(cmabulk_buffer_get_chunk_offset(buffer, 191, &offset), ==, 0);
	g_assert_cmpuint(offset, ==, 191 * UINT64_C(65536));
}

static void access_is_checked(void)
{
	struct cmabulk_buffer *buffer CLEANUP(cmabulk_buffer_unrefp) = make_buffer(1);
	void *address = UNTOUCHED;

	for (unsigned int access = 0; access < 16; access += 4) {
		enum cmabulk_buffer_access bad = (enum cmabulk_buffer_access)access;

		g_assert_cmpint(cmabulk_buffer_map(buffer, bad, &address), ==, -EINVAL);
		g_assert_cmpint(cmabulk_buffer_begin_cpu_access(buffer, bad), ==, -EINVAL);
		g_assert_cmpint(cmabulk_buffer_end_cpu_access(buffer, bad), ==, -EINVAL);
	}
	g_assert_cmpint(cmabulk_buffer_map(buffer, CMABULK_BUFFER_READ, &address), ==, -EBADF);
	g_assert_true(address == UNTOUCHED);
	g_assert_cmpint(cmabulk_buffer_unmap(buffer, NULL), ==, 0);
}

static void only_dma_bufs_are_imported(void)
{
	int file CLEANUP(close_fdp) = open("/dev/null", O_RDWR | O_CLOEXEC);
	int memory CLEANUP(close_fdp) = memfd_create("test", MFD_CLOEXEC);
	struct cmabulk_buffer *buffer = UNTOUCHED;

	g_assert_cmpint(cmabulk_buffer_import(-1, 0, &buffer), ==, -EBADF);
	g_assert_cmpint(cmabulk_buffer_import(file, 0, &buffer), ==, -ENOTTY);
	g_assert_cmpint(cmabulk_buffer_import(memory, 65536, &buffer), ==, -ENOTTY);
	g_assert_true(buffer == UNTOUCHED);
}

static void an_allocation_owns_its_buffers(void)
{
	struct cmabulk_allocation *allocation = NULL;
	struct cmabulk_buffer *kept;

	g_assert_cmpint(allocation_new("video", &allocation), ==, 0);
	g_assert_cmpint(allocation_make_room(allocation, 2), ==, 0);
	allocation_add_buffer(allocation, make_buffer(3));
	allocation_add_buffer(allocation, make_buffer(4));
	g_assert_cmpuint(cmabulk_allocation_get_granted(allocation), ==, 7);
	g_assert_cmpuint(cmabulk_allocation_get_size(allocation), ==, 7 * UINT64_C(65536));
	g_assert_null(cmabulk_allocation_get_buffer(allocation, 2));
	kept = cmabulk_buffer_ref(cmabulk_allocation_get_buffer(allocation, 1));
	g_assert_null(cmabulk_allocation_unref(allocation));
	g_assert_cmpuint(cmabulk_buffer_get_chunks(kept), ==, 4);
	g_assert_null(cmabulk_buffer_unref(kept));
}

static void steps_have_bounds(void)
{
	struct cmabulk_allocation *allocation CLEANUP(cmabulk_allocation_unrefp) = NULL;
	struct cmabulk_step step = { .granted = 5 };
	struct cmabulk_step *slot;

	g_assert_cmpint(allocation_new("video", &allocation), ==, 0);
	g_assert_cmpint(cmabulk_allocation_get_step(allocation, 0, &step, sizeof(step)), ==,
			-ERANGE);
	g_assert_cmpuint(step.granted, ==, 5);
	g_assert_cmpint(allocation_add_step(allocation, &slot), ==, 0);
	slot->granted = 11;
	slot->total_ns = 12;
	g_assert_cmpint(cmabulk_allocation_get_step(allocation, 0, &step, sizeof(step)), ==, 0);
	g_assert_cmpuint(step.granted, ==, 11);
	g_assert_cmpuint(step.total_ns, ==, 12);
}

static void *ref_and_unref(void *userdata)
{
	for (int i = 0; i < 100000; i++)
		cmabulk_buffer_unref(cmabulk_buffer_ref(userdata));
	return NULL;
}

static void references_count_in_threads(void)
{
	struct cmabulk_buffer *buffer CLEANUP(cmabulk_buffer_unrefp) = make_buffer(1);
	GThread *threads[4];

	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		threads[i] = g_thread_new("count", ref_and_unref, buffer);
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		g_thread_join(threads[i]);
	g_assert_cmpuint(atomic_load(&buffer->references), ==, 1);
}

static void *look_at_all(void *userdata)
{
	const struct cmabulk_allocation *allocation = userdata;
	struct cmabulk_step step;
	uint64_t offset;

	for (int i = 0; i < 10000; i++) {
		struct cmabulk_buffer *buffer = cmabulk_allocation_get_buffer(allocation, 0);

		g_assert_cmpint(cmabulk_allocation_get_step(allocation, 0, &step, sizeof(step)), ==,
				0);
		g_assert_cmpint(cmabulk_buffer_get_chunk_offset(buffer, 2, &offset), ==, 0);
		g_assert_cmpstr(cmabulk_allocation_get_status_name(allocation), ==, "partial");
		g_assert_cmpstr(cmabulk_allocation_get_reason(allocation), !=, "");
		g_assert_cmpstr(cmabulk_allocation_get_hint(allocation), !=, NULL);
		g_assert_cmpstr(cmabulk_error_get_message(-i), !=, "");
	}
	return NULL;
}

/* For ThreadSanitizer: nothing is kept for the next time behind a getter. */
static void any_thread_may_look(void)
{
	struct cmabulk_allocation *allocation CLEANUP(cmabulk_allocation_unrefp) = NULL;
	struct cmabulk_step *step;
	GThread *threads[4];

	g_assert_cmpint(allocation_new("video", &allocation), ==, 0);
	g_assert_cmpint(allocation_make_room(allocation, 1), ==, 0);
	allocation_add_buffer(allocation, make_buffer(3));
	g_assert_cmpint(allocation_add_step(allocation, &step), ==, 0);
	allocation->status = CMABULK_ALLOCATION_PARTIAL;
	allocation->error = -EBUSY;
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		threads[i] = g_thread_new("look", look_at_all, allocation);
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		g_thread_join(threads[i]);
}

void add_objects(void)
{
	g_test_add_func("/object/chunks-follow-each-other", chunks_follow_each_other);
	g_test_add_func("/object/access-is-checked", access_is_checked);
	g_test_add_func("/object/only-dma-bufs-are-imported", only_dma_bufs_are_imported);
	g_test_add_func("/object/an-allocation-owns-its-buffers", an_allocation_owns_its_buffers);
	g_test_add_func("/object/steps-have-bounds", steps_have_bounds);
	g_test_add_func("/object/references-count-in-threads", references_count_in_threads);
	g_test_add_func("/object/any-thread-may-look", any_thread_may_look);
}
