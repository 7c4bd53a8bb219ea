/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bad sizes, flags, reserved fields and pointers, which every ioctl has. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bad-input.h"

static void test_sizes(struct fixture *fixture, gconstpointer data)
{
	for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
		const guint32 too_small[] = { 0, 1, 8, calls[i].size - 8, calls[i].size - 1 };
		const guint32 too_large[] = { calls[i].size + 8, 4096 };
		union argument argument;

		for (size_t j = 0; j < G_N_ELEMENTS(too_small); j++) {
			call_prepare(&calls[i], &argument);
			argument.size = too_small[j];
			call_assert_refused(fixture, &calls[i], &argument, -EINVAL);
		}
		for (size_t j = 0; j < G_N_ELEMENTS(too_large); j++) {
			call_prepare(&calls[i], &argument);
			argument.size = too_large[j];
			argument.bytes[too_large[j] - 1] = 1;
			call_assert_refused(fixture, &calls[i], &argument, -E2BIG);
		}
		call_prepare(&calls[i], &argument);
		argument.size = G_MAXUINT32;
		argument.bytes[calls[i].size] = 1;
		call_assert_refused(fixture, &calls[i], &argument, -E2BIG);
	}
}

/*
 * Sizes of the structures in the first version of the interface, for ever: a program built then is
 * served, nothing behind what it has is written, and less than that is none of ours.
 */
static void test_first_sizes(struct fixture *fixture, gconstpointer data)
{
	static const guint32 sizes[G_N_ELEMENTS(calls)] = { 248, 112, 88, 208, 336, 104, 72 };
	char untouched[64];

	memset(untouched, 0x5a, sizeof(untouched));
	for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
		bool export = calls[i].request == CMABULK_IOC_EXPORT;
		union argument argument;

		call_prepare(&calls[i], &argument);
		argument.size = sizes[i] - 1;
		call_assert_refused(fixture, &calls[i], &argument, -EINVAL);

		/* Without changing what is held: one that does nothing, one with too little. */
		if (calls[i].request == CMABULK_IOC_FILL)
			argument.fill.nr_requests = 0;
		else if (export)
			argument.export.nr_chunks = HELD + 1;
		else if (calls[i].request == CMABULK_IOC_BUFFERS)
			argument.buffers.entry_size = 256;
		argument.size = sizes[i];
		memset(argument.bytes + sizes[i], 0x5a, sizeof(untouched));
		g_test_message("%s", calls[i].name);
		g_assert_cmpint(call_make(fixture, &calls[i], &argument), ==,
				export ? -ENODATA : 0);
		g_assert_cmpmem(argument.bytes + sizes[i], sizeof(untouched), untouched,
				sizeof(untouched));
		if (calls[i].request == CMABULK_IOC_RESERVE)
			close(argument.reserve.fd);
	}
	books_assert_same(fixture->pool, &fixture->books);
}

/* A longer structure whose excess is zero is what a newer program passes. */
static void test_longer_size(struct fixture *fixture, gconstpointer data)
{
	for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
		union argument argument;

		if (calls[i].request == CMABULK_IOC_EXPORT || calls[i].request == CMABULK_IOC_FILL)
			continue;
		call_prepare(&calls[i], &argument);
		argument.size = calls[i].size + 64;
		g_test_message("%s", calls[i].name);
		g_assert_cmpint(call_make(fixture, &calls[i], &argument), ==, 0);
		if (calls[i].request == CMABULK_IOC_RESERVE)
			close(argument.reserve.fd);
	}
	books_assert_same(fixture->pool, &fixture->books);
}

static void test_flags(struct fixture *fixture, gconstpointer data)
{
	for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
		for (int bit = 0; bit < 32; bit++) {
			union argument argument;

			call_prepare(&calls[i], &argument);
			if (calls[i].request == CMABULK_IOC_RESERVE && 1U << bit == O_CLOEXEC)
				continue;
			/* Flags follow the size in every structure. */
			argument.query.flags |= 1U << bit;
			call_assert_refused(fixture, &calls[i], &argument, -EINVAL);
		}
	}
}

