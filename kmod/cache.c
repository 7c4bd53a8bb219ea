// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cache of a pool, between FILL and the engine. A claim costs about the same
 * for one chunk as for a pageblock of them: so one small request after another
 * takes a pageblock, if one is wholly free, and what it leaves is there for the
 * next ones. One that comes alone is the engine's, who puts it where little is left:
 * else each would spoil a free pageblock. Nothing that was handed out comes here
 * again, so all of it is as the engine gave it.
 *
 * What is cached is withheld from everybody else: it goes back when nobody came
 * for a moment, when the system is short of memory, and before the engine is
 * asked for anything.
 */
#define pr_fmt(fmt) "cmabulk: " fmt

#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "cache.h"
#include "compat.h"
#include "drain.h"
#include "pool.h"
#include "trace.h"

/*
 * How long pages wait for the next caller, and within which time one comes after
 * another: long for a program that asks for one buffer after the other, even from
 * a daemon, short for who misses the memory.
 */
static unsigned int debug_cache_ms = 100;
module_param_unsafe(debug_cache_ms, uint, 0600);
MODULE_PARM_DESC(debug_cache_ms,
		 "debug only: milliseconds that what is left of a pageblock waits for the next small request");

/* How long it may take until a shorter time is noticed. */
#define IDLE_TICK		(HZ / 10 ?: 1UL)

/* How long to go without, where no pageblock was free. */
#define SEARCH_DELAY_MS		100

/* Requests of different orders leave rests that do not suit the others. */
#define BLOCKS_MAX		4U

/* Where a pageblock is larger than this, or than this part of the pool, it is too much to keep. */
#define BLOCK_BYTES_MAX		SZ_4M
#define BLOCK_PART_MAX		16

/* How often, and how long apart, to look whether somebody still references a page. */
#define CLOSE_TRIES		20
#define CLOSE_DELAY_MS		100

/**
 * struct block - a pageblock that was claimed for the cache
 * @node:	in bulk_cache.blocks
 * @first:	its first page
 * @nr_free:	pages to give
 * @taken:	bit per page: given to a reservation, or back to the area
 */
struct block {
	struct list_head node;
	struct page *first;
	unsigned long nr_free;
	unsigned long taken[];
};

/* For the shrinker: nothing is allocated under caches_lock. */
static DEFINE_MUTEX(caches_lock);
static LIST_HEAD(caches);
static struct shrinker *cache_shrinker;

static struct workqueue_struct *cache_workers;

static unsigned long idle_delay(void)
{
	return msecs_to_jiffies(READ_ONCE(debug_cache_ms)) ?: 1;
}

static struct bulk_pool *pool_of(struct bulk_cache *cache)
{
	return container_of(cache, struct bulk_pool, cache);
}

/*
 * Pageblocks
 */

static void block_mark(struct bulk_cache *cache, struct block *block, unsigned long index,
		       unsigned long nr_pages)
{
	bitmap_set(block->taken, index, nr_pages);
	block->nr_free -= nr_pages;
	WRITE_ONCE(cache->nr_pages, cache->nr_pages - nr_pages);
}

static void block_unmark(struct bulk_cache *cache, struct block *block, unsigned long index,
			 unsigned long nr_pages)
{
	bitmap_clear(block->taken, index, nr_pages);
	block->nr_free += nr_pages;
	WRITE_ONCE(cache->nr_pages, cache->nr_pages + nr_pages);
}

static void block_free(struct bulk_cache *cache, struct block *block)
{
	list_del(&block->node);
	cache->nr_blocks--;
	kfree(block);
}

/* Pages from @index on that can go back at one go, in steps of what the engine hands out. */
static unsigned long block_run(const struct bulk_pool *pool, const struct block *block,
			       unsigned long index)
{
	const unsigned long step = 1UL << pool->engine.order_per_bit;
	unsigned long end = index;

	while (end < pageblock_nr_pages && !test_bit(end, block->taken) &&
	       !bulk_pages_referenced(nth_page(block->first, end), step))
		end += step;
	return end - index;
}

