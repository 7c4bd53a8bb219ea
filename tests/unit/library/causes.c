// SPDX-License-Identifier: LGPL-2.1-or-later
/* Why an allocate came short: names, advice, and what direct mode makes of its steps. */
#include <errno.h>
#include <glib.h>

#include "cause.h"
#include "suites.h"

static void every_cause_has_a_name(void)
{
	for (int cause = 1; cause <= CMABULK_ALLOCATION_CAUSE_FAILED; cause++) {
		const char *name = cause_name((enum cmabulk_allocation_cause)cause);

		g_assert_cmpstr(name, !=, "");
		g_assert_cmpstr(name, !=, "unknown");
		g_assert_cmpint(cause_parse(name), ==, cause);
		if (cause != CMABULK_ALLOCATION_CAUSE_FAILED)
			g_assert_cmpstr(cause_hint((enum cmabulk_allocation_cause)cause), !=, "");
	}
	g_assert_cmpstr(cause_name(CMABULK_ALLOCATION_CAUSE_NONE), ==, "");
	g_assert_cmpstr(cause_hint(CMABULK_ALLOCATION_CAUSE_NONE), ==, "");
}

static void later_ones_are_unknown(void)
{
	g_assert_cmpint(cause_parse("taste"), ==, CMABULK_ALLOCATION_CAUSE_UNKNOWN);
	g_assert_cmpint(cause_parse("Quota"), ==, CMABULK_ALLOCATION_CAUSE_UNKNOWN);
	g_assert_cmpint(cause_parse("unknown"), ==, CMABULK_ALLOCATION_CAUSE_UNKNOWN);
	g_assert_cmpstr(cause_name(CMABULK_ALLOCATION_CAUSE_UNKNOWN), ==, "unknown");
	g_assert_cmpstr(cause_hint(CMABULK_ALLOCATION_CAUSE_UNKNOWN), ==, "");
	g_assert_cmpstr(cause_name((enum cmabulk_allocation_cause)99), ==, "unknown");
	g_assert_cmpstr(cause_hint((enum cmabulk_allocation_cause)99), ==, "");
}

static void errors_have_causes(void)
{
	static const struct {
		int error;
		enum cmabulk_allocation_cause cause;
	} expected[] = {
		{ 0, CMABULK_ALLOCATION_CAUSE_NONE },
		{ -EBUSY, CMABULK_ALLOCATION_CAUSE_EXHAUSTED },
		{ -ENOMEM, CMABULK_ALLOCATION_CAUSE_NO_MEMORY },
		{ -ETIME, CMABULK_ALLOCATION_CAUSE_INTERRUPTED },
		{ -EINTR, CMABULK_ALLOCATION_CAUSE_INTERRUPTED },
		{ -ECANCELED, CMABULK_ALLOCATION_CAUSE_INTERRUPTED },
		{ -ENODEV, CMABULK_ALLOCATION_CAUSE_GONE },
		{ -EIO, CMABULK_ALLOCATION_CAUSE_FAILED },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(expected); i++)
		g_assert_cmpint(cause_find(expected[i].error, NULL, 0, 10), ==, expected[i].cause);
}

/* What it is short of 10 chunks for when only the last step says something. */
static enum cmabulk_allocation_cause cause_of(int error, const struct cmabulk_step *last)
{
	return cause_find(error, last, 1, 10);
}

static void what_was_most_in_the_way(void)
{
	struct cmabulk_step step = { .error = -EBUSY };

	g_assert_cmpint(cause_of(-EBUSY, &step), ==, CMABULK_ALLOCATION_CAUSE_EXHAUSTED);
	step.skipped_taken = 100;
	g_assert_cmpint(cause_of(-EBUSY, &step), ==, CMABULK_ALLOCATION_CAUSE_EXHAUSTED);
	step.skipped_suspect = 6;
	step.skipped_busy = 3;
	g_assert_cmpint(cause_of(-EBUSY, &step), ==, CMABULK_ALLOCATION_CAUSE_EXHAUSTED);
	step.skipped_busy = 4;
	g_assert_cmpint(cause_of(-EBUSY, &step), ==, CMABULK_ALLOCATION_CAUSE_PINNED);
	step.skipped_isolated = 3;
	g_assert_cmpint(cause_of(-EBUSY, &step), ==, CMABULK_ALLOCATION_CAUSE_BUSY);
	step.skipped_no_memory = 8;
	g_assert_cmpint(cause_of(-EBUSY, &step), ==, CMABULK_ALLOCATION_CAUSE_NO_MEMORY);
}

/* An effort that tries them does not call them suspect any more. */
static void pinned_when_first_seen(void)
{
	struct cmabulk_step steps[] = {
		{ .error = -EBUSY, .skipped_suspect = 10 },
		{ .error = -EBUSY, .skipped_busy = 10 },
	};

	g_assert_cmpint(cause_find(-EBUSY, steps, 2, 10), ==, CMABULK_ALLOCATION_CAUSE_PINNED);
	g_assert_cmpint(cause_find(-EBUSY, &steps[1], 1, 10), ==, CMABULK_ALLOCATION_CAUSE_BUSY);
}

static void late_after_trying_all(void)
{
	struct cmabulk_step step = { .error = -EBUSY, .skipped_busy = 10 };

	g_assert_cmpint(cause_of(-ETIME, &step), ==, CMABULK_ALLOCATION_CAUSE_BUSY);
	step.error = -ETIME;
	g_assert_cmpint(cause_of(-ETIME, &step), ==, CMABULK_ALLOCATION_CAUSE_INTERRUPTED);
}

void add_causes(void)
{
	g_test_add_func("/cause/every-cause-has-a-name", every_cause_has_a_name);
	g_test_add_func("/cause/later-ones-are-unknown", later_ones_are_unknown);
	g_test_add_func("/cause/errors-have-causes", errors_have_causes);
	g_test_add_func("/cause/what-was-most-in-the-way", what_was_most_in_the_way);
	g_test_add_func("/cause/pinned-when-first-seen", pinned_when_first_seen);
	g_test_add_func("/cause/late-after-trying-all", late_after_trying_all);
}
