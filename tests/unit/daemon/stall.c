// SPDX-License-Identifier: LGPL-2.1-or-later
/* When a bus that takes nothing is given up, and when it is waited for. */
#include <glib.h>

#include "stall.h"
#include "suites.h"

#define TICK UINT64_C(200000)

/* So long is it looked at, each tick, until it is given up; 0: it is not, within a minute. */
static uint64_t wait_for_end(struct stall *stall, uint64_t left)
{
	uint64_t now = 7;

	stall_begin(stall, now);
	for (uint64_t waited = TICK; waited <= 300 * TICK; waited += TICK)
		if (stall_look(stall, left, now + waited))
			return waited;
	return 0;
}

static void who_takes_nothing_is_stuck(void)
{
	struct stall stall;

	stall_init(&stall);
	g_assert_cmpuint(wait_for_end(&stall, 100), ==, STALL_MIN_USEC);
	g_assert_cmpuint(wait_for_end(&stall, 0), ==, 0);
}

/* As long as something of what was there is taken, be it little, and more comes. */
static void who_takes_something_is_slow(void)
{
	struct stall stall;
	uint64_t now = 0;

	stall_init(&stall);
	stall_begin(&stall, now);
	for (unsigned int i = 0; i < 100; i++) {
		now += STALL_MIN_USEC / 2;
		g_assert_false(stall_look(&stall, 1000 + i, now));
		g_assert_false(stall_look(&stall, 999 + i, now));
	}
	for (unsigned int i = 0; i < STALL_MIN_USEC / TICK - 1; i++)
		g_assert_false(stall_look(&stall, 5000 + i, now += TICK));
	g_assert_true(stall_look(&stall, 6000, now + TICK));
}

/* Nobody ran for a minute: that says nothing of the bus. */
static void who_is_not_let_run_is_waited_for(void)
{
	struct stall stall;
	uint64_t now = 0;
	unsigned int looks = 0;

	stall_init(&stall);
	stall_begin(&stall, now);
	do {
		now += 300 * TICK;
		looks++;
	} while (!stall_look(&stall, 100, now));
	g_assert_cmpuint(looks, ==, STALL_MIN_USEC / STALL_LOOK_USEC);
}

/* To connect anew was no help, and what was sent is lost each time: less and less often, but for ever. */
static void in_vain_it_is_tried_less_often(void)
{
	struct stall stall;
	uint64_t expected = STALL_MIN_USEC;

	stall_init(&stall);
	for (unsigned int i = 0; i < 10; i++) {
		g_assert_cmpuint(wait_for_end(&stall, 100), ==, expected);
		stall_give_up(&stall);
		expected = MIN(2 * expected, STALL_MAX_USEC);
	}
	/* Slow is what it is: it would be given up again. */
	stall_answered(&stall, STALL_MIN_USEC);
	g_assert_cmpuint(wait_for_end(&stall, 100), ==, STALL_MAX_USEC);
	stall_answered(&stall, STALL_MIN_USEC - 1);
	g_assert_cmpuint(wait_for_end(&stall, 100), ==, STALL_MIN_USEC);
}

void add_stall(void)
{
	g_test_add_func("/stall/who-takes-nothing-is-stuck", who_takes_nothing_is_stuck);
	g_test_add_func("/stall/who-takes-something-is-slow", who_takes_something_is_slow);
	g_test_add_func("/stall/who-is-not-let-run-is-waited-for",
			who_is_not_let_run_is_waited_for);
	g_test_add_func("/stall/in-vain-it-is-tried-less-often", in_vain_it_is_tried_less_often);
}
