// SPDX-License-Identifier: LGPL-2.1-or-later
/* What top shows of one look at pools and accounts, as lines of a given size. Pure. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "account-row.h"
#include "printable.h"
#include "screen.h"
#include "size.h"
#include "table.h"
#include "top-view.h"

/* Pools have at most this part of the rows, while accounts need some, too. */
#define POOL_ROWS(rows) ((rows) / 2 > 6 ? (rows) / 2 - 4 : 2)

static const char *const sort_names[] = {
	[TOP_SORT_USED] = "used",
	[TOP_SORT_BUFFERS] = "buffers",
	[TOP_SORT_WAITING] = "waiting",
	[TOP_SORT_NAME] = "name",
};

/* The lines as they are made, and how many there are. */
struct page {
	const struct top_view *view;
	FILE *file;
	unsigned int lines;
};

static void freep(char **text)
{
	free(*text);
}

/* --- Lines ----------------------------------------------------------------------------------- */

/* Bytes of @text that fit into the columns; what is not of this locale counts one each. */
static size_t fitting(const char *text, size_t length, unsigned int columns)
{
	mbstate_t state = { 0 };
	unsigned int used = 0;
	size_t position = 0;

	while (position < length) {
		wchar_t sign;
		size_t size = mbrtowc(&sign, text + position, length - position, &state);
		int width = 1;

		if (size == 0 || size > length - position) {
			size = 1;
			state = (mbstate_t){ 0 };
		} else {
			width = wcwidth(sign);
		}
		used += width > 0 ? (unsigned int)width : 0;
		if (used > columns)
			break;
		position += size;
	}
	return position;
}

/* The last row of a screen is for the keys. */
static bool is_full(const struct page *page)
{
	return page->view->rows > 0 && page->lines + 1 >= page->view->rows;
}

static void put_line(struct page *page, bool is_strong, const char *text, size_t length)
{
	char *line CLEANUP(freep) = strndup(text, length);

	if (!line || is_full(page))
		return;
	/* It may hold what somebody else named. */
	printable_make(line);
	length = strlen(line);
	if (page->view->columns > 0) {
		length = fitting(line, length, page->view->columns);
		if (is_strong)
			fputc(SCREEN_STRONG, page->file);
	}
	fprintf(page->file, "%.*s\n", (int)length, line);
	page->lines++;
}

/* One or more lines; the first of them stands out. */
static void put_lines(struct page *page, bool is_strong, const char *text)
{
	while (*text) {
		size_t length = strcspn(text, "\n");

		put_line(page, is_strong, text, length);
		is_strong = false;
		text += length + (text[length] == '\n');
	}
}

static void put(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct page *page, const char *format, ...)
{
	char *text CLEANUP(freep) = NULL;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0)
		text = NULL;
	else
		put_line(page, false, text, (size_t)length);
}

static void put_table(struct page *page, const struct table *table)
{
	char *text CLEANUP(freep) = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return;
	table_print(table, file);
	if (fclose(file) == 0)
		put_lines(page, true, text);
}

/* --- Pools ----------------------------------------------------------------------------------- */

static bool is_shown(const struct page *page, const char *pool_name)
{
	return !page->view->pool || strcmp(page->view->pool, pool_name) == 0;
}

static void add_pages(struct table *table, const struct cmabulk_pool *pool, uint64_t pages)
{
	char text[SIZE_TEXT];

	table_add(table, "%s", size_format(text, pages * cmabulk_pool_get_page_size(pool)));
}

static void add_pool(struct table *table, const struct cmabulk_pool *pool)
{
	table_add(table, "%s", cmabulk_pool_get_name(pool));
	add_pages(table, pool, cmabulk_pool_get_pages(pool));
	add_pages(table, pool, cmabulk_pool_get_free_pages(pool));
	add_pages(table, pool, cmabulk_pool_get_cached_pages(pool));
	add_pages(table, pool, cmabulk_pool_get_reserved_pages(pool));
	add_pages(table, pool, cmabulk_pool_get_exported_pages(pool));
	add_pages(table, pool, cmabulk_pool_get_draining_pages(pool));
	table_add(table, "%" PRIu64, cmabulk_pool_get_n_buffers(pool));
	table_add(table, "%u", cmabulk_pool_get_n_pending(pool));
}

