/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What top shows of one look at pools and accounts, as lines of a given size. Pure. */
#ifndef CMABULKCTL_TOP_VIEW_H
#define CMABULKCTL_TOP_VIEW_H

#include <time.h>

#include "look.h"

enum top_sort {
	TOP_SORT_USED,
	TOP_SORT_BUFFERS,
	TOP_SORT_WAITING,
	TOP_SORT_NAME,
	TOP_SORT_COUNT,
};

struct top_view {
	const struct look *look;
	struct tm time;
	const char *version; /* of the daemon; NULL: there is none to look at */
	const char *trouble; /* why the look is an old one; NULL: it is not */
	const char *pool; /* accounts of this one alone; NULL: of all */
	const char *interval;
	enum top_sort sort;
	bool is_help;
	bool has_keys;
	/* Of the screen; 0, 0: all is shown, and no keys. */
	unsigned int columns;
	unsigned int rows;
};

/* The lines, SCREEN_STRONG before those that stand out; free it. NULL without memory. */
char *top_view_draw(const struct top_view *view);

/* The pool that is shown after this one: all, then each by name, then all again. */
const char *top_view_next_pool(const struct look *look, const char *pool);

#endif
