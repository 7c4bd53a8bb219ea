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
MODULE_PARM_DESC(pools, "NAME:AREA[,NAME:AREA...]: pools to offer and the CMA areas behind them");

/**
 * bulk_pool_add_spec() - add the pool that a NAME:AREA names
 * @spec:	is changed
 *
 * Return: 0, -EINVAL, or what bulk_pool_add() returns.
 */
int bulk_pool_add_spec(char *spec)
{
	char *name = strsep(&spec, ":");

	if (!spec) {
		pr_err("\"%s\" is no pool: write NAME:AREA\n", name);
		return -EINVAL;
	}
	return bulk_pool_add(name, spec);
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

static int add_pools(char *specs)
{
	int ret = 0;

	while (!ret && specs && *specs) {
		char *end = end_of_spec(specs);

		if (end)
			*end++ = '\0';
		ret = bulk_pool_add_spec(specs);
		specs = end;
	}
	return ret;
}

static int add_pools_of_parameter(void)
{
	char *specs;
	int ret;

	if (!pools || !*pools)
		return 0;
	specs = kstrdup(pools, GFP_KERNEL);
	if (!specs)
		return -ENOMEM;
	ret = add_pools(specs);
	kfree(specs);
	return ret;
}

static int __init bulk_init(void)
{
	int ret;

	ret = bulk_zero_module_init();
	if (ret)
		return ret;
	ret = bulk_drain_module_init();
	if (ret)
		goto err_zero;
	ret = bulk_events_module_init();
	if (ret)
		goto err_drain;
	ret = bulk_device_init();
	if (ret)
		goto err_events;
	ret = add_pools_of_parameter();
	if (ret)
		goto err_pools;
	return 0;

err_pools:
	bulk_pool_remove_all();
	bulk_device_exit();
err_events:
	bulk_events_module_exit();
err_drain:
	bulk_drain_module_exit();
err_zero:
	bulk_zero_module_exit();
	return ret;
}

/*
 * No file is open and no dma-buf lives: those hold the module. What may be
 * left is zeroing of buffers that were closed, which sends them to the drain,
 * which tells of it; hence the order.
 */
static void __exit bulk_exit(void)
{
	bulk_zero_module_exit();
	bulk_pool_remove_all();
	bulk_device_exit();
	bulk_drain_module_exit();
	bulk_events_module_exit();
}

module_init(bulk_init);
module_exit(bulk_exit);

MODULE_DESCRIPTION("Bulk allocation of high-order chunks from CMA areas");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(DMA_BUF);