/*
 * Give back what is left of a pageblock, which is freed, unless some of its pages
 * are referenced by somebody who passes by: these stay.
 */
static unsigned long block_release(struct bulk_pool *pool, struct block *block)
{
	struct bulk_engine *engine = &pool->engine;
	const unsigned long step = 1UL << engine->order_per_bit;
	unsigned long released = 0;
	unsigned long index, run;

	for (index = 0; index < pageblock_nr_pages; index += run ?: step) {
		run = block_run(pool, block, index);
		if (!run)
			continue;
		engine->ops->release(engine, nth_page(block->first, index), run);
		block_mark(&pool->cache, block, index, run);
		released += run;
	}
	bulk_books_uncached(pool, released);
	trace_cache_release(pool->name, released);
	if (!block->nr_free)
		block_free(&pool->cache, block);
	return released;
}

/* Give back at least @nr_pages, if there are so many. */
static unsigned long cache_release(struct bulk_pool *pool, unsigned long nr_pages)
{
	struct block *block, *next;
	unsigned long released = 0;

	lockdep_assert_held(&pool->cache.lock);
	list_for_each_entry_safe(block, next, &pool->cache.blocks, node) {
		if (released >= nr_pages)
			break;
		released += block_release(pool, block);
		cond_resched();
	}
	return released;
}

/*
 * Small requests
 */

static bool engine_has_small_blocks(const struct bulk_engine *engine)
{
	return pageblock_nr_pages <= BLOCK_BYTES_MAX >> PAGE_SHIFT &&
	       pageblock_nr_pages <= engine->nr_pages / BLOCK_PART_MAX;
}

/* A pageblock would hold all of it, and more. */
static bool request_is_small(const struct bulk_engine *engine, const struct bulk_request *request)
{
	const unsigned int order = max(request->order, request->align);

	return request->nr_requests && order <= pageblock_order &&
	       request->nr_requests < pageblock_nr_pages >> order &&
	       engine_has_small_blocks(engine);
}

/* Has somebody wanted little a moment ago? */
static bool is_one_of_many(struct bulk_cache *cache)
{
	const ktime_t now = ktime_get();
	const bool is_late = ktime_after(now, cache->next_by);

	cache->next_by = ktime_add_ms(now, READ_ONCE(debug_cache_ms));
	return !is_late;
}

/* What the engine would not do any more, it shall say. */
static bool request_is_over(const struct bulk_request *request)
{
	return fatal_signal_pending(current) || READ_ONCE(*request->interrupt) ||
	       (request->deadline && ktime_compare(ktime_get(), request->deadline) >= 0);
}

static bool is_short(const struct bulk_request *request)
{
	return request->nr_allocated < request->nr_requests;
}

static void take_from_block(struct bulk_cache *cache, struct block *block,
			    struct bulk_request *request)
{
	const unsigned long align = (1UL << max(request->order, request->align)) - 1;
	const unsigned long nr_pages = 1UL << request->order;
	unsigned long index = 0;

	while (is_short(request)) {
		index = bitmap_find_next_zero_area(block->taken, pageblock_nr_pages, index,
						   nr_pages, align);
		if (index >= pageblock_nr_pages)
			break;
		block_mark(cache, block, index, nr_pages);
		request->pages[request->nr_allocated++] = nth_page(block->first, index);
	}
}

static void take(struct bulk_cache *cache, struct bulk_request *request)
{
	struct block *block, *next;

	list_for_each_entry_safe(block, next, &cache->blocks, node) {
		if (!is_short(request))
			break;
		take_from_block(cache, block, request);
	}
}

static struct block *block_of(struct bulk_cache *cache, unsigned long pfn)
{
	struct block *block;

