/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of bulk CMA allocation do to areas, as this kernel has them.
 */
#ifndef _MM_CMA_BULK_TEST_H
#define _MM_CMA_BULK_TEST_H

#include <linux/gfp.h>

#include "cma_bulk_base.h"

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
