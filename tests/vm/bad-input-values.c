/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bad orders, texts and numbers, each in an ioctl that is right otherwise. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "bad-input.h"

static void test_orders(struct fixture *fixture, gconstpointer data)
{
	static const guint32 wild[] = { 31, 32, 52, 63, 64, 1 << 20, G_MAXINT32, G_MAXUINT32 };
	const struct call *call = &calls[3];
	struct cmabulk_query query;
	union argument argument;

	g_assert_cmpint(pool_query(fixture->pool, &query), ==, 0);
	call_prepare(call, &argument);
	argument.reserve.order = query.max_order + 1;
	call_assert_refused(fixture, call, &argument, -EINVAL);
	call_prepare(call, &argument);
	argument.reserve.align = query.max_order + 1;
	call_assert_refused(fixture, call, &argument, -EINVAL);
	for (size_t i = 0; i < G_N_ELEMENTS(wild); i++) {
		call_prepare(call, &argument);
		argument.reserve.order = wild[i];
		call_assert_refused(fixture, call, &argument, -EINVAL);
		call_prepare(call, &argument);
		argument.reserve.align = wild[i];
		call_assert_refused(fixture, call, &argument, -EINVAL);
	}
}

static void test_strings(struct fixture *fixture, gconstpointer data)
{
	union argument argument;

	call_prepare(&calls[3], &argument);
	memset(argument.reserve.owner.account, 'x', CMABULK_ACCOUNT_LEN);
	call_assert_refused(fixture, &calls[3], &argument, -EINVAL);
	call_prepare(&calls[3], &argument);
	memset(argument.reserve.owner.label, 'x', CMABULK_LABEL_LEN);
	call_assert_refused(fixture, &calls[3], &argument, -EINVAL);
	call_prepare(&calls[5], &argument);
	memset(argument.export.name, 'x', CMABULK_BUFFER_NAME_LEN);
	call_assert_refused(fixture, &calls[5], &argument, -EINVAL);
}

static void test_fill_numbers(struct fixture *fixture, gconstpointer data)
{
	const struct call *call = &calls[4];
	struct cmabulk_query query;
	union argument argument;

	g_assert_cmpint(pool_query(fixture->pool, &query), ==, 0);
	call_prepare(call, &argument);
	argument.fill.effort = CMABULK_EFFORT_HARD + 1;
	call_assert_refused(fixture, call, &argument, -EINVAL);
	argument.fill.effort = G_MAXUINT32;
	call_assert_refused(fixture, call, &argument, -EINVAL);

	/* More than there ever could be, then more than can be counted. */
	call_prepare(call, &argument);
	argument.fill.nr_requests = (query.pages >> ORDER) + 1;
	call_assert_refused(fixture, call, &argument, -E2BIG);
	argument.fill.nr_requests = query.pages;
	call_assert_refused(fixture, call, &argument, -E2BIG);
	argument.fill.nr_requests = G_MAXUINT64;
	call_assert_refused(fixture, call, &argument, -EOVERFLOW);
	argument.fill.nr_requests = G_MAXUINT64 >> ORDER;
	call_assert_refused(fixture, call, &argument, -E2BIG);
	argument.fill.nr_requests = (G_MAXUINT64 >> ORDER) + 1;
	call_assert_refused(fixture, call, &argument, -EOVERFLOW);
}

static void test_export_numbers(struct fixture *fixture, gconstpointer data)
{
	static const guint32 wild[] = { O_APPEND, O_NONBLOCK, O_DIRECT, 3, G_MAXUINT32 };
	const struct call *call = &calls[5];
	union argument argument;

	call_prepare(call, &argument);
	argument.export.nr_chunks = 0;
	call_assert_refused(fixture, call, &argument, -EINVAL);
	argument.export.nr_chunks = HELD + 1;
	call_assert_refused(fixture, call, &argument, -ENODATA);
	argument.export.nr_chunks = 1000000;
	call_assert_refused(fixture, call, &argument, -E2BIG);
	argument.export.nr_chunks = G_MAXUINT64;
	call_assert_refused(fixture, call, &argument, -EOVERFLOW);
	for (size_t i = 0; i < G_N_ELEMENTS(wild); i++) {
		call_prepare(call, &argument);
		argument.export.fd_flags = wild[i];
		call_assert_refused(fixture, call, &argument, -EINVAL);
	}
}

/* Past the end is no error: there is nothing there. */
static void test_chunks_numbers(struct fixture *fixture, gconstpointer data)
{
	struct cmabulk_chunks chunks = {
		.size = sizeof(chunks),
		.first = HELD - 2,
		.count = HELD,
		.addresses = (guintptr)call_addresses,
	};
	union argument argument;

	g_assert_cmpint(pool_ioctl(fixture->reservation, CMABULK_IOC_CHUNKS, &chunks), ==, 0);
	g_assert_cmpuint(chunks.count, ==, 2);
	g_assert_cmpuint(chunks.total, ==, HELD);
	chunks.first = HELD;
	chunks.count = 1;
	g_assert_cmpint(pool_ioctl(fixture->reservation, CMABULK_IOC_CHUNKS, &chunks), ==, 0);
	g_assert_cmpuint(chunks.count, ==, 0);

	call_prepare(&calls[6], &argument);
	argument.chunks.first = G_MAXUINT64;
	argument.chunks.count = 2;
	call_assert_refused(fixture, &calls[6], &argument, -EOVERFLOW);
	call_prepare(&calls[6], &argument);
	argument.chunks.count = G_MAXUINT64;
	call_assert_refused(fixture, &calls[6], &argument, -EOVERFLOW);
}

static void test_buffers_numbers(struct fixture *fixture, gconstpointer data)
{
	static const guint32 sizes[] = { 0, 8, sizeof(call_entries[0]) - 8,
					 sizeof(call_entries[0]) - 1 };
	union argument argument;

	for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
		call_prepare(&calls[2], &argument);
		argument.buffers.entry_size = sizes[i];
		call_assert_refused(fixture, &calls[2], &argument, -EINVAL);
	}
	/* Room for more than there could be is not taken at its word. */
	call_prepare(&calls[2], &argument);
	argument.buffers.capacity = G_MAXUINT32;
	g_assert_cmpint(call_make(fixture, &calls[2], &argument), ==, 0);
	g_assert_cmpuint(argument.buffers.count, ==, 2);
}

void bad_input_add_values(void)
{
	BAD_INPUT_ADD("orders", test_orders);
	BAD_INPUT_ADD("strings", test_strings);
	BAD_INPUT_ADD("fill-numbers", test_fill_numbers);
	BAD_INPUT_ADD("export-numbers", test_export_numbers);
	BAD_INPUT_ADD("chunks-numbers", test_chunks_numbers);
	BAD_INPUT_ADD("buffers-numbers", test_buffers_numbers);
}
