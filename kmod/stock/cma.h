/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the in-kernel call see of an area when the stock engine
 * compiles them: in place of the kernel's mm/cma.h.
 */
#ifndef BULK_STOCK_CMA_H
#define BULK_STOCK_CMA_H

#include <linux/spinlock.h>
#include <linux/types.h>

/**
 * struct cma - the part of an area that a stock pool uses
 * @base_pfn:		first page; fixed
 * @count:		pages; fixed
 * @order_per_bit:	always 0, a bit stands for a page
 * @bitmap:		pages that the pool has handed out. Bits are set under
 *			bulk_stock.claiming and @lock, cleared under @lock alone:
 *			what is clear stays clear for who holds the mutex
 * @lock:		@bitmap; a leaf
 */
struct cma {
	unsigned long base_pfn;
	unsigned long count;
	unsigned int order_per_bit;
	unsigned long *bitmap;
	spinlock_t lock;	/* the bitmap */
};

#endif /* BULK_STOCK_CMA_H */
