// SPDX-License-Identifier: GPL-2.0-only
/*
 * The character devices /dev/cmabulk/NAME: QUERY, SURVEY, BUFFERS, RESERVE.
 * Marshalling only; an open file holds a reference to its pool.
 */
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "cache.h"
#include "compat.h"
#include "device.h"
#include "pool.h"
#include "reservation.h"
#include "sysfs.h"
#include "uaccess.h"
#include "zero.h"

/* Sizes of the first published versions: what is appended does not count. */
#define QUERY_SIZE_1		248
#define SURVEY_SIZE_1		112
#define BUFFERS_SIZE_1		88
#define BUFFER_INFO_SIZE_1	256

static_assert(sizeof(struct cmabulk_query) == QUERY_SIZE_1);
static_assert(sizeof(struct cmabulk_survey) == SURVEY_SIZE_1);
static_assert(sizeof(struct cmabulk_buffers) == BUFFERS_SIZE_1);
static_assert(sizeof(struct cmabulk_buffer_info) == BUFFER_INFO_SIZE_1);

static dev_t device_numbers;
static struct cdev device_cdev;

/**
 * bulk_device_features() - what a pool can do, and cannot
 * @engine:	the pool's
 *
 * Return: CMABULK_FEATURE_*.
 */
u64 bulk_device_features(const struct bulk_engine *engine)
{
	u64 zeroed = bulk_zero_by_kernel() ? CMABULK_FEATURE_KERNEL_ZEROED : 0;

	return engine->ops->features | zeroed;
}

/*
 * What is cached anybody can have who asks here. The books were read before the
 * engine was asked: what went back in between counts twice, hence the limit.
 */
static u64 query_free_pages(const struct bulk_pool *pool,
			    const struct bulk_counters *counters, u64 available)
{
	const u64 owned = counters->pages[CMABULK_STATE_RESERVED] +
			  counters->pages[CMABULK_STATE_EXPORTED] +
			  counters->pages[CMABULK_STATE_DRAINING];

	return min(available + counters->pages[CMABULK_STATE_CACHED],
		   pool->engine.nr_pages - owned);
}

static long device_query(struct bulk_pool *pool, void __user *arg)
{
	struct bulk_engine *engine = &pool->engine;
	struct bulk_counters counters;
	struct cmabulk_query query;
	u32 size;
	int ret;

	ret = bulk_struct_read(&query, sizeof(query), QUERY_SIZE_1, arg, &size);
	if (ret)
		return ret;
	if (query.flags || memchr_inv(query.reserved, 0, sizeof(query.reserved)))
		return -EINVAL;
	if (bulk_books_gone(pool))
		return -ENODEV;

	bulk_books_read(pool, &counters);
	query = (struct cmabulk_query) {
		.size = size,
		.abi_version = CMABULK_ABI_VERSION,
		.engine = engine->ops->kind,
		.features = bulk_device_features(engine),
		.page_size = PAGE_SIZE,
		.block_order = pageblock_order,
		.max_order = engine->max_order,
		.order_per_bit = engine->order_per_bit,
		.pages = engine->nr_pages,
		.free_pages = query_free_pages(pool, &counters, engine->ops->available(engine)),
		.buffers = counters.buffers,
		.reservations = counters.reservations,
		.sequence = counters.sequence,
		.stuck = counters.pages_stuck,
	};
	bulk_books_states(&counters, &query.states);
	strscpy(query.name, pool->name, sizeof(query.name));
	strscpy(query.area, engine->area, sizeof(query.area));
	return bulk_struct_write(arg, size, &query, sizeof(query));
}

static long device_survey(struct bulk_pool *pool, void __user *arg)
{
	struct cmabulk_survey survey;
	u32 size;
	int ret;

	ret = bulk_struct_read(&survey, sizeof(survey), SURVEY_SIZE_1, arg, &size);
	if (ret)
		return ret;
	if (survey.flags || memchr_inv(survey.reserved, 0, sizeof(survey.reserved)))
		return -EINVAL;
	if (bulk_books_gone(pool))
		return -ENODEV;

	survey = (struct cmabulk_survey) { .size = size };
	ret = bulk_cache_survey(pool, &survey);
	if (ret)
		return ret;
	return bulk_struct_write(arg, size, &survey, sizeof(survey));
}

static int write_infos(const struct cmabulk_buffers *buffers,
		       const struct cmabulk_buffer_info *infos)
{
	void __user *to = u64_to_user_ptr(buffers->entries);
	u64 index;
	int ret;

	for (index = 0; index < buffers->count; index++) {
		ret = bulk_struct_write(to, buffers->entry_size, &infos[index], sizeof(*infos));
		if (ret)
			return ret;
		to += buffers->entry_size;
		cond_resched();
	}
	return 0;
}

