// SPDX-License-Identifier: GPL-2.0-only
/*
 * Free memory that was written since a program ran there.
 *
 * An emulator keeps a translation of code by the page. The first write to such a page goes
 * through it store by store: on QEMU's TCG a page of 4 KiB with 16 blocks of code took 134 us,
 * one without 1 us. Where memory is short, pages are moved to what programs have just
 * left behind, and what is measured is the emulator.
 */
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/vmstat.h>

#include "bench.h"

#define SCRUB_STEP	1024UL
/* Free pages of CMA's that are left for others meanwhile. */
#define SCRUB_KEEP_CMA	256UL

static unsigned long free_cma(void)
{
	return global_zone_page_state(NR_FREE_CMA_PAGES);
}

static bool others_have(u64 keep)
{
	return global_zone_page_state(NR_FREE_PAGES) > free_cma() + keep;
}

/* Write to one more page, without asking anybody else to give anything up. */
static bool scrub_page(struct list_head *pages, gfp_t gfp)
{
	struct page *page = alloc_page(gfp | __GFP_HIGHMEM | __GFP_NOMEMALLOC | __GFP_NORETRY |
				       __GFP_NOWARN);

	if (!page)
		return false;
	clear_highpage(page);
	list_add(&page->lru, pages);
	return true;
}

/**
 * bench_scrub() - write to free pages, CMA's and others
 * @keep:	free pages that are not CMA's which are left for others meanwhile
 */
void bench_scrub(u64 keep)
{
	struct page *page, *next;
	unsigned long nr = 0;
	LIST_HEAD(pages);

	while (free_cma() > SCRUB_KEEP_CMA && others_have(keep) &&
	       scrub_page(&pages, __GFP_MOVABLE))
		if (!(++nr % SCRUB_STEP))
			cond_resched();
	while (others_have(keep) && scrub_page(&pages, 0))
		if (!(++nr % SCRUB_STEP))
			cond_resched();
	list_for_each_entry_safe(page, next, &pages, lru) {
		__free_page(page);
		if (!(--nr % SCRUB_STEP))
			cond_resched();
	}
}
