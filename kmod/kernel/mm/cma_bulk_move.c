// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moving pages out of a batch of ranges before they are claimed, on two CPUs.
 *
 * Most of what it takes to claim memory that is in use goes into unmapping and
 * copying, page by page. The caller does that, and meanwhile a worker does the
 * same with other pieces, if there is a CPU for it: a worker that has not begun is
 * not waited for. Isolation, grabbing and all decisions remain the
 * caller's alone.
 *
 * Pages of a file it moves alone: each is replaced under the lock of its mapping,
 * which is one for all of them. CPUs that queue for that lock take longer than one
 * of them would, and where they are virtual, and more than there are real ones, a
 * thousand times as long.
 */
#include <linux/cma.h>
#include <linux/cpumask.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "cma_bulk.h"

/*
 * So many pages of anonymous memory to move are worth the worker. There is one: on 4
 * emulated CPUs three took 1.4 times as long as one, none 1.5 times.
 */
#define WORTH_A_WORKER	256

/* In pages, a power of two: isolate_migratepages_range() finds no more in use at one go. */
#define SMALLEST_PIECE	32UL

/**
 * struct ahead_range - a range whose pages are moved before it is claimed
 * @index:	its index in the call's ranges
 * @begun:	a piece of it has been handed out
 * @error:	the worst that came of a piece
 * @next:	PFN up to which pieces have been handed out
 * @end:	one past its last PFN
 */
struct ahead_range {
	u32 index;
	bool begun;
	int error;
	unsigned long next;
	unsigned long end;
};

/**
 * struct cma_bulk_ahead - moving pages out of a batch of ranges, on two CPUs
 * @call:	the call whose batch it is
 * @until:	when to begin no further piece
 * @anonymous:	pages of anonymous memory in all ranges, an estimate
 * @largest:	the most of them that are of one page, an estimate
 * @lock:	protects what follows while the worker runs; a leaf
 * @stop:	there is no use in going on
 * @nr_ranges:	ranges of this batch in @ranges
 * @next:	the range that the next piece is of; those before are done when the
 *		worker does not run
 * @ranges:	in the order in which they are claimed
 * @work:	the worker's, which only runs in cma_bulk_ahead_run()
 */
struct cma_bulk_ahead {
	struct cma_bulk_call *call;
	ktime_t until;
	u64 anonymous;
	u64 largest;
	spinlock_t lock;	/* @stop, @next, and all of @ranges but @index and @end */
	bool stop;
	u32 nr_ranges;
	u32 next;
	struct ahead_range ranges[CMA_BULK_BATCH_RANGES];
	struct work_struct work;
};

/**
 * cma_bulk_ahead_piece() - how many pages are handed out at a time
 * @left_us:	time until the deadline, in microseconds
 *
 * Most of them may be free. Many are unmapped before the first is moved (not on 6.1), and
 * then all of them are, so near the deadline it is less at a time: twice what
 * range_migrate_limit() takes for a small page, as two CPUs slow each other down.
 *
 * Return: a power of two, a pageblock at most.
 */
unsigned long cma_bulk_ahead_piece(s64 left_us)
{
	const s64 most = pageblock_nr_pages;
	const s64 least = min_t(s64, SMALLEST_PIECE, most);
	const unsigned long pages = clamp(left_us >> 5, least, most);

	return rounddown_pow_of_two(pages);
}

/*
 * Where a piece ends that begins at @pfn, in a range that ends at @end: as far as a look
 * without a lock can tell, no large page is cut, which two CPUs would be at then.
 */
static unsigned long piece_end(const struct cma_bulk_call *call, unsigned long pfn,
			       unsigned long end)
{
	const ktime_t deadline = call->req->deadline;
	unsigned long pages = pageblock_nr_pages;
	unsigned long border;

	if (deadline)
		pages = cma_bulk_ahead_piece(ktime_us_delta(deadline, ktime_get()));
	border = ALIGN_DOWN(pfn, pages) + pages;
	return border < end ? min(end, cma_bulk_survey_border(border)) : end;
}

/*
 * Hand out the next piece, and tell which range it is of. Ranges are handed out
 * one after the other, until it is time to stop.
 */
static bool take_piece(struct cma_bulk_ahead *ahead, struct ahead_range **ret_range,
		       unsigned long *ret_start, unsigned long *ret_end)
{
	struct ahead_range *range;
	bool taken = false;

	spin_lock(&ahead->lock);
	if (!ahead->stop && ahead->next < ahead->nr_ranges &&
	    !ktime_after(ktime_get(), ahead->until) && !cma_bulk_stop_reason(ahead->call)) {
		range = &ahead->ranges[ahead->next];
		range->begun = true;
		*ret_range = range;
		*ret_start = range->next;
		range->next = piece_end(ahead->call, range->next, range->end);
		*ret_end = range->next;
		if (range->next == range->end)
			ahead->next++;
		taken = true;
	}
	spin_unlock(&ahead->lock);
	return taken;
}

/* -EBUSY concerns the range alone; anything else ends all of it. */
static void note_error(struct cma_bulk_ahead *ahead, struct ahead_range *range,
		       int error)
{
	spin_lock(&ahead->lock);
	if (!range->error || range->error == -EBUSY)
		range->error = error;
	if (error != -EBUSY)
		ahead->stop = true;
	spin_unlock(&ahead->lock);
}

