// SPDX-License-Identifier: LGPL-2.1-or-later
/* How often it is tried to connect to a bus that lets nobody in. */
#include <glib.h>

#include "attempts.h"
#include "suites.h"

/* Less and less often, but for ever. */
static void each_waits_longer(void)
{
	struct attempts attempts = { 0 };
	uint64_t expected = ATTEMPTS_MIN_USEC;
	bool is_first;

	for (unsigned int i = 0; i < 100; i++) {
		g_assert_cmpuint(attempts_failed(&attempts, &is_first), ==, expected);
		g_assert_cmpint(is_first, ==, i == 0);
		expected = MIN(2 * expected, ATTEMPTS_MAX_USEC);
	}
}

static void one_that_succeeds_ends_it(void)
{
	struct attempts attempts = { 0 };
	bool is_first;

	g_assert_false(attempts_succeeded(&attempts));
	for (unsigned int i = 0; i < 5; i++)
		attempts_failed(&attempts, &is_first);
	g_assert_true(attempts_succeeded(&attempts));
	g_assert_false(attempts_succeeded(&attempts));
	g_assert_cmpuint(attempts_failed(&attempts, &is_first), ==, ATTEMPTS_MIN_USEC);
	g_assert_true(is_first);
}

void add_attempts(void)
{
	g_test_add_func("/attempts/each-waits-longer", each_waits_longer);
	g_test_add_func("/attempts/one-that-succeeds-ends-it", one_that_succeeds_ends_it);
}
