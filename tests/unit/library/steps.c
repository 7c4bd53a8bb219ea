// SPDX-License-Identifier: LGPL-2.1-or-later
/* The order of efforts, the deadline they share, and how it ends. */
#include <errno.h>
#include <glib.h>

#include "steps.h"
#include "suites.h"

#define SECOND_NS   G_GUINT64_CONSTANT(1000000000)
#define SECOND_USEC G_GUINT64_CONSTANT(1000000)
#define START_NS    (5 * SECOND_NS)

static void start(struct steps *steps, unsigned int ceiling)
{
	steps_init(steps, 100, ceiling, START_NS, 20 * SECOND_USEC);
}

/* The next step must be this one; it ends with @result and @got. */
static void expect(struct steps *steps, uint64_t now_ns, unsigned int effort, uint64_t chunks,
		   int result, uint64_t got)
{
	struct step_order order;

	g_assert_true(steps_next(steps, now_ns, false, &order));
	g_assert_cmpuint(order.effort, ==, effort);
	g_assert_cmpuint(order.chunks, ==, chunks);
	g_assert_cmpint(steps_account(steps, result, got), ==, 0);
}

static void expect_end(struct steps *steps, uint64_t now_ns, bool cancelled, int error,
		       enum cmabulk_allocation_status status, uint64_t held)
{
	struct step_order order;

	g_assert_false(steps_next(steps, now_ns, cancelled, &order));
	g_assert_cmpint(steps->error, ==, error);
	g_assert_cmpint(steps_status(steps), ==, status);
	g_assert_cmpuint(steps->held, ==, held);
}

static void fast_is_enough(void)
{
	struct steps steps;

	start(&steps, CMABULK_REQUEST_EFFORT_HARD);
	expect(&steps, START_NS, CMABULK_REQUEST_EFFORT_FAST, 100, 0, 100);
	expect_end(&steps, START_NS, false, 0, CMABULK_ALLOCATION_COMPLETE, 100);
}

static void each_tops_up(void)
{
	struct steps steps;

	start(&steps, CMABULK_REQUEST_EFFORT_HARD);
	expect(&steps, START_NS, CMABULK_REQUEST_EFFORT_FAST, 100, -EBUSY, 60);
	expect(&steps, START_NS, CMABULK_REQUEST_EFFORT_NORMAL, 40, -EBUSY, 30);
	expect(&steps, START_NS, CMABULK_REQUEST_EFFORT_HARD, 10, 0, 10);
	expect_end(&steps, START_NS, false, 0, CMABULK_ALLOCATION_COMPLETE, 100);
}

static void stops_at_the_ceiling(void)
{
	struct steps steps;

	start(&steps, CMABULK_REQUEST_EFFORT_NORMAL);
	expect(&steps, START_NS, CMABULK_REQUEST_EFFORT_FAST, 100, -EBUSY, 60);
	expect(&steps, START_NS, CMABULK_REQUEST_EFFORT_NORMAL, 40, -EBUSY, 30);
	expect_end(&steps, START_NS, false, -EBUSY, CMABULK_ALLOCATION_PARTIAL, 90);
}

static void goes_on_without_memory(void)
{
	struct steps steps;

	start(&steps, CMABULK_REQUEST_EFFORT_HARD);
	expect(&steps, START_NS, CMABULK_REQUEST_EFFORT_FAST, 100, -ENOMEM, 10);
	expect(&steps, START_NS, CMABULK_REQUEST_EFFORT_NORMAL, 90, -ENOMEM, 0);
	expect(&steps, START_NS, CMABULK_REQUEST_EFFORT_HARD, 90, -ENOMEM, 5);
	expect_end(&steps, START_NS, false, -ENOMEM, CMABULK_ALLOCATION_PARTIAL, 15);
}

static void shares_the_deadline(void)
{
	struct step_order order;
	struct steps steps;

	start(&steps, CMABULK_REQUEST_EFFORT_HARD);
	g_assert_true(steps_next(&steps, START_NS, false, &order));
	g_assert_cmpuint(order.budget_ns, ==, 20 * SECOND_NS);
	steps_account(&steps, -EBUSY, 1);
	g_assert_true(steps_next(&steps, START_NS + 19 * SECOND_NS, false, &order));
	g_assert_cmpuint(order.budget_ns, ==, SECOND_NS);
	steps_account(&steps, -EBUSY, 1);
	expect_end(&steps, START_NS + 20 * SECOND_NS, false, -ETIME, CMABULK_ALLOCATION_TIMED_OUT,
		   2);
}

