/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* On the machine where it was built a program for the guest changes nothing. Runs there, not in the guest. */
#include <sched.h>

#include "lib/machine.h"

static void test_refuses(void)
{
	if (g_test_subprocess()) {
		/* Should it mount something after all, nobody else sees it. */
		unshare(CLONE_NEWUSER | CLONE_NEWNS);
		machine_prepare();
		return;
	}
	g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
	g_test_trap_assert_failed();
	g_test_trap_assert_stderr("*no test machine*tests/vm/vm*");
	g_test_trap_assert_stdout_unmatched("*CMABULK_SEED*");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/guest-only/refuses", test_refuses);
	return g_test_run();
}
