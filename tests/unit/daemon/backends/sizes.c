// SPDX-License-Identifier: LGPL-2.1-or-later
/* Sizes, amounts and durations as administrators write them. */
#include <errno.h>

#include "fixture.h"
#include "size.h"

static void amounts(void)
{
	static const struct {
		const char *text;
		int result;
		bool is_share;
		uint64_t bytes;
	} cases[] = {
		{ "0", 0, false, 0 },
		{ "4096", 0, false, 4096 },
		{ "1K", 0, false, 1024 },
		{ "300M", 0, false, UINT64_C(300) << 20 },
		{ "2g", 0, false, UINT64_C(2) << 30 },
		{ "1T", 0, false, UINT64_C(1) << 40 },
		{ "18446744073709551615", 0, false, UINT64_MAX },
		{ "50%", 0, true, 5000 },
		{ "0%", 0, true, 0 },
		{ "100%", 0, true, 10000 },
		{ "12.5%", 0, true, 1250 },
		{ "33.333%", 0, true, 3333 },
		{ "", -EINVAL },
		{ "M", -EINVAL },
		{ "-1", -EINVAL },
		{ "+1", -EINVAL },
		{ " 1", -EINVAL },
		{ "1 ", -EINVAL },
		{ "1MB", -EINVAL },
		{ "1P", -EINVAL },
		{ "0x10", -EINVAL },
		{ "4800x64K", -EINVAL },
		{ "1.5M", -EINVAL },
		{ "%", -EINVAL },
		{ "5%%", -EINVAL },
		{ "5.%", -EINVAL },
		{ "5M%", -EINVAL },
		{ "100.01%", -ERANGE },
		{ "101%", -ERANGE },
		{ "18446744073709551615%", -ERANGE },
		{ "18446744073709551616", -ERANGE },
		{ "16777216T", -ERANGE },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct amount amount = { .bytes = 77 };

		g_test_message("\"%s\"", cases[i].text);
		g_assert_cmpint(amount_parse(cases[i].text, &amount), ==, cases[i].result);
		g_assert_cmpuint(amount.bytes, ==, cases[i].result < 0 ? 77 : cases[i].bytes);
		g_assert_cmpint(amount.is_share, ==, cases[i].is_share);
	}
}

static void durations(void)
{
	static const struct {
		const char *text;
		int result;
		uint64_t usec;
	} cases[] = {
		{ "20", 0, 20000000 },
		{ "20s", 0, 20000000 },
		{ "500ms", 0, 500000 },
		{ "7us", 0, 7 },
		{ "2min", 0, 120000000 },
		{ "1h", 0, 3600000000 },
		{ "1.5s", 0, 1500000 },
		{ "0.0000001s", 0, 0 },
		{ "1min 30s", 0, 90000000 },
		{ "1h 1", 0, 3601000000 },
		{ "infinity", 0, UINT64_MAX },
		{ "0", 0, 0 },
		{ "", -EINVAL },
		{ "s", -EINVAL },
		{ "-1s", -EINVAL },
		{ "1 s", -EINVAL },
		{ " 1s", -EINVAL },
		{ "1d", -EINVAL },
		{ "1sec", -EINVAL },
		{ "1min30s", -EINVAL },
		{ "1.s", -EINVAL },
		{ "Infinity", -EINVAL },
		{ "infinity 1s", -EINVAL },
		{ "18446744073709551615us", -ERANGE },
		{ "18446744073710s", -ERANGE },
		{ "18446744073709s 1h", -ERANGE },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		uint64_t usec = 77;

		g_test_message("\"%s\"", cases[i].text);
		g_assert_cmpint(duration_parse(cases[i].text, &usec), ==, cases[i].result);
		g_assert_cmpuint(usec, ==, cases[i].result < 0 ? 77 : cases[i].usec);
	}
}

static void booleans(void)
{
	bool value;

	g_assert_cmpint(boolean_parse("yes", &value), ==, 0);
	g_assert_true(value);
	g_assert_cmpint(boolean_parse("OFF", &value), ==, 0);
	g_assert_false(value);
	g_assert_cmpint(boolean_parse("1", &value), ==, 0);
	g_assert_true(value);
	g_assert_cmpint(boolean_parse("2", &value), ==, -EINVAL);
	g_assert_cmpint(boolean_parse("", &value), ==, -EINVAL);
}

void add_size_tests(void)
{
	g_test_add_func("/size/amounts", amounts);
	g_test_add_func("/size/durations", durations);
	g_test_add_func("/size/booleans", booleans);
}
