// SPDX-License-Identifier: LGPL-2.1-or-later
/* Names of pools, labels, names of buffers, and sentences for errors. */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "cmabulk.h"
#include "dbus/errors.h"
#include "suites.h"
#include "text.h"

static void pool_names(void)
{
	static const char *const good[] = { "video", "npu0", "a", "A-b_c.d",
					    "0123456789012345678901234567890" };
	static const char *const bad[] = { "",	  ".",	 "..",
					   ".x",  "a/b", "a b",
					   "a\n", "ü",	 "01234567890123456789012345678901" };

	for (size_t i = 0; i < G_N_ELEMENTS(good); i++)
		g_assert_true(text_is_pool_name(good[i]));
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		g_assert_false(text_is_pool_name(bad[i]));
}

/* GLib knows what UTF-8 is; every string of up to three bytes, and the borders of four. */
static void labels_are_utf8(void)
{
	char text[5] = "";

	for (unsigned int i = 0x20; i < 0x1000000; i += (i & 0xff) == 0xff ? 0x21 : 1) {
		bool control = false;
		gunichar character;

		text[0] = (char)(i & 0xff);
		text[1] = (char)(i >> 8 & 0xff);
		text[2] = (char)(i >> 16 & 0xff);
		text[3] = '\0';
		if (strlen(text) < 3 && i > 0xffff)
			continue;
		if (g_utf8_validate(text, -1, NULL)) {
			for (const char *p = text; *p; p = g_utf8_next_char(p)) {
				character = g_utf8_get_char(p);
				control |= g_unichar_iscntrl(character);
			}
			g_assert_cmpint(text_is_label(text, sizeof(text)), ==, !control);
		} else {
			g_assert_false(text_is_label(text, sizeof(text)));
		}
	}
}

static void labels_of_four_bytes(void)
{
	g_assert_true(text_is_label("\xf0\x9f\x8e\xa5", 64));
	g_assert_true(text_is_label("\xf4\x8f\xbf\xbf", 64));
	g_assert_false(text_is_label("\xf0\x8f\xbf\xbf", 64));
	g_assert_false(text_is_label("\xf4\x90\x80\x80", 64));
	g_assert_false(text_is_label("\xf0\x9f\x8e", 64));
	g_assert_false(text_is_label("\xed\xa0\x80", 64));
}

static void labels_have_a_length(void)
{
	g_assert_true(text_is_label("", 1));
	g_assert_true(text_is_label("abc", 4));
	g_assert_false(text_is_label("abcd", 4));
}

static void check_name(const char *label, unsigned int index, unsigned int count, size_t size,
		       const char *expected)
{
	char name[32];

	memset(name, 'X', sizeof(name));
	text_buffer_name(name, size, label, index, count);
	g_assert_cmpstr(name, ==, expected);
}

static void buffer_names(void)
{
	check_name("frames", 0, 1, 32, "frames");
	check_name("frames", 0, 25, 32, "frames-0");
	check_name("frames", 24, 25, 32, "frames-24");
	check_name("", 24, 25, 32, "");
	check_name("abcdefgh", 7, 10, 8, "abcde-7");
	check_name("abcdefgh", 0, 1, 8, "abcdefg");
	/* Not in the middle of a character. */
	check_name("abcd\xc3\xbc", 7, 10, 8, "abcd-7");
	check_name("abc\xe2\x82\xac", 0, 1, 6, "abc");
}

static void every_error_has_a_sentence(void)
{
	for (int error = -200; error <= 200; error++) {
		g_assert_nonnull(cmabulk_error_get_message(error));
		g_assert_nonnull(cmabulk_error_get_hint(error));
		g_assert_cmpint(strlen(cmabulk_error_get_message(error)), >, 0);
	}
	g_assert_cmpstr(cmabulk_error_get_message(-EBUSY), ==, cmabulk_error_get_message(EBUSY));
	g_assert_cmpstr(cmabulk_error_get_message(INT32_MAX), ==, "unknown error");
}

/* What the C library says of a number is not what it means here. */
static void every_error_of_the_bus_says_what_to_do(void)
{
#define CMABULK_ERROR_ENTRY(symbol, name, error, is_retryable) { name, error, is_retryable },
	static const struct {
		const char *name;
		int error;
		int is_retryable;
	} errors[] = { CMABULK_ERRORS(CMABULK_ERROR_ENTRY) };
#undef CMABULK_ERROR_ENTRY

	for (size_t i = 0; i < G_N_ELEMENTS(errors); i++) {
		int error = -errors[i].error;

		g_test_message("%s", errors[i].name);
		g_assert_cmpstr(cmabulk_error_get_hint(error), !=, "");
		g_assert_cmpstr(cmabulk_error_get_message(error), !=,
				strerrordesc_np(errors[i].error));
		/* Two names of one number are worth another try both, or neither. */
		g_assert_cmpint(cmabulk_error_is_retryable(error), ==, errors[i].is_retryable);
	}
}

static void what_to_do(void)
{
	g_assert_nonnull(strstr(cmabulk_error_get_hint(-ENOENT), "modprobe"));
	g_assert_nonnull(strstr(cmabulk_error_get_hint(-EACCES), "root"));
	g_assert_nonnull(strstr(cmabulk_error_get_hint(-EHOSTUNREACH), "--direct"));
	/* The same call, but with what is between: a pool that went comes back as another. */
	g_assert_nonnull(strstr(cmabulk_error_get_hint(-ENODEV), "come back"));
	g_assert_cmpint(cmabulk_error_is_retryable(-ENODEV), ==, 1);
	g_assert_nonnull(strstr(cmabulk_error_get_hint(-ESRCH), "process the connection"));
	g_assert_cmpint(cmabulk_error_is_retryable(-ESRCH), ==, 0);
	g_assert_cmpstr(cmabulk_error_get_hint(0), ==, "");
}

void add_texts(void)
{
	g_test_add_func("/text/pool-names", pool_names);
	g_test_add_func("/text/labels-are-utf8", labels_are_utf8);
	g_test_add_func("/text/labels-of-four-bytes", labels_of_four_bytes);
	g_test_add_func("/text/labels-have-a-length", labels_have_a_length);
	g_test_add_func("/text/buffer-names", buffer_names);
	g_test_add_func("/text/every-error-has-a-sentence", every_error_has_a_sentence);
	g_test_add_func("/text/every-error-of-the-bus-says-what-to-do",
			every_error_of_the_bus_says_what_to_do);
	g_test_add_func("/text/what-to-do", what_to_do);
}