	list_for_each_entry(block, &cache->blocks, node)
		if (pfn - page_to_pfn(block->first) < pageblock_nr_pages)
			return block;
	return NULL;
}

/* Make what was taken for a request part of the cache again; no pageblock has left it meanwhile. */
static void untake(struct bulk_cache *cache, struct bulk_request *request)
{
	while (request->nr_allocated) {
		const unsigned long pfn = page_to_pfn(request->pages[--request->nr_allocated]);
		struct block *block = block_of(cache, pfn);

		if (!WARN_ON_ONCE(!block))
			block_unmark(cache, block, pfn - page_to_pfn(block->first),
				     1UL << request->order);
	}
}

static void drop_empty(struct bulk_cache *cache)
{
	struct block *block, *next;

	list_for_each_entry_safe(block, next, &cache->blocks, node)
		if (!block->nr_free)
			block_free(cache, block);
}

/* Fill @block with a pageblock that is free as it is. */
static int claim(struct bulk_pool *pool, struct block *block, struct bulk_request *request)
{
	struct bulk_request whole = {
		.order = pageblock_order,
		.align = pageblock_order,
		.effort = CMABULK_EFFORT_FAST,
		.free_only = true,
		.nr_requests = 1,
		.deadline = request->deadline,
		.interrupt = request->interrupt,
		.pages = &block->first,
	};
	int ret;

	ret = pool->engine.ops->fill(&pool->engine, &whole);
	request->report = whole.report;
	/* To look in vain at all of the area is not worth it for every chunk. */
	if (ret == -EBUSY)
		pool->cache.search_after = ktime_add_ms(ktime_get(), SEARCH_DELAY_MS);
	return ret;
}

/* Add a pageblock, if there is one, for which another may go back to the area. */
static void grow(struct bulk_pool *pool, struct bulk_request *request)
{
	struct bulk_cache *cache = &pool->cache;
	struct block *block;

	if (cache->closed || atomic_read(&cache->requests) ||
	    ktime_compare(ktime_get(), cache->search_after) < 0)
		return;
	if (cache->nr_blocks >= BLOCKS_MAX)
		block_release(pool, list_first_entry(&cache->blocks, struct block, node));
	if (cache->nr_blocks >= BLOCKS_MAX)
		return;		/* somebody references what is in it */
	block = kzalloc(struct_size(block, taken, BITS_TO_LONGS(pageblock_nr_pages)), GFP_KERNEL);
	if (!block)
		return;
	if (claim(pool, block, request)) {
		kfree(block);
		return;
	}
	block->nr_free = pageblock_nr_pages;
	list_add_tail(&block->node, &cache->blocks);
	cache->nr_blocks++;
	WRITE_ONCE(cache->nr_pages, cache->nr_pages + pageblock_nr_pages);
	bulk_books_cached(pool, pageblock_nr_pages);
	trace_cache_claim(pool->name, pageblock_nr_pages);
}

/* While there are pages to give, work is due that gives them back. */
static void queue_idle(struct bulk_pool *pool, unsigned long delay)
{
	struct bulk_cache *cache = &pool->cache;

	lockdep_assert_held(&cache->lock);
	if (!cache->nr_pages || cache->closed || delayed_work_pending(&cache->idle_work))
		return;
	bulk_pool_get(pool);
	if (!queue_delayed_work(cache_workers, &cache->idle_work, min(delay, IDLE_TICK)))
		bulk_pool_put(pool);	/* was queued, with its reference */
}

/* All chunks or none. Returns whether they are in request->pages. */
static bool serve(struct bulk_pool *pool, struct bulk_request *request)
{
	struct bulk_cache *cache = &pool->cache;
	const bool one_of_many = is_one_of_many(cache);

	take(cache, request);
	if (is_short(request) && one_of_many) {
		/* Not to be what empties the pageblock that makes room for the new one. */
		untake(cache, request);
		grow(pool, request);
		take(cache, request);
	}
	if (is_short(request)) {
		untake(cache, request);
		return false;
	}
	drop_empty(cache);
	cache->used = jiffies;
	queue_idle(pool, idle_delay());
	return true;
}

