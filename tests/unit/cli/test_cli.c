// SPDX-License-Identifier: LGPL-2.1-or-later
/* The pure parts of cmabulkctl: amounts and times, JSON, tables, handing descriptors over. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <locale.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "allocation.h"
#include "buffer.h"
#include "hand-over.h"
#include "json.h"
#include "printable.h"
#include "size.h"
#include "request.h"
#include "suites.h"
#include "table.h"
#include "watch.h"

static void check_size(const char *text, int error, uint64_t expected)
{
	uint64_t size = 99;

	g_assert_cmpint(size_parse(text, &size), ==, error);
	g_assert_cmpuint(size, ==, error ? 99 : expected);
}

static void sizes(void)
{
	check_size("0", 0, 0);
	check_size("12345", 0, 12345);
	check_size("64K", 0, 65536);
	check_size("64k", 0, 65536);
	check_size("64KB", 0, 65536);
	check_size("64KiB", 0, 65536);
	check_size("300M", 0, 300 * UINT64_C(1048576));
	check_size("2G", 0, G_GUINT64_CONSTANT(2) << 30);
	check_size("15E", 0, G_GUINT64_CONSTANT(15) << 60);
	check_size("16E", -ERANGE, 0);
	check_size("18446744073709551615", 0, UINT64_MAX);
	check_size("18446744073709551616", -ERANGE, 0);
	check_size("", -EINVAL, 0);
	check_size("K", -EINVAL, 0);
	check_size("-1", -EINVAL, 0);
	check_size("+1", -EINVAL, 0);
	check_size(" 1", -EINVAL, 0);
	check_size("1 K", -EINVAL, 0);
	check_size("1KK", -EINVAL, 0);
	check_size("1iB", -EINVAL, 0);
	check_size("1X", -EINVAL, 0);
	check_size("1.5M", -EINVAL, 0);
	check_size("0x10", -EINVAL, 0);
}

static void check_time(const char *text, int error, uint64_t expected)
{
	uint64_t usec = 99;

	g_assert_cmpint(time_parse(text, &usec), ==, error);
	g_assert_cmpuint(usec, ==, error ? 99 : expected);
}

static void times(void)
{
	check_time("20", 0, 20000000);
	check_time("20s", 0, 20000000);
	check_time("500ms", 0, 500000);
	check_time("300us", 0, 300);
	check_time("1.5s", 0, 1500000);
	check_time("0.25", 0, 250000);
	check_time("2min", 0, 120000000);
	check_time("1h", 0, G_GUINT64_CONSTANT(3600000000));
	check_time("0", 0, 0);
	check_time("infinity", 0, UINT64_MAX);
	check_time("", -EINVAL, 0);
	check_time("s", -EINVAL, 0);
	check_time("1.", -EINVAL, 0);
	check_time(".5s", -EINVAL, 0);
	check_time("1x", -EINVAL, 0);
	check_time("-1s", -EINVAL, 0);
	check_time("18446744073709551615s", -ERANGE, 0);
	check_time("1.99999999999999999999999", 0, 1999999);
}

static void check_amount(const char *text, int error, uint64_t chunks, uint64_t bytes,
			 uint64_t chunk_size)
{
	struct amount amount = { .chunks = 9, .bytes = 9, .chunk_size = 9 };

	g_assert_cmpint(amount_parse(text, &amount), ==, error);
	g_assert_cmpuint(amount.chunks, ==, error ? 9 : chunks);
	g_assert_cmpuint(amount.bytes, ==, error ? 9 : bytes);
	g_assert_cmpuint(amount.chunk_size, ==, error ? 9 : chunk_size);
}

static void amounts(void)
{
	check_amount("4800", 0, 4800, 0, 0);
	check_amount("300M", 0, 0, 300 * UINT64_C(1048576), 0);
	check_amount("4800x64K", 0, 4800, 0, 65536);
	check_amount("4800x65536", 0, 4800, 0, 65536);
	check_amount("1B", 0, 0, 1, 0);
	check_amount("0", -EINVAL, 0, 0, 0);
	check_amount("0M", -EINVAL, 0, 0, 0);
	check_amount("0x64K", -EINVAL, 0, 0, 0);
	check_amount("4800x", -EINVAL, 0, 0, 0);
	check_amount("4800x0", -EINVAL, 0, 0, 0);
	check_amount("x64K", -EINVAL, 0, 0, 0);
	check_amount("4Kx4K", -EINVAL, 0, 0, 0);
	check_amount("4x4x4", -EINVAL, 0, 0, 0);
	check_amount("18446744073709551616", -ERANGE, 0, 0, 0);
	check_amount("0000000000000000000000000000000000000000000000000000000000000000001x4K",
		     -ERANGE, 0, 0, 0);
}

static void check_resolved(const char *text, int order, uint64_t page_size, int error,
			   uint64_t expected_chunks, unsigned int expected_order)
{
	struct amount amount;
	uint64_t chunks = 99;
	unsigned int resolved = 99;

	g_assert_cmpint(amount_parse(text, &amount), ==, 0);
	g_assert_cmpint(amount_resolve(&amount, order, page_size, &chunks, &resolved), ==, error);
	g_assert_cmpuint(chunks, ==, error ? 99 : expected_chunks);
	g_assert_cmpuint(resolved, ==, error ? 99 : expected_order);
}

static void amounts_in_chunks(void)
{
	check_resolved("4800", -1, 4096, 0, 4800, 4);
	check_resolved("4800", 0, 4096, 0, 4800, 0);
	check_resolved("4800", 9, 4096, 0, 4800, 9);
	check_resolved("300M", -1, 4096, 0, 4800, 4);
	check_resolved("300M", 9, 4096, 0, 150, 9);
	check_resolved("1B", -1, 4096, 0, 1, 4);
	check_resolved("65537B", -1, 4096, 0, 2, 4);
	check_resolved("18446744073709551615B", 0, 4096, 0, G_GUINT64_CONSTANT(1) << 52, 0);
	check_resolved("4800x64K", -1, 4096, 0, 4800, 4);
	check_resolved("4800x64K", 4, 4096, 0, 4800, 4);
	check_resolved("4800x64K", 3, 4096, -EINVAL, 0, 0);
	check_resolved("4800x48K", -1, 4096, -EINVAL, 0, 0);
	check_resolved("4800x2K", -1, 4096, -EINVAL, 0, 0);
	check_resolved("4800x64K", -1, 65536, 0, 4800, 0);
	check_resolved("4800", -1, 65536, 0, 4800, 0);
}

static void readable(void)
{
	char text[SIZE_TEXT];

	g_assert_cmpstr(size_format(text, 0), ==, "0B");
	g_assert_cmpstr(size_format(text, 1023), ==, "1023B");
	g_assert_cmpstr(size_format(text, 65536), ==, "64K");
	g_assert_cmpstr(size_format(text, 300 * UINT64_C(1048576)), ==, "300M");
	g_assert_cmpstr(size_format(text, 1536), ==, "1.5K");
	g_assert_cmpstr(size_format(text, 2047), ==, "1.9K");
	g_assert_cmpstr(size_format(text, UINT64_MAX), ==, "15.9E");
	g_assert_cmpstr(time_format(text, 0), ==, "0us");
	g_assert_cmpstr(time_format(text, 999), ==, "999us");
	g_assert_cmpstr(time_format(text, 9600), ==, "9.6ms");
	g_assert_cmpstr(time_format(text, 1234567), ==, "1.2s");
	g_assert_cmpstr(time_format(text, 60000000), ==, "1min");
	g_assert_cmpstr(time_format(text, 125000000), ==, "2min 5s");
	g_assert_cmpstr(time_format(text, G_GUINT64_CONSTANT(12000000000)), ==, "3h 20min");
	g_assert_cmpstr(time_format(text, G_GUINT64_CONSTANT(187200000000)), ==, "2d 4h");
	g_assert_cmpstr(time_format(text, UINT64_MAX), ==, "213503982d 8h");
}

static void expect_number(struct json_object *object, const char *name, uint64_t expected)
{
	struct json_object *value;

	g_assert_true(json_object_object_get_ex(object, name, &value));
	g_assert_cmpint(json_object_get_type(value), ==, json_type_int);
	g_assert_cmpuint(json_object_get_uint64(value), ==, expected);
}

static void expect_string(struct json_object *object, const char *name, const char *expected)
{
	struct json_object *value;

	g_assert_true(json_object_object_get_ex(object, name, &value));
	g_assert_cmpstr(value ? json_object_get_string(value) : NULL, ==, expected);
}

static struct cmabulk_allocation *make_allocation(void)
{
	struct cmabulk_allocation *allocation = NULL;
	struct cmabulk_buffer *buffer = NULL;
	struct cmabulk_step *step = NULL;

	g_assert_cmpint(allocation_new("video", &allocation), ==, 0);
	g_assert_cmpint(allocation_add_step(allocation, &step), ==, 0);
	step->effort = CMABULK_REQUEST_EFFORT_NORMAL;
	step->error = -EBUSY;
	step->granted = 3;
	step->skipped_busy = UINT64_MAX;
	g_assert_cmpint(allocation_make_room(allocation, 1), ==, 0);
	g_assert_cmpint(buffer_new(&buffer), ==, 0);
	buffer->id = 7;
	buffer->chunks = 3;
	buffer->size = 3 * UINT64_C(65536);
	allocation_add_buffer(allocation, buffer);
	allocation->status = CMABULK_ALLOCATION_PARTIAL;
	allocation->error = -EBUSY;
	allocation->requested = 4;
	allocation->claimed = 3;
	return allocation;
}

static void allocations_as_json(void)
{
	struct cmabulk_allocation *allocation CLEANUP(cmabulk_allocation_unrefp) =
		make_allocation();
	struct json_object *object = json_from_allocation(allocation);
	struct json_object *step;
	struct json_object *report;

	expect_string(object, "status", "partial");
	expect_string(object, "error", "EBUSY");
	expect_string(object, "pool", "video");
	expect_number(object, "requested", 4);
	expect_number(object, "granted", 3);
	expect_number(object, "claimed", 3);
	expect_number(object, "bytes", 3 * UINT64_C(65536));
	step = json_object_array_get_idx(json_object_object_get(object, "steps"), 0);
	expect_string(step, "effort", "normal");
	expect_string(step, "error", "EBUSY");
	expect_number(step, "granted", 3);
	g_assert_true(json_object_object_get_ex(step, "report", &report));
	expect_number(report, "skipped_busy", UINT64_MAX);
	expect_number(json_object_array_get_idx(json_object_object_get(object, "buffers"), 0), "id",
		      7);
	json_object_put(object);
}

static char *print(struct table *table)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	table_print(table, stream);
	fclose(stream);
	return text;
}

static void tables(void)
{
	static const char *const titles[] = { "NAME", ">SIZE", "LABEL" };
	struct table *table CLEANUP(table_freep) = table_new(titles, G_N_ELEMENTS(titles));
	char *text;

	table_add(table, "video");
	table_add(table, "%d", 5);
	table_add(table, "evil\033[2J\nline");
	table_add(table, "n");
	table_add(table, "12345");
	table_add(table, "%s", "");
	text = print(table);
	g_assert_cmpstr(text, ==,
			"NAME    SIZE  LABEL\n"
			"video      5  evil?[2J?line\n"
			"n      12345  \n");
	free(text);
}

static void check_printable(const char *foreign, const char *expected)
{
	g_autofree char *text = g_strdup(foreign);

	printable_make(text);
	g_assert_cmpstr(text, ==, expected);
}

/* What a terminal would obey, C1 controls in UTF-8 too, and what would turn a line round. */
static void foreign_text_is_harmless(void)
{
	g_assert_nonnull(setlocale(LC_CTYPE, "C.UTF-8"));
	check_printable("", "");
	check_printable("a label, \303\274\344\270\255", "a label, \303\274\344\270\255");
	check_printable("\033[2J\n\t\177", "?[2J???");
	check_printable("a\302\2332Jb", "a?2Jb");
	check_printable("gpj\342\200\256exe", "gpj?exe");
	check_printable("\342\201\246\342\200\217\330\234\342\200\250", "????");
	/* No UTF-8: a byte alone, two that begin nothing, one that misses its second at the end. */
	check_printable("a\233b\377\376c\303", "a?b??c?");
	g_assert_nonnull(setlocale(LC_CTYPE, "C"));
	check_printable("a\303\274\233b", "a???b");
}

