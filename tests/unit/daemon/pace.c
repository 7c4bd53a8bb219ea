// SPDX-License-Identifier: LGPL-2.1-or-later
/* How often the books are loaded for somebody who wants it all the time. */
#include <glib.h>

#include "pace.h"
#include "suites.h"

#define MILLISECOND UINT64_C(1000000)
#define SECOND	    (1000 * MILLISECOND)
#define BEGIN	    (10 * SECOND)

/* Wanted each tenth of a millisecond, for so long; it takes @takes each time. How often they were. */
static unsigned int want_for(struct pace *pace, uint64_t from, uint64_t time, uint64_t takes)
{
	unsigned int count = 0;

	for (uint64_t now = from; now < from + time; now += MILLISECOND / 10) {
		if (!pace_is_due(pace, now))
			continue;
		pace_loaded(pace, now, now + takes);
		count++;
	}
	return count;
}

/* Nobody waits who comes now and then. */
static void once_is_at_once(void)
{
	struct pace pace = { 0 };

	for (unsigned int i = 0; i < 100; i++)
		g_assert_cmpuint(want_for(&pace, BEGIN + i * SECOND, MILLISECOND / 10, 0), ==, 1);
}

/* A few are soon there, and then it is some in a second, whatever is wanted. */
static void the_more_the_later(void)
{
	struct pace pace = { 0 };
	unsigned int few = want_for(&pace, BEGIN, 10 * MILLISECOND, 0);
	unsigned int many;

	g_assert_cmpuint(few, >=, 4);
	g_assert_cmpuint(few, <=, 6);
	want_for(&pace, BEGIN + 10 * MILLISECOND, SECOND, 0);
	many = want_for(&pace, BEGIN + 10 * MILLISECOND + SECOND, 60 * SECOND, 0);
	g_assert_cmpuint(many, <=, 60 * SECOND / PACE_MAX_NS + 1);
	/* None is put off for ever. */
	g_assert_cmpuint(many, >=, 60 * SECOND / PACE_MAX_NS - 1);
}

static void what_takes_long_is_done_seldom(void)
{
	struct pace pace = { 0 };
	unsigned int count = want_for(&pace, BEGIN, 60 * SECOND, 100 * MILLISECOND);

	g_assert_cmpuint(count, ==, 60);
}

/* As a process that was stopped in the middle of it. */
static void no_wait_has_no_end(void)
{
	struct pace pace = { 0 };

	pace_loaded(&pace, BEGIN, BEGIN + 3600 * SECOND);
	g_assert_cmpuint(pace.next_ns, ==, BEGIN + 3600 * SECOND + PACE_LOADING_MAX_NS);
	g_assert_cmpuint(PACE_LOADING_MAX_NS, <=, 2 * SECOND);
}

static void quiet_begins_anew(void)
{
	struct pace pace = { 0 };

	want_for(&pace, BEGIN, 10 * SECOND, 0);
	g_assert_cmpuint(pace.delay_ns, ==, PACE_MAX_NS);
	g_assert_cmpuint(want_for(&pace, pace.next_ns + PACE_MAX_NS, 10 * MILLISECOND, 0), >=, 4);
}

void add_pace(void)
{
	g_test_add_func("/pace/once-is-at-once", once_is_at_once);
	g_test_add_func("/pace/the-more-the-later", the_more_the_later);
	g_test_add_func("/pace/what-takes-long-is-done-seldom", what_takes_long_is_done_seldom);
	g_test_add_func("/pace/no-wait-has-no-end", no_wait_has_no_end);
	g_test_add_func("/pace/quiet-begins-anew", quiet_begins_anew);
}
