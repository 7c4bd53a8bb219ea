// SPDX-License-Identifier: GPL-2.0-only
/*
 * Zeroing, in the background and by whoever needs the memory first. Allocates
 * nothing once a buffer is exported.
 *
 * All buffers wait in one queue, and as many workers as there are CPUs zero the
 * first of it together. They begin a moment after an EXPORT, so that the next
 * ones are not held up by what the first has set off; for a buffer that
 * somebody waits for they begin at once, and it goes to the front.
 */
#define pr_fmt(fmt) "cmabulk: " fmt

#include <linux/bitmap.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/highmem.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "buffer.h"
#include "trace.h"
#include "zero.h"

/* What nobody minds waiting for, in a fault for instance. */
#define PIECE_ORDER		(ilog2(SZ_2M) - PAGE_SHIFT)

/* Less is not worth waking another worker, nor any where somebody waits and helps. */
#define PAGES_PER_WORKER	(SZ_4M >> PAGE_SHIFT)

/* And the first is not for so little: whoever exports it has zeroed it before one is there. */
#define PAGES_AT_ONCE		(SZ_64K >> PAGE_SHIFT ?: 1)

/* Long enough for some hundred EXPORTs in a row, short beside what zeroing their memory takes. */
#define START_DELAY		(HZ / 200 > 2 ? HZ / 200 : 2UL)

static bool debug_skip_zeroing;
module_param_unsafe(debug_skip_zeroing, bool, 0600);
MODULE_PARM_DESC(debug_skip_zeroing,
		 "debug only: hand out stale memory, to prove that a test would notice");

static unsigned int debug_zero_delay_us;
module_param_unsafe(debug_zero_delay_us, uint, 0600);
MODULE_PARM_DESC(debug_zero_delay_us,
		 "debug only: microseconds to wait before zeroing each piece of at most 2 MiB");

/**
 * struct zero_worker - what takes from the queue
 * @work:	the item
 * @busy:	queued or running, until it has found the queue empty
 */
struct zero_worker {
	struct work_struct work;
	bool busy;
};

/*
 * queue_lock, a leaf, covers the queue and whose turn it is to take from it. No
 * worker ends while something is there to begin.
 */
static DEFINE_SPINLOCK(queue_lock);
static LIST_HEAD(queue);
static struct zero_worker *workers;
static unsigned int nr_workers;

static void start_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(start, start_work);

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

static bool all_is_begun(struct bulk_zeroing *zeroing)
{
	return (size_t)atomic_long_read(&zeroing->cursor) >= zeroing->nr_pieces;
}

/* Whoever takes an index from the cursor must deal with it: look for reasons to stop before. */
static bool next_piece(struct bulk_zeroing *zeroing, size_t *index)
{
	if (all_is_begun(zeroing))
		return false;
	*index = atomic_long_fetch_inc(&zeroing->cursor);
	return *index < zeroing->nr_pieces;
}

/*
 * The queue and its workers
 */

static bool is_worth_a_worker(struct bulk_zeroing *zeroing)
{
	return (u64)atomic_long_read(&zeroing->left) << zeroing->order > PAGES_PER_WORKER;
}

/* Wake one more, unless there are as many as CPUs. */
static void start_worker(void)
{
	unsigned int limit = min(nr_workers, num_online_cpus());
	unsigned int index;

	lockdep_assert_held(&queue_lock);
	for (index = 0; index < limit; index++) {
		if (workers[index].busy)
			continue;
		workers[index].busy = true;
		queue_work(zero_workers, &workers[index].work);
		return;
	}
}

static void start_work(struct work_struct *work)
{
	spin_lock(&queue_lock);
	if (!list_empty(&queue))
		start_worker();
	spin_unlock(&queue_lock);
}

static void enqueue(struct bulk_buffer *buffer)
{
	refcount_inc(&buffer->users);
	spin_lock(&queue_lock);
	list_add_tail(&buffer->zeroing.node, &queue);
	spin_unlock(&queue_lock);
	queue_delayed_work(zero_workers, &start, START_DELAY);
}

static void dequeue(struct bulk_buffer *buffer)
{
	bool queued;

	spin_lock(&queue_lock);
	queued = !list_empty(&buffer->zeroing.node);
	list_del_init(&buffer->zeroing.node);
	spin_unlock(&queue_lock);
	if (queued)
		bulk_buffer_put(buffer);
}

/* Somebody waits, and helps: have the workers do so, too, whatever they are at. */
static void hurry(struct bulk_buffer *buffer)
{
	struct bulk_zeroing *zeroing = &buffer->zeroing;

	if (READ_ONCE(zeroing->hurried))
		return;
	spin_lock(&queue_lock);
	WRITE_ONCE(zeroing->hurried, true);
	if (!list_empty(&zeroing->node)) {
		list_move(&zeroing->node, &queue);
		if (is_worth_a_worker(zeroing))
			start_worker();
	}
	spin_unlock(&queue_lock);
}

