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
 * @pfn:	a page of it, which was online
 *
 * As get_pfnblock_flags_mask(); what it is made of is in headers.
 *
 * Return: the bits, for BULK_BLOCK_ISOLATED() and BULK_BLOCK_TYPE_MASK; those of
 * other pageblocks follow them. 0 when the memory was removed meanwhile.
 */
static inline unsigned long bulk_block_bits(unsigned long pfn)
{
#ifdef CONFIG_SPARSEMEM
	const struct mem_section *section = __pfn_to_section(pfn);
	const unsigned long first = pfn & PAGE_SECTION_MASK;
#else
	const struct zone *zone = page_zone(pfn_to_page(pfn));
	const unsigned long first = pageblock_start_pfn(zone->zone_start_pfn);
#endif
	const unsigned long bit = ((pfn - first) >> pageblock_order) * NR_PAGEBLOCK_BITS;
	const unsigned long *bitmap;
	unsigned long word = 0;

	/* What is removed is freed by RCU. */
	rcu_read_lock();
#ifdef CONFIG_SPARSEMEM
	{
		const struct mem_section_usage *usage = section ? READ_ONCE(section->usage) : NULL;

		bitmap = usage ? usage->pageblock_flags : NULL;
	}
#else
	bitmap = zone->pageblock_flags;
#endif
	/* A word has the bits of whole pageblocks: one read cannot tear them. */
	if (bitmap)
		word = READ_ONCE(bitmap[bit / BITS_PER_LONG]);
	rcu_read_unlock();
	return word >> (bit % BITS_PER_LONG);
}

#endif /* BULK_PAGEBLOCK_H */
