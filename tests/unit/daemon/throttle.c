// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which messages are let through, and what is known of those that are not. */
#include <glib.h>
#include <stdio.h>

#include "suites.h"
#include "throttle.h"

#define BURST  3
#define SECOND UINT64_C(1000000000)

static void expect(struct throttle *throttle, const char *account, uint64_t now_ns, int left_out)
{
	uint64_t found = 99;
	bool is_through = throttle_pass(throttle, account, now_ns, &found);

	g_assert_cmpint(is_through, ==, left_out >= 0);
	g_assert_cmpuint(found, ==, left_out >= 0 ? (uint64_t)left_out : 99);
}

static void expect_remainder(struct throttle *throttle, const char *account, uint64_t left_out)
{
	g_autofree char *name = NULL;
	uint64_t found;

	g_assert_true(throttle_take_left_out(throttle, &name, &found));
	g_assert_cmpstr(name, ==, account);
	g_assert_cmpuint(found, ==, left_out);
}

static void expect_no_remainder(struct throttle *throttle)
{
	uint64_t left_out;
	char *account;

	g_assert_false(throttle_take_left_out(throttle, &account, &left_out));
}

static void so_many_and_no_more(void)
{
	struct throttle *throttle = throttle_new(BURST, SECOND);

	expect(throttle, "a", 5, 0);
	expect(throttle, "a", SECOND - 1, 0);
	expect(throttle, "a", SECOND, 0);
	expect(throttle, "a", SECOND + 4, -1);
	expect(throttle, "a", SECOND + 4, -1);
	/* It is over; what was left out is said once. */
	expect(throttle, "a", SECOND + 5, 2);
	expect(throttle, "a", SECOND + 6, 0);
	/* A clock that goes back is none. */
	expect(throttle, "a", 0, 0);
	expect(throttle, "a", 2 * SECOND, -1);
	throttle_free(throttle);
}

static void each_has_the_own(void)
{
	struct throttle *throttle = throttle_new(BURST, SECOND);

	for (unsigned int i = 0; i < 2 * BURST; i++)
		expect(throttle, "a", 0, i < BURST ? 0 : -1);
	for (unsigned int i = 0; i < BURST; i++)
		expect(throttle, "b", 0, 0);
	expect(throttle, "b", 0, -1);
	expect(throttle, "a", SECOND, BURST);
	expect(throttle, "b", SECOND, 1);
	throttle_free(throttle);
}

/* Those for whom there is no room are as one; those who were there keep their own. */
static void however_many_there_are(void)
{
	struct throttle *throttle = throttle_new(BURST, SECOND);
	unsigned int through = 0;

	expect(throttle, "first", 0, 0);
	for (unsigned int i = 0; i < 100000; i++) {
		uint64_t left_out;
		char name[32];

		snprintf(name, sizeof(name), "account:%u", i);
		through += throttle_pass(throttle, name, 0, &left_out);
	}
	g_assert_cmpuint(through, ==, THROTTLE_ACCOUNTS_MAX - 1 + BURST);
	expect(throttle, "account:99999", 0, -1);
	expect(throttle, "first", 0, 0);
	expect(throttle, "first", 0, 0);
	expect(throttle, "first", 0, -1);
	expect(throttle, "account:7", 0, 0);
	throttle_free(throttle);
}

static void what_ended_makes_room(void)
{
	struct throttle *throttle = throttle_new(1, SECOND);
	char name[32];

	for (unsigned int i = 0; i < THROTTLE_ACCOUNTS_MAX; i++) {
		snprintf(name, sizeof(name), "account:%u", i);
		expect(throttle, name, 0, 0);
	}
	expect(throttle, "account:0", 0, -1);
	expect(throttle, "late", 1, 0);
	expect(throttle, "later", 1, -1);
	expect_no_remainder(throttle);
	/* All that was there is over and makes room; what it left out is still to be said, of itself. */
	expect(throttle, "new", SECOND, 0);
	expect_remainder(throttle, "account:0", 1);
	expect_no_remainder(throttle);
	expect(throttle, "late", SECOND, 0);
	for (unsigned int i = 2; i < THROTTLE_ACCOUNTS_MAX; i++) {
		snprintf(name, sizeof(name), "account:%u", i);
		expect(throttle, name, SECOND, 0);
	}
	/* So is what was left out of those for whom there was no room, of nobody in particular, and once. */
	expect(throttle, "latest", SECOND + 1, 0);
	expect_remainder(throttle, NULL, 1);
	expect(throttle, "latest", SECOND + 2, -1);
	expect_no_remainder(throttle);
	throttle_free(throttle);
}

/* Whatever comes when: against all that was ever let through. */
static void against_a_list(void)
{
	struct throttle *throttle = throttle_new(BURST, SECOND);
	uint64_t begin_ns[4] = { 0 };
	unsigned int count[4] = { 0 };
	int left_out[4] = { 0 };
	uint64_t now_ns = 0;

	for (unsigned int i = 0; i < 100000; i++) {
		unsigned int who = (unsigned int)g_test_rand_int_range(0, 4);
		const char name[] = { (char)('a' + who), '\0' };

		now_ns += (uint64_t)g_test_rand_int_range(0, 100000000);
		if (!count[who] || now_ns - begin_ns[who] >= SECOND) {
			begin_ns[who] = now_ns;
			count[who] = 0;
		}
		if (count[who]++ < BURST) {
			expect(throttle, name, now_ns, left_out[who]);
			left_out[who] = 0;
		} else {
			expect(throttle, name, now_ns, -1);
			left_out[who]++;
		}
	}
	throttle_free(throttle);
}

void add_throttle(void)
{
	g_test_add_func("/throttle/so-many-and-no-more", so_many_and_no_more);
	g_test_add_func("/throttle/each-has-the-own", each_has_the_own);
	g_test_add_func("/throttle/however-many-there-are", however_many_there_are);
	g_test_add_func("/throttle/what-ended-makes-room", what_ended_makes_room);
	g_test_add_func("/throttle/against-a-list", against_a_list);
}
