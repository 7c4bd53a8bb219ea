/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The test device that calls the exported in-kernel functions. */
#ifndef VM_CALLER_H
#define VM_CALLER_H

#include <glib.h>
#include <stdbool.h>

#include "modules/cmabulk_caller/cmabulk_caller.h"

int caller_open(void);
/* cma_alloc_bulk() with these arguments; @call tells all it did. Returns what it returned. */
int caller_bulk(int caller, const char *area, unsigned int align, bool fast, unsigned int order,
		guint64 chunks, struct caller_call *call);
/*
 * The call that @call describes, whose area is filled in. Returns what the function returned;
 * aborts when the call could not even be made.
 */
int caller_call(int caller, const char *area, struct caller_call *call);
/* First page frames of the chunks held, 0 where released; free with g_free(). */
guint64 *caller_chunks(int caller, guint32 *ret_count);
int caller_release(int caller, guint64 index);
struct caller_area caller_area(const char *area);

#endif /* VM_CALLER_H */