static void draw_pools(struct page *page)
{
	static const char *const titles[] = {
		"POOL",	     ">SIZE",	  ">FREE",    ">CACHED",  ">RESERVED",
		">EXPORTED", ">DRAINING", ">BUFFERS", ">WAITING",
	};
	struct table *table CLEANUP(table_freep) = table_new(titles, ARRAY_SIZE(titles));
	unsigned int most = page->view->rows > 0 ? POOL_ROWS(page->view->rows) : UINT32_MAX;
	unsigned int left_out = 0;

	for (struct cmabulk_pool **pool = page->view->look->pools; pool && *pool; pool++) {
		if (!is_shown(page, cmabulk_pool_get_name(*pool)))
			continue;
		if (most == 0) {
			left_out++;
			continue;
		}
		add_pool(table, *pool);
		most--;
	}
	put_table(page, table);
	if (left_out > 0)
		put(page, "%u more pools", left_out);
}

/* --- Accounts -------------------------------------------------------------------------------- */

static int compare_numbers(uint64_t left, uint64_t right)
{
	return (left < right) - (left > right);
}

/* Most first; then by names. */
static int compare_accounts(const void *left, const void *right, void *userdata)
{
	const struct cmabulk_account *one = *(struct cmabulk_account *const *)left;
	const struct cmabulk_account *other = *(struct cmabulk_account *const *)right;
	enum top_sort sort = *(const enum top_sort *)userdata;
	int r = 0;

	if (sort == TOP_SORT_USED)
		r = compare_numbers(cmabulk_account_get_used(one), cmabulk_account_get_used(other));
	else if (sort == TOP_SORT_BUFFERS)
		r = compare_numbers(cmabulk_account_get_n_buffers(one),
				    cmabulk_account_get_n_buffers(other));
	else if (sort == TOP_SORT_WAITING)
		r = compare_numbers(cmabulk_account_get_n_pending(one),
				    cmabulk_account_get_n_pending(other));
	if (r == 0)
		r = strcmp(cmabulk_account_get_name(one), cmabulk_account_get_name(other));
	return r == 0 ? strcmp(cmabulk_account_get_pool(one), cmabulk_account_get_pool(other)) : r;
}

/* Those of the pools that are shown, in order; free it. */
static struct cmabulk_account **sort_accounts(const struct page *page, size_t *ret_count)
{
	struct cmabulk_account **all = page->view->look->accounts;
	enum top_sort sort = page->view->sort;
	struct cmabulk_account **sorted;
	size_t count = 0;

	while (all && all[count])
		count++;
	sorted = calloc(count + 1, sizeof(struct cmabulk_account *));
	count = 0;
	for (; sorted && all && *all; all++)
		if (is_shown(page, cmabulk_account_get_pool(*all)))
			sorted[count++] = *all;
	if (sorted && count > 0)
		qsort_r(sorted, count, sizeof(struct cmabulk_account *), compare_accounts, &sort);
	*ret_count = count;
	return sorted;
}

static void add_account(struct table *table, const struct cmabulk_account *account)
{
	account_row_begin(table, account);
	table_add(table, "%" PRIu64, cmabulk_account_get_n_buffers(account));
	table_add(table, "%" PRIu64, cmabulk_account_get_n_pending(account));
}

/* Rows for accounts: what is left, without title, keys and a line that says how many there are more. */
static size_t account_rows(const struct page *page, size_t count)
{
	unsigned int used = page->lines + 2;

	if (page->view->rows == 0)
		return count;
	if (used >= page->view->rows)
		return 0;
	if (count <= page->view->rows - used)
		return count;
	return page->view->rows - used - 1;
}

static void freep_accounts(struct cmabulk_account ***accounts)
{
	free(*accounts);
}

static void draw_accounts(struct page *page)
{
	static const char *const titles[] = {
		"ACCOUNT", "USER", "POOL", ">USED", ">MINIMUM", ">MAXIMUM", ">BUFFERS", ">WAITING",
	};
	struct table *table CLEANUP(table_freep) = table_new(titles, ARRAY_SIZE(titles));
	size_t count;
	struct cmabulk_account **accounts CLEANUP(freep_accounts) = sort_accounts(page, &count);
	size_t shown = account_rows(page, count);

	for (size_t i = 0; accounts && i < shown; i++)
		add_account(table, accounts[i]);
	put_table(page, table);
	if (shown < count)
		put(page, "%zu more accounts", count - shown);
}

