// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a stock pool's area lies: reading SIZE@BASE+RESERVE, and making sure
 * that there is an area of CMA. alloc_contig_range() takes our word for that: on
 * kernels before the migratetype and isolation were told apart it would turn
 * ordinary pageblocks into CMA's.
 */
#define pr_fmt(fmt) "cmabulk: " fmt

#include "compat.h"

#include <linux/ctype.h>
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "engine.h"
#include "pageblock.h"
#include "stock.h"

/* Somebody who allocates from the area isolates pageblocks for a moment. */
#define ISOLATED_TRIES		100
#define ISOLATED_DELAY_MS	20

/**
 * bulk_stock_is_range() - does a text say where an area lies?
 * @text:	the text
 *
 * Names of areas may contain '@' too, as those of device tree nodes do, but
 * begin with a letter.
 *
 * Return: whether it is meant to be SIZE@BASE.
 */
bool bulk_stock_is_range(const char *text)
{
	return isdigit(*text) && strchr(text, '@');
}

/* A number with its unit, of powers of 1024: moves *@text past it. */
static int parse_bytes(const char **text, u64 *bytes)
{
	static const char units[] = "KMGTPE";
	const bool hex = (*text)[0] == '0' && tolower((*text)[1]) == 'x';
	const char *end = *text + (hex ? 2 : 0);
	const char *unit;
	char digits[24];
	int ret;

	end += strspn(end, hex ? "0123456789abcdefABCDEF" : "0123456789");
	if (end - *text >= sizeof(digits))
		return -ERANGE;
	strscpy(digits, *text, end - *text + 1);
	ret = kstrtou64(digits, 0, bytes);
	if (ret)
		return ret;
	unit = *end ? strchr(units, toupper(*end)) : NULL;
	if (unit && check_shl_overflow(*bytes, 10 * (unit - units + 1), bytes))
		return -ERANGE;
	*text = end + !!unit;
	return 0;
}

/* The three numbers; RESERVE need not be there. */
static int parse_numbers(const char *text, u64 *size, u64 *base, u64 *reserve)
{
	int ret;

	ret = parse_bytes(&text, size);
	if (ret)
		return ret;
	if (*text++ != '@')
		return -EINVAL;
	ret = parse_bytes(&text, base);
	if (ret)
		return ret;
	*reserve = 0;
	if (*text == '+') {
		text++;
		ret = parse_bytes(&text, reserve);
		if (ret)
			return ret;
	}
	return *text ? -EINVAL : 0;
}

/**
 * bulk_stock_parse() - read SIZE@BASE[+RESERVE]
 * @text:	the text
 * @range:	out
 *
 * What is wrong is logged as well.
 *
 * Return: 0 or -EINVAL.
 */
int bulk_stock_parse(const char *text, struct bulk_stock_range *range)
{
	const u64 block = (u64)pageblock_nr_pages << PAGE_SHIFT;
	const u64 largest = (u64)MAX_ORDER_NR_PAGES << PAGE_SHIFT;
	u64 size, base, reserve, end;

	if (strlen(text) >= BULK_AREA_NAME_LEN || parse_numbers(text, &size, &base, &reserve)) {
		pr_err("\"%s\" is no place: write SIZE@BASE or SIZE@BASE+RESERVE, numbers of bytes with K, M or G, as 400M@0x20000000\n",
		       text);
		return -EINVAL;
	}
	if (!size || !IS_ALIGNED(size | base | reserve, block)) {
		pr_err("\"%s\": size, base and reserve are to be multiples of %llu KiB, a pageblock of this kernel\n",
		       text, block >> 10);
		return -EINVAL;
	}
	if (reserve >= size) {
		pr_err("\"%s\": the reserve leaves nothing of it\n", text);
		return -EINVAL;
	}
	/* As bulk_engine_overlaps(): whom the reserve is for isolate pageblocks, too. */
	if (reserve && !IS_ALIGNED(base + reserve, largest)) {
		pr_err("\"%s\": base and reserve together are to be a multiple of %llu KiB, the largest free page of this kernel\n",
		       text, largest >> 10);
		return -EINVAL;
	}
	if (check_add_overflow(base, size, &end) || end >> PAGE_SHIFT > ULONG_MAX) {
		pr_err("\"%s\" ends beyond what this machine can address\n", text);
		return -EINVAL;
	}
	range->base_pfn = base >> PAGE_SHIFT;
	range->nr_pages = size >> PAGE_SHIFT;
	range->nr_reserve = reserve >> PAGE_SHIFT;
	return 0;
}

