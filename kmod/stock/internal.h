/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the survey of the in-kernel call needs of the kernel's mm/internal.h,
 * for the stock engine, which compiles it too.
 */
#ifndef BULK_STOCK_INTERNAL_H
#define BULK_STOCK_INTERNAL_H

#include <linux/mm.h>

/* The order of a free page that may be taken meanwhile: to be checked. */
#define buddy_order_unsafe(page)	READ_ONCE(page_private(page))

#endif /* BULK_STOCK_INTERNAL_H */
