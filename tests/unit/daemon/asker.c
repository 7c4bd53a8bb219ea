// SPDX-License-Identifier: LGPL-2.1-or-later
/* For how long it is known who asked for a buffer. */
#include <glib.h>

#include "asker.h"
#include "delivery.h"
#include "manager.h"

/* --- The rest of the daemon, as far as it is asked ------------------------------------------- */

const char *pool_get_name(const struct pool *pool)
{
	return "main";
}

/* --- Tests ----------------------------------------------------------------------------------- */

/* Whether each of them was released, or outlived its pool, which goes as often as it likes. */
static void ends_with_its_last_buffer(void)
{
	struct manager manager = {
		.askers = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free),
	};
	struct client client = { .manager = &manager };

	asker_add(&client, 5, 3);
	asker_add(&client, 6, 1);
	asker_add(&client, 7, 0);
	g_assert_cmpuint(g_hash_table_size(manager.askers), ==, 2);
	asker_tell_released(&manager, NULL, 1, 1, 5);
	asker_forget_buffer(&manager, 5);
	asker_forget_buffer(&manager, 8);
	g_assert_cmpuint(g_hash_table_size(manager.askers), ==, 2);
	asker_forget_buffer(&manager, 5);
	asker_tell_released(&manager, NULL, 2, 2, 6);
	g_assert_cmpuint(g_hash_table_size(manager.askers), ==, 0);
	/* What nobody asked for, or who asked has left. */
	asker_tell_released(&manager, NULL, 3, 3, 5);
	asker_forget_buffer(&manager, 5);
	g_hash_table_unref(manager.askers);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/asker/ends-with-its-last-buffer", ends_with_its_last_buffer);
	return g_test_run();
}
