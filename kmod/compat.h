/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Feature probes: the only place that asks what this kernel has. One probe
 * per feature, each with the kernels on either side of it.
 */
#ifndef BULK_COMPAT_H
#define BULK_COMPAT_H

#include <linux/gfp.h>
#include <linux/mmzone.h>

/*
 * cma_alloc_bulk_req(): kernels with the series in patches/ have it, no others.
 * Without it pools are served by the stock engine alone.
 */
#ifdef CONFIG_CMA_BULK
#define BULK_HAVE_ENGINE_KERNEL
#endif

/* What the stock engine calls: without it there is nothing to build a pool on. */
#ifndef CONFIG_CMA
#error "cmabulk needs a kernel with CONFIG_CMA"
#endif

/*
 * How alloc_contig_range() is told that pageblocks are CMA's: by a flag (7.2),
 * or by the migratetype, which is what undoing the isolation sets (6.1, 6.12).
 */
#ifdef ACR_FLAGS_CMA
#define BULK_CONTIG_CMA		ACR_FLAGS_CMA
#else
#define BULK_CONTIG_CMA		MIGRATE_CMA
#endif

/*
 * Isolation of a pageblock is a bit of its own beside the migratetype (7.2), or
 * is a migratetype, which takes the place of the other while it lasts (6.1,
 * 6.12).
 */
#ifdef PAGEBLOCK_MIGRATETYPE_MASK
#define BULK_BLOCK_TYPE_MASK	PAGEBLOCK_MIGRATETYPE_MASK
#define BULK_BLOCK_ISOLATED(bits) ((bits) & PAGEBLOCK_ISO_MASK)
#else
#define BULK_BLOCK_TYPE_MASK	MIGRATETYPE_MASK
#define BULK_BLOCK_ISOLATED(bits) (((bits) & MIGRATETYPE_MASK) == MIGRATE_ISOLATE)
#endif

#endif /* BULK_COMPAT_H */
