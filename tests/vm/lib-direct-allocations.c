/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The library in direct mode: what an allocation is, and what the books say of it. */
#include <unistd.h>

#include "lib-direct.h"

static void test_reference_request(struct direct *direct, gconstpointer data)
{
	cmabulk_request_set_buffers(direct->request, BUFFERS);
	g_assert_cmpint(direct_allocate(direct), ==, CMABULK_ALLOCATION_COMPLETE);
	g_assert_cmpint(cmabulk_allocation_get_error(direct->allocation), ==, 0);
	g_assert_cmpuint(cmabulk_allocation_get_granted(direct->allocation), ==, CHUNKS);
	g_assert_cmpuint(cmabulk_allocation_get_size(direct->allocation), ==,
			 CHUNKS * direct->chunk_size);
	g_assert_cmpstr(cmabulk_allocation_get_pool(direct->allocation), ==, POOL_MEDIA);
	g_assert_cmpuint(cmabulk_allocation_get_n_buffers(direct->allocation), ==, BUFFERS);
	direct_assert_steps(direct->allocation);
	for (guint i = 0; i < BUFFERS; i++) {
		struct cmabulk_buffer *buffer =
			cmabulk_allocation_get_buffer(direct->allocation, i);

		direct_assert_layout(direct, buffer, CHUNKS / BUFFERS);
		direct_use_buffer(buffer, (guint64)i << 32);
	}
	for (guint i = 0; i < BUFFERS; i++)
		direct_assert_used(cmabulk_allocation_get_buffer(direct->allocation, i),
				   (guint64)i << 32);
}

static void test_uneven_spread(struct direct *direct, gconstpointer data)
{
	cmabulk_request_set_count(direct->request, 100);
	cmabulk_request_set_buffers(direct->request, 7);
	g_assert_cmpint(direct_allocate(direct), ==, 0);
	for (guint i = 0; i < 7; i++)
		direct_assert_layout(direct, cmabulk_allocation_get_buffer(direct->allocation, i),
				     i < 2 ? 15 : 14);
	g_assert_null(cmabulk_allocation_get_buffer(direct->allocation, 7));
}

static void test_orders(struct direct *direct, gconstpointer data)
{
	static const guint cases[][2] = { { 0, 0 }, { 0, 6 }, { 4, 9 }, { 9, 0 }, { 11, 3 } };

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		guint order = cases[i][0], align = MAX(order, cases[i][1]);
		struct cmabulk_buffer *buffer;

		cmabulk_request_set_order(direct->request, order);
		cmabulk_request_set_align(direct->request, cases[i][1]);
		cmabulk_request_set_count(direct->request, 5);
		g_assert_cmpint(direct_allocate(direct), ==, 0);
		buffer = cmabulk_allocation_get_buffer(direct->allocation, 0);
		g_assert_cmpuint(cmabulk_buffer_get_chunks(buffer), ==, 5);
		g_assert_cmpuint(cmabulk_buffer_get_size(buffer), ==,
				 (guint64)sysconf(_SC_PAGESIZE) * 5 << order);
		g_assert_cmpuint(cmabulk_buffer_get_alignment(buffer), ==,
				 (guint64)sysconf(_SC_PAGESIZE) << align);
		direct_release(direct);
	}
}

static void test_owner_in_the_books(struct direct *direct, gconstpointer data)
{
	struct cmabulk_entry **entries = NULL;

	cmabulk_request_set_count(direct->request, 30);
	cmabulk_request_set_buffers(direct->request, 3);
	cmabulk_request_set_label(direct->request, "fr\xc3\xa4mes");
	cmabulk_request_set_account(direct->request, "media");
	cmabulk_request_set_owner(direct->request, 1234, 56);
	cmabulk_request_set_cookie(direct->request, G_MAXUINT64);
	g_assert_cmpint(direct_allocate(direct), ==, 0);
	g_assert_cmpint(cmabulk_connection_list_buffers(direct->connection, POOL_MEDIA, &entries),
			==, 3);
	for (guint i = 0; i < 3; i++) {
		const struct cmabulk_buffer *buffer =
			cmabulk_allocation_get_buffer(direct->allocation, i);
		const struct cmabulk_entry *entry = entries[i];
		g_autofree char *name = g_strdup_printf("fr\xc3\xa4mes-%u", i);

		g_assert_cmpstr(cmabulk_buffer_get_name(buffer), ==, name);
		g_assert_cmpstr(cmabulk_entry_get_name(entry), ==, name);
		g_assert_cmpuint(cmabulk_entry_get_id(entry), ==, cmabulk_buffer_get_id(buffer));
		g_assert_cmpuint(cmabulk_entry_get_inode(entry), ==,
				 cmabulk_buffer_get_inode(buffer));
		g_assert_cmpstr(cmabulk_entry_get_kind_name(entry), ==, "buffer");
		g_assert_cmpstr(cmabulk_entry_get_state_name(entry), ==, "exported");
		g_assert_cmpuint(cmabulk_entry_get_order(entry), ==, ORDER);
		g_assert_cmpuint(cmabulk_entry_get_chunks(entry), ==, 10);
		g_assert_cmpuint(cmabulk_entry_get_size(entry), ==,
				 10 * (guint64)direct->chunk_size);
		g_assert_cmpuint(cmabulk_entry_get_owner_uid(entry), ==, 1234);
		g_assert_cmpint(cmabulk_entry_get_owner_pid(entry), ==, 56);
		g_assert_cmpuint(cmabulk_entry_get_cookie(entry), ==, G_MAXUINT64);
		g_assert_cmpstr(cmabulk_entry_get_account(entry), ==, "media");
		g_assert_cmpstr(cmabulk_entry_get_label(entry), ==, "fr\xc3\xa4mes");
		g_assert_cmpuint(cmabulk_entry_get_reservation(entry), >, 0);
		g_assert_cmpuint(cmabulk_entry_get_age_usec(entry), <,
				 G_GUINT64_CONSTANT(600000000));
	}
	g_assert_null(entries[3]);
	cmabulk_entry_array_free(entries);
}

