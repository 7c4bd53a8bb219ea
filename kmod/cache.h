/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The cache of a pool: what is left of claimed pageblocks, kept for a moment for
 * the next small requests.
 */
#ifndef BULK_CACHE_H
#define BULK_CACHE_H

#include <linux/atomic.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct bulk_pool;
struct bulk_request;
struct cmabulk_survey;

/**
 * struct bulk_cache - pages that nobody asked for yet
 * @lock:		all that follows. Held while a pageblock is claimed, hence
 *			while memory is allocated: the shrinker only tries it
 * @blocks:		pageblocks with pages to give, oldest first
 * @nr_blocks:		entries in @blocks
 * @nr_pages:		pages to give in all of them; read without the lock
 * @closed:		nothing is kept any more: the pool is not offered
 * @requests:		requests in the engine, which nothing may be withheld
 *			from: they raise it under the lock, and drop it without
 * @next_by:		ktime_get() by which a small request is one of many
 * @search_after:	ktime_get() before which no pageblock was free
 * @used:		when it last served somebody, jiffies
 * @idle_work:		gives everything back; queued whenever there are pages,
 *			with a reference to the pool
 * @node:		in the list of all caches, for the shrinker
 */
struct bulk_cache {
	struct mutex lock;	/* pages to give */
	struct list_head blocks;
	unsigned int nr_blocks;
	unsigned long nr_pages;
	bool closed;
	atomic_t requests;
	ktime_t next_by;
	ktime_t search_after;
	unsigned long used;
	struct delayed_work idle_work;
	struct list_head node;
};

int bulk_cache_module_init(void);
void bulk_cache_module_exit(void);
void bulk_cache_init(struct bulk_pool *pool);
void bulk_cache_open(struct bulk_pool *pool);
void bulk_cache_close(struct bulk_pool *pool);
int bulk_cache_fill(struct bulk_pool *pool, struct bulk_request *request, size_t *nr_cached);
int bulk_cache_survey(struct bulk_pool *pool, struct cmabulk_survey *survey);

#endif /* BULK_CACHE_H */
