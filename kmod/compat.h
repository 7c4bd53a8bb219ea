/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Feature probes: the only place that asks what this kernel has. One probe
 * per feature, each with the kernels on either side of it.
 */
#ifndef BULK_COMPAT_H
#define BULK_COMPAT_H

#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/module.h>
#include <linux/shrinker.h>
#include <linux/slab.h>

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
 * To try once, waiting for no page, is a flag (7.2) or a call of its own (6.1, 6.12);
 * only kernels with the series have either. For the benchmark.
 */
#ifdef ACR_FLAGS_FAST
#define bulk_alloc_contig_once(start, end) \
	alloc_contig_range(start, end, ACR_FLAGS_CMA | ACR_FLAGS_FAST, GFP_KERNEL)
#else
#define bulk_alloc_contig_once(start, end) \
	alloc_contig_range_fast(start, end, MIGRATE_CMA, GFP_KERNEL)
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

/*
 * Pages of one chunk follow each other in the memory map, and there is no other
 * way to step through them (7.2), or they need not (6.1, 6.12).
 */
#ifndef nth_page
#define nth_page(page, n)	((page) + (n))
#endif

/* Flags of a mapping are set by a function (from 6.3 on), or like any others. */
#ifndef BULK_HAVE_VM_FLAGS_SET
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}
#endif

/* Classes, and the devices they name, are const (from 6.4 on), or the kernel writes to them. */
#ifdef BULK_HAVE_CONST_CLASS
#define bulk_const_class	const
#else
#define bulk_const_class
#endif

/* __string() keeps what it was given for __assign_str() (from 6.10 on), or it does not. */
#ifdef BULK_HAVE_ASSIGN_STR_1
#define BULK_ASSIGN_STR(field, ...)	__assign_str(field)
#else
#define BULK_ASSIGN_STR(field, ...)	__assign_str(field, __VA_ARGS__)
#endif

/* Shrinkers are allocated by a function (from 6.7 on), or by who registers them. */
#ifdef BULK_HAVE_SHRINKER_ALLOC
#define bulk_shrinker_alloc	shrinker_alloc
#define bulk_shrinker_free	shrinker_free

static inline int bulk_shrinker_register(struct shrinker *shrinker, const char *name)
{
	shrinker_register(shrinker);
	return 0;
}
#else
static inline struct shrinker *bulk_shrinker_alloc(unsigned int flags, const char *name)
{
	struct shrinker *shrinker = kzalloc(sizeof(*shrinker), GFP_KERNEL);

	if (shrinker) {
		shrinker->flags = flags;
		shrinker->seeks = DEFAULT_SEEKS;
	}
	return shrinker;
}

static inline int bulk_shrinker_register(struct shrinker *shrinker, const char *name)
{
	return register_shrinker(shrinker, "%s", name);
}

static inline void bulk_shrinker_free(struct shrinker *shrinker)
{
	unregister_shrinker(shrinker);
	kfree(shrinker);
}
#endif

/*
 * dma_buf_vmap() is called without the reservation's lock (6.1), or with it, and there is
 * one that takes it (6.12, 7.2). For importers.
 */
#ifndef BULK_HAVE_VMAP_UNLOCKED
#define dma_buf_vmap_unlocked	dma_buf_vmap
#define dma_buf_vunmap_unlocked	dma_buf_vunmap
#endif

/* What tells importers that a mapping is void has that for a name (7.2), or another (6.1, 6.12). */
#ifndef BULK_HAVE_INVALIDATE_MAPPINGS
#define invalidate_mappings	move_notify
#endif

/* MODULE_IMPORT_NS() takes a string (from 6.13 on) or a word; this is what it does. */
#define BULK_IMPORT_NS(name)	MODULE_INFO(import_ns, name)

#endif /* BULK_COMPAT_H */