static void the_budget_is_never_none(void)
{
	struct step_order order;
	struct steps steps;

	start(&steps, CMABULK_REQUEST_EFFORT_HARD);
	g_assert_true(steps_next(&steps, START_NS + 20 * SECOND_NS - 1, false, &order));
	g_assert_cmpuint(order.budget_ns, ==, 1);
}

static void no_timeout_is_no_budget(void)
{
	struct step_order order;
	struct steps steps;

	steps_init(&steps, 1, 0, START_NS, CMABULK_REQUEST_TIMEOUT_INFINITE);
	g_assert_true(steps_next(&steps, UINT64_MAX - 1, false, &order));
	g_assert_cmpuint(order.budget_ns, ==, 0);
}

static void a_huge_timeout_is_none(void)
{
	struct step_order order;
	struct steps steps;

	steps_init(&steps, 1, 0, START_NS, UINT64_MAX / 2);
	g_assert_true(steps_next(&steps, START_NS, false, &order));
	g_assert_cmpuint(order.budget_ns, ==, 0);
	/* In nanoseconds more than the kernel counts, and less than overflows. */
	steps_init(&steps, 1, 0, START_NS, INT64_MAX / 1000);
	g_assert_true(steps_next(&steps, START_NS, false, &order));
	g_assert_cmpuint(order.budget_ns, ==, 0);
}

static void late_but_complete(void)
{
	struct steps steps;

	start(&steps, CMABULK_REQUEST_EFFORT_HARD);
	expect(&steps, START_NS, CMABULK_REQUEST_EFFORT_FAST, 100, 0, 100);
	expect_end(&steps, START_NS + 30 * SECOND_NS, false, 0, CMABULK_ALLOCATION_COMPLETE, 100);
}

static void time_ends_it(void)
{
	struct steps steps;

	start(&steps, CMABULK_REQUEST_EFFORT_HARD);
	expect(&steps, START_NS, CMABULK_REQUEST_EFFORT_FAST, 100, -ETIME, 60);
	expect_end(&steps, START_NS, false, -ETIME, CMABULK_ALLOCATION_TIMED_OUT, 60);
}

static void the_pool_goes_away(void)
{
	struct steps steps;

	start(&steps, CMABULK_REQUEST_EFFORT_HARD);
	expect(&steps, START_NS, CMABULK_REQUEST_EFFORT_FAST, 100, -ENODEV, 60);
	expect_end(&steps, START_NS, false, -ENODEV, CMABULK_ALLOCATION_PARTIAL, 60);
}

static void cancelled_before_it_starts(void)
{
	struct steps steps;

	start(&steps, CMABULK_REQUEST_EFFORT_HARD);
	expect_end(&steps, START_NS, true, -ECANCELED, CMABULK_ALLOCATION_CANCELLED, 0);
}

static void cancelled_while_filling(void)
{
	struct steps steps;

	start(&steps, CMABULK_REQUEST_EFFORT_HARD);
	expect(&steps, START_NS, CMABULK_REQUEST_EFFORT_FAST, 100, -EINTR, 60);
	expect_end(&steps, START_NS, true, -ECANCELED, CMABULK_ALLOCATION_CANCELLED, 60);
}

static void cancelled_at_the_last_moment(void)
{
	struct steps steps;

	start(&steps, CMABULK_REQUEST_EFFORT_HARD);
	expect(&steps, START_NS, CMABULK_REQUEST_EFFORT_FAST, 100, 0, 100);
	expect_end(&steps, START_NS, true, -ECANCELED, CMABULK_ALLOCATION_CANCELLED, 100);
}

static void interrupted_without_reason(void)
{
	struct steps steps;

	start(&steps, CMABULK_REQUEST_EFFORT_HARD);
	expect(&steps, START_NS, CMABULK_REQUEST_EFFORT_FAST, 100, -EINTR, 60);
	expect(&steps, START_NS, CMABULK_REQUEST_EFFORT_FAST, 40, 0, 40);
	expect_end(&steps, START_NS, false, 0, CMABULK_ALLOCATION_COMPLETE, 100);
}

