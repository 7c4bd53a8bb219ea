/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which step next: a request's efforts, fast to its ceiling, each topping up, until it
 * is met, hopeless, late or not wanted any more. Pure.
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
	POLICY_GO_ON, /* with the same effort */
	POLICY_SHORT, /* this effort finds no more */
	POLICY_SATED, /* what was booked is there, though not all that was asked */
	POLICY_END, /* the request has its result */
};

/* Is there none after the one in hand? */
bool policy_is_last(const struct broker_request *request);
/* From the start, with nothing. */
void policy_begin(struct broker_request *request);
/* What a fill of @chunks that returned @result and gave @granted means. */
enum policy_verdict policy_judge(struct broker_request *request, int result, uint64_t chunks,
				 uint64_t granted, uint64_t now_ns);
/* Others gave back what they had: once that is there, try again from the first effort. */
void policy_wait(struct broker_request *request, uint64_t now_ns);
/* The next effort; false when there is none, and the request has its result, which is @error. */
bool policy_raise(struct broker_request *request, int error, bool is_draining, uint64_t now_ns);

#endif
