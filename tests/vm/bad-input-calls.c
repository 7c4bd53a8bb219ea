/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See bad-input.h. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "bad-input.h"

void bad_input_setup(struct fixture *fixture, gconstpointer data)
{
	struct cmabulk_fill fill;

	fixture->pool = pool_open(POOL_MEDIA);
	fixture->reservation = reservation_new(fixture->pool, ORDER, 0);
	g_assert_cmpint(reservation_fill(fixture->reservation, CMABULK_EFFORT_NORMAL, HELD + 1, 0,
					 &fill),
			==, 0);
	fixture->buffer = reservation_export(fixture->reservation, 1, O_RDWR | O_CLOEXEC, "", NULL);
	g_assert_cmpint(fixture->buffer, >=, 0);
	fixture->books = books_settled(fixture->pool);
}

void bad_input_teardown(struct fixture *fixture, gconstpointer data)
{
	books_assert_same(fixture->pool, &fixture->books);
	close(fixture->buffer);
	close(fixture->reservation);
	books_assert_empty(fixture->pool);
	close(fixture->pool);
}

struct cmabulk_buffer_info call_entries[64];
guint64 call_addresses[HELD];

static void prepare_nothing(void *argument)
{
}

static void prepare_buffers(void *argument)
{
	struct cmabulk_buffers *buffers = argument;

	buffers->entry_size = sizeof(call_entries[0]);
	buffers->capacity = G_N_ELEMENTS(call_entries);
	buffers->entries = (guintptr)call_entries;
}

static void prepare_reserve(void *argument)
{
	struct cmabulk_reserve *reserve = argument;

	reserve->order = ORDER;
	reserve->flags = O_CLOEXEC;
}

static void prepare_fill(void *argument)
{
	struct cmabulk_fill *fill = argument;

	fill->effort = CMABULK_EFFORT_NORMAL;
	fill->nr_requests = 1;
}

static void prepare_export(void *argument)
{
	struct cmabulk_export *export = argument;

	export->nr_chunks = 1;
	export->fd_flags = O_RDWR | O_CLOEXEC;
}

static void prepare_chunks(void *argument)
{
	struct cmabulk_chunks *chunks = argument;

	chunks->count = HELD;
	chunks->addresses = (guintptr)call_addresses;
}

#define CALL(NAME, name, on_reservation, prepare)                                                 \
	{                                                                                         \
#NAME, CMABULK_IOC_##NAME, sizeof(struct cmabulk_##name), on_reservation, prepare \
	}

const struct call calls[CALLS] = {
	CALL(QUERY, query, false, prepare_nothing),
	CALL(SURVEY, survey, false, prepare_nothing),
	CALL(BUFFERS, buffers, false, prepare_buffers),
	CALL(RESERVE, reserve, false, prepare_reserve),
	CALL(FILL, fill, true, prepare_fill),
	CALL(EXPORT, export, true, prepare_export),
	CALL(CHUNKS, chunks, true, prepare_chunks),
};

void call_prepare(const struct call *call, union argument *argument)
{
	memset(argument, 0, sizeof(*argument));
	argument->size = call->size;
	call->prepare(argument);
}

static int call_fd(const struct fixture *fixture, const struct call *call)
{
	return call->on_reservation ? fixture->reservation : fixture->pool;
}

int call_make(const struct fixture *fixture, const struct call *call, void *argument)
{
	return pool_ioctl(call_fd(fixture, call), call->request, argument);
}

void call_assert_refused(const struct fixture *fixture, const struct call *call,
			 const union argument *argument, int expected)
{
	union argument copy = *argument;
	int ret = call_make(fixture, call, &copy);

	if (ret != expected)
		g_error("%s: %d instead of %d", call->name, ret, expected);
	g_assert_cmpmem(&copy, sizeof(copy), argument, sizeof(*argument));
	books_assert_same(fixture->pool, &fixture->books);
}
