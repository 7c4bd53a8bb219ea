/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The user API as the module includes it: the kernel has a macro by the name
 * of one of the fields, which has to go before that and be read before it goes.
 */
#ifndef BULK_UAPI_H
#define BULK_UAPI_H

#include <linux/mm.h>

static inline unsigned int bulk_pageblock_order(void)
{
	return pageblock_order;
}

#undef pageblock_order
#include <linux/cmabulk.h>

#endif /* BULK_UAPI_H */
