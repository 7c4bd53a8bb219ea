/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What bulk CMA allocation stands on, as this kernel has it: areas, isolation,
 * and how pages in use can be told from others without touching them.
 */
#ifndef _MM_CMA_BULK_BASE_H
#define _MM_CMA_BULK_BASE_H

#include <linux/cma.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/page-flags.h>
#include <linux/page-isolation.h>

#include "cma.h"
#include "internal.h"

/* Largest order of the buddy lists */
#define MAX_PAGE_ORDER		(MAX_ORDER - 1)

struct cma_bulk_call;

/*
 * Where newer kernels have static stubs in KUnit: what a test has put in place
 * of this function for its own calls, or NULL.
 */
typedef int (*cma_bulk_step)(struct cma_bulk_call *call, unsigned long start,
			     unsigned long end);

#ifdef CONFIG_CMA_BULK_KUNIT_TEST
cma_bulk_step cma_bulk_stub(cma_bulk_step function);
#else
static inline cma_bulk_step cma_bulk_stub(cma_bulk_step function)
{
	return NULL;
}
#endif

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

static inline int cma_bulk_contig_migrate(unsigned long start, unsigned long end,
					  bool fast, bool lru_disabled)
{
	unsigned int flags = 0;

	if (fast)
		flags |= CONTIG_RANGE_FAST;
	if (lru_disabled)
		flags |= CONTIG_RANGE_LRU_DISABLED;
	return contig_range_migrate(start, end, GFP_KERNEL | __GFP_NOWARN, flags);
}

static inline int cma_bulk_contig_grab(unsigned long start, unsigned long end)
{
	return contig_range_grab(start, end);
}

/* A page that has been grabbed is on its way to the caller. */
static inline void cma_bulk_own_page(struct page *page)
{
	/* Pageblocks differ in their tags, see cma_alloc(). */
	page_kasan_tag_reset(page);
}

/*
 * Pages in flux: raw loads only, and values that were loaded before.
 */

#define CMA_BULK_MAPPING_ANON	PAGE_MAPPING_ANON

static inline unsigned long cma_bulk_page_flags(const struct page *page)
{
	return READ_ONCE(page->flags);
}

static inline bool cma_bulk_has_type(unsigned int type)
{
	return (int)type < PAGE_MAPCOUNT_RESERVE;
}

static inline bool cma_bulk_is_buddy(unsigned int type)
{
	return (type & (PAGE_TYPE_BASE | PG_buddy)) == PAGE_TYPE_BASE;
}

static inline bool cma_bulk_is_hugetlb(const struct page *head, unsigned int type)
{
	return PageHuge((struct page *)head);
}

static inline bool cma_bulk_has_movable_ops(unsigned long flags, unsigned long mapping,
					    unsigned int type)
{
	return (mapping & PAGE_MAPPING_FLAGS) == PAGE_MAPPING_MOVABLE;
}

static inline unsigned int cma_bulk_compound_order(const struct page *head)
{
	return READ_ONCE(head[1].compound_order);
}

#endif /* _MM_CMA_BULK_BASE_H */