/* What comes from the cache was free when it was claimed. */
static void report_served(struct bulk_request *request, ktime_t started)
{
	request->report.chunks_free = request->nr_allocated;
	request->report.total_ns = ktime_to_ns(ktime_sub(ktime_get(), started));
}

/* From here on until requests_end() nothing is withheld from the engine. */
static void requests_begin(struct bulk_pool *pool)
{
	cache_release(pool, ULONG_MAX);
	atomic_inc(&pool->cache.requests);
}

static void requests_end(struct bulk_pool *pool)
{
	atomic_dec(&pool->cache.requests);
}

/**
 * bulk_cache_fill() - get chunks, from the cache or from the engine
 * @pool:	the pool
 * @request:	what is wanted, as an engine takes it; nobody holds a lock
 * @nr_cached:	out: how many of the chunks are still booked as cached
 *
 * Return: as the engine's fill().
 */
int bulk_cache_fill(struct bulk_pool *pool, struct bulk_request *request, size_t *nr_cached)
{
	struct bulk_cache *cache = &pool->cache;
	struct bulk_engine *engine = &pool->engine;
	const ktime_t started = ktime_get();
	int ret;

	*nr_cached = 0;
	if (mutex_lock_killable(&cache->lock))
		return -EINTR;
	if (request_is_small(engine, request) && !request_is_over(request) &&
	    serve(pool, request)) {
		mutex_unlock(&cache->lock);
		report_served(request, started);
		*nr_cached = request->nr_allocated;
		return 0;
	}
	requests_begin(pool);
	mutex_unlock(&cache->lock);
	ret = engine->ops->fill(engine, request);
	requests_end(pool);
	return ret;
}

/**
 * bulk_cache_survey() - look at the area with nothing withheld
 * @pool:	the pool
 * @survey:	gets the counts
 *
 * Return: as the engine's survey().
 */
int bulk_cache_survey(struct bulk_pool *pool, struct cmabulk_survey *survey)
{
	struct bulk_engine *engine = &pool->engine;
	int ret;

	if (mutex_lock_killable(&pool->cache.lock))
		return -EINTR;
	requests_begin(pool);
	mutex_unlock(&pool->cache.lock);
	ret = engine->ops->survey(engine, survey);
	requests_end(pool);
	return ret;
}

/*
 * Giving back
 */

static void idle_work(struct work_struct *work)
{
	struct bulk_cache *cache = container_of(to_delayed_work(work), struct bulk_cache,
						idle_work);
	struct bulk_pool *pool = pool_of(cache);
	unsigned long idle;

	mutex_lock(&cache->lock);
	idle = cache->used + idle_delay();
	if (time_before(jiffies, idle)) {
		queue_idle(pool, idle - jiffies);
	} else {
		cache_release(pool, ULONG_MAX);
		queue_idle(pool, idle_delay());	/* for what is referenced */
	}
	mutex_unlock(&cache->lock);
	bulk_pool_put(pool);
}

static unsigned long count_pages(struct shrinker *shrinker, struct shrink_control *control)
{
	unsigned long nr_pages = 0;
	struct bulk_cache *cache;

	mutex_lock(&caches_lock);
	list_for_each_entry(cache, &caches, node)
		nr_pages += READ_ONCE(cache->nr_pages);
	mutex_unlock(&caches_lock);
	return nr_pages ?: SHRINK_EMPTY;
}

/* Whoever has a cache may be the one that reclaims here, so a cache in use is left alone. */
static unsigned long scan_pages(struct shrinker *shrinker, struct shrink_control *control)
{
	unsigned long released = 0;
	struct bulk_cache *cache;

	mutex_lock(&caches_lock);
	list_for_each_entry(cache, &caches, node) {
		if (released >= control->nr_to_scan)
			break;
		if (!mutex_trylock(&cache->lock))
			continue;
		released += cache_release(pool_of(cache), control->nr_to_scan - released);
		mutex_unlock(&cache->lock);
	}
	mutex_unlock(&caches_lock);
	return released ?: SHRINK_STOP;
}

