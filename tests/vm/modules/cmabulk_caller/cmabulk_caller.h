/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The interface of /dev/cmabulk_caller: calls the exported cma_alloc_bulk() and
 * cma_alloc_bulk_req() with whatever arguments a test wants. An open file holds the chunks of one
 * call at a time and gives them back when closed.
 */
#ifndef CMABULK_CALLER_H
#define CMABULK_CALLER_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define CALLER_DEVICE		"cmabulk_caller"
#define CALLER_AREA_LEN		64

/* struct caller_call.flags */
#define CALLER_REQUEST		0x01	/* cma_alloc_bulk_req(), not cma_alloc_bulk() */
#define CALLER_NO_AREA		0x02	/* pass NULL for the area */
#define CALLER_NO_ARRAY		0x04	/* pass NULL for the page array */
#define CALLER_STOP_ON_ERROR	0x08	/* cma_bulk_req.stop_on_error */
#define CALLER_INTERRUPTED	0x10	/* cma_bulk_req.interrupt is true from the start */
#define CALLER_TOP_UP		0x20	/* keep the chunks already held and append */

/* What *nr_allocated holds before the call: a call must overwrite it. */
#define CALLER_POISON		0xdeadbeefULL

/**
 * struct caller_call - one call of the in-kernel function
 * @area:	name of the area
 * @flags:	CALLER_*
 * @order:	order of every chunk
 * @align:	alignment, as an order
 * @fast:	for cma_alloc_bulk()
 * @effort:	for cma_alloc_bulk_req(), enum cma_bulk_effort
 * @pad:	zero
 * @nr:		chunks asked for
 * @budget_ns:	for cma_alloc_bulk_req(): its deadline from now, 0 for none
 * @result:	out: what the function returned
 * @pad2:	zero
 * @allocated:	out: what it says it allocated
 * @total:	out: chunks this file holds now
 * @ns:		out: how long it took
 * @chunks_free: out: from the report of cma_alloc_bulk_req(), as are the rest
 * @chunks_moved: out
 * @chunks_salvaged: out
 * @skipped_suspect: out
 * @skipped_busy: out
 * @skipped_taken: out
 * @skipped_no_memory: out
 * @ranges_tried: out
 * @ranges_failed: out
 */
struct caller_call {
	char area[CALLER_AREA_LEN];
	__u32 flags;
	__u32 order;
	__u32 align;
	__u32 fast;
	__u32 effort;
	__u32 pad;
	__u64 nr;
	__u64 budget_ns;
	__s32 result;
	__u32 pad2;
	__u64 allocated;
	__u64 total;
	__u64 ns;
	__u64 chunks_free;
	__u64 chunks_moved;
	__u64 chunks_salvaged;
	__u64 skipped_suspect;
	__u64 skipped_busy;
	__u64 skipped_taken;
	__u64 skipped_no_memory;
	__u64 ranges_tried;
	__u64 ranges_failed;
};

/**
 * struct caller_chunks - first page frames of the chunks this file holds, 0 where released
 * @frames:	pointer to an array of __u64
 * @capacity:	entries it has room for
 * @count:	out: chunks there are
 */
struct caller_chunks {
	__u64 frames;
	__u32 capacity;
	__u32 count;
};

/**
 * struct caller_area - what the kernel says of an area
 * @area:	name
 * @base:	first page frame
 * @pages:	pages
 * @available:	cma_bulk_pages_available()
 * @order_per_bit: cma_bulk_order_per_bit()
 * @max_order:	cma_bulk_max_order()
 */
struct caller_area {
	char area[CALLER_AREA_LEN];
	__u64 base;
	__u64 pages;
	__u64 available;
	__u32 order_per_bit;
	__u32 max_order;
};

#define CALLER_MAGIC	0xCE

#define CALLER_CALL	_IOWR(CALLER_MAGIC, 0, struct caller_call)
#define CALLER_CHUNKS	_IOWR(CALLER_MAGIC, 1, struct caller_chunks)
/* Release chunk number N with cma_release(area, page, 1 << order). */
#define CALLER_RELEASE	_IOW(CALLER_MAGIC, 2, __u64)
#define CALLER_AREA	_IOWR(CALLER_MAGIC, 3, struct caller_area)

#endif /* CMABULK_CALLER_H */
