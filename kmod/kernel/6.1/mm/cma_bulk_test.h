/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of bulk CMA allocation do to areas, as this kernel has them.
 */
#ifndef _MM_CMA_BULK_TEST_H
#define _MM_CMA_BULK_TEST_H

#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/sched.h>

#include "cma_bulk_base.h"

/* For the functions that tests replace: what newer kernels have in KUnit. One at a time. */
static struct {
	const void *function;
	void *replacement;
} stub;

static struct kunit *kunit_get_current_test(void)
{
	return current->kunit_test;
}

static void set_stub(const void *function, void *replacement)
{
	stub.function = function;
	stub.replacement = replacement;
}

void *cma_bulk_stub(const void *function)
{
	return kunit_get_current_test() && stub.function == function ? stub.replacement : NULL;
}

#define kunit_activate_static_stub(test, function, stub)	set_stub(function, stub)
#define kunit_deactivate_static_stub(test, function)		set_stub(function, NULL)

/* Make @area one of @count free pages at @pfn. */
static inline void area_init(struct cma *area, unsigned long pfn, unsigned long count,
			     unsigned long *bitmap)
{
	spin_lock_init(&area->lock);
	area->base_pfn = pfn;
	area->count = count;
	area->bitmap = bitmap;
	strscpy(area->name, "kunit", sizeof(area->name));
}

static inline void area_resize(struct cma *area, unsigned long count)
{
	area->count = count;
}

/* As an area is before it is activated, or when that failed. */
static inline void area_deactivate(struct cma *area)
{
	area->bitmap = NULL;
}

static inline unsigned long *area_bitmap(struct cma *area)
{
	return area->bitmap;
}

static inline unsigned long area_nr_bits(struct cma *area)
{
	return cma_bitmap_maxno(area);
}

/* Does what the area itself counts agree with its bitmap? Here it counts nothing. */
static inline bool area_is_consistent(struct cma *area)
{
	return true;
}

/* Pages that were claimed from @area and are free again. */
static inline void area_return(struct cma *area, unsigned long pfn, unsigned long count)
{
	cma_clear_bitmap(area, pfn, count);
}

/* Take one page frame of @area off the free lists, behind its back. */
static inline int area_pin(struct cma *area, unsigned long pfn)
{
	int ret;

	mutex_lock(cma_bulk_mutex(area));
	ret = alloc_contig_range(pfn, pfn + 1, MIGRATE_CMA, GFP_KERNEL);
	mutex_unlock(cma_bulk_mutex(area));
	return ret;
}

#endif /* _MM_CMA_BULK_TEST_H */
