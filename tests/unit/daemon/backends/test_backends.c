// SPDX-License-Identifier: LGPL-2.1-or-later
/* The daemon's backends, worker, configuration and discovery; no kernel module, no root. */
#include "fixture.h"

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	add_change_tests();
	add_config_tests();
	add_config_account_tests();
	add_config_device_tests();
	add_config_pool_tests();
	add_device_tests();
	add_order_tests();
	add_release_tests();
	add_sim_tests();
	add_size_tests();
	add_udev_tests();
	add_worker_tests();
	return g_test_run();
}
