/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The library in direct mode: pools and the module go. */
#include <errno.h>

#include "lib-direct.h"

/* Buffers outlive their pool; whoever looks for it is told. */
static void test_pool_removed(struct direct *direct, gconstpointer data)
{
	struct cmabulk_pool *pool = UNTOUCHED;

	cmabulk_request_set_pool(direct->request, POOL_CAMERA);
	cmabulk_request_set_count(direct->request, 12);
	g_assert_cmpint(direct_allocate(direct), ==, 0);
	machine_write("/sys/class/cmabulk/remove", POOL_CAMERA);
	direct_use_buffer(cmabulk_allocation_get_buffer(direct->allocation, 0), 3);
	direct_assert_used(cmabulk_allocation_get_buffer(direct->allocation, 0), 3);
	g_assert_cmpint(cmabulk_connection_get_pool(direct->connection, POOL_CAMERA, &pool), ==,
			-ENXIO);
	direct_release(direct);
	for (int i = 0;
	     machine_try_write("/sys/class/cmabulk/add", module_pool(POOL_CAMERA, AREA_CAMERA));
	     i++) {
		g_assert_cmpint(i, <, 1000);
		g_usleep(10000);
	}
	g_assert_cmpint(cmabulk_connection_get_pool(direct->connection, POOL_CAMERA, &pool), ==, 0);
	cmabulk_pool_unref(pool);
}

static void test_no_module(void)
{
	__attribute__((cleanup(cmabulk_connection_unrefp))) struct cmabulk_connection *connection =
		NULL;
	struct cmabulk_connection *other = UNTOUCHED;
	struct cmabulk_pool **pools = UNTOUCHED;
	struct cmabulk_pool *pool = UNTOUCHED;

	g_assert_cmpint(cmabulk_connection_open_direct(&connection), ==, 0);
	module_unload("cmabulk");
	g_assert_cmpint(cmabulk_connection_list_pools(connection, &pools), ==, -ENOENT);
	g_assert_cmpint(cmabulk_connection_get_pool(connection, POOL_MEDIA, &pool), ==, -ENOENT);
	g_assert_cmpint(cmabulk_connection_open_direct(&other), ==, -ENOENT);
	g_assert_true(other == UNTOUCHED);
	module_load_cmabulk(NULL);
	g_assert_cmpint(cmabulk_connection_get_pool(connection, POOL_MEDIA, &pool), ==, 0);
	cmabulk_pool_unref(pool);
}

void direct_add_removals(void)
{
	DIRECT_ADD("lives-on/pool-removed", test_pool_removed);
	g_test_add_func("/library/lives-on/no-module", test_no_module);
}
