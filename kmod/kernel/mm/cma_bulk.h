/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bulk CMA allocation, between its own files.
 */
#ifndef _MM_CMA_BULK_H
#define _MM_CMA_BULK_H

#include <linux/cma_bulk.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>

#include "cma.h"
#include "cma_bulk_base.h"
#include "cma_bulk_plan.h"

/* Ranges planned at a time; the plan is used up before the next is made. */
#define CMA_BULK_MAX_RANGES	4096

/*
 * Pages in one range, in use and in all: enough to make isolating and migrating
 * them at one go worth it, few enough that little was moved in vain when a deadline, a
 * signal or an interrupt ends the call in the midst of one.
 */
#define CMA_BULK_RANGE_MIGRATE	2048
#define CMA_BULK_RANGE_PAGES	(SZ_64M >> PAGE_SHIFT)

/*
 * A batch is what is isolated together under the area's mutex. How many ranges, how
 * many pages in use, and how long other users of CMA wait, at most, beyond the
 * range in hand.
 */
#define CMA_BULK_BATCH_RANGES	64
#define CMA_BULK_BATCH_MIGRATE	4096
#define CMA_BULK_BATCH_NS	(20 * NSEC_PER_MSEC)

/* Lost races for the bitmap before what others had for a moment is theirs. */
#define CMA_BULK_MAX_CONFLICTS	256

struct cma_bulk_ahead;

/**
 * struct cma_bulk_call - one call of cma_alloc_bulk_req() on its way
 * @cma:	the area
 * @extent:	the part of the area that this is about
 * @req:	the request, and where results go
 * @task:	the caller
 * @zone:	the zone that the extent lies in
 * @map:	what is known of the extent
 * @total_units: units in the extent, of which @map.nr_units have been surveyed
 * @isolated:	bit per pageblock from @map.first_pfn on: isolated by us; only
 *		used under the area's mutex
 * @ranges:	the plan in hand, room for CMA_BULK_MAX_RANGES; one that is
 *		settled has no slots
 * @conflicts:	ranges whose bits somebody else had set in the meantime
 * @may_move:	the first phase, which only takes what is free, is over
 * @try_suspects: what looks pinned or busy is planned, too
 * @no_memory:	there was nowhere to move pages to: go on with free memory only
 * @grab_only:	it is time to stop: take what is empty by now, move nothing
 * @lru_disabled: lru_cache_disable() is in force
 * @drained:	per-CPU lists were drained since the batch in hand was isolated
 * @ahead:	what is moved before the ranges of the batch in hand are claimed
 *
 * One for each extent of the area, only ever used by the caller, but for @ahead,
 * and what does not change while that is at work. The pages of a
 * slot belong to the call from the moment the slot's bits in the extent's bitmap
 * are set, and to req->pages once they are off the free lists.
 */
struct cma_bulk_call {
	struct cma *cma;
	struct cma_bulk_extent *extent;
	struct cma_bulk_req *req;
	struct task_struct *task;
	struct zone *zone;
	struct cma_bulk_map map;
	u32 total_units;
	unsigned long *isolated;
	struct cma_bulk_range *ranges;
	u32 conflicts;
	bool may_move;
	bool try_suspects;
	bool no_memory;
	bool grab_only;
	bool lru_disabled;
	bool drained;
	struct cma_bulk_ahead *ahead;
};

static inline u64 cma_bulk_missing(const struct cma_bulk_call *call)
{
	return call->req->nr_requests - call->req->nr_allocated;
}

static inline u32 cma_bulk_slot_unit(const struct cma_bulk_call *call, u32 slot)
{
	return slot >> (call->map.unit_order - call->map.slot_order);
}

/**
 * struct cma_bulk_span - the page frames of some slots
 * @start:	the PFN of the first slot's first page
 * @end:	one past the last page of the last slot's chunk
 */
struct cma_bulk_span {
	unsigned long start;
	unsigned long end;
};

static inline struct cma_bulk_span cma_bulk_span(const struct cma_bulk_call *call,
						 u32 first, u32 nr)
{
	return (struct cma_bulk_span){
		.start = cma_bulk_slot_pfn(&call->map, first),
		.end = cma_bulk_slot_pfn(&call->map, first + nr - 1) +
		       (1UL << call->map.order),
	};
}

/* Is there a reason to stop? Looked at between units, ranges, pages, and looks at writeback. */
static inline int cma_bulk_stop_reason(const struct cma_bulk_call *call)
{
	const struct cma_bulk_req *req = call->req;

	if (fatal_signal_pending(call->task))
		return -EINTR;
	/* A mere report is soon done, and wanted whole. */
	if (!req->nr_requests)
		return 0;
	if (req->interrupt && READ_ONCE(*req->interrupt))
		return -EINTR;
	if (req->deadline && ktime_compare(ktime_get(), req->deadline) >= 0)
		return -ETIME;
	return 0;
}

