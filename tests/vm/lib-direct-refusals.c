/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The library in direct mode: what it refuses, and loses nothing. */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib-direct.h"

static guint count_descriptors(void)
{
	g_autoptr(GDir) directory = g_dir_open("/proc/self/fd", 0, NULL);
	guint count = 0;

	while (g_dir_read_name(directory))
		count++;
	return count;
}

/* With room for every number of descriptors from none to all but one. */
static void test_descriptor_table_full(struct direct *direct, gconstpointer data)
{
	struct rlimit before, limit;
	guint descriptors = count_descriptors();

	g_assert_no_errno(getrlimit(RLIMIT_NOFILE, &before));
	cmabulk_request_set_count(direct->request, 100);
	cmabulk_request_set_buffers(direct->request, 10);
	for (guint room = 0; room < 12; room++) {
		int next = open("/dev/null", O_RDONLY | O_CLOEXEC), ret;

		g_assert_no_errno(next);
		close(next);
		limit = before;
		limit.rlim_cur = (rlim_t)next + room;
		direct->allocation = UNTOUCHED;
		g_assert_no_errno(setrlimit(RLIMIT_NOFILE, &limit));
		ret = direct_allocate(direct);
		g_assert_no_errno(setrlimit(RLIMIT_NOFILE, &before));
		g_assert_cmpint(ret, ==, -EMFILE);
		g_assert_true(direct->allocation == UNTOUCHED);
		direct->allocation = NULL;
		direct_assert_nothing_kept(direct);
		g_assert_cmpuint(count_descriptors(), ==, descriptors);
	}
	g_assert_cmpint(direct_allocate(direct), ==, 0);
}

static void expect_refusal(struct direct *direct, int error)
{
	direct->allocation = UNTOUCHED;
	g_assert_cmpint(direct_allocate(direct), ==, error);
	g_assert_true(direct->allocation == UNTOUCHED);
	direct->allocation = NULL;
	direct_assert_nothing_kept(direct);
}

static void test_refusals(struct direct *direct, gconstpointer data)
{
	struct cmabulk_pool *pool = UNTOUCHED;

	cmabulk_request_set_pool(direct->request, "nonsense");
	expect_refusal(direct, -ENXIO);
	g_assert_cmpint(cmabulk_connection_get_pool(direct->connection, "nonsense", &pool), ==,
			-ENXIO);
	g_assert_true(pool == UNTOUCHED);
	cmabulk_request_set_pool(direct->request, POOL_MEDIA);
	cmabulk_request_set_order(direct->request, 30);
	cmabulk_request_set_count(direct->request, 1);
	expect_refusal(direct, -EINVAL);
	cmabulk_request_set_order(direct->request, 0);
	cmabulk_request_set_align(direct->request, 30);
	expect_refusal(direct, -EINVAL);
	cmabulk_request_set_align(direct->request, 0);
	cmabulk_request_set_count(direct->request, direct->area.pages + 1);
	expect_refusal(direct, -E2BIG);
	cmabulk_request_set_count(direct->request, G_MAXUINT64);
	expect_refusal(direct, -EOVERFLOW);
	cmabulk_request_set_count(direct->request, 3);
	cmabulk_request_set_buffers(direct->request, 4);
	expect_refusal(direct, -EINVAL);
}

/* As another user, for this thread only. */
static void test_not_permitted(struct direct *direct, gconstpointer data)
{
	struct cmabulk_pool **pools = UNTOUCHED;

	g_assert_no_errno(seteuid(65534));
	g_assert_cmpint(direct_allocate(direct), ==, -EACCES);
	g_assert_cmpint(cmabulk_connection_list_pools(direct->connection, &pools), ==, -EACCES);
	g_assert_true(pools == UNTOUCHED);
	g_assert_no_errno(seteuid(0));
}

void direct_add_refusals(void)
{
	DIRECT_ADD("refuses/descriptor-table-full", test_descriptor_table_full);
	DIRECT_ADD("refuses/refusals", test_refusals);
	DIRECT_ADD("refuses/not-permitted", test_not_permitted);
}