static void check_json(const char *foreign, const char *expected)
{
	g_autofree char *line = g_strconcat(expected, "\n", NULL);
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	printable_write_json(foreign, stream);
	fclose(stream);
	g_assert_cmpstr(text, ==, line);
	free(text);
}

/* It says the same, and is JSON whatever somebody put into it. */
static void foreign_json_is_harmless(void)
{
	check_json("{ \"a\\n\": \"\303\274 \344\270\255 \360\237\230\200\" }",
		   "{ \"a\\n\": \"\303\274 \344\270\255 \360\237\230\200\" }");
	check_json("\"a\302\2332J\177\342\200\256\342\200\250\"",
		   "\"a\\u009b2J\\u007f\\u202e\\u2028\"");
	check_json("\355\240\200\370\220\200\200",
		   "\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd");
	/* A byte alone, one that was made too long, two of three, and beyond all there is. */
	check_json("a\233b\300\200c\342\200\"d\367\277\277\277\303",
		   "a\\ufffdb\\ufffd\\ufffdc\\ufffd\\ufffd\"d\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd");
}

/*
 * In a child, so that the descriptors of the test stay as they are. Puts
 * descriptors, each known by its inode, at these numbers first.
 */
static int hand_over_in_child(const int *numbers, unsigned int count)
{
	int fds[8];
	ino_t inodes[8];

	for (unsigned int i = 0; i < count; i++) {
		struct stat status;
		char path[] = "/tmp/cmabulk-test-XXXXXX";
		int fd = mkstemp(path);
		int high = fcntl(fd, F_DUPFD_CLOEXEC, 40);

		unlink(path);
		close(fd);
		if (high < 0 || fstat(high, &status) < 0)
			return 10;
		fds[i] = high;
		inodes[i] = status.st_ino;
	}
	for (unsigned int i = 0; i < count; i++) {
		if (dup3(fds[i], numbers[i], O_CLOEXEC) < 0)
			return 11;
		fds[i] = numbers[i];
	}
	if (hand_over_descriptors(fds, count) < 0)
		return 12;
	for (unsigned int i = 0; i < count; i++) {
		struct stat status;

		if (fstat(3 + (int)i, &status) < 0 || status.st_ino != inodes[i])
			return 13;
		if (fcntl(3 + (int)i, F_GETFD) != 0)
			return 14;
	}
	return 0;
}