/**
 * bulk_cache_init() - initialise a pool's cache
 * @pool:	the pool
 *
 * It keeps nothing before bulk_cache_open().
 */
void bulk_cache_init(struct bulk_pool *pool)
{
	struct bulk_cache *cache = &pool->cache;

	mutex_init(&cache->lock);
	INIT_LIST_HEAD(&cache->blocks);
	INIT_LIST_HEAD(&cache->node);
	INIT_DELAYED_WORK(&cache->idle_work, idle_work);
	cache->closed = true;
}

/**
 * bulk_cache_open() - let a pool keep pages
 * @pool:	is being offered, so nobody uses it yet
 */
void bulk_cache_open(struct bulk_pool *pool)
{
	pool->cache.closed = false;
	mutex_lock(&caches_lock);
	list_add_tail(&pool->cache.node, &caches);
	mutex_unlock(&caches_lock);
}

static void report_leak(struct bulk_pool *pool)
{
	struct bulk_cache *cache = &pool->cache;
	struct block *block, *next;

	pr_err("pool \"%s\": %lu cached pages are lost to the area: still referenced while the pool is removed\n",
	       pool->name, cache->nr_pages);
	bulk_books_uncached(pool, cache->nr_pages);
	WRITE_ONCE(cache->nr_pages, 0);
	list_for_each_entry_safe(block, next, &cache->blocks, node)
		block_free(cache, block);
}

/**
 * bulk_cache_close() - give everything back for good
 * @pool:	is not offered any more, and the FILLs that run are interrupted
 *
 * Nobody was given these pages, so references to them are those of who passes
 * by. Where one stays nevertheless, the page is lost.
 */
void bulk_cache_close(struct bulk_pool *pool)
{
	struct bulk_cache *cache = &pool->cache;
	unsigned int tries;

	mutex_lock(&caches_lock);
	list_del_init(&cache->node);
	mutex_unlock(&caches_lock);

	mutex_lock(&cache->lock);
	cache->closed = true;
	cache_release(pool, ULONG_MAX);
	for (tries = 0; cache->nr_pages && tries < CLOSE_TRIES; tries++) {
		msleep(CLOSE_DELAY_MS);
		cache_release(pool, ULONG_MAX);
	}
	if (cache->nr_pages)
		report_leak(pool);
	mutex_unlock(&cache->lock);
	if (cancel_delayed_work_sync(&cache->idle_work))
		bulk_pool_put(pool);
}

/**
 * bulk_cache_module_init() - make the workqueue, register the shrinker
 *
 * Return: 0 or -ENOMEM.
 */
int bulk_cache_module_init(void)
{
	cache_workers = alloc_workqueue("cmabulk_cache", WQ_UNBOUND, 0);
	if (!cache_workers)
		return -ENOMEM;
	cache_shrinker = bulk_shrinker_alloc(0, "cmabulk");
	if (!cache_shrinker)
		goto err_workers;
	cache_shrinker->count_objects = count_pages;
	cache_shrinker->scan_objects = scan_pages;
	if (bulk_shrinker_register(cache_shrinker, "cmabulk"))
		goto err_shrinker;
	return 0;

err_shrinker:
	bulk_shrinker_free(cache_shrinker);
err_workers:
	destroy_workqueue(cache_workers);
	return -ENOMEM;
}

/**
 * bulk_cache_module_exit() - undo bulk_cache_module_init()
 *
 * All pools are gone by now.
 */
void bulk_cache_module_exit(void)
{
	bulk_shrinker_free(cache_shrinker);
	destroy_workqueue(cache_workers);
}
