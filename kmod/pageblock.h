/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a pageblock is, read where the kernel's own getters read it: those are
 * exported by no kernel. Also for test modules that do without the series.
 */
#ifndef BULK_PAGEBLOCK_H
#define BULK_PAGEBLOCK_H

#include "compat.h"

#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/pageblock-flags.h>

/**
 * bulk_block_bits() - the bits of a pageblock
 * @pfn:	a page of it, online
 *
 * As get_pfnblock_flags_mask(); what it is made of is in headers.
 *
 * Return: the bits, for BULK_BLOCK_ISOLATED() and BULK_BLOCK_TYPE_MASK; those of
 * other pageblocks follow them.
 */
static inline unsigned long bulk_block_bits(unsigned long pfn)
{
#ifdef CONFIG_SPARSEMEM
	const unsigned long *bitmap = section_to_usemap(__pfn_to_section(pfn));
	const unsigned long first = pfn & PAGE_SECTION_MASK;
#else
	const struct zone *zone = page_zone(pfn_to_page(pfn));
	const unsigned long *bitmap = zone->pageblock_flags;
	const unsigned long first = pageblock_start_pfn(zone->zone_start_pfn);
#endif
	const unsigned long bit = ((pfn - first) >> pageblock_order) * NR_PAGEBLOCK_BITS;

	/* A word has the bits of whole pageblocks: one read cannot tear them. */
	return READ_ONCE(bitmap[bit / BITS_PER_LONG]) >> (bit % BITS_PER_LONG);
}

#endif /* BULK_PAGEBLOCK_H */
