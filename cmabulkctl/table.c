// SPDX-License-Identifier: LGPL-2.1-or-later
/* A table for people: columns as wide as their widest cell. */
#include <err.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "cli.h"
#include "printable.h"
#include "table.h"

struct table {
	size_t columns;
	size_t count;
	char **cells;
	bool *numbers;
};

static void append(struct table *table, char *cell)
{
	char **cells = reallocarray(table->cells, table->count + 1, sizeof(*cells));

	if (!cells)
		err(EXIT_FAILED, "table");
	table->cells = cells;
	/* It may hold what somebody else named. */
	printable_make(cell);
	cells[table->count++] = cell;
}

struct table *table_new(const char *const *titles, size_t columns)
{
	struct table *table = calloc(1, sizeof(*table));

	if (!table)
		err(EXIT_FAILED, "table");
	table->columns = columns;
	table->numbers = calloc(columns, sizeof(*table->numbers));
	if (!table->numbers)
		err(EXIT_FAILED, "table");
	for (size_t i = 0; i < columns; i++) {
		table->numbers[i] = titles[i][0] == '>';
		table_add(table, "%s", titles[i] + table->numbers[i]);
	}
	return table;
}

void table_freep(struct table **table)
{
	if (!*table)
		return;
	for (size_t i = 0; i < (*table)->count; i++)
		free((*table)->cells[i]);
	free((*table)->cells);
	free((*table)->numbers);
	free(*table);
}

void table_add(struct table *table, const char *format, ...)
{
	va_list arguments;
	char *cell;

	va_start(arguments, format);
	if (vasprintf(&cell, format, arguments) < 0)
		err(EXIT_FAILED, "table");
	va_end(arguments);
	append(table, cell);
}

/* Columns on the terminal; bytes where the text is not of this locale. */
static size_t width_of(const char *text)
{
	wchar_t wide[256];
	size_t length = mbstowcs(wide, text, ARRAY_SIZE(wide));
	int width;

	if (length == (size_t)-1 || length == ARRAY_SIZE(wide))
		return strlen(text);
	width = wcswidth(wide, length);
	return width < 0 ? strlen(text) : (size_t)width;
}

static size_t column_width(const struct table *table, size_t column)
{
	size_t widest = 0;

	for (size_t i = column; i < table->count; i += table->columns) {
		size_t width = width_of(table->cells[i]);

		if (width > widest)
			widest = width;
	}
	return widest;
}

static void print_cell(const struct table *table, size_t index, size_t width, FILE *file)
{
	const char *cell = table->cells[index];
	size_t column = index % table->columns;
	int padding = (int)(width - width_of(cell));
	bool last = column == table->columns - 1;

	if (table->numbers[column])
		fprintf(file, "%*s%s", padding, "", cell);
	else
		fprintf(file, "%s%*s", cell, last ? 0 : padding, "");
	fputs(last ? "\n" : "  ", file);
}

void table_add_user(struct table *table, uid_t uid)
{
	const struct passwd *user = getpwuid(uid);

	if (user)
		table_add(table, "%s", user->pw_name);
	else
		table_add(table, "%u", uid);
}

void table_print(const struct table *table, FILE *file)
{
	size_t widths[32];

	if (table->columns == 0 || table->columns > ARRAY_SIZE(widths))
		return;
	for (size_t i = 0; i < table->columns; i++)
		widths[i] = column_width(table, i);
	for (size_t i = 0; i < table->count; i++)
		print_cell(table, i, widths[i % table->columns], file);
}
