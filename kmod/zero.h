/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Zeroing: no page is seen by anybody before it.
 */
#ifndef BULK_ZERO_H
#define BULK_ZERO_H

#include <linux/atomic.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/types.h>
#include <linux/wait.h>

struct bulk_buffer;
struct page;

/**
 * struct bulk_zeroing - how far the zeroing of a buffer is
 * @order:		of a piece: a chunk or, of a large chunk, a part that does
 *			not take long
 * @nr_pieces:		pieces in the buffer
 * @claimed:		bitmap: somebody zeroes this piece or has done so. Whoever
 *			sets the bit zeroes the piece, come what may
 * @done:		bitmap: this piece is zero; set after the stores, to be read
 *			with acquire
 * @cursor:		next piece to look at for those who want all of them
 * @left:		pieces not done; 0 is to be read with acquire
 * @wait:		woken for every piece done
 * @started:		when it was exported
 * @node:		in the queue of what workers are to zero, with a use of the
 *			buffer; queue_lock (zero.c)
 * @hurried:		somebody waits for it; queue_lock to write
 *
 * Pieces have no lock: workers, faults and mappers only meet in the atomics.
 * Waiting is for a piece that somebody is zeroing right now, never for a work
 * item to be scheduled, so that it is safe under dma_resv and mmap_lock.
 */
struct bulk_zeroing {
	unsigned int order;
	size_t nr_pieces;
	unsigned long *claimed;
	unsigned long *done;
	atomic_long_t cursor;
	atomic_long_t left;
	wait_queue_head_t wait;
	ktime_t started;
	struct list_head node;
	bool hurried;
};

int bulk_zero_module_init(void);
void bulk_zero_module_exit(void);
bool bulk_zero_by_kernel(void);
void bulk_zero_pages(struct page *page, unsigned int order);
int bulk_zero_init(struct bulk_buffer *buffer, size_t nr_chunks);
void bulk_zero_free(struct bulk_buffer *buffer);
void bulk_zero_start(struct bulk_buffer *buffer, size_t nr_done);
void bulk_zero_cancel(struct bulk_buffer *buffer);
int bulk_zero_piece(struct bulk_buffer *buffer, size_t index);
int bulk_zero_all_killable(struct bulk_buffer *buffer);
void bulk_zero_all(struct bulk_buffer *buffer);

#endif /* BULK_ZERO_H */