static void test_many_in_the_books(struct direct *direct, gconstpointer data)
{
	struct cmabulk_entry **entries = NULL;

	cmabulk_request_set_count(direct->request, 200);
	cmabulk_request_set_buffers(direct->request, 200);
	g_assert_cmpint(direct_allocate(direct), ==, 0);
	g_assert_cmpint(cmabulk_connection_list_buffers(direct->connection, POOL_MEDIA, &entries),
			==, 200);
	for (guint i = 0; i < 200; i++)
		g_assert_cmpuint(cmabulk_entry_get_id(entries[i]), ==,
				 cmabulk_buffer_get_id(
					 cmabulk_allocation_get_buffer(direct->allocation, i)));
	cmabulk_entry_array_free(entries);
}

static void test_pools(struct direct *direct, gconstpointer data)
{
	struct cmabulk_pool **pools = NULL;
	struct cmabulk_pool_survey survey;
	struct cmabulk_pool *pool = NULL;

	g_assert_cmpint(cmabulk_connection_list_pools(direct->connection, &pools), ==, 2);
	g_assert_cmpstr(cmabulk_pool_get_name(pools[0]), ==, POOL_CAMERA);
	g_assert_cmpstr(cmabulk_pool_get_name(pools[1]), ==, POOL_MEDIA);
	g_assert_null(pools[2]);
	cmabulk_pool_array_free(pools);

	g_assert_cmpint(direct_allocate(direct), ==, 0);
	g_assert_cmpint(cmabulk_connection_get_pool(direct->connection, POOL_MEDIA, &pool), ==, 0);
	g_assert_cmpstr(cmabulk_pool_get_area(pool), ==, module_area(AREA_MEDIA));
	g_assert_cmpstr(cmabulk_pool_get_engine_name(pool), ==,
			machine_is_stock() ? "stock" : "kernel");
	g_assert_cmpuint(cmabulk_pool_get_pages(pool), ==, direct->area.pages);
	g_assert_cmpuint(cmabulk_pool_get_exported_pages(pool), ==, CHUNKS * CHUNK_PAGES);
	g_assert_cmpuint(cmabulk_pool_get_free_pages(pool), ==,
			 direct->area.pages - CHUNKS * CHUNK_PAGES);
	g_assert_cmpuint(cmabulk_pool_get_n_buffers(pool), ==, 1);
	g_assert_cmpuint(cmabulk_pool_get_n_reservations(pool), ==, 0);
	cmabulk_pool_unref(pool);

	g_assert_cmpint(cmabulk_connection_survey_pool(direct->connection, POOL_MEDIA, &survey,
						       sizeof(survey)),
			==, 0);
	g_assert_cmpuint(survey.pages_taken, ==, CHUNKS * CHUNK_PAGES);
	g_assert_cmpuint(survey.pages_free + survey.pages_movable + survey.pages_suspect +
				 survey.pages_taken,
			 ==, direct->area.pages);
}

/* Without a name it is the pool with most free pages. */
static void test_default_pool(struct direct *direct, gconstpointer data)
{
	struct cmabulk_allocation *first = NULL;

	cmabulk_request_set_pool(direct->request, NULL);
	cmabulk_request_set_count(direct->request, direct_pool_chunks(direct) - 10);
	g_assert_cmpint(direct_allocate(direct), ==, 0);
	g_assert_cmpstr(cmabulk_allocation_get_pool(direct->allocation), ==, POOL_MEDIA);
	first = direct->allocation;
	cmabulk_request_set_count(direct->request, 10);
	g_assert_cmpint(direct_allocate(direct), ==, 0);
	g_assert_cmpstr(cmabulk_allocation_get_pool(direct->allocation), ==, POOL_CAMERA);
	cmabulk_allocation_unref(first);
}

void direct_add_allocations(void)
{
	DIRECT_ADD("allocates/reference-request", test_reference_request);
	DIRECT_ADD("allocates/uneven-spread", test_uneven_spread);
	DIRECT_ADD("allocates/orders", test_orders);
	DIRECT_ADD("allocates/owner-in-the-books", test_owner_in_the_books);
	DIRECT_ADD("allocates/many-in-the-books", test_many_in_the_books);
	DIRECT_ADD("allocates/pools", test_pools);
	DIRECT_ADD("allocates/default-pool", test_default_pool);
}