static long device_buffers(struct bulk_pool *pool, void __user *arg)
{
	struct cmabulk_buffer_info *infos;
	struct cmabulk_buffers buffers;
	int ret, full;
	u32 size;

	ret = bulk_struct_read(&buffers, sizeof(buffers), BUFFERS_SIZE_1, arg, &size);
	if (ret)
		return ret;
	if (buffers.flags || memchr_inv(buffers.reserved, 0, sizeof(buffers.reserved)) ||
	    buffers.entry_size < BUFFER_INFO_SIZE_1)
		return -EINVAL;
	if (buffers.entry_size > PAGE_SIZE)
		return -E2BIG;

	full = bulk_books_snapshot(pool, &buffers, &infos);
	if (full && full != -ENOSPC)
		return full;
	ret = bulk_struct_write(arg, size, &buffers, sizeof(buffers));
	if (!ret && infos)
		ret = write_infos(&buffers, infos);
	kvfree(infos);
	return ret ? ret : full;
}

static long device_ioctl(struct file *file, unsigned int command, unsigned long arg)
{
	struct bulk_pool *pool = file->private_data;
	void __user *user = (void __user *)arg;

	switch (BULK_COMMAND(command)) {
	case BULK_COMMAND(CMABULK_IOC_QUERY):
		return device_query(pool, user);
	case BULK_COMMAND(CMABULK_IOC_SURVEY):
		return device_survey(pool, user);
	case BULK_COMMAND(CMABULK_IOC_BUFFERS):
		return device_buffers(pool, user);
	case BULK_COMMAND(CMABULK_IOC_RESERVE):
		return bulk_reservation_create(pool, user);
	default:
		return -ENOTTY;
	}
}

static int device_open(struct inode *inode, struct file *file)
{
	struct bulk_pool *pool = bulk_pool_find(iminor(inode) - MINOR(device_numbers));

	if (!pool)
		return -ENODEV;
	file->private_data = pool;
	return nonseekable_open(inode, file);
}

static int device_release(struct inode *inode, struct file *file)
{
	bulk_pool_put(file->private_data);
	return 0;
}

static const struct file_operations device_operations = {
	.owner = THIS_MODULE,
	.open = device_open,
	.release = device_release,
	.unlocked_ioctl = device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static char *device_node(bulk_const_class struct device *device, umode_t *mode)
{
	if (mode)
		*mode = 0600;
	return kasprintf(GFP_KERNEL, "cmabulk/%s", dev_name(device));
}

static bulk_const_class struct class device_class = {
	.name = "cmabulk",
	.class_groups = bulk_class_groups,
	.devnode = device_node,
};

/**
 * bulk_device_create() - make a pool visible
 * @pool:	has its minor
 *
 * Return: the device, or an error pointer.
 */
struct device *bulk_device_create(struct bulk_pool *pool)
{
	return device_create_with_groups(&device_class, NULL, device_numbers + pool->minor, pool,
					 bulk_pool_groups, "%s", pool->name);
}

/**
 * bulk_device_destroy() - make a pool invisible
 * @pool:	was made visible
 *
 * Waits for readers of its attributes; open files stay open.
 */
void bulk_device_destroy(struct bulk_pool *pool)
{
	device_destroy(&device_class, device_numbers + pool->minor);
}

/**
 * bulk_device_init() - register device numbers and class
 *
 * Return: 0 or what registering returns.
 */
int bulk_device_init(void)
{
	int ret;

	ret = alloc_chrdev_region(&device_numbers, 0, BULK_MAX_POOLS, "cmabulk");
	if (ret)
		return ret;
	cdev_init(&device_cdev, &device_operations);
	device_cdev.owner = THIS_MODULE;
	ret = cdev_add(&device_cdev, device_numbers, BULK_MAX_POOLS);
	if (ret)
		goto err_region;
	ret = class_register(&device_class);
	if (ret)
		goto err_cdev;
	return 0;

err_cdev:
	cdev_del(&device_cdev);
err_region:
	unregister_chrdev_region(device_numbers, BULK_MAX_POOLS);
	return ret;
}

/**
 * bulk_device_exit() - undo bulk_device_init()
 *
 * All devices are destroyed by now.
 */
void bulk_device_exit(void)
{
	class_unregister(&device_class);
	cdev_del(&device_cdev);
	unregister_chrdev_region(device_numbers, BULK_MAX_POOLS);
}
