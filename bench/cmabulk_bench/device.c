// SPDX-License-Identifier: GPL-2.0-only
/* The device of the bench module: marshalling only. See cmabulk_bench.h. */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "bench.h"

static int ioctl_claim(struct bench *bench, void __user *argp)
{
	struct bench_claim claim;
	int ret;

	if (copy_from_user(&claim, argp, sizeof(claim)))
		return -EFAULT;
	ret = bench_claim(bench, &claim);
	if (ret)
		return ret;
	return copy_to_user(argp, &claim, sizeof(claim)) ? -EFAULT : 0;
}

static int ioctl_zero(struct bench *bench, void __user *argp)
{
	struct bench_zero zero;
	int ret;

	if (copy_from_user(&zero, argp, sizeof(zero)))
		return -EFAULT;
	ret = bench_zero(bench, &zero);
	if (ret)
		return ret;
	return copy_to_user(argp, &zero, sizeof(zero)) ? -EFAULT : 0;
}

static int ioctl_writeback(struct bench *bench, void __user *argp)
{
	struct bench_writeback writeback;
	int ret;

	if (copy_from_user(&writeback, argp, sizeof(writeback)))
		return -EFAULT;
	ret = bench_writeback(bench, &writeback);
	if (ret)
		return ret;
	return copy_to_user(argp, &writeback, sizeof(writeback)) ? -EFAULT : 0;
}

static int ioctl_file(void __user *argp)
{
	u64 size;

	if (copy_from_user(&size, argp, sizeof(size)))
		return -EFAULT;
	return bench_file_new(size);
}

static int ioctl_scrub(void __user *argp)
{
	struct bench_scrub scrub;

	if (copy_from_user(&scrub, argp, sizeof(scrub)))
		return -EFAULT;
	if (scrub.pad)
		return -EINVAL;
	bench_scrub(scrub.keep, min(scrub.order, LARGEST_ORDER));
	return 0;
}

static int bench_ioctl_locked(struct bench *bench, unsigned int cmd, void __user *argp)
{
	u64 ns;

	switch (cmd) {
	case BENCH_CLAIM:
		return ioctl_claim(bench, argp);
	case BENCH_ZERO:
		return ioctl_zero(bench, argp);
	case BENCH_RELEASE:
		ns = bench_release(bench);
		return copy_to_user(argp, &ns, sizeof(ns)) ? -EFAULT : 0;
	case BENCH_FILE:
		return ioctl_file(argp);
	case BENCH_WRITEBACK:
		return ioctl_writeback(bench, argp);
	case BENCH_SETTLE:
		bench_settle(bench);
		return 0;
	case BENCH_SCRUB:
		return ioctl_scrub(argp);
	default:
		return -ENOTTY;
	}
}

static long bench_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct bench *bench = file->private_data;
	int ret;

	mutex_lock(&bench->lock);
	ret = bench_ioctl_locked(bench, cmd, (void __user *)arg);
	mutex_unlock(&bench->lock);
	return ret;
}

static int bench_open(struct inode *inode, struct file *file)
{
	struct bench *bench = kzalloc(sizeof(*bench), GFP_KERNEL);

	if (!bench)
		return -ENOMEM;
	mutex_init(&bench->lock);
	INIT_DELAYED_WORK(&bench->write_work, bench_write_work);
	file->private_data = bench;
	return 0;
}

static int bench_close(struct inode *inode, struct file *file)
{
	struct bench *bench = file->private_data;

	bench_settle(bench);
	bench_release(bench);
	mutex_destroy(&bench->lock);
	kfree(bench);
	return 0;
}

static const struct file_operations bench_device_fops = {
	.owner = THIS_MODULE,
	.open = bench_open,
	.release = bench_close,
	.unlocked_ioctl = bench_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice bench_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = BENCH_DEVICE,
	.mode = 0600,
	.fops = &bench_device_fops,
};

static int __init bench_init(void)
{
	int ret = bench_file_init();

	if (ret)
		return ret;
	ret = misc_register(&bench_misc);
	if (ret)
		bench_file_exit();
	return ret;
}
module_init(bench_init);

static void __exit bench_exit(void)
{
	misc_deregister(&bench_misc);
	bench_file_exit();
}
module_exit(bench_exit);

MODULE_DESCRIPTION("what bulk allocation is measured against");
MODULE_LICENSE("GPL");
