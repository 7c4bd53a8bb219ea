/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The library in direct mode: how an allocation comes short. */
#include <errno.h>

#include "lib-direct.h"

/* All but @left of the pool's chunks, by another request. */
static struct cmabulk_allocation *take_all_but(struct direct *direct, guint64 left)
{
	struct cmabulk_allocation *allocation;

	cmabulk_request_set_count(direct->request, direct_pool_chunks(direct) - left);
	g_assert_cmpint(direct_allocate(direct), ==, 0);
	allocation = direct->allocation;
	direct->allocation = NULL;
	return allocation;
}

static void test_all_or_nothing(struct direct *direct, gconstpointer data)
{
	struct cmabulk_allocation *others = take_all_but(direct, 50);
	struct books books = books_settled(direct->pool);

	cmabulk_request_set_count(direct->request, 60);
	g_assert_cmpint(direct_allocate(direct), ==, CMABULK_ALLOCATION_PARTIAL);
	g_assert_cmpint(cmabulk_allocation_get_error(direct->allocation), ==, -EBUSY);
	g_assert_cmpuint(cmabulk_allocation_get_n_buffers(direct->allocation), ==, 0);
	g_assert_cmpuint(cmabulk_allocation_get_granted(direct->allocation), ==, 0);
	g_assert_cmpuint(cmabulk_allocation_get_claimed(direct->allocation), ==, 50);
	g_assert_cmpuint(cmabulk_allocation_get_n_steps(direct->allocation), ==, 3);
	direct_assert_steps(direct->allocation);
	books_assert_same(direct->pool, &books);
	cmabulk_allocation_unref(others);
}

static void test_minimum(struct direct *direct, gconstpointer data)
{
	struct cmabulk_allocation *others = take_all_but(direct, 50);

	cmabulk_request_set_count(direct->request, 60);
	cmabulk_request_set_minimum(direct->request, 50);
	cmabulk_request_set_buffers(direct->request, 4);
	g_assert_cmpint(direct_allocate(direct), ==, CMABULK_ALLOCATION_PARTIAL);
	g_assert_cmpuint(cmabulk_allocation_get_granted(direct->allocation), ==, 50);
	g_assert_cmpuint(cmabulk_allocation_get_n_buffers(direct->allocation), ==, 4);
	direct_assert_layout(direct, cmabulk_allocation_get_buffer(direct->allocation, 1), 13);
	direct_assert_layout(direct, cmabulk_allocation_get_buffer(direct->allocation, 2), 12);
	direct_release(direct);

	/* Waits for what is on its way back. Fewer chunks than buffers: no buffer is empty. */
	cmabulk_request_set_buffers(direct->request, 60);
	g_assert_cmpint(direct_allocate(direct), ==, CMABULK_ALLOCATION_PARTIAL);
	g_assert_cmpuint(cmabulk_allocation_get_n_buffers(direct->allocation), ==, 50);
	cmabulk_allocation_unref(others);
}

static void test_nothing_there(struct direct *direct, gconstpointer data)
{
	struct cmabulk_allocation *others = take_all_but(direct, 0);

	cmabulk_request_set_count(direct->request, 1);
	g_assert_cmpint(direct_allocate(direct), ==, CMABULK_ALLOCATION_PARTIAL);
	g_assert_cmpuint(cmabulk_allocation_get_claimed(direct->allocation), ==, 0);
	cmabulk_allocation_unref(others);
}

static void test_efforts(struct direct *direct, gconstpointer data)
{
	struct direct_pressure pressure;
	guint64 claimed[3];

	direct_pressure_make(&pressure, &direct->area);
	for (guint effort = 0; effort < G_N_ELEMENTS(claimed); effort++) {
		cmabulk_request_set_count(direct->request, direct_pool_chunks(direct));
		cmabulk_request_set_effort(direct->request, (enum cmabulk_request_effort)effort);
		g_assert_cmpint(direct_allocate(direct), ==, CMABULK_ALLOCATION_PARTIAL);
		g_assert_cmpuint(cmabulk_allocation_get_n_steps(direct->allocation), ==,
				 effort + 1);
		direct_assert_steps(direct->allocation);
		claimed[effort] = cmabulk_allocation_get_claimed(direct->allocation);
		direct_release(direct);
		books_settled(direct->pool);
	}
	g_print("# of %" G_GUINT64_FORMAT " chunks, %zu pages pinned: fast %" G_GUINT64_FORMAT
		", normal %" G_GUINT64_FORMAT ", hard %" G_GUINT64_FORMAT "\n",
		direct_pool_chunks(direct), pressure.pinned, claimed[0], claimed[1], claimed[2]);
	g_assert_cmpuint(claimed[2], >, claimed[0]);
	g_assert_cmpuint(claimed[2] + pressure.pinned, >=, direct_pool_chunks(direct) * 99 / 100);
	direct_pressure_end(&pressure);
}

static void test_timeout(struct direct *direct, gconstpointer data)
{
	struct direct_pressure pressure;

	direct_pressure_make(&pressure, &direct->area);
	cmabulk_request_set_count(direct->request, direct_pool_chunks(direct));
	cmabulk_request_set_timeout(direct->request, 1);
	g_assert_cmpint(direct_allocate(direct), ==, CMABULK_ALLOCATION_TIMED_OUT);
	g_assert_cmpint(cmabulk_allocation_get_error(direct->allocation), ==, -ETIME);
	g_assert_cmpuint(cmabulk_allocation_get_n_buffers(direct->allocation), ==, 0);
	direct_release(direct);
	direct_pressure_end(&pressure);
}

void direct_add_shortages(void)
{
	DIRECT_ADD("comes-short/all-or-nothing", test_all_or_nothing);
	DIRECT_ADD("comes-short/minimum", test_minimum);
	DIRECT_ADD("comes-short/nothing-there", test_nothing_there);
	DIRECT_ADD("comes-short/efforts", test_efforts);
	DIRECT_ADD("comes-short/timeout", test_timeout);
}
