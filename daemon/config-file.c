// SPDX-License-Identifier: LGPL-2.1-or-later
/* One configuration file, as GKeyFile reads it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config-file.h"

/* Limits on what somebody else wrote: far above what makes sense. */
#define MAX_FILES	       256
#define MAX_PROBLEMS	       100
#define MAX_PROBLEM_CHARACTERS 300
#define MAX_QUOTE_BYTES	       80

/*
 * Problems
 */

static char *one_line(const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);

	for (char *at = valid; *at; at++)
		if (g_ascii_iscntrl(*at))
			*at = ' ';
	return g_utf8_substring(valid, 0, MIN(g_utf8_strlen(valid, -1), MAX_PROBLEM_CHARACTERS));
}

void config_problem(GPtrArray *problems, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list arguments;

	if (problems->len > MAX_PROBLEMS)
		return;
	if (problems->len == MAX_PROBLEMS) {
		g_ptr_array_add(problems, g_strdup("there are more problems than are listed here"));
		return;
	}
	va_start(arguments, format);
	text = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	g_ptr_array_add(problems, one_line(text));
}

/*
 * Reading
 */

static int read_all(int file, GString *text)
{
	char buffer[4096];
	ssize_t size;

	for (;;) {
		size = read(file, buffer, sizeof(buffer));
		if (size < 0 && errno == EINTR)
			continue;
		if (size <= 0)
			return size < 0 ? -errno : 0;
		if (text->len + (size_t)size > CONFIG_FILE_MAX_BYTES)
			return -EFBIG;
		g_string_append_len(text, buffer, size);
	}
}

/* -ENOENT when it is not there. */
static int read_file(const char *path, GString *text)
{
	struct stat status;
	int file;
	int r;

	/* Not to wait for the writer of a pipe. */
	file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (file < 0)
		return -errno;
	r = fstat(file, &status) < 0 ? -errno : 0;
	if (r >= 0 && S_ISDIR(status.st_mode))
		r = -EISDIR;
	else if (r >= 0 && !S_ISREG(status.st_mode))
		r = -EINVAL;
	if (r >= 0)
		r = read_all(file, text);
	close(file);
	return r;
}

static const char *read_error(int error)
{
	switch (error) {
	case -EFBIG:
		return "it is larger than 1M";
	case -EINVAL:
		return "it is no regular file";
	default:
		return g_strerror(-error);
	}
}

/*
 * Parsing
 */

static bool parses(const char *text, size_t size, GError **error)
{
	g_autoptr(GKeyFile) file = g_key_file_new();

	/* It takes a text of no length for an error, depending on its version. */
	return size == 0 ||
	       g_key_file_load_from_data(file, text, size, G_KEY_FILE_KEEP_TRANSLATIONS, error);
}

static size_t line_end(const GString *text, size_t start)
{
	const char *end = memchr(text->str + start, '\n', text->len - start);

	return end ? (size_t)(end - text->str) + 1 : text->len;
}

/* Offsets of the beginnings of all lines, and the end. */
static GArray *find_lines(const GString *text)
{
	GArray *lines = g_array_new(FALSE, FALSE, sizeof(size_t));
	size_t start = 0;

	while (start < text->len) {
		g_array_append_val(lines, start);
		start = line_end(text, start);
	}
	g_array_append_val(lines, start);
	return lines;
}

/*
 * GKeyFile does not tell where it stopped. It reads line by line and stops at the first that is
 * wrong, so what is before parses and what includes it does not.
 */
static guint first_bad_line(const GString *text, const GArray *lines)
{
	guint good = 0;
	guint bad = lines->len - 1;

	while (bad - good > 1) {
		guint middle = good + (bad - good) / 2;

		if (parses(text->str, g_array_index(lines, size_t, middle), NULL))
			good = middle;
		else
			bad = middle;
	}
	return bad;
}

static void quote_bad_line(const char *path, const GString *text, const char *why,
			   GPtrArray *problems)
{
	g_autoptr(GArray) lines = find_lines(text);
	guint number = first_bad_line(text, lines);
	size_t start = g_array_index(lines, size_t, number - 1);
	size_t length = g_array_index(lines, size_t, number) - start;
	g_autofree char *line = g_strndup(text->str + start, MIN(length, MAX_QUOTE_BYTES));

	config_problem(problems, "%s: line %u: \"%s\": %s; the whole file is skipped", path, number,
		       g_strchomp(line), why);
}

static int parse(const char *path, const GString *text, GPtrArray *problems, GKeyFile **ret)
{
	g_autoptr(GKeyFile) file = g_key_file_new();
	g_autoptr(GError) error = NULL;
	const char *nul = memchr(text->str, '\0', text->len);

	if (nul) {
		guint number = 1;

		for (const char *at = text->str; at < nul; at++)
			number += *at == '\n';
		config_problem(problems,
			       "%s: line %u: there is a NUL in it; the whole file is skipped", path,
			       number);
		return -EBADMSG;
	}
	if (!parses(text->str, text->len, &error)) {
		quote_bad_line(path, text, "no [Group], KEY=VALUE, empty line or # comment",
			       problems);
		return -EBADMSG;
	}
	if (text->len > 0)
		g_key_file_load_from_data(file, text->str, text->len, G_KEY_FILE_KEEP_TRANSLATIONS,
					  NULL);
	*ret = g_steal_pointer(&file);
	return 0;
}

int config_file_read(const char *path, GPtrArray *problems, GKeyFile **ret)
{
	GString *text = g_string_new(NULL);
	int r = read_file(path, text);

	if (r >= 0) {
		r = parse(path, text, problems, ret);
	} else if (r == -ENOENT || r == -ENOTDIR) {
		*ret = NULL;
		r = 0;
	} else {
		config_problem(problems, "%s: cannot be read: %s; the whole file is skipped", path,
			       read_error(r));
		r = -EBADMSG;
	}
	g_string_free(text, TRUE);
	return r;
}

/*
 * Drop-ins
 */

static int compare_names(gconstpointer left, gconstpointer right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static void collect(DIR *directory, const char *path, GPtrArray *files)
{
	struct dirent *entry;

	while ((entry = readdir(directory)))
		if (entry->d_name[0] != '.' && g_str_has_suffix(entry->d_name, ".conf"))
			g_ptr_array_add(files, g_build_filename(path, entry->d_name, NULL));
	/* By bytes: the same in every locale. */
	g_ptr_array_sort(files, compare_names);
}

GPtrArray *config_file_list(const char *directory, GPtrArray *problems)
{
	GPtrArray *files = g_ptr_array_new_with_free_func(g_free);
	DIR *opened = opendir(directory);

	if (!opened) {
		if (errno != ENOENT)
			config_problem(problems, "%s: cannot be read: %s; nothing in it applies",
				       directory, g_strerror(errno));
		return files;
	}
	collect(opened, directory, files);
	closedir(opened);
	if (files->len > MAX_FILES) {
		config_problem(problems, "%s: more than %d files; those from %s on are skipped",
			       directory, MAX_FILES, (char *)files->pdata[MAX_FILES]);
		g_ptr_array_set_size(files, MAX_FILES);
	}
	return files;
}
