// SPDX-License-Identifier: GPL-2.0-only
/*
 * cmabulk - bulk allocation of high-order chunks from CMA areas, handed out
 * as dma-bufs. Module init and exit, and the pools= parameter.
 */
#define pr_fmt(fmt) "cmabulk: " fmt

#include <linux/init.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "cache.h"
#include "compat.h"
#include "device.h"
#include "drain.h"
#include "netlink.h"
#include "pool.h"
#include "sysfs.h"
#include "zero.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static char *pools;
module_param(pools, charp, 0444);
MODULE_PARM_DESC(pools, "NAME:AREA[,NAME:AREA...]: pools to offer and the CMA areas behind them, by name or as SIZE@BASE[+RESERVE]");

/* Make the pool that a NAME:AREA names, at the end of @list; changes @spec. */
static int prepare_pool(char *spec, struct list_head *list)
{
	char *name = strsep(&spec, ":");

	if (!spec) {
		pr_err("\"%s\" is no pool: write NAME:AREA\n", name);
		return -EINVAL;
	}
	return bulk_pool_prepare(name, spec, list);
}

/**
 * bulk_pool_add_spec() - add the pool that a NAME:AREA names
 * @spec:	is changed
 *
 * Return: 0, -EINVAL, or what bulk_pool_prepare() and bulk_pool_publish()
 * return.
 */
int bulk_pool_add_spec(char *spec)
{
	LIST_HEAD(list);
	int ret;

	ret = prepare_pool(spec, &list);
	if (ret)
		return ret;
	return bulk_pool_publish(list_first_entry(&list, struct bulk_pool, node));
}

/*
 * The end of the first specification. Names of areas may contain commas
 * ("linux,cma"), names of pools may not: what has no colon belongs to the
 * area before it.
 */
static char *end_of_spec(char *specs)
{
	char *comma = strchr(specs, ',');

	while (comma) {
		size_t length = strcspn(comma + 1, ",:");

		if (comma[1 + length] == ':')
			return comma;
		comma = strchr(comma + 1, ',');
	}
	return NULL;
}

static int prepare_pools(char *specs, struct list_head *list)
{
	int ret = 0;

	while (!ret && specs && *specs) {
		char *end = end_of_spec(specs);

		if (end)
			*end++ = '\0';
		ret = prepare_pool(specs, list);
		specs = end;
	}
	return ret;
}

static int prepare_pools_of_parameter(struct list_head *list)
{
	char *specs;
	int ret;

	if (!pools || !*pools)
		return 0;
	specs = kstrdup(pools, GFP_KERNEL);
	if (!specs)
		return -ENOMEM;
	ret = prepare_pools(specs, list);
	kfree(specs);
	return ret;
}

/*
 * What somebody can see somebody may use, and a module whose loading fails is
 * freed without a look at its users. So all that may be wrong with the pools is
 * found before there is anything to see, and from the class on, through which
 * pools can be added, nothing fails any more.
 */
static int __init bulk_init(void)
{
	struct bulk_pool *pool, *next;
	LIST_HEAD(prepared);
	int ret;

	ret = prepare_pools_of_parameter(&prepared);
	if (ret)
		goto err_pools;
	ret = bulk_zero_module_init();
	if (ret)
		goto err_pools;
	ret = bulk_drain_module_init();
	if (ret)
		goto err_zero;
	ret = bulk_cache_module_init();
	if (ret)
		goto err_drain;
	ret = bulk_events_module_init();
	if (ret)
		goto err_cache;
	ret = bulk_device_init();
	if (ret)
		goto err_events;
	list_for_each_entry_safe(pool, next, &prepared, node)
		bulk_pool_publish(pool);
	return 0;

err_events:
	bulk_events_module_exit();
err_cache:
	bulk_cache_module_exit();
err_drain:
	bulk_drain_module_exit();
err_zero:
	bulk_zero_module_exit();
err_pools:
	list_for_each_entry_safe(pool, next, &prepared, node)
		bulk_pool_put(pool);
	return ret;
}

/*
 * No file is open and no dma-buf lives: those hold the module. What may be
 * left is zeroing of buffers that were closed, which sends them to the drain,
 * which tells of it; hence the order. Who is in an attribute of the class is
 * waited for with the class, and can add no pool any more.
 */
static void __exit bulk_exit(void)
{
	bulk_zero_module_exit();
	bulk_pool_remove_all();
	bulk_device_exit();
	bulk_cache_module_exit();
	bulk_drain_module_exit();
	bulk_events_module_exit();
}

module_init(bulk_init);
module_exit(bulk_exit);

MODULE_DESCRIPTION("Bulk allocation of high-order chunks from CMA areas");
MODULE_LICENSE("GPL");
BULK_IMPORT_NS("DMA_BUF");
