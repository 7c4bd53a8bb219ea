// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attributes of the pools' class and devices, see the ABI document
 * sysfs-class-cmabulk. One value per file, all read under the books' lock.
 */
#include <linux/device.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat.h"
#include "device.h"
#include "pool.h"
#include "sysfs.h"

static ssize_t area_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct bulk_pool *pool = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%s\n", pool->engine.area);
}
static DEVICE_ATTR_RO(area);

static ssize_t engine_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct bulk_pool *pool = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%s\n", pool->engine.ops->name);
}
static DEVICE_ATTR_RO(engine);

static ssize_t features_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct bulk_pool *pool = dev_get_drvdata(dev);
	const u64 features = bulk_device_features(&pool->engine);
	int length = 0;

	if (features & CMABULK_FEATURE_KERNEL_ZEROED)
		length += sysfs_emit_at(buf, length, "kernel-zeroed ");
	if (features & CMABULK_FEATURE_BITMAP_UNAWARE)
		length += sysfs_emit_at(buf, length, "bitmap-unaware ");
	/* In place of the last space; no feature is an empty line. */
	if (length)
		length--;
	return length + sysfs_emit_at(buf, length, "\n");
}
static DEVICE_ATTR_RO(features);

static ssize_t pages_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct bulk_pool *pool = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%lu\n", pool->engine.nr_pages);
}
static DEVICE_ATTR_RO(pages);

static ssize_t order_per_bit_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct bulk_pool *pool = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%u\n", pool->engine.order_per_bit);
}
static DEVICE_ATTR_RO(order_per_bit);

static ssize_t max_order_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct bulk_pool *pool = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%u\n", pool->engine.max_order);
}
static DEVICE_ATTR_RO(max_order);

static ssize_t events_lost_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct bulk_pool *pool = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%llu\n", (unsigned long long)atomic64_read(&pool->events_lost));
}
static DEVICE_ATTR_RO(events_lost);

#define COUNTER_ATTR(_name, _field)							\
static ssize_t _name##_show(struct device *dev, struct device_attribute *attr,		\
			    char *buf)							\
{											\
	struct bulk_counters counters;							\
											\
	bulk_books_read(dev_get_drvdata(dev), &counters);				\
	return sysfs_emit(buf, "%llu\n", counters._field);				\
}											\
static DEVICE_ATTR_RO(_name)

COUNTER_ATTR(cached, pages[CMABULK_STATE_CACHED]);
COUNTER_ATTR(reserved, pages[CMABULK_STATE_RESERVED]);
COUNTER_ATTR(exported, pages[CMABULK_STATE_EXPORTED]);
COUNTER_ATTR(draining, pages[CMABULK_STATE_DRAINING]);
COUNTER_ATTR(stuck, pages_stuck);
COUNTER_ATTR(buffers, buffers);
COUNTER_ATTR(reservations, reservations);
COUNTER_ATTR(fills, fills);
COUNTER_ATTR(fills_short, fills_short);
COUNTER_ATTR(chunks_allocated, chunks_allocated);

static struct attribute *pool_attrs[] = {
	&dev_attr_area.attr,
	&dev_attr_engine.attr,
	&dev_attr_features.attr,
	&dev_attr_pages.attr,
	&dev_attr_order_per_bit.attr,
	&dev_attr_max_order.attr,
	&dev_attr_cached.attr,
	&dev_attr_reserved.attr,
	&dev_attr_exported.attr,
	&dev_attr_draining.attr,
	&dev_attr_stuck.attr,
	&dev_attr_buffers.attr,
	&dev_attr_reservations.attr,
	&dev_attr_fills.attr,
	&dev_attr_fills_short.attr,
	&dev_attr_chunks_allocated.attr,
	&dev_attr_events_lost.attr,
	NULL,
};

static const struct attribute_group pool_group = {
	.attrs = pool_attrs,
};

const struct attribute_group *bulk_pool_groups[] = {
	&pool_group,
	NULL,
};

static ssize_t add_store(bulk_const_class struct class *class,
			 bulk_const_class struct class_attribute *attr,
			 const char *buf, size_t count)
{
	char *spec;
	int ret;

	spec = kstrndup(buf, count, GFP_KERNEL);
	if (!spec)
		return -ENOMEM;
	ret = bulk_pool_add_spec(strim(spec));
	kfree(spec);
	return ret ? ret : count;
}
static CLASS_ATTR_WO(add);

/* Beside the pools, not in them: a pool's own attributes are gone before this returns. */
static ssize_t remove_store(bulk_const_class struct class *class,
			    bulk_const_class struct class_attribute *attr,
			    const char *buf, size_t count)
{
	struct bulk_pool *pool;
	char *name;
	int ret;

	name = kstrndup(buf, count, GFP_KERNEL);
	if (!name)
		return -ENOMEM;
	pool = bulk_pool_find_name(strim(name));
	kfree(name);
	if (!pool)
		return -ENOENT;
	ret = bulk_pool_remove(pool);
	bulk_pool_put(pool);
	return ret ? ret : count;
}
static CLASS_ATTR_WO(remove);

/* They come in this order: once there can be a pool, registering the class fails no more. */
static struct attribute *class_attrs[] = {
	&class_attr_remove.attr,
	&class_attr_add.attr,
	NULL,
};

static const struct attribute_group class_group = {
	.attrs = class_attrs,
};

const struct attribute_group *bulk_class_groups[] = {
	&class_group,
	NULL,
};
