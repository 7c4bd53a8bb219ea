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

/**
 * struct pin_census - what page frames are
 * @first:	first frame
 * @count:	frames
 * @free:	out: on the free lists
 * @cached:	out: free, but on a per-CPU list or in flight: no reference, not on the free lists
 * @user:	out: memory of programs and files: on an LRU list, mapped, or part of a mapping
 * @owned:	out: all else that holds a reference, so whatever a kernel user was given
 */
struct pin_census {
	__u64 first;
	__u64 count;
	__u64 free;
	__u64 cached;
	__u64 user;
	__u64 owned;
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
#define PIN_CENSUS	_IOWR(PIN_MAGIC, 5, struct pin_census)
/*
 * Allocate memory that cannot lie in a CMA area until only this many pages are free outside the
 * areas, so that a program that touches memory gets it from an area. PIN_UNHOG gives it back.
 */
#define PIN_HOG		_IOW(PIN_MAGIC, 6, __u64)
#define PIN_UNHOG	_IO(PIN_MAGIC, 7)
/* How many pages are free outside the areas, asked without using any up. */
#define PIN_SPARE	_IOR(PIN_MAGIC, 8, __u64)
/*
 * As PIN_HOG, asking for no work in the background: kcompactd would go on when it has
 * ended, and move what is in the areas to what was to be left.
 */
#define PIN_HOG_QUIETLY	_IOW(PIN_MAGIC, 9, __u64)

#endif /* CMABULK_PIN_H */
