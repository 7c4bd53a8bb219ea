/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the survey of the in-kernel call sees of areas when the stock engine
 * compiles it: one extent, the area itself. Isolation and the rest of what the
 * in-kernel call stands on is not here, as a module cannot have it.
 */
#ifndef BULK_STOCK_CMA_BULK_BASE_H
#define BULK_STOCK_CMA_BULK_BASE_H

#include <linux/mmzone.h>

#include "cma.h"

#define cma_bulk_extent		cma

/* Whether one can step through these pages: the memory map may have a gap between sections. */
static inline bool cma_bulk_is_contiguous(unsigned long pfn, unsigned long nr_pages)
{
#if defined(CONFIG_SPARSEMEM) && !defined(CONFIG_SPARSEMEM_VMEMMAP)
	return pfn_to_section_nr(pfn) == pfn_to_section_nr(pfn + nr_pages - 1);
#else
	return true;
#endif
}

#endif /* BULK_STOCK_CMA_BULK_BASE_H */
