// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is said of messages that were left out, and whose they were. */
#include <stdarg.h>
#include <string.h>

#include <glib.h>

#include "clock.h"
#include "journal.h"
#include "log.h"
#include "throttle.h"

/* As journal.c has them, and cmabulkd(8). */
#define BURST	    10
#define INTERVAL_NS (30 * NSEC_PER_SEC)

/* --- The log, and the rest of the daemon as far as it is asked ------------------------------- */

static GPtrArray *said; /* of each message the sentence, and in lines behind it its fields */

void log_with_fields(int priority, const char *const *fields, size_t n_fields, const char *format,
		     ...)
{
	GString *text = g_string_new(NULL);
	va_list arguments;

	va_start(arguments, format);
	g_string_vprintf(text, format, arguments);
	va_end(arguments);
	for (size_t i = 0; i < n_fields; i++)
		g_string_append_printf(text, "\n%s", fields[i]);
	g_ptr_array_add(said, g_string_free(text, FALSE));
}

const char *pool_get_name(const struct pool *pool)
{
	g_assert_not_reached();
}

const struct cmabulk_query *pool_get_query(const struct pool *pool)
{
	g_assert_not_reached();
}

const char *report_cause_name(enum broker_cause cause)
{
	g_assert_not_reached();
}

char *report_get_sentence(const struct report *report)
{
	g_assert_not_reached();
}

/* --- Messages -------------------------------------------------------------------------------- */

static uint64_t now_ns;

static uint64_t get_now_ns(void)
{
	return now_ns;
}

static struct journal *begin(void)
{
	now_ns = 5;
	said = g_ptr_array_new_with_free_func(g_free);
	return journal_new(get_now_ns);
}

static void end(struct journal *journal)
{
	journal_free(journal);
	g_ptr_array_unref(said);
}

static void tell(struct journal *journal, const char *account, unsigned int times)
{
	for (unsigned int i = 0; i < times; i++)
		journal_not_fetched(journal, account, "main", 4096);
}

/* As many accounts as are told apart, with @besides, each of which has a message. */
static void fill(struct journal *journal, unsigned int besides)
{
	for (unsigned int i = besides; i < THROTTLE_ACCOUNTS_MAX; i++) {
		g_autofree char *account = g_strdup_printf("crowd:%u", i);

		tell(journal, account, 1);
	}
}

static void expect_last(const char *expected)
{
	g_assert_cmpstr(g_ptr_array_index(said, said->len - 1), ==, expected);
}

#define NOT_FETCHED(account)                                                                       \
	"pool main: account " account " did not fetch the rest of what it was granted in time: 4 " \
	"KiB went back"
#define FIELDS(account)                                                                        \
	"\nMESSAGE_ID=" JOURNAL_ID_NOT_FETCHED "\nCMABULK_POOL=main\nCMABULK_ACCOUNT=" account \
	"\nCMABULK_BYTES=4096"

static void one_that_goes_on_says_it_itself(void)
{
	struct journal *journal = begin();

	tell(journal, "media:5", BURST + 3);
	g_assert_cmpuint(said->len, ==, BURST);
	expect_last(NOT_FETCHED("media:5") FIELDS("media:5"));
	now_ns += INTERVAL_NS;
	tell(journal, "media:5", 1);
	g_assert_cmpuint(said->len, ==, BURST + 1);
	expect_last(NOT_FETCHED("media:5") " (3 messages before were left out)" FIELDS(
		"media:5") "\nCMABULK_LEFT_OUT=3");
	end(journal);
}

/* Forgotten, as others came: what it did is not, and nobody else is said to have done it. */
static void one_that_made_room_is_named(void)
{
	struct journal *journal = begin();

	tell(journal, "media:5", BURST + 3);
	fill(journal, 1);
	now_ns += INTERVAL_NS;
	g_ptr_array_set_size(said, 0);
	tell(journal, "new:6", 1);
	g_assert_cmpuint(said->len, ==, 2);
	g_assert_cmpstr(g_ptr_array_index(said, 0), ==, NOT_FETCHED("new:6") FIELDS("new:6"));
	expect_last("account media:5: 3 messages were left out\n"
		    "CMABULK_ACCOUNT=media:5\nCMABULK_LEFT_OUT=3");
	/* Once. */
	tell(journal, "media:5", 1);
	g_assert_cmpuint(said->len, ==, 3);
	expect_last(NOT_FETCHED("media:5") FIELDS("media:5"));
	end(journal);
}

static void those_that_are_as_one_are_not(void)
{
	struct journal *journal = begin();

	fill(journal, 0);
	g_ptr_array_set_size(said, 0);
	tell(journal, "late:7", BURST);
	tell(journal, "later:8", 4);
	g_assert_cmpuint(said->len, ==, BURST);
	now_ns += INTERVAL_NS;
	tell(journal, "crowd:0", 1);
	g_assert_cmpuint(said->len, ==, BURST + 2);
	expect_last("4 messages were left out, about accounts besides " G_STRINGIFY(
		THROTTLE_ACCOUNTS_MAX) " others\nCMABULK_LEFT_OUT=4");
	tell(journal, "crowd:0", 1);
	g_assert_cmpuint(said->len, ==, BURST + 3);
	end(journal);
}

/* With whatever else is said of the account; each says where it was, if anywhere. */
static void warnings_are_bounded_too(void)
{
	struct journal *journal = begin();

	journal_warning(journal, "media:5", NULL, "media does not read");
	g_assert_cmpuint(said->len, ==, 1);
	expect_last("media does not read\nCMABULK_ACCOUNT=media:5");
	journal_warning(journal, "media:5", "main", "pool main has no room");
	expect_last("pool main has no room\nCMABULK_POOL=main\nCMABULK_ACCOUNT=media:5");
	tell(journal, "media:5", BURST);
	g_assert_cmpuint(said->len, ==, BURST);
	journal_warning(journal, "media:5", NULL, "media does not read");
	g_assert_cmpuint(said->len, ==, BURST);
	journal_warning(journal, "other:6", NULL, "other does not read");
	g_assert_cmpuint(said->len, ==, BURST + 1);
	end(journal);
}

/* Whoever has it so cannot have it hidden, with what is said of the account. */
static void what_all_are_told_is_counted_apart(void)
{
	struct journal *journal = begin();

	tell(journal, "media:5", BURST + 1);
	journal_warning_to_all(journal, "connecting anew");
	g_assert_cmpuint(said->len, ==, BURST + 1);
	expect_last("connecting anew");
	for (unsigned int i = 0; i < BURST; i++)
		journal_warning_to_all(journal, "connecting anew");
	g_assert_cmpuint(said->len, ==, G_GUINT64_CONSTANT(2) * BURST);
	now_ns += INTERVAL_NS;
	journal_warning_to_all(journal, "connecting anew");
	expect_last("connecting anew (1 messages before were left out)\nCMABULK_LEFT_OUT=1");
	end(journal);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/journal/one-that-goes-on-says-it-itself",
			one_that_goes_on_says_it_itself);
	g_test_add_func("/journal/one-that-made-room-is-named", one_that_made_room_is_named);
	g_test_add_func("/journal/those-that-are-as-one-are-not", those_that_are_as_one_are_not);
	g_test_add_func("/journal/warnings-are-bounded-too", warnings_are_bounded_too);
	g_test_add_func("/journal/what-all-are-told-is-counted-apart",
			what_all_are_told_is_counted_apart);
	return g_test_run();
}