/* What to zero next, with a use. It is left in the queue, for the others to help. */
static struct bulk_buffer *next_buffer(struct zero_worker *worker)
{
	struct bulk_buffer *buffer;

	spin_lock(&queue_lock);
	buffer = list_first_entry_or_null(&queue, struct bulk_buffer, zeroing.node);
	if (buffer) {
		refcount_inc(&buffer->users);
		/* What else is queued is not added up. */
		if (is_worth_a_worker(&buffer->zeroing) || !list_is_singular(&queue))
			start_worker();
	} else {
		worker->busy = false;
	}
	spin_unlock(&queue_lock);
	return buffer;
}

/* A glance, between two pieces: was it cancelled, or has another become more urgent? */
static bool is_first(struct bulk_zeroing *zeroing)
{
	return READ_ONCE(queue.next) == &zeroing->node;
}

static void zero_work(struct work_struct *work)
{
	struct zero_worker *worker = container_of(work, struct zero_worker, work);
	struct bulk_buffer *buffer;
	size_t index;

	while ((buffer = next_buffer(worker))) {
		while (is_first(&buffer->zeroing) && next_piece(&buffer->zeroing, &index)) {
			help_piece(buffer, index);
			cond_resched();
		}
		if (all_is_begun(&buffer->zeroing))
			dequeue(buffer);
		bulk_buffer_put(buffer);
	}
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
	hurry(buffer);
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
	hurry(buffer);
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

	if (all_is_done(zeroing))
		return;
	hurry(buffer);
	while (next_piece(zeroing, &index)) {
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
	size_t longs;

	init_waitqueue_head(&zeroing->wait);
	INIT_LIST_HEAD(&zeroing->node);
	zeroing->order = min(buffer->object.order, PIECE_ORDER);
	zeroing->nr_pieces = nr_chunks << (buffer->object.order - zeroing->order);
	longs = BITS_TO_LONGS(zeroing->nr_pieces);
	/* Both bitmaps. */
	zeroing->claimed = kvmalloc_array(longs, 2 * sizeof(long),
					  GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN);
	if (!zeroing->claimed)
		return -ENOMEM;
	zeroing->done = zeroing->claimed + longs;
	return 0;
}

/**
 * bulk_zero_free() - free what bulk_zero_init() allocated
 * @buffer:	nobody zeroes it any more
 */
void bulk_zero_free(struct bulk_buffer *buffer)
{
	kvfree(buffer->zeroing.claimed);
}

/**
 * bulk_zero_start() - have it zeroed, in the background unless it is next to nothing
 * @buffer:	has its chunks; nobody else sees it yet
 * @nr_chunks:	how many of them, from the first on, are zero already
 */
void bulk_zero_start(struct bulk_buffer *buffer, size_t nr_chunks)
{
	struct bulk_zeroing *zeroing = &buffer->zeroing;
	struct bulk_object *object = &buffer->object;
	size_t done = nr_chunks << (object->order - zeroing->order);
	size_t left;

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
	if (zeroing->nr_pieces << zeroing->order <= PAGES_AT_ONCE)
		bulk_zero_all(buffer);
	else
		enqueue(buffer);
}

/**
 * bulk_zero_cancel() - nobody will see this buffer again
 * @buffer:	workers leave it after the piece they are at; the caller has a use
 */
void bulk_zero_cancel(struct bulk_buffer *buffer)
{
	dequeue(buffer);
}

/**
 * bulk_zero_module_init() - make the workers
 *
 * No more than there are CPUs: they only want to compute.
 *
 * Return: 0 or -ENOMEM.
 */
int bulk_zero_module_init(void)
{
	unsigned int index;

	nr_workers = min_t(unsigned int, num_possible_cpus(), WQ_MAX_ACTIVE);
	workers = kcalloc(nr_workers, sizeof(*workers), GFP_KERNEL);
	if (!workers)
		return -ENOMEM;
	for (index = 0; index < nr_workers; index++)
		INIT_WORK(&workers[index].work, zero_work);
	zero_workers = alloc_workqueue("cmabulk_zero", WQ_UNBOUND | WQ_MEM_RECLAIM, nr_workers);
	if (zero_workers)
		return 0;
	kfree(workers);
	return -ENOMEM;
}

/**
 * bulk_zero_module_exit() - wait for all zeroing to end
 */
void bulk_zero_module_exit(void)
{
	cancel_delayed_work_sync(&start);
	destroy_workqueue(zero_workers);
	kfree(workers);
}
