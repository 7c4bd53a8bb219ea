// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting for what a device is writing.
 *
 * A page under writeback moves once it has been written. Which of many that will be
 * first nobody knows: who waits for the one at hand may wait for the last. So before
 * the claim does that, look now and then at what has been written meanwhile, and take
 * it, for as long as there is progress. Nothing is isolated and no lock is held then.
 */
#include <linux/cma.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/sched.h>

#include "cma_bulk.h"

/* Between two looks. A device with a queue writes some hundred pages meanwhile. */
#define LOOK_MS		10

/* Looks in a row without progress, half a second: then wait for the page at hand. */
#define MAX_IDLE_LOOKS	50

/* Somebody may be writing without end. */
#define MAX_WAIT_MS	5000

/**
 * cma_bulk_wait_look() - count what is still being written
 * @call:	the call
 *
 * Return: pages.
 */
u64 cma_bulk_wait_look(const struct cma_bulk_call *call)
{
	KUNIT_STATIC_STUB_REDIRECT(cma_bulk_wait_look, call);
	return cma_bulk_survey_writeback(call);
}

/**
 * cma_bulk_wait_begin() - see whether there is anything to wait for
 * @call:	the call, with an area that has just been surveyed
 * @wait:	out: for cma_bulk_wait()
 *
 * The fast effort waits for nothing.
 *
 * Return: whether there is.
 */
bool cma_bulk_wait_begin(const struct cma_bulk_call *call, struct cma_bulk_wait *wait)
{
	wait->pages = 0;
	if (call->req->effort != CMA_BULK_FAST)
		wait->pages = cma_bulk_wait_look(call);
	wait->until = ktime_add_ms(ktime_get(), MAX_WAIT_MS);
	return wait->pages;
}

/**
 * cma_bulk_wait() - wait until some pages have been written
 * @call:	the call
 * @wait:	as of cma_bulk_wait_begin()
 *
 * Context: sleeps, without any lock.
 * Return: whether there are fewer pages under writeback than ever before. False as
 * well when there is a reason to stop.
 */
bool cma_bulk_wait(const struct cma_bulk_call *call, struct cma_bulk_wait *wait)
{
	unsigned int look;
	u64 pages;

	for (look = 0; look <= MAX_IDLE_LOOKS && wait->pages; look++) {
		pages = cma_bulk_wait_look(call);
		if (pages < wait->pages) {
			wait->pages = pages;
			return true;
		}
		if (cma_bulk_stop_reason(call) || ktime_after(ktime_get(), wait->until))
			break;
		schedule_timeout_killable(msecs_to_jiffies(LOOK_MS));
	}
	return false;
}
