/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fault injection: see faults.h. Drives debugfs and /proc/thread-self/fail-nth. */
#include "faults.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"

#define FAIL_SLAB  "/sys/kernel/debug/failslab/"
#define FAIL_PAGES "/sys/kernel/debug/fail_page_alloc/"
#define FAIL_NTH   "/proc/thread-self/fail-nth"

bool faults_available(void)
{
	return !access(FAIL_SLAB "probability", W_OK) && !access(FAIL_NTH, W_OK);
}

static void faults_quiet(const char *directory)
{
	static const char *const settings[][2] = {
		{ "ignore-gfp-wait", "N" }, { "verbose", "0" },	 { "probability", "0" },
		{ "times", "-1" },	    { "interval", "1" }, { "space", "0" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(settings); i++) {
		g_autofree char *path = g_strconcat(directory, settings[i][0], NULL);

		machine_write(path, settings[i][1]);
	}
}

void faults_prepare(void)
{
	faults_quiet(FAIL_SLAB);
	faults_quiet(FAIL_PAGES);
	machine_write(FAIL_PAGES "ignore-gfp-highmem", "N");
	machine_write(FAIL_PAGES "min-order", "0");
}

/*
 * The file belongs to the task that opened it, so each thread keeps its own open; then neither
 * arming nor disarming allocates anything that could be hit.
 */
static int faults_file(void)
{
	static __thread int fd = -1;
	static __thread pid_t owner;

	if (owner != gettid()) {
		owner = gettid();
		fd = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
		g_assert_no_errno(fd);
	}
	return fd;
}

void faults_arm(guint nth)
{
	g_autofree char *text = g_strdup_printf("%u", nth);
	int fd = faults_file();

	g_assert_no_errno(pwrite(fd, text, strlen(text), 0));
}

bool faults_disarm(void)
{
	char text[16] = "";
	int fd = faults_file();

	g_assert_no_errno(pread(fd, text, sizeof(text) - 1, 0));
	g_assert_no_errno(pwrite(fd, "0", 1, 0));
	return !strtoul(text, NULL, 10);
}

static void faults_number(const char *path, guint64 number)
{
	g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, number);

	machine_write(path, text);
}

static void faults_address(const char *path, guint64 address)
{
	g_autofree char *text = g_strdup_printf("0x%" G_GINT64_MODIFIER "x", address);

	machine_write(path, text);
}

static void faults_range(const char *directory, guint64 start, guint64 end, guint percent)
{
	g_autofree char *depth = g_strconcat(directory, "stacktrace-depth", NULL);
	g_autofree char *from = g_strconcat(directory, "require-start", NULL);
	g_autofree char *to = g_strconcat(directory, "require-end", NULL);
	g_autofree char *probability = g_strconcat(directory, "probability", NULL);

	/* Off while it is being changed. */
	machine_write(probability, "0");
	faults_number(depth, 32);
	faults_address(from, percent ? start : 0);
	faults_address(to, percent ? end : G_MAXUINT64);
	faults_number(probability, percent);
}

/* Where the code of a function of the kernel begins, and where the next one's does. */
static void symbol_range(const char *name, guint64 *ret_start, guint64 *ret_end)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	g_assert_true(g_file_get_contents("/proc/kallsyms", &text, NULL, NULL));
	lines = g_strsplit(text, "\n", -1);
	*ret_start = 0;
	for (char **line = lines; *line && !*ret_start; line++) {
		g_auto(GStrv) words = g_strsplit(*line, " ", -1);

		if (g_strv_length(words) == 3 && g_str_equal(words[2], name))
			*ret_start = g_ascii_strtoull(words[0], NULL, 16);
	}
	g_assert_cmpuint(*ret_start, !=, 0);
	*ret_end = G_MAXUINT64;
	for (char **line = lines; *line; line++) {
		guint64 address = g_ascii_strtoull(*line, NULL, 16);

		if (address > *ret_start && address < *ret_end)
			*ret_end = address;
	}
	g_assert_cmpuint(*ret_end, <, *ret_start + 65536);
}

void faults_moving(guint percent)
{
	guint64 start, end;

	symbol_range("contig_range_migrate", &start, &end);
	faults_range(FAIL_PAGES, start, end, percent);
}

void faults_stack(guint64 start, guint64 end, guint percent)
{
	faults_range(FAIL_SLAB, start, end, percent);
	faults_range(FAIL_PAGES, start, end, percent);
}
