/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What bad input gets: every field of every ioctl out of range, each in a call that is right
 * otherwise. Each gets the errno the header names, and after each the books are what they were.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/books.h"
#include "lib/machine.h"
#include "lib/pool.h"

#define ORDER 4
#define HELD  12 /* chunks in the reservation all calls are made on */

struct fixture {
	int pool;
	int reservation;
	int buffer;
	struct books books;
};

static void fixture_setup(struct fixture *fixture, gconstpointer data)
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

static void fixture_teardown(struct fixture *fixture, gconstpointer data)
{
	books_assert_same(fixture->pool, &fixture->books);
	close(fixture->buffer);
	close(fixture->reservation);
	books_assert_empty(fixture->pool);
	close(fixture->pool);
}

/* One of the ioctls with an argument that is right; tests spoil it field by field. */
struct call {
	const char *name;
	unsigned long request;
	size_t size;
	bool on_reservation;
	void (*prepare)(void *argument);
};

/* Room for any of the structures and for more than they have. */
union argument {
	guint32 size;
	char bytes[8192];
	struct cmabulk_query query;
	struct cmabulk_survey survey;
	struct cmabulk_buffers buffers;
	struct cmabulk_reserve reserve;
	struct cmabulk_fill fill;
	struct cmabulk_export export;
	struct cmabulk_chunks chunks;
};

static struct cmabulk_buffer_info entries[64];
static guint64 addresses[HELD];

static void prepare_nothing(void *argument)
{
}

static void prepare_buffers(void *argument)
{
	struct cmabulk_buffers *buffers = argument;

	buffers->entry_size = sizeof(entries[0]);
	buffers->capacity = G_N_ELEMENTS(entries);
	buffers->entries = (guintptr)entries;
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
	chunks->addresses = (guintptr)addresses;
}

#define CALL(NAME, name, on_reservation, prepare)                                                 \
	{                                                                                         \
#NAME, CMABULK_IOC_##NAME, sizeof(struct cmabulk_##name), on_reservation, prepare \
	}

static const struct call calls[] = {
	CALL(QUERY, query, false, prepare_nothing),
	CALL(SURVEY, survey, false, prepare_nothing),
	CALL(BUFFERS, buffers, false, prepare_buffers),
	CALL(RESERVE, reserve, false, prepare_reserve),
	CALL(FILL, fill, true, prepare_fill),
	CALL(EXPORT, export, true, prepare_export),
	CALL(CHUNKS, chunks, true, prepare_chunks),
};

static void call_prepare(const struct call *call, union argument *argument)
{
	memset(argument, 0, sizeof(*argument));
	argument->size = call->size;
	call->prepare(argument);
}

static int call_fd(const struct fixture *fixture, const struct call *call)
{
	return call->on_reservation ? fixture->reservation : fixture->pool;
}

static int call_make(const struct fixture *fixture, const struct call *call, void *argument)
{
	return pool_ioctl(call_fd(fixture, call), call->request, argument);
}

/* Refused, and not a byte of the argument written. */
static void assert_refused(const struct fixture *fixture, const struct call *call,
			   const union argument *argument, int expected)
{
	union argument copy = *argument;
	int ret = call_make(fixture, call, &copy);

	if (ret != expected)
		g_error("%s: %d instead of %d", call->name, ret, expected);
	g_assert_cmpmem(&copy, sizeof(copy), argument, sizeof(*argument));
	books_assert_same(fixture->pool, &fixture->books);
}

