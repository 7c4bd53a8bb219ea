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
	mutex_init(&area->alloc_mutex);
	area->nranges = 1;
	area->ranges[0].base_pfn = pfn;
	area->ranges[0].count = count;
	area->ranges[0].bitmap = bitmap;
	area->count = count;
	area->available_count = count;
	set_bit(CMA_ZONES_VALID, &area->flags);
	set_bit(CMA_ACTIVATED, &area->flags);
	strscpy(area->name, "kunit", sizeof(area->name));
}

static inline void area_resize(struct cma *area, unsigned long count)
{
	area->available_count += count - area->count;
	area->ranges[0].count = count;
	area->count = count;
}

/* As an area is before it is activated, or when that failed. */
static inline void area_deactivate(struct cma *area)
{
	clear_bit(CMA_ACTIVATED, &area->flags);
}

static inline unsigned long *area_bitmap(struct cma *area)
{
	return area->ranges[0].bitmap;
}

static inline unsigned long area_nr_bits(struct cma *area)
{
	return cma_bitmap_maxno(area, &area->ranges[0]);
}

/* Does what the area itself counts agree with its bitmaps? */
static inline bool area_is_consistent(struct cma *area)
{
	unsigned long nr_free = 0;
	int r;

	for (r = 0; r < area->nranges; r++) {
		const unsigned long nr_bits = cma_bitmap_maxno(area, &area->ranges[r]);

		nr_free += nr_bits - bitmap_weight(area->ranges[r].bitmap, nr_bits);
	}
	return area->available_count == nr_free << area->order_per_bit;
}

/* Pages that were claimed from @area and are free again. */
static inline void area_return(struct cma *area, unsigned long pfn, unsigned long count)
{
	/* The default area has one range. */
	cma_clear_bitmap(area, &area->ranges[0], pfn, count);
}

/* Take one page frame of @area off the free lists, behind its back. */
static inline int area_pin(struct cma *area, unsigned long pfn)
{
	int ret;

	mutex_lock(cma_bulk_mutex(area));
	ret = alloc_contig_range(pfn, pfn + 1, ACR_FLAGS_CMA, GFP_KERNEL);
	mutex_unlock(cma_bulk_mutex(area));
	return ret;
}

#endif /* _MM_CMA_BULK_TEST_H */
