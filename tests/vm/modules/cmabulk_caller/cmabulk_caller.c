// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls the in-kernel bulk allocation for tests, with arguments straight from userspace and
 * without the module between: what a driver that uses the exported functions would see.
 */
#include <linux/cma.h>
#include <linux/cma_bulk.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "cmabulk_caller.h"

/* More chunks than any area of a test machine has, so that "too many" can be asked for. */
#define CALLER_CHUNKS_MAX	1048576

/**
 * struct caller - one open file
 * @lock:	taken by every ioctl
 * @cma:	area the chunks come from
 * @order:	order of the chunks
 * @pages:	first page of every chunk, NULL where it was released; room for CALLER_CHUNKS_MAX
 *		is made at the first call
 * @total:	chunks in @pages
 */
struct caller {
	struct mutex lock; /* protects everything below */
	struct cma *cma;
	unsigned int order;
	struct page **pages;
	size_t total;
};

struct caller_lookup {
	const char *name;
	struct cma *cma;
};

static int caller_match(struct cma *cma, void *data)
{
	struct caller_lookup *lookup = data;

	if (strcmp(cma_get_name(cma), lookup->name))
		return 0;
	lookup->cma = cma;
	return 1;
}

static struct cma *caller_find(char name[CALLER_AREA_LEN])
{
	struct caller_lookup lookup = { .name = name };

	name[CALLER_AREA_LEN - 1] = '\0';
	cma_for_each_area(caller_match, &lookup);
	return lookup.cma;
}

static void caller_release_all(struct caller *caller)
{
	size_t i;

	for (i = 0; i < caller->total; i++)
		if (caller->pages[i])
			cma_release(caller->cma, caller->pages[i], 1UL << caller->order);
	caller->total = 0;
}

static int caller_prepare(struct caller *caller, const struct caller_call *call)
{
	if (!caller->pages)
		caller->pages = kvcalloc(CALLER_CHUNKS_MAX, sizeof(*caller->pages), GFP_KERNEL);
	if (!caller->pages)
		return -ENOMEM;
	if (!(call->flags & CALLER_TOP_UP))
		caller_release_all(caller);
	else if (caller->total && caller->order != call->order)
		return -EINVAL;
	/* An array that is too short would be the test's mistake, not the callee's. */
	if (!(call->flags & CALLER_NO_ARRAY) && call->nr > CALLER_CHUNKS_MAX - caller->total)
		return -E2BIG;
	return 0;
}

static void caller_call_rfc(struct caller *caller, struct caller_call *call, struct cma *cma,
			    struct page **pages)
{
	size_t allocated = CALLER_POISON;

	call->result = cma_alloc_bulk(cma, call->align, call->fast, call->order, call->nr, pages,
				      &allocated);
	call->allocated = allocated;
}

static void caller_copy_report(struct caller_call *call, const struct cma_bulk_report *report)
{
	call->chunks_free = report->chunks_free;
	call->chunks_moved = report->chunks_moved;
	call->chunks_salvaged = report->chunks_salvaged;
	call->skipped_suspect = report->skipped_suspect;
	call->skipped_busy = report->skipped_busy;
	call->skipped_taken = report->skipped_taken;
	call->skipped_no_memory = report->skipped_no_memory;
	call->ranges_tried = report->ranges_tried;
	call->ranges_failed = report->ranges_failed;
}

static void caller_call_request(struct caller *caller, struct caller_call *call, struct cma *cma,
				struct page **pages)
{
	bool interrupt = call->flags & CALLER_INTERRUPTED;
	struct cma_bulk_req req = {
		.order = call->order,
		.align = call->align,
		.nr_requests = call->nr,
		.effort = call->effort,
		.stop_on_error = call->flags & CALLER_STOP_ON_ERROR,
		.deadline = call->budget_ns ? ktime_add_ns(ktime_get(), call->budget_ns) : 0,
		.interrupt = &interrupt,
		.pages = pages,
		.nr_allocated = CALLER_POISON,
	};

	call->result = cma_alloc_bulk_req(cma, &req);
	call->allocated = req.nr_allocated;
	caller_copy_report(call, &req.report);
}