static void test_sizes(struct fixture *fixture, gconstpointer data)
{
	for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
		const guint32 too_small[] = { 0, 1, 8, calls[i].size - 8, calls[i].size - 1 };
		const guint32 too_large[] = { calls[i].size + 8, 4096 };
		union argument argument;

		for (size_t j = 0; j < G_N_ELEMENTS(too_small); j++) {
			call_prepare(&calls[i], &argument);
			argument.size = too_small[j];
			assert_refused(fixture, &calls[i], &argument, -EINVAL);
		}
		for (size_t j = 0; j < G_N_ELEMENTS(too_large); j++) {
			call_prepare(&calls[i], &argument);
			argument.size = too_large[j];
			argument.bytes[too_large[j] - 1] = 1;
			assert_refused(fixture, &calls[i], &argument, -E2BIG);
		}
		call_prepare(&calls[i], &argument);
		argument.size = G_MAXUINT32;
		argument.bytes[calls[i].size] = 1;
		assert_refused(fixture, &calls[i], &argument, -E2BIG);
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
		assert_refused(fixture, &calls[i], &argument, -EINVAL);

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
			assert_refused(fixture, &calls[i], &argument, -EINVAL);
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
			assert_refused(fixture, call, &argument, -EINVAL);
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
		.entry_size = sizeof(entries[0]),
		.capacity = G_N_ELEMENTS(entries),
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

static void test_orders(struct fixture *fixture, gconstpointer data)
{
	static const guint32 wild[] = { 31, 32, 52, 63, 64, 1 << 20, G_MAXINT32, G_MAXUINT32 };
	const struct call *call = &calls[3];
	struct cmabulk_query query;
	union argument argument;

	g_assert_cmpint(pool_query(fixture->pool, &query), ==, 0);
	call_prepare(call, &argument);
	argument.reserve.order = query.max_order + 1;
	assert_refused(fixture, call, &argument, -EINVAL);
	call_prepare(call, &argument);
	argument.reserve.align = query.max_order + 1;
	assert_refused(fixture, call, &argument, -EINVAL);
	for (size_t i = 0; i < G_N_ELEMENTS(wild); i++) {
		call_prepare(call, &argument);
		argument.reserve.order = wild[i];
		assert_refused(fixture, call, &argument, -EINVAL);
		call_prepare(call, &argument);
		argument.reserve.align = wild[i];
		assert_refused(fixture, call, &argument, -EINVAL);
	}
}

static void test_strings(struct fixture *fixture, gconstpointer data)
{
	union argument argument;

	call_prepare(&calls[3], &argument);
	memset(argument.reserve.owner.account, 'x', CMABULK_ACCOUNT_LEN);
	assert_refused(fixture, &calls[3], &argument, -EINVAL);
	call_prepare(&calls[3], &argument);
	memset(argument.reserve.owner.label, 'x', CMABULK_LABEL_LEN);
	assert_refused(fixture, &calls[3], &argument, -EINVAL);
	call_prepare(&calls[5], &argument);
	memset(argument.export.name, 'x', CMABULK_BUFFER_NAME_LEN);
	assert_refused(fixture, &calls[5], &argument, -EINVAL);
}

static void test_fill_numbers(struct fixture *fixture, gconstpointer data)
{
	const struct call *call = &calls[4];
	struct cmabulk_query query;
	union argument argument;

	g_assert_cmpint(pool_query(fixture->pool, &query), ==, 0);
	call_prepare(call, &argument);
	argument.fill.effort = CMABULK_EFFORT_HARD + 1;
	assert_refused(fixture, call, &argument, -EINVAL);
	argument.fill.effort = G_MAXUINT32;
	assert_refused(fixture, call, &argument, -EINVAL);

	/* More than there ever could be, then more than can be counted. */
	call_prepare(call, &argument);
	argument.fill.nr_requests = (query.pages >> ORDER) + 1;
	assert_refused(fixture, call, &argument, -E2BIG);
	argument.fill.nr_requests = query.pages;
	assert_refused(fixture, call, &argument, -E2BIG);
	argument.fill.nr_requests = G_MAXUINT64;
	assert_refused(fixture, call, &argument, -EOVERFLOW);
	argument.fill.nr_requests = G_MAXUINT64 >> ORDER;
	assert_refused(fixture, call, &argument, -E2BIG);
	argument.fill.nr_requests = (G_MAXUINT64 >> ORDER) + 1;
	assert_refused(fixture, call, &argument, -EOVERFLOW);
}

static void test_export_numbers(struct fixture *fixture, gconstpointer data)
{
	static const guint32 wild[] = { O_APPEND, O_NONBLOCK, O_DIRECT, 3, G_MAXUINT32 };
	const struct call *call = &calls[5];
	union argument argument;

	call_prepare(call, &argument);
	argument.export.nr_chunks = 0;
	assert_refused(fixture, call, &argument, -EINVAL);
	argument.export.nr_chunks = HELD + 1;
	assert_refused(fixture, call, &argument, -ENODATA);
	argument.export.nr_chunks = 1000000;
	assert_refused(fixture, call, &argument, -E2BIG);
	argument.export.nr_chunks = G_MAXUINT64;
	assert_refused(fixture, call, &argument, -EOVERFLOW);
	for (size_t i = 0; i < G_N_ELEMENTS(wild); i++) {
		call_prepare(call, &argument);
		argument.export.fd_flags = wild[i];
		assert_refused(fixture, call, &argument, -EINVAL);
	}
}

/* Past the end is no error: there is nothing there. */
static void test_chunks_numbers(struct fixture *fixture, gconstpointer data)
{
	struct cmabulk_chunks chunks = {
		.size = sizeof(chunks),
		.first = HELD - 2,
		.count = HELD,
		.addresses = (guintptr)addresses,
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
	assert_refused(fixture, &calls[6], &argument, -EOVERFLOW);
	call_prepare(&calls[6], &argument);
	argument.chunks.count = G_MAXUINT64;
	assert_refused(fixture, &calls[6], &argument, -EOVERFLOW);
}

static void test_buffers_numbers(struct fixture *fixture, gconstpointer data)
{
	static const guint32 sizes[] = { 0, 8, sizeof(entries[0]) - 8, sizeof(entries[0]) - 1 };
	union argument argument;

	for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
		call_prepare(&calls[2], &argument);
		argument.buffers.entry_size = sizes[i];
		assert_refused(fixture, &calls[2], &argument, -EINVAL);
	}
	/* Room for more than there could be is not taken at its word. */
	call_prepare(&calls[2], &argument);
	argument.buffers.capacity = G_MAXUINT32;
	g_assert_cmpint(call_make(fixture, &calls[2], &argument), ==, 0);
	g_assert_cmpuint(argument.buffers.count, ==, 2);
}

static void test_unknown_ioctls(struct fixture *fixture, gconstpointer data)
{
	for (int number = 0; number < 256; number++) {
		unsigned long request = _IOWR(CMABULK_IOC_MAGIC, number, struct cmabulk_query);
		char argument[16384] = { 0 };

		if (number <= 3 || (number >= 0x10 && number <= 0x13))
			continue;
		g_assert_cmpint(pool_ioctl(fixture->pool, request, argument), ==, -ENOTTY);
		g_assert_cmpint(pool_ioctl(fixture->reservation, request, argument), ==, -ENOTTY);
	}
}

/* Each ioctl on each of the wrong kinds of file. */
static void test_wrong_files(struct fixture *fixture, gconstpointer data)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
		int wrong[] = { calls[i].on_reservation ? fixture->pool : fixture->reservation,
				fixture->buffer, null };

		for (size_t j = 0; j < G_N_ELEMENTS(wrong); j++) {
			union argument argument;

			call_prepare(&calls[i], &argument);
			g_assert_cmpint(pool_ioctl(wrong[j], calls[i].request, &argument), ==,
					-ENOTTY);
		}
	}
	g_assert_cmpint(reservation_interrupt(fixture->pool), ==, -ENOTTY);
	g_assert_cmpint(reservation_interrupt(fixture->buffer), ==, -ENOTTY);
	close(null);
}

