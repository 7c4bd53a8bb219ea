/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What bulk CMA allocation stands on, as this kernel has it: areas, isolation,
 * and the two halves of alloc_contig_range().
 */
#ifndef _MM_CMA_BULK_BASE_H
#define _MM_CMA_BULK_BASE_H

#include <kunit/static_stub.h>
#include <linux/cma.h>
#include <linux/gfp.h>
#include <linux/migrate_mode.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/page-isolation.h>
#include <linux/workqueue.h>

#include "cma.h"
#include "internal.h"

/*
 * An extent is pages that follow each other, with their base_pfn, count and
 * bitmap. An area has one: itself.
 */
#define cma_bulk_extent		cma

static inline unsigned int cma_bulk_nr_extents(const struct cma *cma)
{
	return 1;
}

static inline struct cma_bulk_extent *cma_bulk_extent_at(struct cma *cma,
							 unsigned int index)
{
	return cma;
}

static inline bool cma_bulk_is_active(const struct cma *cma)
{
	return cma->bitmap;
}

/* Held while pageblocks of the area are isolated. */
static inline struct mutex *cma_bulk_mutex(struct cma *cma)
{
	return &cma_mutex;
}

/* Pages whose bits are set under cma->lock; nothing else counts them. */
static inline void cma_bulk_charge(struct cma *cma, unsigned long nr_pages)
{
}

static inline void cma_bulk_clear_bits(struct cma *cma, struct cma_bulk_extent *extent,
				       unsigned long pfn, unsigned long nr_pages)
{
	cma_clear_bitmap(cma, pfn, nr_pages);
}

/* Whether one can step through these pages; callers use nth_page(). */
static inline bool cma_bulk_is_contiguous(unsigned long pfn, unsigned long nr_pages)
{
	return true;
}

static inline int cma_bulk_isolate(unsigned long start, unsigned long end)
{
	return start_isolate_page_range(start, end, MIGRATE_CMA, 0, GFP_KERNEL);
}

static inline void cma_bulk_unisolate(unsigned long start, unsigned long end)
{
	undo_isolate_page_range(start, end, MIGRATE_CMA);
}

/* The same for pageblocks of which the caller has taken all pages. */
static inline void cma_bulk_unisolate_taken(unsigned long start, unsigned long end)
{
	unisolate_taken_pageblocks(start, end, MIGRATE_CMA);
}

static inline int cma_bulk_contig_migrate(unsigned long start, unsigned long end,
					  enum migrate_mode mode, bool lru_disabled,
					  const struct contig_range_stop *stop)
{
	unsigned int flags = CONTIG_RANGE_BULK;

	if (mode == MIGRATE_ASYNC)
		flags |= CONTIG_RANGE_FAST;
	else if (mode == MIGRATE_SYNC_LIGHT)
		flags |= CONTIG_RANGE_LIGHT;
	if (lru_disabled)
		flags |= CONTIG_RANGE_LRU_DISABLED;
	return contig_range_migrate(start, end, MIGRATE_CMA,
				    GFP_KERNEL | __GFP_NOWARN, flags, stop);
}

static inline int cma_bulk_contig_grab(unsigned long start, unsigned long end)
{
	return contig_range_grab(start, end, GFP_KERNEL | __GFP_NOWARN);
}

/* For what any CPU may do. */
static inline struct workqueue_struct *cma_bulk_workqueue(void)
{
	return system_unbound_wq;
}

/* A page that has been grabbed is on its way to the caller. */
static inline void cma_bulk_own_page(struct page *page)
{
	/* Pageblocks differ in their tags, see cma_alloc(). */
	page_kasan_tag_reset(page);
}

#endif /* _MM_CMA_BULK_BASE_H */
