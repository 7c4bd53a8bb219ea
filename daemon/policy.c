// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which step next: a request's efforts, fast to its ceiling, each topping up, until it
 * is met, hopeless, late or not wanted any more. Pure.
 */
#include <errno.h>

#include "policy.h"

static unsigned int first_effort(const struct broker_request *request)
{
	return (unsigned int)__builtin_ctz(request->efforts);
}

/* Those that come after the one in hand, as bits. */
static unsigned int efforts_left(const struct broker_request *request)
{
	return request->efforts & ~((2U << request->effort) - 1);
}

bool policy_is_last(const struct broker_request *request)
{
	return !efforts_left(request);
}

void policy_begin(struct broker_request *request)
{
	request->effort = first_effort(request);
	request->has_retried = false;
	request->is_continued = false;
	request->waits_until_ns = 0;
}

static enum policy_verdict end(struct broker_request *request, enum broker_status status, int error)
{
	request_set_result(request, status, error);
	return POLICY_END;
}

enum policy_verdict policy_judge(struct broker_request *request, int result, uint64_t chunks,
				 uint64_t granted, uint64_t now_ns)
{
	request->is_continued = false;
	/* Before the test for completeness: who cancels gets nothing, however far it is. */
	if (request->is_cancelled)
		return end(request, BROKER_CANCELLED, -ECANCELED);
	if (result == -ENODEV)
		return end(request, BROKER_PARTIAL, -ENODEV);
	if (request->claimed >= request->ask.chunks)
		return end(request, BROKER_COMPLETE, 0);
	if (result == -ETIME || now_ns >= request->ask.deadline_ns)
		return end(request, BROKER_TIMED_OUT, -ETIME);
	if (request->claimed >= request->target)
		return POLICY_SATED;

	switch (result) {
	case 0:
		/* A kernel that says "all" and gives less must not keep us here for ever. */
		if (granted < chunks)
			return POLICY_SHORT;
		break;
	case -EINTR:
		break;
	case -EBUSY:
	case -ENOMEM:
		return POLICY_SHORT;
	default:
		return end(request, BROKER_PARTIAL, result);
	}
	request->is_continued = true;
	return POLICY_GO_ON;
}

void policy_wait(struct broker_request *request, uint64_t now_ns)
{
	request->effort = first_effort(request);
	request->waits_until_ns = now_ns + POLICY_WAIT_NS;
}

/*
 * Who has just let go of memory may ask for it again, but it goes back in the background: before
 * moving other people's pages, wait for those.
 */
static bool should_retry(const struct broker_request *request, int error, bool is_draining)
{
	return request->effort == first_effort(request) && error == -EBUSY &&
	       !request->has_retried && (is_draining || request->was_draining);
}

bool policy_raise(struct broker_request *request, int error, bool is_draining, uint64_t now_ns)
{
	if (should_retry(request, error, is_draining)) {
		request->has_retried = true;
		if (is_draining)
			policy_wait(request, now_ns);
		return true;
	}
	if (!policy_is_last(request)) {
		request->effort = (unsigned int)__builtin_ctz(efforts_left(request));
		return true;
	}
	request_set_result(request, BROKER_PARTIAL, error);
	return false;
}