#define RESERVED(NAME, name, field)                                         \
	{                                                                   \
		CMABULK_IOC_##NAME, offsetof(struct cmabulk_##name, field), \
			sizeof(((struct cmabulk_##name *)NULL)->field)      \
	}

static void test_reserved_fields(struct fixture *fixture, gconstpointer data)
{
	static const struct {
		unsigned long request;
		size_t offset, size;
	} fields[] = {
		RESERVED(QUERY, query, reserved),
		RESERVED(SURVEY, survey, reserved),
		RESERVED(BUFFERS, buffers, reserved),
		RESERVED(RESERVE, reserve, reserved),
		RESERVED(RESERVE, reserve, pad),
		RESERVED(FILL, fill, reserved),
		RESERVED(FILL, fill, pad),
		RESERVED(EXPORT, export, reserved),
		RESERVED(CHUNKS, chunks, reserved),
	};

	for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
		const struct call *call = calls;

		while (call->request != fields[i].request)
			call++;
		for (size_t byte = 0; byte < fields[i].size; byte++) {
			union argument argument;

			call_prepare(call, &argument);
			argument.bytes[fields[i].offset + byte] = 0x40;
			call_assert_refused(fixture, call, &argument, -EINVAL);
		}
	}
}

static void test_pointers(struct fixture *fixture, gconstpointer data)
{
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *locked = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	g_assert_no_errno(munmap(pages + 4096, 4096));
	for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
		union argument argument;
		char *end = pages + 4096;

		g_assert_cmpint(call_make(fixture, &calls[i], NULL), ==, -EFAULT);
		g_assert_cmpint(call_make(fixture, &calls[i], end), ==, -EFAULT);
		g_assert_cmpint(call_make(fixture, &calls[i], (void *)~0xfffUL), ==, -EFAULT);
		/* The first half of it there, the second not. */
		call_prepare(&calls[i], &argument);
		memcpy(end - calls[i].size / 2, &argument, calls[i].size / 2);
		g_assert_cmpint(call_make(fixture, &calls[i], end - calls[i].size / 2), ==,
				-EFAULT);
		/* To be read and not to be written: nothing may have happened when that shows. */
		memcpy(locked, &argument, calls[i].size);
		g_assert_no_errno(mprotect(locked, 4096, PROT_READ));
		if (calls[i].request != CMABULK_IOC_FILL) {
			g_test_message("%s read-only", calls[i].name);
			g_assert_cmpint(call_make(fixture, &calls[i], locked), ==, -EFAULT);
		}
		g_assert_no_errno(mprotect(locked, 4096, PROT_READ | PROT_WRITE));
		books_assert_same(fixture->pool, &fixture->books);
	}
	munmap(pages, 4096);
	munmap(locked, 4096);
}

/*
 * Chunks that a FILL claimed before it could not write its answer are still the reservation's: the
 * next call tells of them.
 */
static void test_fill_pointer(struct fixture *fixture, gconstpointer data)
{
	struct cmabulk_fill *fill;
	struct cmabulk_fill after;
	int reservation = reservation_new(fixture->pool, ORDER, 0), ret;

	fill = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fill->size = sizeof(*fill);
	fill->effort = CMABULK_EFFORT_NORMAL;
	fill->nr_requests = 5;
	g_assert_no_errno(mprotect(fill, 4096, PROT_READ));
	ret = pool_ioctl(reservation, CMABULK_IOC_FILL, fill);
	g_assert_cmpint(ret, ==, -EFAULT);
	g_assert_cmpint(reservation_fill(reservation, CMABULK_EFFORT_FAST, 0, 0, &after), ==, 0);
	g_assert_true(after.total == 0 || after.total == 5);
	g_assert_cmpuint(books_settled(fixture->pool).query.states.reserved, ==,
			 fixture->books.query.states.reserved + (after.total << ORDER));
	munmap(fill, 4096);
	close(reservation);
}

static void test_inner_pointers(struct fixture *fixture, gconstpointer data)
{
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct cmabulk_buffers buffers = {
		.size = sizeof(buffers),
		.entry_size = sizeof(call_entries[0]),
		.capacity = G_N_ELEMENTS(call_entries),
	};
	struct cmabulk_chunks chunks = { .size = sizeof(chunks), .count = HELD };
	guint64 bad[3];

	g_assert_no_errno(munmap(pages + 4096, 4096));
	bad[0] = 0;
	bad[1] = ~0xfffULL;
	/* Room for a part of what will be written. */
	bad[2] = (guintptr)pages + 4096 - 16;
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		buffers.entries = bad[i];
		g_assert_cmpint(pool_ioctl(fixture->pool, CMABULK_IOC_BUFFERS, &buffers), ==,
				-EFAULT);
		chunks.addresses = bad[i];
		chunks.count = HELD;
		g_assert_cmpint(pool_ioctl(fixture->reservation, CMABULK_IOC_CHUNKS, &chunks), ==,
				-EFAULT);
	}
	munmap(pages, 4096);
}

void bad_input_add_structures(void)
{
	BAD_INPUT_ADD("sizes", test_sizes);
	BAD_INPUT_ADD("first-sizes", test_first_sizes);
	BAD_INPUT_ADD("longer-size", test_longer_size);
	BAD_INPUT_ADD("flags", test_flags);
	BAD_INPUT_ADD("reserved-fields", test_reserved_fields);
	BAD_INPUT_ADD("pointers", test_pointers);
	BAD_INPUT_ADD("fill-pointer", test_fill_pointer);
	BAD_INPUT_ADD("inner-pointers", test_inner_pointers);
}