static void check_hand_over(const int *numbers, unsigned int count)
{
	int status;
	pid_t child = fork();

	g_assert_cmpint(child, >=, 0);
	if (child == 0)
		_exit(hand_over_in_child(numbers, count));
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	g_assert_cmpint(WEXITSTATUS(status), ==, 0);
	g_assert_true(WIFEXITED(status));
}

/* Wherever the buffers' descriptors are: all orders of 3 to 6, and others. */
static void descriptors_come_in_order(void)
{
	check_hand_over((const int[]){ 20, 21, 22 }, 3);
	check_hand_over((const int[]){ 3, 4, 5 }, 3);
	check_hand_over((const int[]){ 4, 5, 6 }, 3);
	check_hand_over((const int[]){ 5, 20, 3 }, 3);
	for (int a = 0; a < 4; a++)
		for (int b = 0; b < 4; b++)
			for (int c = 0; c < 4; c++) {
				int d = 6 - a - b - c;

				if (a == b || a == c || b == c)
					continue;
				check_hand_over((const int[]){ 3 + a, 3 + b, 3 + c, 3 + d }, 4);
			}
}

/* In a child on a terminal of its own: a call that takes @usec. */
static int watch_in_child(guint usec)
{
	struct cmabulk_request *request CLEANUP(cmabulk_request_unrefp) = NULL;
	struct watch watch;

	if (cmabulk_request_new(&request) < 0 || watch_begin(&watch, request, "allocating") < 0)
		return 10;
	g_usleep(usec);
	watch_end(&watch);
	watch_restore(&watch);
	return 0;
}

