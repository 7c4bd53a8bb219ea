// SPDX-License-Identifier: GPL-2.0-only
/*
 * Zeroing, in the background and by whoever needs the memory first. Takes no
 * lock and allocates nothing once a buffer is exported.
 */
#define pr_fmt(fmt) "cmabulk: " fmt

#include <linux/bitmap.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "buffer.h"
#include "trace.h"
#include "zero.h"

/* What nobody minds waiting for, in a fault for instance. */
#define PIECE_ORDER		(ilog2(SZ_2M) - PAGE_SHIFT)

/* A worker is not worth waking for less than this, beside others. */
#define BYTES_PER_WORKER	SZ_4M

/* And the first is not for so little: whoever exports it has zeroed it before one is there. */
#define BYTES_AT_ONCE		SZ_64K

static bool debug_skip_zeroing;
module_param_unsafe(debug_skip_zeroing, bool, 0600);
MODULE_PARM_DESC(debug_skip_zeroing,
		 "debug only: hand out stale memory, to prove that a test would notice");

static unsigned int debug_zero_delay_us;
module_param_unsafe(debug_zero_delay_us, uint, 0600);
MODULE_PARM_DESC(debug_zero_delay_us,
		 "debug only: microseconds to wait before zeroing each piece of at most 2 MiB");

static struct workqueue_struct *zero_workers;

/**
 * bulk_zero_by_kernel() - does the page allocator zero?
 *
 * Return: whether pages come zeroed from the area.
 */
bool bulk_zero_by_kernel(void)
{
	return want_init_on_alloc(GFP_KERNEL) || want_init_on_free();
}

/**
 * bulk_zero_pages() - zero some pages
 * @page:	the first of them
 * @order:	how many, as an order
 *
 * Does nothing where the page allocator has done so already.
 *
 * Context: may sleep.
 */
void bulk_zero_pages(struct page *page, unsigned int order)
{
	unsigned long nr_pages = 1UL << order;
	unsigned long index;

	if (bulk_zero_by_kernel())
		return;
	if (READ_ONCE(debug_zero_delay_us))
		fsleep(READ_ONCE(debug_zero_delay_us));
	if (READ_ONCE(debug_skip_zeroing)) {
		pr_warn_once("debug_skip_zeroing is set: buffers hold whatever was in memory\n");
		return;
	}
	for (index = 0; index < nr_pages; index++) {
		clear_highpage(nth_page(page, index));
		if (!((index + 1) % 512))
			cond_resched();
	}
}

static void piece_done(struct bulk_buffer *buffer, size_t index)
{
	struct bulk_zeroing *zeroing = &buffer->zeroing;
	struct bulk_object *object = &buffer->object;

	/* Pairs with the acquire in piece_is_done() and all_is_done(). */
	smp_mb__before_atomic();
	set_bit(index, zeroing->done);
	if (atomic_long_dec_and_test(&zeroing->left))
		trace_zero_done(object->pool->name, object->id,
				ktime_to_ns(ktime_sub(ktime_get(), zeroing->started)));
	if (wq_has_sleeper(&zeroing->wait))
		wake_up_all(&zeroing->wait);
}

static bool piece_is_done(struct bulk_zeroing *zeroing, size_t index)
{
	return test_bit_acquire(index, zeroing->done);
}

static bool all_is_done(struct bulk_zeroing *zeroing)
{
	return !atomic_long_read_acquire(&zeroing->left);
}

/* Zero a piece unless somebody else does or did. */
static void help_piece(struct bulk_buffer *buffer, size_t index)
{
	struct bulk_zeroing *zeroing = &buffer->zeroing;

	if (test_and_set_bit(index, zeroing->claimed))
		return;
	bulk_zero_pages(bulk_buffer_page(buffer, index << zeroing->order), zeroing->order);
	piece_done(buffer, index);
}

/* Whoever takes an index from the cursor must deal with it: look for reasons to stop before. */
static bool next_piece(struct bulk_zeroing *zeroing, size_t *index)
{
	if ((size_t)atomic_long_read(&zeroing->cursor) >= zeroing->nr_pieces)
		return false;
	*index = atomic_long_fetch_inc(&zeroing->cursor);
	return *index < zeroing->nr_pieces;
}

static void zero_work(struct work_struct *work)
{
	struct bulk_zero_worker *worker = container_of(work, struct bulk_zero_worker, work);
	struct bulk_buffer *buffer = worker->buffer;
	struct bulk_zeroing *zeroing = &buffer->zeroing;
	size_t index;

	while (!READ_ONCE(zeroing->cancelled) && next_piece(zeroing, &index)) {
		help_piece(buffer, index);
		cond_resched();
	}
	bulk_buffer_put(buffer);
}

/**
 * bulk_zero_piece() - make sure that one piece is zero
 * @buffer:	exported
 * @index:	of the piece
 *
 * Return: 0, or -EINTR when the task is being killed.
 */
int bulk_zero_piece(struct bulk_buffer *buffer, size_t index)
{
	struct bulk_zeroing *zeroing = &buffer->zeroing;

	if (all_is_done(zeroing))
		return 0;
	help_piece(buffer, index);
	if (wait_event_killable(zeroing->wait, piece_is_done(zeroing, index)))
		return -EINTR;
	return 0;
}

/**
 * bulk_zero_all_killable() - make sure that the whole buffer is zero
 * @buffer:	exported
 *
 * Return: 0, or -EINTR when the task is being killed.
 */
