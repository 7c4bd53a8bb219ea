// SPDX-License-Identifier: GPL-2.0-only
/*
 * Draining: a worker per pool gives the pages of closed objects back to the
 * area, in long runs, and looks again later at those that somebody still
 * references. A page in that state is not ours to free: it would go back to
 * the area under whoever holds it.
 */
#define pr_fmt(fmt) "cmabulk: " fmt

#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/ratelimit.h>
#include <linux/sizes.h>

#include "compat.h"
#include "drain.h"
#include "pool.h"
#include "trace.h"

/*
 * Pages to give back in one go: short enough not to hold up anybody. None of them lies beyond a
 * multiple of it, as a new range of an area may begin there (7.2).
 */
#define RUN_PAGES		4096UL

/* What is no more goes back at once: that takes less time than waking the worker. */
#define AT_ONCE_PAGES		(SZ_64K >> PAGE_SHIFT ?: 1)

/* How long to wait before looking at stuck pages again. */
#define STUCK_DELAY_MIN		(HZ / 10 ?: 1)
#define STUCK_DELAY_MAX		(10 * HZ)

/* How often module exit looks before it gives pages up for lost. */
#define EXIT_TRIES		20
#define EXIT_DELAY_MS		100

static struct workqueue_struct *drain_workers;

/**
 * struct run - adjacent chunks to be given back together
 * @first:	first page, NULL when the run is empty
 * @nr_pages:	its length
 */
struct run {
	struct page *first;
	unsigned long nr_pages;
};

static void run_release(struct bulk_engine *engine, struct run *run)
{
	if (!run->first)
		return;
	engine->ops->release(engine, run->first, run->nr_pages);
	run->first = NULL;
	cond_resched();
}

static void run_add(struct bulk_engine *engine, struct run *run, struct page *page,
		    unsigned long nr_pages)
{
	if (run->first && !IS_ALIGNED(page_to_pfn(page), RUN_PAGES) &&
	    page_to_pfn(run->first) + run->nr_pages == page_to_pfn(page)) {
		run->nr_pages += nr_pages;
		return;
	}
	run_release(engine, run);
	run->first = page;
	run->nr_pages = nr_pages;
}

/**
 * bulk_pages_referenced() - does anybody else hold one of these pages?
 * @page:	the first of them
 * @nr_pages:	how many
 *
 * Return: whether somebody does, even if only for a moment.
 */
bool bulk_pages_referenced(struct page *page, unsigned long nr_pages)
{
	unsigned long index;

	for (index = 0; index < nr_pages; index++)
		if (page_count(nth_page(page, index)) != 1)
			return true;
	return false;
}

/* Give back all that can be; returns how many chunks are left. */
static size_t drain_pages(struct bulk_object *object)
{
	struct bulk_engine *engine = &object->pool->engine;
	struct bulk_chunks *chunks = &object->chunks;
	size_t index, kept = 0;
	struct run run = {};

	for (index = chunks->head; index < chunks->tail; index++) {
		struct page *page = chunks->pages[index];

		if (bulk_pages_referenced(page, 1UL << object->order))
			chunks->pages[kept++] = page;
		else
			run_add(engine, &run, page, 1UL << object->order);
		if (!(index % 64))
			cond_resched();
	}
	run_release(engine, &run);
	chunks->head = 0;
	chunks->tail = kept;
	return kept;
}

static void report_stuck(struct bulk_object *object, size_t left)
{
	if (object->stuck_reported)
		return;
	object->stuck_reported = true;
	pr_warn_ratelimited("pool \"%s\": %zu chunks of order %u of closed %s %llu \"%s\" are still referenced by somebody; they stay out of the area until that ends\n",
			    object->pool->name, left, object->order,
			    object->kind == CMABULK_OBJECT_BUFFER ? "buffer" : "reservation",
			    object->id, object->name);
	/* Fails only when the module is leaving already: see leak_stuck. */
	object->module_held = try_module_get(THIS_MODULE);
}

static void report_leak(struct bulk_object *object, size_t left)
{
	pr_err("pool \"%s\": %zu chunks of order %u are lost to the area: still referenced while the module is removed\n",
	       object->pool->name, left, object->order);
}

/* Returns whether the object is done with, and not to be touched any more. */
static bool drain_object(struct bulk_object *object)
{
	struct bulk_pool *pool = object->pool;
	bool module_held = object->module_held;
	size_t left;

	left = drain_pages(object);
	trace_drained(pool->name, object->id, left);
	if (left && READ_ONCE(pool->leak_stuck)) {
		report_leak(object, left);
		left = 0;
	}
	if (left)
		report_stuck(object, left);
	bulk_books_drained(object, left);
	if (left)
		return false;
	if (module_held)
		module_put(THIS_MODULE);
	return true;
}

