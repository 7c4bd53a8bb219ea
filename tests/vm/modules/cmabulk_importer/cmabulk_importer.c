// SPDX-License-Identifier: GPL-2.0-only
/*
 * A dma-buf importer for tests: a platform device per open file, driven step by step through
 * ioctls, so that a test decides the order in which things are mapped, read and let go.
 */
#include <linux/dma-buf.h>
#include <linux/dma-direct.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/highmem.h>
#include <linux/iosys-map.h>
#include <linux/limits.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "cmabulk_importer.h"
#include "compat.h"

/**
 * struct importer - one open file, and the device it stands for
 * @lock:	taken by every ioctl
 * @pdev:	the device that is attached
 * @dmabuf:	the buffer, NULL while not attached; holds a reference
 * @attach:	the attachment, NULL while not attached
 * @table:	the mapping, NULL while not mapped
 * @direction:	how it is mapped
 * @map:	the kernel mapping, clear while there is none
 * @held:	page kept with a reference, NULL if none
 */
struct importer {
	struct mutex lock; /* protects everything below */
	struct platform_device *pdev;
	struct dma_buf *dmabuf;
	struct dma_buf_attachment *attach;
	struct sg_table *table;
	enum dma_data_direction direction;
	struct iosys_map map;
	struct page *held;
};

static void importer_move_notify(struct dma_buf_attachment *attach)
{
}

static const struct dma_buf_attach_ops importer_attach_ops = {
	.allow_peer2peer = false,
	.invalidate_mappings = importer_move_notify,
};

static void importer_unmap(struct importer *importer)
{
	if (!importer->table)
		return;
	dma_buf_unmap_attachment_unlocked(importer->attach, importer->table, importer->direction);
	importer->table = NULL;
}

static void importer_vunmap(struct importer *importer)
{
	if (iosys_map_is_null(&importer->map))
		return;
	dma_buf_vunmap_unlocked(importer->dmabuf, &importer->map);
	iosys_map_clear(&importer->map);
}

static void importer_detach(struct importer *importer)
{
	if (!importer->dmabuf)
		return;
	dma_buf_detach(importer->dmabuf, importer->attach);
	dma_buf_put(importer->dmabuf);
	importer->attach = NULL;
	importer->dmabuf = NULL;
}

static void importer_drop(struct importer *importer)
{
	if (!importer->held)
		return;
	put_page(importer->held);
	importer->held = NULL;
}

static int importer_set_limits(struct importer *importer, const struct importer_attach *arg)
{
	struct device *dev = &importer->pdev->dev;

	if (arg->max_segment && !PAGE_ALIGNED(arg->max_segment))
		return -EINVAL;
	if (arg->boundary && !is_power_of_2(arg->boundary))
		return -EINVAL;
	dma_set_max_seg_size(dev, arg->max_segment ?: UINT_MAX);
	dma_set_seg_boundary(dev, arg->boundary ? arg->boundary - 1 : ULONG_MAX);
	return 0;
}

static int importer_attach_fd(struct importer *importer, struct importer_attach *arg)
{
	const struct dma_buf_attach_ops *ops = NULL;
	struct dma_buf_attachment *attach;
	struct dma_buf *dmabuf;
	int ret;

	if (importer->dmabuf)
		return -EBUSY;
	ret = importer_set_limits(importer, arg);
	if (ret)
		return ret;

	dmabuf = dma_buf_get(arg->fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);

	if (arg->flags & IMPORTER_DYNAMIC)
		ops = &importer_attach_ops;
	attach = dma_buf_dynamic_attach(dmabuf, &importer->pdev->dev, ops, importer);
	if (IS_ERR(attach)) {
		dma_buf_put(dmabuf);
		return PTR_ERR(attach);
	}

	arg->size = dmabuf->size;
	importer->dmabuf = dmabuf;
	importer->attach = attach;
	return 0;
}