int bulk_zero_all_killable(struct bulk_buffer *buffer)
{
	struct bulk_zeroing *zeroing = &buffer->zeroing;
	size_t index;

	if (all_is_done(zeroing))
		return 0;
	while (!fatal_signal_pending(current) && next_piece(zeroing, &index)) {
		help_piece(buffer, index);
		cond_resched();
	}
	if (wait_event_killable(zeroing->wait, all_is_done(zeroing)))
		return -EINTR;
	return 0;
}

/**
 * bulk_zero_all() - make sure that the whole buffer is zero, whatever happens
 * @buffer:	exported
 */
void bulk_zero_all(struct bulk_buffer *buffer)
{
	struct bulk_zeroing *zeroing = &buffer->zeroing;
	size_t index;

	while (!all_is_done(zeroing) && next_piece(zeroing, &index)) {
		help_piece(buffer, index);
		cond_resched();
	}
	wait_event(zeroing->wait, all_is_done(zeroing));
}

/**
 * bulk_zero_init() - allocate all that zeroing a buffer needs
 * @buffer:	has its order
 * @nr_chunks:	it will have
 *
 * Return: 0 or -ENOMEM; bulk_zero_free() is due either way.
 */
int bulk_zero_init(struct bulk_buffer *buffer, size_t nr_chunks)
{
	struct bulk_zeroing *zeroing = &buffer->zeroing;
	u64 bytes = (u64)nr_chunks << (buffer->object.order + PAGE_SHIFT);
	gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN;
	unsigned int index;

	init_waitqueue_head(&zeroing->wait);
	zeroing->order = min(buffer->object.order, PIECE_ORDER);
	zeroing->nr_pieces = nr_chunks << (buffer->object.order - zeroing->order);
	if (bytes > BYTES_AT_ONCE)
		zeroing->nr_workers = min3((u64)num_online_cpus(), (u64)zeroing->nr_pieces,
					   DIV_ROUND_UP_ULL(bytes, BYTES_PER_WORKER));
	zeroing->claimed = kvmalloc_array(BITS_TO_LONGS(zeroing->nr_pieces), sizeof(long), gfp);
	zeroing->done = kvmalloc_array(BITS_TO_LONGS(zeroing->nr_pieces), sizeof(long), gfp);
	zeroing->workers = kvmalloc_array(zeroing->nr_workers, sizeof(*zeroing->workers), gfp);
	if (!zeroing->claimed || !zeroing->done || !zeroing->workers)
		return -ENOMEM;
	for (index = 0; index < zeroing->nr_workers; index++) {
		INIT_WORK(&zeroing->workers[index].work, zero_work);
		zeroing->workers[index].buffer = buffer;
	}
	return 0;
}

/**
 * bulk_zero_free() - free what bulk_zero_init() allocated
 * @buffer:	nobody zeroes it any more
 */
void bulk_zero_free(struct bulk_buffer *buffer)
{
	struct bulk_zeroing *zeroing = &buffer->zeroing;

	kvfree(zeroing->workers);
	kvfree(zeroing->done);
	kvfree(zeroing->claimed);
}

/**
 * bulk_zero_start() - start zeroing, in the background unless it is next to nothing
 * @buffer:	has its chunks; nobody else sees it yet
 * @nr_chunks:	how many of them, from the first on, are zero already
 */
void bulk_zero_start(struct bulk_buffer *buffer, size_t nr_chunks)
{
	struct bulk_zeroing *zeroing = &buffer->zeroing;
	struct bulk_object *object = &buffer->object;
	size_t done = nr_chunks << (object->order - zeroing->order);
	size_t left;
	unsigned int index;

	if (bulk_zero_by_kernel())
		done = zeroing->nr_pieces;
	left = zeroing->nr_pieces - done;
	bitmap_set(zeroing->claimed, 0, done);
	bitmap_set(zeroing->done, 0, done);
	atomic_long_set(&zeroing->cursor, done);
	atomic_long_set(&zeroing->left, left);
	zeroing->started = ktime_get();
	trace_zero_start(object->pool->name, object->id, left << zeroing->order);
	if (!left) {
		trace_zero_done(object->pool->name, object->id, 0);
		return;
	}
	if (!zeroing->nr_workers)
		bulk_zero_all(buffer);
	for (index = 0; index < zeroing->nr_workers; index++) {
		refcount_inc(&buffer->users);
		queue_work(zero_workers, &zeroing->workers[index].work);
	}
}

/**
 * bulk_zero_cancel() - nobody will see this buffer again
 * @buffer:	workers leave it after the piece they are at; the caller has a use
 *
 * What has not begun is taken back: it need not wait for its turn behind the
 * zeroing of other buffers.
 */
void bulk_zero_cancel(struct bulk_buffer *buffer)
{
	struct bulk_zeroing *zeroing = &buffer->zeroing;
	unsigned int index;

	WRITE_ONCE(zeroing->cancelled, true);
	for (index = 0; index < zeroing->nr_workers; index++)
		if (cancel_work(&zeroing->workers[index].work))
			bulk_buffer_put(buffer);
}

/**
 * bulk_zero_module_init() - make the workqueue
 *
 * No more items at a time than there are CPUs: they only want to compute.
 *
 * Return: 0 or -ENOMEM.
 */
int bulk_zero_module_init(void)
{
	zero_workers = alloc_workqueue("cmabulk_zero", WQ_UNBOUND | WQ_MEM_RECLAIM,
				       min_t(int, num_possible_cpus(), WQ_MAX_ACTIVE));
	return zero_workers ? 0 : -ENOMEM;
}

/**
 * bulk_zero_module_exit() - wait for all zeroing to end
 */
void bulk_zero_module_exit(void)
{
	destroy_workqueue(zero_workers);
}
