// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registry of pools: adding one by its area, removing, finding by minor,
 * and the lifetime of struct bulk_pool. Books and pages are elsewhere.
 */
#define pr_fmt(fmt) "cmabulk: " fmt

#include <linux/device.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/xarray.h>

#include "cache.h"
#include "device.h"
#include "drain.h"
#include "netlink.h"
#include "pool.h"
#include "reservation.h"
#include "trace.h"

/*
 * pools_lock covers all three: @all_pools has every pool until its last
 * reference is gone, @live_pools those whose node is there, by minor,
 * @pools_generation grows whenever a pool comes or is removed, and
 * @pools_closed ends the adding.
 */
static DEFINE_MUTEX(pools_lock);
static LIST_HEAD(all_pools);
static DEFINE_XARRAY_ALLOC(live_pools);
static u32 pools_generation;
static bool pools_closed;

static bool name_is_valid(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");

	/* Attributes beside the pools in /sys/class/cmabulk. */
	if (!strcmp(name, "add") || !strcmp(name, "remove"))
		return false;
	return length && !name[length] && length < CMABULK_POOL_NAME_LEN;
}

/**
 * bulk_pool_get() - take another reference
 * @pool:	the caller has one
 */
void bulk_pool_get(struct bulk_pool *pool)
{
	kref_get(&pool->ref);
}

/* Called with pools_lock held, see kref_put_mutex(). */
static void pool_release(struct kref *ref)
{
	struct bulk_pool *pool = container_of(ref, struct bulk_pool, ref);

	list_del(&pool->node);
	mutex_unlock(&pools_lock);
	bulk_engine_close(&pool->engine);
	mutex_destroy(&pool->cache.lock);
	mutex_destroy(&pool->lock);
	kfree(pool);
}

/**
 * bulk_pool_put() - drop a reference
 * @pool:	may be freed
 *
 * Context: process, without pools_lock or bulk_pool.lock.
 */
void bulk_pool_put(struct bulk_pool *pool)
{
	kref_put_mutex(&pool->ref, pool_release, &pools_lock);
}

static struct bulk_pool *pool_alloc(const char *name)
{
	struct bulk_pool *pool;

	pool = kzalloc(sizeof(*pool), GFP_KERNEL);
	if (!pool)
		return NULL;
	kref_init(&pool->ref);
	INIT_LIST_HEAD(&pool->node);
	strscpy(pool->name, name, sizeof(pool->name));
	mutex_init(&pool->lock);
	INIT_LIST_HEAD(&pool->objects);
	INIT_LIST_HEAD(&pool->events);
	bulk_cache_init(pool);
	bulk_drain_init(pool);
	bulk_events_init(pool);
	return pool;
}

/*
 * A removed pool counts until its last reference is gone: its events carry its
 * name, and listeners could not tell them from a new pool's.
 */
static int check_clash(const struct bulk_pool *pool, const struct list_head *others)
{
	const struct bulk_pool *other;

	list_for_each_entry(other, others, node) {
		const char *removed = others != &all_pools || other->device ?
				      "" : " (removed, but still in use)";

		if (!strcmp(other->name, pool->name)) {
			pr_err("there is a pool \"%s\" already%s\n", pool->name, removed);
			return -EEXIST;
		}
		if (bulk_engine_overlaps(&other->engine, &pool->engine)) {
			pr_err("area \"%s\" is, or is too near to, area \"%s\" of pool \"%s\"%s\n",
			       pool->engine.area, other->engine.area, other->name, removed);
			return -EBUSY;
		}
	}
	return 0;
}

/* Makes the caller's reference the registry's. */
static int publish_locked(struct bulk_pool *pool)
{
	struct device *device;
	int ret;

	lockdep_assert_held(&pools_lock);
	if (pools_closed)
		return -ENODEV;
	ret = check_clash(pool, &all_pools);
	if (ret)
		return ret;
	ret = xa_alloc(&live_pools, &pool->minor, pool, XA_LIMIT(0, BULK_MAX_POOLS - 1),
		       GFP_KERNEL);
	if (ret)
		return ret == -EBUSY ? -ENOSPC : ret;
	device = bulk_device_create(pool);
	if (IS_ERR(device)) {
		xa_erase(&live_pools, pool->minor);
		return PTR_ERR(device);
	}
	pool->device = device;
	list_add_tail(&pool->node, &all_pools);
	pools_generation++;
	bulk_cache_open(pool);
	trace_pool_add(pool->name, pool->engine.area, pool->engine.nr_pages);
	/* Opening waits for pools_lock: this is the first event. */
	bulk_books_pool_event(pool, CMABULK_CMD_POOL_ADDED);
	return 0;
}

/**
 * bulk_pool_prepare() - make a pool that nobody sees yet
 * @name:	of the pool: lower case letters, digits, '-' and '_'
 * @area:	CMA area, see bulk_engine_open()
 * @list:	the caller's own; gets the pool, with a reference, at its end
 *
 * What is wrong is logged as well.
 *
 * Return: 0; -EINVAL for a bad name, -EEXIST for a name and -EBUSY for an area
 * that another pool in @list has, -ENOMEM; what bulk_engine_open() returns.
 */