static int importer_ioctl_attach(struct importer *importer, void __user *argp)
{
	struct importer_attach arg;
	int ret;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	ret = importer_attach_fd(importer, &arg);
	if (ret)
		return ret;
	return copy_to_user(argp, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static int importer_map(struct importer *importer, u32 direction)
{
	struct sg_table *table;

	if (!importer->attach || importer->table || direction >= DMA_NONE)
		return -EINVAL;
	table = dma_buf_map_attachment_unlocked(importer->attach, direction);
	if (IS_ERR(table))
		return PTR_ERR(table);
	importer->table = table;
	importer->direction = direction;
	return 0;
}

static int importer_ioctl_table(struct importer *importer, void __user *argp)
{
	struct importer_segment segment, __user *out;
	struct importer_table arg;
	struct scatterlist *sg;
	int i;

	if (!importer->table)
		return -EINVAL;
	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;

	out = u64_to_user_ptr(arg.segments);
	arg.count = 0;
	for_each_sgtable_dma_sg(importer->table, sg, i) {
		segment.address = dma_to_phys(&importer->pdev->dev, sg_dma_address(sg));
		segment.length = sg_dma_len(sg);
		if (arg.count < arg.capacity &&
		    copy_to_user(&out[arg.count], &segment, sizeof(segment)))
			return -EFAULT;
		arg.count++;
		cond_resched();
	}
	return copy_to_user(argp, &arg, sizeof(arg)) ? -EFAULT : 0;
}

/* The DMA address behind byte @offset, as the device would see it; the segment's rest in @rest. */
static int importer_locate(struct importer *importer, u64 offset, phys_addr_t *address, u64 *rest)
{
	struct scatterlist *sg;
	int i;

	for_each_sgtable_dma_sg(importer->table, sg, i) {
		if (offset < sg_dma_len(sg)) {
			*address = dma_to_phys(&importer->pdev->dev, sg_dma_address(sg)) + offset;
			*rest = sg_dma_len(sg) - offset;
			return 0;
		}
		offset -= sg_dma_len(sg);
	}
	return -ERANGE;
}

typedef int (*importer_visit_fn)(void *bytes, size_t length, u64 done, struct importer_access *arg);

static int importer_visit_device(struct importer *importer, struct importer_access *arg,
				 importer_visit_fn visit)
{
	u64 done = 0;

	if (!importer->table)
		return -EINVAL;
	while (done < arg->length) {
		phys_addr_t address;
		size_t length;
		void *bytes;
		u64 rest;
		int ret;

		ret = importer_locate(importer, arg->offset + done, &address, &rest);
		if (ret)
			return ret;
		rest = min(rest, arg->length - done);
		while (rest) {
			length = min_t(u64, rest, PAGE_SIZE - offset_in_page(address));
			bytes = kmap_local_page(pfn_to_page(PHYS_PFN(address)));
			ret = visit(bytes + offset_in_page(address), length, done, arg);
			kunmap_local(bytes);
			if (ret)
				return ret < 0 ? ret : 0;
			address += length;
			done += length;
			rest -= length;
			cond_resched();
		}
	}
	return 0;
}

static int importer_visit_vmap(struct importer *importer, struct importer_access *arg,
			       importer_visit_fn visit)
{
	u64 done = 0;

	if (iosys_map_is_null(&importer->map) || arg->offset > importer->dmabuf->size ||
	    arg->length > importer->dmabuf->size - arg->offset)
		return -EINVAL;
	while (done < arg->length) {
		size_t length = min_t(u64, arg->length - done, SZ_64K);
		int ret = visit(importer->map.vaddr + arg->offset + done, length, done, arg);

		if (ret)
			return ret < 0 ? ret : 0;
		done += length;
		cond_resched();
	}
	return 0;
}

static int importer_visit_read(void *bytes, size_t length, u64 done, struct importer_access *arg)
{
	return copy_to_user(u64_to_user_ptr(arg->data) + done, bytes, length) ? -EFAULT : 0;
}

static int importer_visit_write(void *bytes, size_t length, u64 done, struct importer_access *arg)
{
	return copy_from_user(bytes, u64_to_user_ptr(arg->data) + done, length) ? -EFAULT : 0;
}

static int importer_visit_check(void *bytes, size_t length, u64 done, struct importer_access *arg)
{
	void *other = memchr_inv(bytes, arg->value, length);

	if (!other)
		return 0;
	arg->mismatch = arg->offset + done + (other - bytes);
	return 1;
}

static int importer_visit_fill(void *bytes, size_t length, u64 done, struct importer_access *arg)
{
	memset(bytes, arg->value, length);
	return 0;
}

static int importer_ioctl_access(struct importer *importer, void __user *argp,
				 importer_visit_fn visit)
{
	struct importer_access arg;
	int ret;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	arg.mismatch = arg.offset + arg.length;
	if (arg.via == IMPORTER_VIA_DEVICE)
		ret = importer_visit_device(importer, &arg, visit);
	else
		ret = importer_visit_vmap(importer, &arg, visit);
	if (ret)
		return ret;
	return copy_to_user(argp, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static int importer_hold(struct importer *importer, u64 offset)
{
	phys_addr_t address;
	u64 rest;
	int ret;

	if (!importer->table || importer->held)
		return -EINVAL;
	ret = importer_locate(importer, offset, &address, &rest);
	if (ret)
		return ret;
	importer->held = pfn_to_page(PHYS_PFN(address));
	get_page(importer->held);
	return 0;
}

static int importer_vmap(struct importer *importer)
{
	if (!importer->dmabuf || !iosys_map_is_null(&importer->map))
		return -EINVAL;
	return dma_buf_vmap_unlocked(importer->dmabuf, &importer->map);
}

static int importer_ioctl_buffer(struct importer *importer, unsigned int cmd, void __user *argp)
{
	u64 value = 0;

	if (!importer->dmabuf)
		return -EINVAL;
	if (copy_from_user(&value, argp, _IOC_SIZE(cmd)))
		return -EFAULT;
	switch (cmd) {
	case IMPORTER_MAP:
		return importer_map(importer, value);
	case IMPORTER_BEGIN:
		return dma_buf_begin_cpu_access(importer->dmabuf, value);
	case IMPORTER_END:
		return dma_buf_end_cpu_access(importer->dmabuf, value);
	default:
		return importer_hold(importer, value);
	}
}

static int importer_ioctl_locked(struct importer *importer, unsigned int cmd, void __user *argp)
{
	switch (cmd) {
	case IMPORTER_ATTACH:
		return importer_ioctl_attach(importer, argp);
	case IMPORTER_DETACH:
		if (!importer->dmabuf || importer->table || !iosys_map_is_null(&importer->map))
			return -EINVAL;
		importer_detach(importer);
		return 0;
	case IMPORTER_MAP:
	case IMPORTER_BEGIN:
	case IMPORTER_END:
	case IMPORTER_HOLD:
		return importer_ioctl_buffer(importer, cmd, argp);
	case IMPORTER_UNMAP:
		importer_unmap(importer);
		return 0;
	case IMPORTER_TABLE:
		return importer_ioctl_table(importer, argp);
	case IMPORTER_VMAP:
		return importer_vmap(importer);
	case IMPORTER_VUNMAP:
		importer_vunmap(importer);
		return 0;
	case IMPORTER_READ:
		return importer_ioctl_access(importer, argp, importer_visit_read);
	case IMPORTER_WRITE:
		return importer_ioctl_access(importer, argp, importer_visit_write);
	case IMPORTER_CHECK:
		return importer_ioctl_access(importer, argp, importer_visit_check);
	case IMPORTER_FILL:
		return importer_ioctl_access(importer, argp, importer_visit_fill);
	case IMPORTER_DROP:
		importer_drop(importer);
		return 0;
	default:
		return -ENOTTY;
	}
}

static long importer_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct importer *importer = file->private_data;
	int ret;

	ret = mutex_lock_interruptible(&importer->lock);
	if (ret)
		return ret;
	ret = importer_ioctl_locked(importer, cmd, (void __user *)arg);
	mutex_unlock(&importer->lock);
	return ret;
}

static struct platform_device *importer_make_device(void)
{
	const struct platform_device_info info = {
		.name = IMPORTER_DEVICE,
		.id = PLATFORM_DEVID_AUTO,
		.dma_mask = DMA_BIT_MASK(64),
	};

	return platform_device_register_full(&info);
}

static int importer_open(struct inode *inode, struct file *file)
{
	struct importer *importer;

	importer = kzalloc(sizeof(*importer), GFP_KERNEL);
	if (!importer)
		return -ENOMEM;
	importer->pdev = importer_make_device();
	if (IS_ERR(importer->pdev)) {
		int ret = PTR_ERR(importer->pdev);

		kfree(importer);
		return ret;
	}
	mutex_init(&importer->lock);
	file->private_data = importer;
	return 0;
}

static int importer_release(struct inode *inode, struct file *file)
{
	struct importer *importer = file->private_data;

	importer_unmap(importer);
	importer_vunmap(importer);
	importer_detach(importer);
	importer_drop(importer);
	platform_device_unregister(importer->pdev);
	mutex_destroy(&importer->lock);
	kfree(importer);
	return 0;
}

static const struct file_operations importer_fops = {
	.owner = THIS_MODULE,
	.open = importer_open,
	.release = importer_release,
	.unlocked_ioctl = importer_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice importer_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = IMPORTER_DEVICE,
	.mode = 0600,
	.fops = &importer_fops,
};
module_misc_device(importer_misc);

MODULE_DESCRIPTION("dma-buf importer for the cmabulk tests");
MODULE_LICENSE("GPL");
BULK_IMPORT_NS("DMA_BUF");