static int caller_call(struct caller *caller, struct caller_call *call)
{
	struct page **pages = NULL;
	struct cma *cma = NULL;
	ktime_t start;
	int ret;

	ret = caller_prepare(caller, call);
	if (ret)
		return ret;
	if (!(call->flags & CALLER_NO_AREA)) {
		cma = caller_find(call->area);
		if (!cma)
			return -ENOENT;
	}
	if (!(call->flags & CALLER_NO_ARRAY))
		pages = caller->pages + caller->total;

	start = ktime_get();
	if (call->flags & CALLER_REQUEST)
		caller_call_request(caller, call, cma, pages);
	else
		caller_call_rfc(caller, call, cma, pages);
	call->ns = ktime_to_ns(ktime_sub(ktime_get(), start));

	/* What a callee claims is only believed as far as there was room for it. */
	if (pages && cma && call->allocated <= call->nr) {
		caller->cma = cma;
		caller->order = call->order;
		caller->total += call->allocated;
	}
	call->total = caller->total;
	return 0;
}

static int caller_ioctl_call(struct caller *caller, void __user *argp)
{
	struct caller_call call;
	int ret;

	if (copy_from_user(&call, argp, sizeof(call)))
		return -EFAULT;
	ret = caller_call(caller, &call);
	if (ret)
		return ret;
	return copy_to_user(argp, &call, sizeof(call)) ? -EFAULT : 0;
}

static int caller_ioctl_chunks(struct caller *caller, void __user *argp)
{
	struct caller_chunks arg;
	u64 __user *out;
	size_t i;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	out = u64_to_user_ptr(arg.frames);
	for (i = 0; i < caller->total && i < arg.capacity; i++) {
		u64 frame = caller->pages[i] ? page_to_pfn(caller->pages[i]) : 0;

		if (put_user(frame, &out[i]))
			return -EFAULT;
	}
	arg.count = caller->total;
	return copy_to_user(argp, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static int caller_ioctl_release(struct caller *caller, void __user *argp)
{
	u64 index;

	if (copy_from_user(&index, argp, sizeof(index)))
		return -EFAULT;
	if (index >= caller->total || !caller->pages[index])
		return -ENOENT;
	if (!cma_release(caller->cma, caller->pages[index], 1UL << caller->order))
		return -EIO;
	caller->pages[index] = NULL;
	return 0;
}

static int caller_ioctl_area(void __user *argp)
{
	unsigned long first_pfn, end_pfn;
	struct caller_area arg;
	struct cma *cma;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	cma = caller_find(arg.area);
	if (!cma)
		return -ENOENT;
	cma_bulk_area_span(cma, &first_pfn, &end_pfn);
	arg.base = first_pfn;
	arg.pages = cma_get_size(cma) >> PAGE_SHIFT;
	arg.available = cma_bulk_pages_available(cma);
	arg.order_per_bit = cma_bulk_order_per_bit(cma);
	arg.max_order = cma_bulk_max_order(cma);
	return copy_to_user(argp, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static long caller_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct caller *caller = file->private_data;
	void __user *argp = (void __user *)arg;
	int ret;

	mutex_lock(&caller->lock);
	switch (cmd) {
	case CALLER_CALL:
		ret = caller_ioctl_call(caller, argp);
		break;
	case CALLER_CHUNKS:
		ret = caller_ioctl_chunks(caller, argp);
		break;
	case CALLER_RELEASE:
		ret = caller_ioctl_release(caller, argp);
		break;
	case CALLER_AREA:
		ret = caller_ioctl_area(argp);
		break;
	default:
		ret = -ENOTTY;
	}
	mutex_unlock(&caller->lock);
	return ret;
}

static int caller_open(struct inode *inode, struct file *file)
{
	struct caller *caller = kzalloc(sizeof(*caller), GFP_KERNEL);

	if (!caller)
		return -ENOMEM;
	mutex_init(&caller->lock);
	file->private_data = caller;
	return 0;
}

static int caller_close(struct inode *inode, struct file *file)
{
	struct caller *caller = file->private_data;

	caller_release_all(caller);
	mutex_destroy(&caller->lock);
	kvfree(caller->pages);
	kfree(caller);
	return 0;
}

static const struct file_operations caller_fops = {
	.owner = THIS_MODULE,
	.open = caller_open,
	.release = caller_close,
	.unlocked_ioctl = caller_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice caller_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = CALLER_DEVICE,
	.mode = 0600,
	.fops = &caller_fops,
};
module_misc_device(caller_misc);

MODULE_DESCRIPTION("caller of the in-kernel bulk allocation for the cmabulk tests");
MODULE_LICENSE("GPL");
