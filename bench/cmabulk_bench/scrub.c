// SPDX-License-Identifier: GPL-2.0-only
/*
 * Free memory that was written since a program ran there.
 *
 * An emulator keeps a translation of code by the page. The first write to such a page goes
 * through it store by store: on QEMU's TCG a page of 4 KiB with 16 blocks of code took 134 us,
 * one without 1 us. Pages are moved to what programs have left behind, more so where memory
 * is short, and what is measured is the emulator.
 */
#include <linux/bits.h>
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/vmstat.h>

#include "bench.h"

/* Whether that many pages which are not CMA's would still be there without a piece. */
static bool others_have(u64 keep, unsigned int order)
{
	return global_zone_page_state(NR_FREE_PAGES) >
	       global_zone_page_state(NR_FREE_CMA_PAGES) + keep + BIT(order);
}

/*
 * A piece that nobody has to give anything up for, of at most @order, which is lowered to what
 * there still is. Large ones go past the CPUs' lists, which with small ones are so full
 * afterwards that nobody who reads a file would get to the area.
 */
static struct page *take_piece(u64 keep, unsigned int *order)
{
	struct page *page;

	for (;; (*order)--) {
		if (others_have(keep, *order)) {
			page = alloc_pages(__GFP_MOVABLE | __GFP_HIGHMEM | __GFP_NOMEMALLOC |
					   __GFP_NORETRY | __GFP_NOWARN, *order);
			if (page)
				return page;
		}
		if (!*order)
			return NULL;
	}
}

static void write_piece(struct page *page, unsigned int order)
{
	unsigned long i;

	for (i = 0; i < BIT(order); i++)
		clear_highpage(page + i);
}

/**
 * bench_scrub() - write to free pages, CMA's and others
 * @keep:	free pages that are not CMA's which are left for others meanwhile
 * @order:	of the largest pieces
 */
void bench_scrub(u64 keep, unsigned int order)
{
	struct page *page, *next;
	LIST_HEAD(pages);

	while ((page = take_piece(keep, &order))) {
		write_piece(page, order);
		set_page_private(page, order);
		list_add(&page->lru, &pages);
		cond_resched();
	}
	list_for_each_entry_safe(page, next, &pages, lru) {
		order = page_private(page);
		set_page_private(page, 0);
		__free_pages(page, order);
		cond_resched();
	}
}
