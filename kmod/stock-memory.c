// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory that a stock pool moves pages to, which alloc_contig_range() chooses.
 */
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/nodemask.h>
#include <linux/swap.h>
#include <linux/vmstat.h>

#include "stock.h"

/* Pages that the page allocator keeps for who must not wait. */
static unsigned long reserve_pages(void)
{
	unsigned long pages = 0;
	int node, index;

	for_each_online_node(node) {
		for (index = 0; index < MAX_NR_ZONES; index++) {
			const struct zone *zone = &NODE_DATA(node)->node_zones[index];

			pages += min_wmark_pages(zone);
		}
	}
	return pages;
}

/**
 * bulk_stock_has_room() - may pages be moved without anybody starving?
 * @nr_pages:	how many
 *
 * While more than half of what is free is CMA's, that is where pages go. After that they
 * go anywhere, and as CMA's free pages count as free, the others go down to half of what
 * the kernel keeps: the next who cannot use CMA's, as the kernel itself, would have the
 * OOM killer called. So beyond what everybody counts on there must be room for them, free
 * or to be had by reclaim, or else enough free as it is, and something to swap to.
 *
 * The in-kernel call asks for each page; this is for a range and the machine as a whole,
 * which may be wrong where nodes or zones differ, or several pools are filled at a time.
 *
 * Return: whether there is room.
 */
bool bulk_stock_has_room(unsigned long nr_pages)
{
	const unsigned long free = global_zone_page_state(NR_FREE_PAGES);
	const unsigned long free_cma = global_zone_page_state(NR_FREE_CMA_PAGES);

	if (free_cma > free / 2)
		return true;
	/* Reclaim makes room, too; without any, the reserve is to stay. */
	if (si_mem_available() > free_cma + reserve_pages() + nr_pages)
		return true;
	if (free - free_cma < reserve_pages() + nr_pages)
		return false;
	return si_mem_available() > free_cma || get_nr_swap_pages() > 0;
}
