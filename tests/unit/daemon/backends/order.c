// SPDX-License-Identifier: LGPL-2.1-or-later
/* The order of a pool's numbered events. */
#include "fixture.h"
#include "order.h"

static void nothing_before_a_snapshot(void)
{
	struct event_order order;

	event_order_init(&order);
	g_assert_cmpint(event_order_next(&order, 1), ==, EVENT_OLD);
	g_assert_cmpint(event_order_next(&order, 5), ==, EVENT_OLD);
	g_assert_false(event_order_lost(&order));
	event_order_snapshot(&order, 4);
	g_assert_cmpint(event_order_next(&order, 4), ==, EVENT_OLD);
	g_assert_cmpint(event_order_next(&order, 5), ==, EVENT_NEW);
	g_assert_cmpint(event_order_next(&order, 5), ==, EVENT_OLD);
	g_assert_cmpint(event_order_next(&order, 6), ==, EVENT_NEW);
	event_order_destroy(&order);
}

static void a_gap_is_told_once(void)
{
	struct event_order order;

	event_order_init(&order);
	event_order_snapshot(&order, 4);
	g_assert_cmpint(event_order_next(&order, 6), ==, EVENT_GAP);
	g_assert_cmpint(event_order_next(&order, 7), ==, EVENT_OLD);
	g_assert_cmpint(event_order_next(&order, 9), ==, EVENT_OLD);
	g_assert_false(event_order_lost(&order));
	event_order_snapshot(&order, 9);
	g_assert_cmpint(event_order_next(&order, 10), ==, EVENT_NEW);
	event_order_destroy(&order);
}

static void a_loss_is_told_once(void)
{
	struct event_order order;

	event_order_init(&order);
	event_order_snapshot(&order, 4);
	g_assert_true(event_order_lost(&order));
	g_assert_false(event_order_lost(&order));
	g_assert_cmpint(event_order_next(&order, 5), ==, EVENT_OLD);
	event_order_snapshot(&order, 5);
	g_assert_cmpint(event_order_next(&order, 6), ==, EVENT_NEW);
	event_order_destroy(&order);
}

static void an_old_snapshot_takes_nothing_back(void)
{
	struct event_order order;

	event_order_init(&order);
	event_order_snapshot(&order, 4);
	g_assert_cmpint(event_order_next(&order, 5), ==, EVENT_NEW);
	event_order_snapshot(&order, 4);
	g_assert_cmpint(event_order_next(&order, 5), ==, EVENT_OLD);
	g_assert_cmpint(event_order_next(&order, 6), ==, EVENT_NEW);
	event_order_snapshot(&order, 9);
	g_assert_cmpint(event_order_next(&order, 7), ==, EVENT_OLD);
	g_assert_cmpint(event_order_next(&order, 10), ==, EVENT_NEW);
	event_order_destroy(&order);
}

void add_order_tests(void)
{
	g_test_add_func("/order/nothing-before-a-snapshot", nothing_before_a_snapshot);
	g_test_add_func("/order/a-gap-is-told-once", a_gap_is_told_once);
	g_test_add_func("/order/a-loss-is-told-once", a_loss_is_told_once);
	g_test_add_func("/order/an-old-snapshot-takes-nothing-back",
			an_old_snapshot_takes_nothing_back);
}
