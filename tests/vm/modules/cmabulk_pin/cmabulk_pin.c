// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes single page frames immovable for tests, either by taking them out of their pageblock or by
 * raising the reference count of whatever lives there. Taking isolates the pageblock: only to be
 * used while nobody else allocates from the area.
 */
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/memory_hotplug.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>
#include <linux/vmstat.h>

#include "cmabulk_pin.h"
#include "pageblock.h"

/* One immovable frame; @folio is NULL when the frame was taken. */
struct pin {
	struct list_head node;
	unsigned long frame;
	struct folio *folio;
};

/* One open file: @pins is the list of its frames, @hog that of its large allocations. */
struct pinner {
	struct mutex lock; /* protects @pins and @hog */
	struct list_head pins;
	struct list_head hog;
};

/* Order of one allocation of the hog: large enough to be quick, small enough to be had. */
#define PIN_HOG_ORDER	9

static struct pin *pin_find(struct pinner *pinner, unsigned long frame)
{
	struct pin *pin;

	list_for_each_entry(pin, &pinner->pins, node)
		if (pin->frame == frame)
			return pin;
	return NULL;
}

static void pin_drop(struct pin *pin)
{
	if (pin->folio)
		folio_put(pin->folio);
	else
		free_contig_range(pin->frame, 1);
	list_del(&pin->node);
	kfree(pin);
}

static void pin_drop_all(struct pinner *pinner)
{
	struct pin *pin, *next;

	list_for_each_entry_safe(pin, next, &pinner->pins, node)
		pin_drop(pin);
}

static int pin_hold_frame(struct pin *pin)
{
	struct page *page = pfn_to_page(pin->frame);
	struct folio *folio = page_folio(page);

	if (!folio_try_get(folio))
		return -EAGAIN;
	if (page_folio(page) != folio) {
		folio_put(folio);
		return -EAGAIN;
	}
	pin->folio = folio;
	return 0;
}

static int pin_take_frame(struct pin *pin)
{
	unsigned long bits = bulk_block_bits(pin->frame);

	/* Isolated, it does not say whose it is. */
	if (BULK_BLOCK_ISOLATED(bits))
		return -EAGAIN;
	/* Undoing the isolation sets the type: never make an ordinary pageblock MIGRATE_CMA. */
	if ((bits & BULK_BLOCK_TYPE_MASK) != MIGRATE_CMA)
		return -EXDEV;
	return alloc_contig_range(pin->frame, pin->frame + 1, BULK_CONTIG_CMA, GFP_KERNEL);
}

static int pin_add(struct pinner *pinner, unsigned int cmd, unsigned long frame)
{
	struct pin *pin;
	int ret;

	if (pin_find(pinner, frame))
		return -EEXIST;
	pin = kzalloc(sizeof(*pin), GFP_KERNEL);
	if (!pin)
		return -ENOMEM;
	pin->frame = frame;
	ret = cmd == PIN_TAKE ? pin_take_frame(pin) : pin_hold_frame(pin);
	if (ret) {
		kfree(pin);
		return ret;
	}
	list_add_tail(&pin->node, &pinner->pins);
	return 0;
}

