/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ioctls that there are not, on files that do not have them, and by who may not. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bad-input.h"

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

void bad_input_add_files(void)
{
	BAD_INPUT_ADD("unknown-ioctls", test_unknown_ioctls);
	BAD_INPUT_ADD("wrong-files", test_wrong_files);
	BAD_INPUT_ADD("other-operations", test_other_operations);
	BAD_INPUT_ADD("file-table-full", test_file_table_full);
	BAD_INPUT_ADD("privilege", test_privilege);
}
