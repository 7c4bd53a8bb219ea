/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The library in direct mode on the real module: what an allocation is, how it comes short, how
 * it is cancelled, what its buffers can do; and that nothing is lost whatever happens.
 */
#include "lib-direct.h"

int main(int argc, char **argv)
{
	machine_init(&argc, &argv);
	module_load_cmabulk(NULL);
	direct_add_allocations();
	direct_add_shortages();
	direct_add_cancellations();
	direct_add_refusals();
	direct_add_buffers();
	direct_add_removals();
	return g_test_run();
}