static void move_pieces(struct cma_bulk_ahead *ahead)
{
	struct ahead_range *range;
	unsigned long start, end;

	while (take_piece(ahead, &range, &start, &end)) {
		const int error = cma_bulk_migrate(ahead->call, start, end);

		if (error)
			note_error(ahead, range, error);
	}
}

static void move_work(struct work_struct *work)
{
	move_pieces(container_of(work, struct cma_bulk_ahead, work));
}

/**
 * cma_bulk_ahead_is_for_two() - is it worth waking the worker?
 * @anonymous:	pages of anonymous memory that are to be moved
 * @largest:	the most of them that are of one page, which one CPU moves
 *
 * Return: whether there is enough of it, and half of that beside the largest page.
 */
bool cma_bulk_ahead_is_for_two(u64 anonymous, u64 largest)
{
	return anonymous >= WORTH_A_WORKER && anonymous - largest >= WORTH_A_WORKER / 2;
}

/*
 * Memory is allocated on behalf of the caller. Where it may not do everything for
 * that, the worker, which may, must not do it instead. Its cpuset and its policy do
 * not bind the worker: what that allocates is for whom the moved pages belong to.
 */
static bool may_wake_worker(void)
{
	const unsigned int restricted =
		PF_MEMALLOC | PF_MEMALLOC_NOIO | PF_MEMALLOC_NOFS | PF_MEMALLOC_PIN;

	return num_online_cpus() > 1 && !(current->flags & restricted);
}

/**
 * cma_bulk_ahead_alloc() - prepare for batches, one at a time
 *
 * Return: what to kfree() after the last; NULL when there is no memory.
 */
struct cma_bulk_ahead *cma_bulk_ahead_alloc(void)
{
	struct cma_bulk_ahead *ahead = kzalloc(sizeof(*ahead), GFP_KERNEL);

	if (!ahead)
		return NULL;
	spin_lock_init(&ahead->lock);
	INIT_WORK(&ahead->work, move_work);
	return ahead;
}

/**
 * cma_bulk_ahead_begin() - forget the last batch
 * @call:	the call
 */
void cma_bulk_ahead_begin(struct cma_bulk_call *call)
{
	struct cma_bulk_ahead *ahead = call->ahead;

	ahead->call = call;
	ahead->nr_ranges = 0;
	ahead->next = 0;
	ahead->anonymous = 0;
	ahead->largest = 0;
	ahead->stop = false;
}

/**
 * cma_bulk_ahead_add() - have a range emptied
 * @call:	the call
 * @index:	the range's index in call->ranges; ranges come in their order
 * @start:	its first PFN
 * @end:	one past its last PFN
 */
void cma_bulk_ahead_add(struct cma_bulk_call *call, u32 index, unsigned long start,
			unsigned long end)
{
	struct cma_bulk_ahead *ahead = call->ahead;

	ahead->anonymous += cma_bulk_survey_anonymous(start, end, &ahead->largest);
	ahead->ranges[ahead->nr_ranges++] = (struct ahead_range){
		.index = index,
		.next = start,
		.end = end,
	};
}

/**
 * cma_bulk_ahead_run() - move what is in use out of the ranges added
 * @call:	the call
 * @until:	ktime_get() after which no further piece is begun
 *
 * They have been isolated, and per-CPU lists drained since. When there is little that
 * others could move, or nobody to help, the caller does it alone.
 */
void cma_bulk_ahead_run(struct cma_bulk_call *call, ktime_t until)
{
	struct cma_bulk_ahead *ahead = call->ahead;
	const bool with_worker = cma_bulk_ahead_is_for_two(ahead->anonymous, ahead->largest) &&
				 may_wake_worker();

	ahead->until = until;
	if (with_worker)
		queue_work(cma_bulk_workqueue(), &ahead->work);
	move_pieces(ahead);
	/* If it has not begun there is nothing to do any more. */
	if (with_worker)
		cancel_work_sync(&ahead->work);
}

/**
 * cma_bulk_ahead_begun() - was some of a range moved ahead?
 * @call:	the call
 * @index:	the range's index in call->ranges
 */
bool cma_bulk_ahead_begun(const struct cma_bulk_call *call, u32 index)
{
	const struct cma_bulk_ahead *ahead = call->ahead;
	u32 i;

	for (i = 0; i < ahead->nr_ranges; i++)
		if (ahead->ranges[i].index == index)
			return ahead->ranges[i].begun;
	return false;
}

/**
 * cma_bulk_ahead_done() - was all of a range moved ahead?
 * @call:	the call
 * @index:	the range's index in call->ranges
 * @error:	out: what came of it, as of cma_bulk_migrate()
 */
bool cma_bulk_ahead_done(const struct cma_bulk_call *call, u32 index, int *error)
{
	const struct cma_bulk_ahead *ahead = call->ahead;
	u32 i;

	for (i = 0; i < ahead->next; i++) {
		if (ahead->ranges[i].index != index)
			continue;
		*error = ahead->ranges[i].error;
		return true;
	}
	return false;
}