/**
 * bulk_stock_isolated() - is somebody at work on one of these pageblocks?
 * @start:	first PFN, of an area that has been checked
 * @end:	one-past-the-last PFN
 *
 * Return: whether one of them is isolated at this moment.
 */
bool bulk_stock_isolated(unsigned long start, unsigned long end)
{
	unsigned long pfn;

	for (pfn = pageblock_start_pfn(start); pfn < end; pfn += pageblock_nr_pages)
		if (BULK_BLOCK_ISOLATED(bulk_block_bits(pfn)))
			return true;
	return false;
}

/* All of it is memory, online, and of one zone. */
static int check_memory(const char *text, unsigned long start, unsigned long end)
{
	struct zone *zone = NULL;
	unsigned long pfn;

	for (pfn = start; pfn < end; pfn += pageblock_nr_pages) {
		struct page *page = pfn_to_online_page(pfn);

		if (!page || !pfn_to_online_page(pfn + pageblock_nr_pages - 1)) {
			pr_err("\"%s\": there is no memory, or it is offline, at %pa\n", text,
			       &(phys_addr_t){ PFN_PHYS(pfn) });
			return -ENXIO;
		}
		if (zone && page_zone(page) != zone) {
			pr_err("\"%s\" lies in two zones: another begins at %pa\n", text,
			       &(phys_addr_t){ PFN_PHYS(pfn) });
			return -EINVAL;
		}
		zone = page_zone(page);
		cond_resched();
	}
	return 0;
}

/* An isolated pageblock does not say whose it is: wait until it is not. */
static int check_block(const char *text, unsigned long pfn)
{
	unsigned long bits = bulk_block_bits(pfn);
	unsigned int tries;

	for (tries = 0; BULK_BLOCK_ISOLATED(bits); tries++) {
		if (tries == ISOLATED_TRIES) {
			pr_err("\"%s\": somebody keeps the pageblock at %pa isolated; try again\n",
			       text, &(phys_addr_t){ PFN_PHYS(pfn) });
			return -EAGAIN;
		}
		msleep_interruptible(ISOLATED_DELAY_MS);
		if (signal_pending(current))
			return -EINTR;
		bits = bulk_block_bits(pfn);
	}
	/* The very bits that said "not isolated": that may have changed since. */
	if ((bits & BULK_BLOCK_TYPE_MASK) != MIGRATE_CMA) {
		pr_err("\"%s\": the pageblock at %pa is none of CMA's; areas and where they lie are in the kernel's log at boot\n",
		       text, &(phys_addr_t){ PFN_PHYS(pfn) });
		return -EINVAL;
	}
	return 0;
}

/**
 * bulk_stock_check() - is all of a place an area of CMA?
 * @text:	what was written, for the log
 * @range:	what it says
 *
 * Which area, and whether its kernel users leave it alone, cannot be seen.
 *
 * Return: 0; -ENXIO, -EINVAL, -EAGAIN or -EINTR, see bulk_engine_open().
 */
int bulk_stock_check(const char *text, const struct bulk_stock_range *range)
{
	const unsigned long end = range->base_pfn + range->nr_pages;
	unsigned long pfn;
	int ret;

	ret = check_memory(text, range->base_pfn, end);
	for (pfn = range->base_pfn; pfn < end && !ret; pfn += pageblock_nr_pages)
		ret = check_block(text, pfn);
	return ret;
}