int bulk_pool_prepare(const char *name, const char *area, struct list_head *list)
{
	struct bulk_pool *pool;
	int ret;

	if (!name_is_valid(name)) {
		pr_err("\"%s\" is no name for a pool: 1 to %d of a-z, 0-9, '-' and '_', and not \"add\" or \"remove\"\n",
		       name, CMABULK_POOL_NAME_LEN - 1);
		return -EINVAL;
	}
	pool = pool_alloc(name);
	if (!pool)
		return -ENOMEM;
	ret = bulk_engine_open(&pool->engine, area);
	if (!ret)
		ret = check_clash(pool, list);
	if (ret)
		bulk_pool_put(pool);
	else
		list_add_tail(&pool->node, list);
	return ret;
}

/**
 * bulk_pool_publish() - offer a pool
 * @pool:	from bulk_pool_prepare(); leaves its list, and the caller's
 *		reference is gone whatever this returns
 *
 * What is wrong is logged as well.
 *
 * Return: 0; -EEXIST for a name in use, -EBUSY for an area in use, -ENOSPC for
 * too many pools, -ENODEV when the module is leaving, -ENOMEM or what creating
 * a device returns.
 */
int bulk_pool_publish(struct bulk_pool *pool)
{
	int ret;

	list_del_init(&pool->node);
	mutex_lock(&pools_lock);
	ret = publish_locked(pool);
	/* Under the lock: once that is dropped the pool may be removed and freed. */
	if (ret)
		pr_err("pool \"%s\" cannot be offered: %pe\n", pool->name, ERR_PTR(ret));
	else
		pr_info("pool \"%s\": area \"%s\", %lu pages, orders %u to %u\n", pool->name,
			pool->engine.area, pool->engine.nr_pages, pool->engine.order_per_bit,
			pool->engine.max_order);
	mutex_unlock(&pools_lock);
	if (ret)
		bulk_pool_put(pool);
	return ret;
}

/**
 * bulk_pool_remove() - end a pool
 * @pool:	the caller has a reference
 *
 * The node goes, running FILLs are interrupted, whatever is called from now
 * on returns -ENODEV. Buffers stay valid.
 *
 * Context: process; not from an attribute of the pool's device, for which this
 * waits.
 * Return: 0, or -ENODEV when somebody else removed it.
 */
int bulk_pool_remove(struct bulk_pool *pool)
{
	struct device *device;

	mutex_lock(&pools_lock);
	device = pool->device;
	pool->device = NULL;
	if (device) {
		/* Without a device it is not found; the minor stays taken as long as the node. */
		pools_generation++;
		bulk_books_pool_event(pool, CMABULK_CMD_POOL_REMOVED);
	}
	mutex_unlock(&pools_lock);
	if (!device)
		return -ENODEV;

	trace_pool_remove(pool->name);
	bulk_fill_interrupt_all(pool);
	bulk_cache_close(pool);
	bulk_device_destroy(pool);
	xa_erase(&live_pools, pool->minor);
	/* Events hold it: where nothing else does, its name can be used at once. */
	bulk_events_finish(pool);
	bulk_pool_put(pool);	/* the registry's */
	return 0;
}

static struct bulk_pool *pool_first(void)
{
	struct bulk_pool *pool;

	mutex_lock(&pools_lock);
	pool = list_first_entry_or_null(&all_pools, struct bulk_pool, node);
	if (pool)
		bulk_pool_get(pool);
	mutex_unlock(&pools_lock);
	return pool;
}

/**
 * bulk_pool_remove_all() - end all pools and wait until nothing is left of them
 *
 * For module exit: no file is open, no dma-buf lives and zeroing has come to
 * its end. No pool can be added from now on.
 */
void bulk_pool_remove_all(void)
{
	struct bulk_pool *pool;

	mutex_lock(&pools_lock);
	pools_closed = true;
	mutex_unlock(&pools_lock);
	while ((pool = pool_first())) {
		bulk_pool_remove(pool);
		bulk_drain_finish(pool);
		bulk_events_finish(pool);
		bulk_pool_put(pool);
	}
}

/**
 * bulk_pool_find() - find a pool by the minor of its device
 * @minor:	the minor
 *
 * Return: the pool with a reference, NULL if there is none.
 */
struct bulk_pool *bulk_pool_find(u32 minor)
{
	struct bulk_pool *pool;

	mutex_lock(&pools_lock);
	pool = xa_load(&live_pools, minor);
	if (pool && !pool->device)
		pool = NULL;
	if (pool)
		bulk_pool_get(pool);
	mutex_unlock(&pools_lock);
	return pool;
}

/**
 * bulk_pool_find_name() - find a pool by its name
 * @name:	the name
 *
 * Return: the pool with a reference, NULL if there is none.
 */
struct bulk_pool *bulk_pool_find_name(const char *name)
{
	struct bulk_pool *pool, *found = NULL;

	mutex_lock(&pools_lock);
	list_for_each_entry(pool, &all_pools, node) {
		if (!pool->device || strcmp(pool->name, name))
			continue;
		bulk_pool_get(pool);
		found = pool;
		break;
	}
	mutex_unlock(&pools_lock);
	return found;
}

/**
 * bulk_pool_next() - walk the pools
 * @minor:	where to go on
 * @generation:	out: changes when pools come and go
 *
 * Return: the pool with the least minor from @minor on, with a reference, or
 * NULL.
 */
struct bulk_pool *bulk_pool_next(u32 minor, u32 *generation)
{
	struct bulk_pool *pool;
	unsigned long index;

	mutex_lock(&pools_lock);
	*generation = pools_generation;
	xa_for_each_start(&live_pools, index, pool, minor)
		if (pool->device)
			break;
	if (pool)
		bulk_pool_get(pool);
	mutex_unlock(&pools_lock);
	return pool;
}