static int pin_list_frames(struct pinner *pinner, void __user *argp)
{
	struct pin_list arg;
	struct pin *pin;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	arg.count = 0;
	list_for_each_entry(pin, &pinner->pins, node) {
		u64 __user *out = u64_to_user_ptr(arg.frames);

		if (arg.count < arg.capacity && put_user((u64)pin->frame, &out[arg.count]))
			return -EFAULT;
		arg.count++;
	}
	return copy_to_user(argp, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static void pin_count_frame(struct pin_census *census, unsigned long frame)
{
	struct page *page = pfn_to_page(frame);

	if (is_free_buddy_page(page))
		census->free++;
	else if (!page_count(page))
		census->cached++;
	else if (PageLRU(compound_head(page)) || READ_ONCE(compound_head(page)->mapping))
		census->user++;
	else
		census->owned++;
}

static int pin_take_census(void __user *argp)
{
	struct pin_census census;
	u64 i;

	if (copy_from_user(&census, argp, sizeof(census)))
		return -EFAULT;
	census.free = 0;
	census.cached = 0;
	census.user = 0;
	census.owned = 0;
	for (i = 0; i < census.count; i++) {
		if (!pfn_valid(census.first + i) || !pfn_to_online_page(census.first + i))
			return -ENXIO;
		pin_count_frame(&census, census.first + i);
		if (!(i % SZ_1K))
			cond_resched();
	}
	return copy_to_user(argp, &census, sizeof(census)) ? -EFAULT : 0;
}

static u64 pin_free_outside_areas(void)
{
	return global_zone_page_state(NR_FREE_PAGES) - global_zone_page_state(NR_FREE_CMA_PAGES);
}

static int pin_spare(void __user *argp)
{
	u64 spare = pin_free_outside_areas();

	return copy_to_user(argp, &spare, sizeof(spare)) ? -EFAULT : 0;
}

static int pin_hog(struct pinner *pinner, gfp_t gfp, void __user *argp)
{
	struct page *page;
	u64 leave;

	if (copy_from_user(&leave, argp, sizeof(leave)))
		return -EFAULT;
	while (pin_free_outside_areas() > leave + (1 << PIN_HOG_ORDER)) {
		page = alloc_pages(gfp | __GFP_NORETRY | __GFP_NOWARN | __GFP_COMP, PIN_HOG_ORDER);
		if (!page)
			return -ENOMEM;
		list_add(&page->lru, &pinner->hog);
		cond_resched();
	}
	return 0;
}

static void pin_unhog(struct pinner *pinner)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &pinner->hog, lru) {
		list_del(&page->lru);
		__free_pages(page, PIN_HOG_ORDER);
	}
}

static int pin_one(struct pinner *pinner, unsigned int cmd, void __user *argp)
{
	struct pin *pin;
	u64 frame;

	if (copy_from_user(&frame, argp, sizeof(frame)))
		return -EFAULT;
	if (!pfn_valid(frame) || !pfn_to_online_page(frame))
		return -ENXIO;
	if (cmd != PIN_DROP)
		return pin_add(pinner, cmd, frame);

	pin = pin_find(pinner, frame);
	if (!pin)
		return -ENOENT;
	pin_drop(pin);
	return 0;
}

static int pin_ioctl_locked(struct pinner *pinner, unsigned int cmd, void __user *argp)
{
	switch (cmd) {
	case PIN_TAKE:
	case PIN_HOLD:
	case PIN_DROP:
		return pin_one(pinner, cmd, argp);
	case PIN_DROP_ALL:
		pin_drop_all(pinner);
		return 0;
	case PIN_LIST:
		return pin_list_frames(pinner, argp);
	case PIN_CENSUS:
		return pin_take_census(argp);
	case PIN_HOG:
		return pin_hog(pinner, GFP_KERNEL, argp);
	case PIN_HOG_QUIETLY:
		return pin_hog(pinner, GFP_KERNEL & ~__GFP_KSWAPD_RECLAIM, argp);
	case PIN_UNHOG:
		pin_unhog(pinner);
		return 0;
	case PIN_SPARE:
		return pin_spare(argp);
	default:
		return -ENOTTY;
	}
}

static long pin_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct pinner *pinner = file->private_data;
	int ret;

	mutex_lock(&pinner->lock);
	ret = pin_ioctl_locked(pinner, cmd, (void __user *)arg);
	mutex_unlock(&pinner->lock);
	return ret;
}

static int pin_open(struct inode *inode, struct file *file)
{
	struct pinner *pinner = kzalloc(sizeof(*pinner), GFP_KERNEL);

	if (!pinner)
		return -ENOMEM;
	mutex_init(&pinner->lock);
	INIT_LIST_HEAD(&pinner->pins);
	INIT_LIST_HEAD(&pinner->hog);
	file->private_data = pinner;
	return 0;
}

static int pin_release(struct inode *inode, struct file *file)
{
	struct pinner *pinner = file->private_data;

	pin_drop_all(pinner);
	pin_unhog(pinner);
	mutex_destroy(&pinner->lock);
	kfree(pinner);
	return 0;
}

static const struct file_operations pin_fops = {
	.owner = THIS_MODULE,
	.open = pin_open,
	.release = pin_release,
	.unlocked_ioctl = pin_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice pin_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = PIN_DEVICE,
	.mode = 0600,
	.fops = &pin_fops,
};
module_misc_device(pin_misc);

MODULE_DESCRIPTION("immovable page frames for the cmabulk tests");
MODULE_LICENSE("GPL");