/* What a call that takes @usec shows on such a terminal; free it. */
static char *show_on_terminal(const char *terminal_name, guint usec)
{
	GString *shown = g_string_new(NULL);
	char block[256];
	int terminal;
	int status;
	ssize_t size;
	pid_t child = forkpty(&terminal, NULL, NULL, NULL);

	g_assert_cmpint(child, >=, 0);
	if (child == 0) {
		g_setenv("TERM", terminal_name, TRUE);
		_exit(watch_in_child(usec));
	}
	while ((size = read(terminal, block, sizeof(block))) > 0)
		g_string_append_len(shown, block, size);
	close(terminal);
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	g_assert_cmpint(status, ==, 0);
	return g_string_free(shown, FALSE);
}

static void a_quick_call_shows_nothing(void)
{
	g_autofree char *shown = show_on_terminal("xterm", 1000);

	g_assert_cmpstr(shown, ==, "");
}

static void a_slow_call_shows_progress(void)
{
	g_autofree char *shown = show_on_terminal("xterm", 1500000);

	g_assert_nonnull(strstr(shown, "allocating, "));
	g_assert_nonnull(strstr(shown, " so far; Ctrl-C cancels"));
	/* And wipes it out at the end. */
	g_assert_true(g_str_has_suffix(shown, "\r\033[K"));
}

