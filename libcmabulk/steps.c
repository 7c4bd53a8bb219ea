// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which effort to try next, for how many chunks and how long, until a request
 * is met, hopeless, late or cancelled. Pure: time is an argument.
 */
#include <errno.h>

#include "steps.h"
#include "util.h"

static uint64_t add_timeout(uint64_t now_ns, uint64_t timeout_usec)
{
	uint64_t timeout_ns;
	uint64_t deadline_ns;

	/* The kernel's times end where signed numbers do. */
	if (__builtin_mul_overflow(timeout_usec, NSEC_PER_USEC, &timeout_ns) ||
	    __builtin_add_overflow(now_ns, timeout_ns, &deadline_ns) || deadline_ns > INT64_MAX)
		return UINT64_MAX;
	return deadline_ns;
}

void steps_init(struct steps *steps, uint64_t wanted, unsigned int ceiling, uint64_t now_ns,
		uint64_t timeout_usec)
{
	*steps = (struct steps){
		.wanted = wanted,
		.deadline_ns = add_timeout(now_ns, timeout_usec),
		.effort = CMABULK_REQUEST_EFFORT_FAST,
		.ceiling = ceiling,
	};
}

bool steps_next(struct steps *steps, uint64_t now_ns, bool cancelled, struct step_order *ret)
{
	/* Before the test for completeness: who cancels gets nothing, however far it is. */
	if (cancelled)
		steps->error = -ECANCELED;
	else if (steps->held >= steps->wanted)
		steps->error = 0;
	else if (steps->error == 0 && now_ns >= steps->deadline_ns)
		steps->error = -ETIME;

	if (steps->error < 0 || steps->held >= steps->wanted)
		return false;

	*ret = (struct step_order){
		.effort = steps->effort,
		.chunks = steps->wanted - steps->held,
		.budget_ns = steps->deadline_ns == UINT64_MAX ? 0 : steps->deadline_ns - now_ns,
	};
	return true;
}

/* This effort finds no more: a higher one might, if it may. */
static void step_up(struct steps *steps, int error)
{
	if (steps->effort < steps->ceiling)
		steps->effort++;
	else
		steps->error = error;
}

int steps_account(struct steps *steps, int result, uint64_t got)
{
	steps->held += got;

	switch (result) {
	case 0:
		/* A kernel that says "all" and gives less must not keep us here for ever. */
		if (steps->held < steps->wanted)
			step_up(steps, -EBUSY);
		return 0;
	case -EBUSY:
	case -ENOMEM:
		step_up(steps, result);
		return 0;
	case -EINTR:
		/* Cancelled: steps_next() is told. Anything else: the same effort again. */
		return 0;
	case -ETIME:
	case -ENODEV:
		steps->error = result;
		return 0;
	default:
		return result;
	}
}

void steps_retry(struct steps *steps)
{
	if (steps->error == -EBUSY)
		steps->error = 0;
	if (steps->error == 0)
		steps->effort = CMABULK_REQUEST_EFFORT_FAST;
}

enum cmabulk_allocation_status steps_status(const struct steps *steps)
{
	switch (steps->error) {
	case 0:
		return CMABULK_ALLOCATION_COMPLETE;
	case -ETIME:
		return CMABULK_ALLOCATION_TIMED_OUT;
	case -ECANCELED:
		return CMABULK_ALLOCATION_CANCELLED;
	default:
		return CMABULK_ALLOCATION_PARTIAL;
	}
}