static void a_lying_kernel_cannot_hold_us(void)
{
	struct steps steps;

	start(&steps, CMABULK_REQUEST_EFFORT_FAST);
	expect(&steps, START_NS, CMABULK_REQUEST_EFFORT_FAST, 100, 0, 60);
	expect_end(&steps, START_NS, false, -EBUSY, CMABULK_ALLOCATION_PARTIAL, 60);
}

static void refusals_are_passed_on(void)
{
	struct step_order order;
	struct steps steps;

	start(&steps, CMABULK_REQUEST_EFFORT_HARD);
	g_assert_true(steps_next(&steps, START_NS, false, &order));
	g_assert_cmpint(steps_account(&steps, -EINVAL, 0), ==, -EINVAL);
	g_assert_cmpint(steps_account(&steps, -EALREADY, 0), ==, -EALREADY);
}

static void retries_the_first_effort(void)
{
	struct steps steps;

	start(&steps, CMABULK_REQUEST_EFFORT_HARD);
	expect(&steps, START_NS, CMABULK_REQUEST_EFFORT_FAST, 100, -EBUSY, 60);
	steps_retry(&steps);
	expect(&steps, START_NS, CMABULK_REQUEST_EFFORT_FAST, 40, -EBUSY, 10);
	expect(&steps, START_NS, CMABULK_REQUEST_EFFORT_NORMAL, 30, 0, 30);
	expect_end(&steps, START_NS, false, 0, CMABULK_ALLOCATION_COMPLETE, 100);

	start(&steps, CMABULK_REQUEST_EFFORT_FAST);
	expect(&steps, START_NS, CMABULK_REQUEST_EFFORT_FAST, 100, -EBUSY, 60);
	steps_retry(&steps);
	expect(&steps, START_NS, CMABULK_REQUEST_EFFORT_FAST, 40, -EBUSY, 0);
	expect_end(&steps, START_NS, false, -EBUSY, CMABULK_ALLOCATION_PARTIAL, 60);
}

static void retries_nothing_that_is_over(void)
{
	static const int errors[] = { -ETIME, -ENODEV };
	struct steps steps;

	for (size_t i = 0; i < G_N_ELEMENTS(errors); i++) {
		start(&steps, CMABULK_REQUEST_EFFORT_HARD);
		expect(&steps, START_NS, CMABULK_REQUEST_EFFORT_FAST, 100, errors[i], 60);
		steps_retry(&steps);
		g_assert_cmpint(steps.error, ==, errors[i]);
	}
}

void add_steps(void)
{
	g_test_add_func("/steps/fast-is-enough", fast_is_enough);
	g_test_add_func("/steps/each-tops-up", each_tops_up);
	g_test_add_func("/steps/stops-at-the-ceiling", stops_at_the_ceiling);
	g_test_add_func("/steps/goes-on-without-memory", goes_on_without_memory);
	g_test_add_func("/steps/shares-the-deadline", shares_the_deadline);
	g_test_add_func("/steps/the-budget-is-never-none", the_budget_is_never_none);
	g_test_add_func("/steps/no-timeout-is-no-budget", no_timeout_is_no_budget);
	g_test_add_func("/steps/a-huge-timeout-is-none", a_huge_timeout_is_none);
	g_test_add_func("/steps/late-but-complete", late_but_complete);
	g_test_add_func("/steps/time-ends-it", time_ends_it);
	g_test_add_func("/steps/the-pool-goes-away", the_pool_goes_away);
	g_test_add_func("/steps/cancelled-before-it-starts", cancelled_before_it_starts);
	g_test_add_func("/steps/cancelled-while-filling", cancelled_while_filling);
	g_test_add_func("/steps/cancelled-at-the-last-moment", cancelled_at_the_last_moment);
	g_test_add_func("/steps/interrupted-without-reason", interrupted_without_reason);
	g_test_add_func("/steps/a-lying-kernel-cannot-hold-us", a_lying_kernel_cannot_hold_us);
	g_test_add_func("/steps/retries-the-first-effort", retries_the_first_effort);
	g_test_add_func("/steps/retries-nothing-that-is-over", retries_nothing_that_is_over);
	g_test_add_func("/steps/refusals-are-passed-on", refusals_are_passed_on);
}
