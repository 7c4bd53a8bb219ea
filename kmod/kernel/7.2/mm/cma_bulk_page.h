/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How bulk CMA allocation tells pages from one another, as this kernel has them.
 * They may be in flux: raw loads only, and values that were loaded before.
 */
#ifndef _MM_CMA_BULK_PAGE_H
#define _MM_CMA_BULK_PAGE_H

#include <linux/mm.h>
#include <linux/page-flags.h>

#define CMA_BULK_MAPPING_ANON	FOLIO_MAPPING_ANON

static inline unsigned long cma_bulk_page_flags(const struct page *page)
{
	return READ_ONCE(page->flags.f);
}

static inline bool cma_bulk_has_type(unsigned int type)
{
	return page_type_has_type(type);
}

static inline bool cma_bulk_is_buddy(unsigned int type)
{
	return type >> 24 == PGTY_buddy;
}

static inline bool cma_bulk_is_hugetlb(const struct page *head, unsigned int type)
{
	return type >> 24 == PGTY_hugetlb;
}

static inline bool cma_bulk_has_movable_ops(unsigned long flags, unsigned long mapping,
					    unsigned int type)
{
	return (flags & BIT(PG_movable_ops)) &&
		(type >> 24 == PGTY_offline || type >> 24 == PGTY_zsmalloc);
}

static inline unsigned int cma_bulk_compound_order(const struct page *head)
{
	return READ_ONCE(((const struct folio *)head)->_flags_1) & 0xff;
}

#endif /* _MM_CMA_BULK_PAGE_H */
