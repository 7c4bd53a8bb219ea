/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/* The interface of /dev/cmabulk_pin: page frames made immovable, by number, till told or closed. */
#ifndef CMABULK_PIN_H
#define CMABULK_PIN_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define PIN_DEVICE	"cmabulk_pin"

/**
 * struct pin_list - the frames this file made immovable
 * @frames:	pointer to an array of __u64
 * @capacity:	entries it has room for
 * @count:	out: frames there are
 */
struct pin_list {
	__u64 frames;
	__u32 capacity;
	__u32 count;
};

#define PIN_MAGIC	0xCD

/* Take a page frame out of its CMA pageblock, moving its content away: it is nobody's then. */
#define PIN_TAKE	_IOW(PIN_MAGIC, 0, __u64)
/* Raise the reference count of a page in use, so that it cannot move: -EAGAIN if it is free. */
#define PIN_HOLD	_IOW(PIN_MAGIC, 1, __u64)
/* Undo either. */
#define PIN_DROP	_IOW(PIN_MAGIC, 2, __u64)
#define PIN_DROP_ALL	_IO(PIN_MAGIC, 3)
#define PIN_LIST	_IOWR(PIN_MAGIC, 4, struct pin_list)

#endif /* CMABULK_PIN_H */