/* Does this error tell such a reason? */
static inline bool cma_bulk_is_stop(int error)
{
	return error == -EINTR || error == -ETIME;
}

/* Adds the time since @since to @sum, both in nanoseconds. */
static inline void cma_bulk_clock(u64 *sum, ktime_t since)
{
	*sum += ktime_to_ns(ktime_sub(ktime_get(), since));
}

/* What surveys and drains took so far, which are clocked wherever they are needed. */
static inline u64 cma_bulk_clocked(const struct cma_bulk_report *report)
{
	return report->survey_ns + report->drain_ns;
}

/* As cma_bulk_clock(), but for what of it was added to cma_bulk_clocked(), @clocked before. */
static inline void cma_bulk_clock_rest(const struct cma_bulk_report *report, u64 *sum,
				       ktime_t since, u64 clocked)
{
	cma_bulk_clock(sum, since);
	*sum -= cma_bulk_clocked(report) - clocked;
}

/**
 * struct cma_bulk_wait - waiting for devices
 * @pages:	the fewest pages being read or written that were seen, in slots that wait
 * @idle_looks:	since there were fewer than before
 * @begun:	there was a first look
 */
struct cma_bulk_wait {
	u64 pages;
	unsigned int idle_looks;
	bool begun;
};

int cma_bulk_run(struct cma *cma, struct cma_bulk_req *req);
void cma_bulk_survey_unit(struct cma_bulk_call *call, u32 unit);
unsigned long cma_bulk_survey_anonymous(unsigned long pfn, unsigned long end, u64 *largest);
unsigned long cma_bulk_survey_suspects(const struct cma_bulk_call *call, unsigned long *pfn,
				       unsigned long end);
bool cma_bulk_survey_is_in_io(const struct cma_bulk_call *call, u32 first, u32 nr);
unsigned long cma_bulk_survey_border(unsigned long pfn);
u64 cma_bulk_survey_io(const struct cma_bulk_call *call);
void cma_bulk_survey_set_aside(struct cma_bulk_call *call);
void cma_bulk_survey_recall(struct cma_bulk_call *call);
void cma_bulk_survey_claimed(struct cma_bulk_call *call, u32 first, u32 nr);
void cma_bulk_survey_taken(struct cma_bulk_call *call, u32 first, u32 nr);
void cma_bulk_suspect(struct cma_bulk_call *call, u32 first, u32 nr);
void cma_bulk_isolate_batch(struct cma_bulk_call *call, u32 first, u32 last);
bool cma_bulk_is_isolated(const struct cma_bulk_call *call, u32 first, u32 nr);
bool cma_bulk_drain_batch(struct cma_bulk_call *call);
void cma_bulk_undo_isolation(struct cma_bulk_call *call);
bool cma_bulk_claim_bits(struct cma_bulk_call *call, u32 first, u32 nr);
void cma_bulk_release_bits(struct cma_bulk_call *call, u32 first, u32 nr);
enum cma_bulk_slot cma_bulk_worst_slot(const struct cma_bulk_call *call, u32 first, u32 nr);
int cma_bulk_claim_range(struct cma_bulk_call *call, const struct cma_bulk_range *range);
int cma_bulk_migrate(struct cma_bulk_call *call, unsigned long start, unsigned long end);
int cma_bulk_grab(struct cma_bulk_call *call, unsigned long start, unsigned long end);
struct cma_bulk_ahead *cma_bulk_ahead_alloc(void);
void cma_bulk_ahead_begin(struct cma_bulk_call *call);
void cma_bulk_ahead_add(struct cma_bulk_call *call, u32 index, unsigned long start,
			unsigned long end);
unsigned long cma_bulk_ahead_piece(s64 left_us);
bool cma_bulk_ahead_is_for_two(u64 anonymous, u64 largest);
void cma_bulk_ahead_run(struct cma_bulk_call *call, ktime_t until);
bool cma_bulk_ahead_begun(const struct cma_bulk_call *call, u32 index);
bool cma_bulk_ahead_done(const struct cma_bulk_call *call, u32 index, int *error);
int cma_bulk_claim(struct cma_bulk_call *call, u32 *first, u32 nr_ranges);
u64 cma_bulk_wait_look(const struct cma_bulk_call *call);
ktime_t cma_bulk_wait_until(const struct cma_bulk_req *req);
bool cma_bulk_wait(const struct cma_bulk_call *call, ktime_t until, struct cma_bulk_wait *wait);
int cma_bulk_pause(const struct cma_bulk_call *call);

#endif /* _MM_CMA_BULK_H */