static void where_nothing_can_be_wiped_out_nothing_is_shown(void)
{
	static const char *const names[] = { "dumb", "" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		g_autofree char *shown = show_on_terminal(names[i], 1000000);

		g_assert_cmpstr(shown, ==, "");
	}
}

static void signals_cancel(void)
{
	struct cmabulk_request *request CLEANUP(cmabulk_request_unrefp) = NULL;
	struct watch watch;

	g_assert_cmpint(cmabulk_request_new(&request), ==, 0);
	g_assert_cmpint(watch_begin(&watch, request, "allocating"), ==, 0);
	g_assert_false(request_is_cancelled(request));
	g_assert_cmpint(kill(getpid(), SIGTERM), ==, 0);
	while (!request_is_cancelled(request))
		g_usleep(1000);
	watch_end(&watch);
	watch_restore(&watch);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/cli/sizes", sizes);
	g_test_add_func("/cli/times", times);
	g_test_add_func("/cli/amounts", amounts);
	g_test_add_func("/cli/amounts-in-chunks", amounts_in_chunks);
	g_test_add_func("/cli/readable", readable);
	g_test_add_func("/cli/allocations-as-json", allocations_as_json);
	g_test_add_func("/cli/tables", tables);
	g_test_add_func("/cli/foreign-text-is-harmless", foreign_text_is_harmless);
	g_test_add_func("/cli/foreign-json-is-harmless", foreign_json_is_harmless);
	g_test_add_func("/cli/descriptors-come-in-order", descriptors_come_in_order);
	g_test_add_func("/cli/a-quick-call-shows-nothing", a_quick_call_shows_nothing);
	g_test_add_func("/cli/a-slow-call-shows-progress", a_slow_call_shows_progress);
	g_test_add_func("/cli/where-nothing-can-be-wiped-out-nothing-is-shown",
			where_nothing_can_be_wiped_out_nothing_is_shown);
	g_test_add_func("/cli/signals-cancel", signals_cancel);
	add_advising();
	add_holders();
	add_observing();
	add_top();
	add_versions();
	return g_test_run();
}