static struct bulk_object *next_object(struct bulk_pool *pool)
{
	struct bulk_object *object;

	mutex_lock(&pool->lock);
	object = list_first_entry_or_null(&pool->drains, struct bulk_object, drain_node);
	if (object)
		list_del_init(&object->drain_node);
	mutex_unlock(&pool->lock);
	return object;
}

static void queue_now(struct bulk_pool *pool)
{
	bulk_pool_get(pool);
	if (mod_delayed_work(drain_workers, &pool->drain_work, 0))
		bulk_pool_put(pool);	/* was queued, with its reference */
}

/* To look at stuck pages again; when work is due earlier, that run will do it. */
static void queue_retry(struct bulk_pool *pool)
{
	bulk_pool_get(pool);
	if (!queue_delayed_work(drain_workers, &pool->drain_work, pool->stuck_delay))
		bulk_pool_put(pool);	/* was queued, with its reference */
}

/* Returns whether the object is one of those that are stuck. */
static bool drain_or_keep(struct bulk_pool *pool, struct bulk_object *object)
{
	if (drain_object(object))
		return false;
	list_add_tail(&object->drain_node, &pool->stuck);
	return true;
}

static void drain_work(struct work_struct *work)
{
	struct bulk_pool *pool = container_of(to_delayed_work(work), struct bulk_pool, drain_work);
	struct bulk_object *object, *next;
	LIST_HEAD(stuck);

	list_splice_init(&pool->stuck, &stuck);
	list_for_each_entry_safe(object, next, &stuck, drain_node)
		drain_or_keep(pool, object);
	while ((object = next_object(pool)))
		if (drain_or_keep(pool, object))
			pool->stuck_delay = STUCK_DELAY_MIN;
	if (!list_empty(&pool->stuck)) {
		queue_retry(pool);
		pool->stuck_delay = min(2 * pool->stuck_delay, STUCK_DELAY_MAX);
	}
	bulk_pool_put(pool);
}

/* Returns whether the object is done with. What is referenced is for the worker. */
static bool drain_at_once(struct bulk_object *object)
{
	const struct bulk_chunks *chunks = &object->chunks;
	size_t index;

	if (bulk_chunks_held(chunks) << object->order > AT_ONCE_PAGES)
		return false;
	for (index = chunks->head; index < chunks->tail; index++)
		if (bulk_pages_referenced(chunks->pages[index], 1UL << object->order))
			return false;
	return drain_object(object);
}

/**
 * bulk_drain_queue() - send an object's pages back to the area
 * @object:	closed, and nobody touches its pages any more; with the caller's
 *		reference
 *
 * Returns soon; the object is announced as gone when its pages are back.
 */
void bulk_drain_queue(struct bulk_object *object)
{
	struct bulk_pool *pool = object->pool;

	/* Once on the list the object may end at any moment, but not the pool. */
	bulk_pool_get(pool);
	if (!drain_at_once(object)) {
		mutex_lock(&pool->lock);
		list_add_tail(&object->drain_node, &pool->drains);
		mutex_unlock(&pool->lock);
		queue_now(pool);
	}
	bulk_pool_put(pool);
}

/**
 * bulk_drain_init() - initialise a pool's draining
 * @pool:	the pool
 */
void bulk_drain_init(struct bulk_pool *pool)
{
	INIT_LIST_HEAD(&pool->drains);
	INIT_LIST_HEAD(&pool->stuck);
	INIT_DELAYED_WORK(&pool->drain_work, drain_work);
}

/**
 * bulk_drain_finish() - wait until all objects of a pool are gone
 * @pool:	nothing can be added to it any more
 *
 * Pages that stay referenced through several seconds are lost: neither freed
 * under their holder nor a reason to hang forever.
 */
void bulk_drain_finish(struct bulk_pool *pool)
{
	unsigned int tries;

	for (tries = 0; tries <= EXIT_TRIES; tries++) {
		WRITE_ONCE(pool->leak_stuck, tries == EXIT_TRIES);
		queue_now(pool);
		flush_delayed_work(&pool->drain_work);
		if (bulk_books_empty(pool))
			break;
		msleep(EXIT_DELAY_MS);
	}
	/* Stuck pages leave a timer; nothing is stuck any more. */
	if (cancel_delayed_work_sync(&pool->drain_work))
		bulk_pool_put(pool);
}

/**
 * bulk_drain_module_init() - make the workqueue
 *
 * Return: 0 or -ENOMEM.
 */
int bulk_drain_module_init(void)
{
	drain_workers = alloc_workqueue("cmabulk_drain", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return drain_workers ? 0 : -ENOMEM;
}

/**
 * bulk_drain_module_exit() - undo bulk_drain_module_init()
 *
 * All pools are gone by now.
 */
void bulk_drain_module_exit(void)
{
	destroy_workqueue(drain_workers);
}
