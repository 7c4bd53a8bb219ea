/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the planner takes from the kernel's <linux/sort.h>, for userspace. */
#ifndef SHIM_LINUX_SORT_H
#define SHIM_LINUX_SORT_H

#include <linux/types.h>
#include <stdlib.h>

typedef int (*cmp_func_t)(const void *a, const void *b);
typedef void (*swap_func_t)(void *a, void *b, int size);

/* The kernel's signature; @swap_func only ever speeds the kernel's sort up. */
static inline void sort(void *base, size_t num, size_t size, cmp_func_t cmp_func,
			swap_func_t swap_func)
{
	(void)swap_func;
	qsort(base, num, size, cmp_func);
}

#endif /* SHIM_LINUX_SORT_H */
