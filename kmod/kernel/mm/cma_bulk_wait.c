// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting for what a device is writing, or reading.
 *
 * A page under writeback moves once it has been written. Which of many that will be
 * first nobody knows: who waits for the one at hand may wait for the last. So before
 * the claim does that, look now and then at what has been written meanwhile, and take
 * it, for as long as there is progress. Nothing is isolated and no lock is held then.
 *
 * With a deadline the claim waits for no writeback at all: how long that takes is the
 * device's affair.
 */
#include <linux/cma.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/sched.h>

#include "cma_bulk.h"

/* Between two looks. A device with a queue writes some hundred pages meanwhile. */
#define LOOK_MS		10

/* Looks in a row without progress, half a second: then the claim may wait for the page at hand. */
#define MAX_IDLE_LOOKS	50

/* Of those, so many are worth a survey: others may begin as much as is done. */
#define SURVEY_LOOKS	5

/* Somebody may be writing without end. */
#define MAX_WAIT_MS	5000

/* Looks that would fit into a pause. */
#define PAUSE_LOOKS	10

/**
 * cma_bulk_wait_look() - count what is still being read or written
 * @call:	the call
 *
 * Return: pages.
 */
u64 cma_bulk_wait_look(const struct cma_bulk_call *call)
{
	KUNIT_STATIC_STUB_REDIRECT(cma_bulk_wait_look, call);
	return cma_bulk_survey_io(call);
}

/**
 * cma_bulk_wait_until() - when to wait no longer
 * @req:	the request
 *
 * Half of the time that is left is for what does not go by itself.
 */
ktime_t cma_bulk_wait_until(const struct cma_bulk_req *req)
{
	const ktime_t now = ktime_get();
	s64 wait_ns = (s64)MAX_WAIT_MS * NSEC_PER_MSEC;

	if (req->deadline)
		wait_ns = min_t(s64, wait_ns, ktime_to_ns(ktime_sub(req->deadline, now)) >> 1);
	return ktime_add_ns(now, wait_ns);
}

static void sleep_until_next_look(ktime_t until)
{
	const s64 left_us = ktime_us_delta(until, ktime_get());

	schedule_timeout_killable(usecs_to_jiffies(clamp_t(s64, left_us, 0,
							   LOOK_MS * USEC_PER_MSEC)));
}

/**
 * cma_bulk_wait() - wait until some pages may have been written
 * @call:	the call, whose effort is not fast
 * @until:	as of cma_bulk_wait_until()
 * @wait:	the wait, all 0 before the first of a call
 *
 * Context: sleeps, without any lock.
 * Return: whether to survey again, and to wait again when that brings too little; not
 * when there was nothing to wait for, no progress, or a reason to stop.
 */
bool cma_bulk_wait(const struct cma_bulk_call *call, ktime_t until, struct cma_bulk_wait *wait)
{
	u64 pages;

	if (!wait->begun)
		wait->pages = cma_bulk_wait_look(call);
	wait->begun = true;
	while (wait->pages && wait->idle_looks < MAX_IDLE_LOOKS) {
		if (cma_bulk_stop_reason(call) || ktime_after(ktime_get(), until))
			break;
		sleep_until_next_look(until);
		pages = cma_bulk_wait_look(call);
		if (pages < wait->pages) {
			wait->pages = pages;
			wait->idle_looks = 0;
			return true;
		}
		if (!(++wait->idle_looks % SURVEY_LOOKS))
			return true;
	}
	return false;
}

/**
 * cma_bulk_pause() - wait without looking, until the deadline at most
 * @call:	the call, which has a deadline
 *
 * Context: sleeps, without any lock.
 * Return: a reason to stop, or 0.
 */
int cma_bulk_pause(const struct cma_bulk_call *call)
{
	unsigned int i;
	int ret = 0;

	KUNIT_STATIC_STUB_REDIRECT(cma_bulk_pause, call);
	for (i = 0; i < PAUSE_LOOKS && !ret; i++) {
		sleep_until_next_look(call->req->deadline);
		ret = cma_bulk_stop_reason(call);
	}
	return ret;
}
