/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which step next: the pool's steps, as far as the request and its account allow, each
 * topping up, until it is met, hopeless, late or not wanted any more. Pure.
 */
#ifndef CMABULKD_POLICY_H
#define CMABULKD_POLICY_H

#include "request.h"

/*
 * So long at most does a request wait for pages on their way back: they take milliseconds, and those
 * that take longer may be stuck for good.
 */
#define POLICY_WAIT_NS UINT64_C(1000000000)

enum policy_verdict {
	POLICY_GO_ON, /* with the same step */
	POLICY_SHORT, /* this step finds no more */
	POLICY_SATED, /* what was booked is there, though not all that was asked */
	POLICY_END, /* the request has its result */
};

/* How things are when a step came short. */
struct policy_facts {
	uint64_t now_ns;
	bool is_draining; /* pages are on their way back */
	bool can_wait; /* somebody else has memory that he may release */
	uint32_t random; /* any number */
};

enum policy_next {
	POLICY_NEXT_STEP, /* at once, or at its time */
	POLICY_NEXT_WAIT, /* when somebody has released memory, from the first step on */
	POLICY_NEXT_NONE, /* it has its result, which is the error */
};

/* From the start, with nothing. */
void policy_begin(struct broker_request *request);
/* Is the step in hand the last one there is for it? */
bool policy_is_last(const struct broker_request *request, bool can_wait);
/* What a fill of @chunks that returned @result and gave @granted means. */
enum policy_verdict policy_judge(struct broker_request *request, int result, uint64_t chunks,
				 uint64_t granted, uint64_t now_ns);
/* Others gave back what they had: once that is there, try again from the first step. */
void policy_wait(struct broker_request *request, uint64_t now_ns);
/* It came short with @error: what next. */
enum policy_next policy_raise(struct broker_request *request, int error,
			      const struct policy_facts *facts);

#endif
