/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Page frames: which ones an area has, what they are, and making single ones immovable. */
#ifndef VM_FRAMES_H
#define VM_FRAMES_H

#include <glib.h>
#include <stdbool.h>

#include "modules/cmabulk_pin/cmabulk_pin.h"

/* What is isolated together: a pageblock, which is not of the same size on all kernels. */
guint64 frames_per_block(void);
#define FRAMES_PER_BLOCK frames_per_block()

/* A CMA area as debugfs shows it. */
struct area {
	char *name; /* in debugfs */
	guint64 base; /* first page frame */
	guint64 pages;
};

/* @name: of the area, or of the area of a stock pool, which says where it lies. */
void area_open(struct area *area, const char *name);
void area_close(struct area *area);

static inline bool area_has(const struct area *area, guint64 frame)
{
	return frame >= area->base && frame - area->base < area->pages;
}

/*
 * Chunks of order 4: the 4800 of the reference request where the area has its ordinary 400 MiB, and as large a part
 * of a smaller one.
 */
static inline guint64 area_reference_request(const struct area *area)
{
	return (area->pages >> 4) * 3 / 4;
}

/*
 * Pages that the area's bitmap says are handed out; for a stock pool, that of the module or, when
 * no pool is on the area, what its page frames say.
 */
guint64 area_used(const struct area *area);

/* /dev/cmabulk_pin: a file descriptor to pass to the functions below; loads the module. */
int frames_open(void);
/* 0 or a negative errno. */
int frame_take(int frames, guint64 frame);
int frame_hold(int frames, guint64 frame);
int frame_drop(int frames, guint64 frame);
void frames_drop_all(int frames);
/* What the frames of an area are, some of them perhaps in flight between lists. */
struct pin_census area_census(int frames, const struct area *area);
/*
 * Aborts unless exactly @owned pages of the area are in some kernel user's hands. Waits for what
 * is in flight between lists, for at most some seconds.
 */
void area_assert_owned(int frames, const struct area *area, guint64 owned);

/* The page frame behind an address of this process, 0 if none is mapped there. */
guint64 frame_of(const void *address);
/* The same for @count pages from @address on. */
void frames_of(const void *address, size_t count, guint64 *ret_frames);

#endif /* VM_FRAMES_H */