/* Neither device nor reservation can be read, written or mapped. */
static void test_other_operations(struct fixture *fixture, gconstpointer data)
{
	const int files[] = { fixture->pool, fixture->reservation };
	char bytes[64] = { 0 };

	for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
		g_assert_cmpint(read(files[i], bytes, sizeof(bytes)), ==, -1);
		g_assert_cmpint(write(files[i], bytes, sizeof(bytes)), ==, -1);
		g_assert_true(mmap(NULL, 4096, PROT_READ, MAP_SHARED, files[i], 0) == MAP_FAILED);
	}
}

static void test_file_table_full(struct fixture *fixture, gconstpointer data)
{
	struct rlimit old, full;
	union argument argument;
	int top = dup(0);

	/* Everything up to here is in use, so no new number is to be had. */
	g_assert_no_errno(top);
	g_assert_no_errno(getrlimit(RLIMIT_NOFILE, &old));
	full = old;
	full.rlim_cur = top + 1;
	g_assert_no_errno(setrlimit(RLIMIT_NOFILE, &full));
	call_prepare(&calls[3], &argument);
	g_assert_cmpint(call_make(fixture, &calls[3], &argument), ==, -EMFILE);
	call_prepare(&calls[5], &argument);
	g_assert_cmpint(call_make(fixture, &calls[5], &argument), ==, -EMFILE);
	g_assert_no_errno(setrlimit(RLIMIT_NOFILE, &old));
	close(top);
	books_assert_same(fixture->pool, &fixture->books);
	/* And what was not exported still can be. */
	g_assert_cmpint(call_make(fixture, &calls[5], &argument), ==, 0);
	close(argument.export.fd);
	fixture->books.query.states.reserved -= 1 << ORDER;
	fixture->books.query.free_pages += 1 << ORDER;
	fixture->books.used -= 1 << ORDER;
}

/* CHUNKS tells physical addresses only to who may know them. */
static void test_privilege(struct fixture *fixture, gconstpointer data)
{
	union argument argument;

	call_prepare(&calls[6], &argument);
	g_assert_no_errno(seteuid(65534));
	g_assert_cmpint(call_make(fixture, &calls[6], &argument), ==, -EPERM);
	g_assert_cmpint(pool_try_open(POOL_MEDIA), ==, -EACCES);
	g_assert_no_errno(seteuid(0));
	g_assert_cmpint(call_make(fixture, &calls[6], &argument), ==, 0);
}

#define ADD(name, function)                                                           \
	g_test_add("/bad-input/" name, struct fixture, NULL, fixture_setup, function, \
		   fixture_teardown)

int main(int argc, char **argv)
{
	machine_init(&argc, &argv);
	module_load_cmabulk(NULL);
	ADD("sizes", test_sizes);
	ADD("first-sizes", test_first_sizes);
	ADD("longer-size", test_longer_size);
	ADD("flags", test_flags);
	ADD("reserved-fields", test_reserved_fields);
	ADD("pointers", test_pointers);
	ADD("fill-pointer", test_fill_pointer);
	ADD("inner-pointers", test_inner_pointers);
	ADD("orders", test_orders);
	ADD("strings", test_strings);
	ADD("fill-numbers", test_fill_numbers);
	ADD("export-numbers", test_export_numbers);
	ADD("chunks-numbers", test_chunks_numbers);
	ADD("buffers-numbers", test_buffers_numbers);
	ADD("unknown-ioctls", test_unknown_ioctls);
	ADD("wrong-files", test_wrong_files);
	ADD("other-operations", test_other_operations);
	ADD("file-table-full", test_file_table_full);
	ADD("privilege", test_privilege);
	return g_test_run();
}