/* --- All of it ------------------------------------------------------------------------------- */

static void draw_title(struct page *page)
{
	const struct top_view *view = page->view;
	const char *daemon = view->version ? "cmabulkd " : "without the daemon";
	const char *version = view->version ? view->version : "";
	char time[16];

	strftime(time, sizeof(time), "%H:%M:%S", &view->time);
	if (view->rows == 0)
		put(page, "%s  %s%s", time, daemon, version);
	else
		put(page, "%s  %s%s  every %s, by %s%s%s", time, daemon, version, view->interval,
		    sort_names[view->sort], view->pool ? ", pool " : "",
		    view->pool ? view->pool : "");
}

static void draw_sums(struct page *page)
{
	const struct top_view *view = page->view;
	struct cmabulk_pool **pool = view->look->pools;
	uint64_t size = 0, free_bytes = 0, waiting = 0;
	char size_text[SIZE_TEXT], free_text[SIZE_TEXT];
	unsigned int count = 0;

	for (; pool && *pool; pool++, count++) {
		uint64_t page_size = cmabulk_pool_get_page_size(*pool);

		size += cmabulk_pool_get_pages(*pool) * page_size;
		free_bytes += cmabulk_pool_get_free_pages(*pool) * page_size;
		waiting += cmabulk_pool_get_n_pending(*pool);
	}
	put(page, "%u pool%s, %s of %s free; %" PRIu64 " request%s waiting", count,
	    count == 1 ? "" : "s", size_format(free_text, free_bytes), size_format(size_text, size),
	    waiting, waiting == 1 ? "" : "s");
}

static void draw_help(struct page *page)
{
	static const char text[] =
		"Keys\n"
		"  q        quit\n"
		"  s        sort the accounts by the next column: used, buffers, waiting, name\n"
		"  p        show the next pool alone, after the last one all of them\n"
		"  h        this text; any key leaves it\n"
		"  space    look now\n"
		"\n"
		"FREE is what a request may get, CACHED the part of it that was kept for the next\n"
		"one. RESERVED is claimed, EXPORTED in buffers, DRAINING on its way back.\n"
		"WAITING are requests that wait for memory or their turn. MINIMUM of an account\n"
		"is guaranteed to it, of MAXIMUM it gets no more. Who may not manage the daemon\n"
		"sees the own accounts.\n";

	put_lines(page, true, text);
}

static void draw_keys(struct page *page)
{
	const char *keys = page->view->has_keys ? "q quit  s sort  p pool  h help" : "Ctrl-C quits";

	if (page->view->rows == 0)
		return;
	for (; !is_full(page); page->lines++)
		fputc('\n', page->file);
	fprintf(page->file, "%c%.*s", SCREEN_STRONG, (int)page->view->columns,
		page->view->is_help ? "any key leaves this" : keys);
}

char *top_view_draw(const struct top_view *view)
{
	char *text = NULL;
	size_t size;
	struct page page = { .view = view, .file = open_memstream(&text, &size) };

	if (!page.file)
		return NULL;
	draw_title(&page);
	if (view->trouble)
		put(&page, "%s", view->trouble);
	else
		draw_sums(&page);
	put(&page, "%s", "");
	if (view->is_help) {
		draw_help(&page);
	} else {
		draw_pools(&page);
		if (view->look->accounts && *view->look->accounts) {
			put(&page, "%s", "");
			draw_accounts(&page);
		}
	}
	draw_keys(&page);
	if (fclose(page.file) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

const char *top_view_next_pool(const struct look *look, const char *pool)
{
	const char *next = NULL;

	for (struct cmabulk_pool **one = look->pools; one && *one; one++) {
		const char *name = cmabulk_pool_get_name(*one);

		/* By names: the one that is shown may be gone. */
		if (pool && strcmp(name, pool) <= 0)
			continue;
		if (!next || strcmp(name, next) < 0)
			next = name;
	}
	return next;
}
