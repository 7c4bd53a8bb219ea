// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which step next: the pool's steps, as far as the request and its account allow, each
 * topping up, until it is met, hopeless, late or not wanted any more. Pure.
 */
#include <errno.h>

#include "policy.h"

/* How many of the steps up to @step are waits. */
static unsigned int waits_up_to(const struct retry *retry, unsigned int step)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i <= step; i++)
		count += retry->steps[i] == RETRY_WAIT;
	return count;
}

/* May it go this step? Each wait is waited once. */
static bool is_open(const struct broker_request *request, unsigned int step, bool can_wait)
{
	const struct retry *retry = &request->retry;

	if (retry->steps[step] == RETRY_WAIT)
		return can_wait && request->waits_done < waits_up_to(retry, step);
	return request->efforts & (1U << retry->steps[step]);
}

/* The first such step from @step on; as many as there are steps: none. */
static unsigned int find_step(const struct broker_request *request, unsigned int step,
			      bool can_wait)
{
	while (step < request->retry.n_steps && !is_open(request, step, can_wait))
		step++;
	return step;
}

static void take_step(struct broker_request *request, unsigned int step)
{
	request->step = step;
	request->effort = request->retry.steps[step];
}

static bool is_first_step(const struct broker_request *request)
{
	return request->step == find_step(request, 0, false);
}

bool policy_is_last(const struct broker_request *request, bool can_wait)
{
	return find_step(request, request->step + 1, can_wait) == request->retry.n_steps;
}

void policy_begin(struct broker_request *request)
{
	take_step(request, find_step(request, 0, false));
	request->n_repeats = 0;
	request->has_retried = false;
	request->is_continued = false;
	request_end_wait(request);
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
	take_step(request, find_step(request, 0, false));
	request_wait(request, REQUEST_WAITS_FOR_PAGES, now_ns + POLICY_WAIT_NS);
}

/*
 * Who has just let go of memory may ask for it again, but it goes back in the background: before
 * moving other people's pages, wait for those.
 */
static bool should_retry(const struct broker_request *request, int error, bool is_draining)
{
	return is_first_step(request) && error == -EBUSY && !request->has_retried &&
	       (is_draining || request->was_draining);
}

static void go_step(struct broker_request *request, unsigned int step,
		    const struct policy_facts *facts)
{
	uint64_t delay_ns = retry_get_delay(&request->retry, ++request->n_repeats, facts->random);

	take_step(request, step);
	if (delay_ns)
		request_wait(request, REQUEST_WAITS_FOR_TIME,
			     facts->now_ns + MIN(delay_ns, UINT64_MAX - facts->now_ns));
}

/* What was released is free: that is worth the first step again. */
static void wait_step(struct broker_request *request, unsigned int step)
{
	request->waits_done = waits_up_to(&request->retry, step);
	policy_begin(request);
	request_wait(request, REQUEST_WAITS_FOR_RELEASE, request->ask.deadline_ns);
}

enum policy_next policy_raise(struct broker_request *request, int error,
			      const struct policy_facts *facts)
{
	unsigned int step;

	if (should_retry(request, error, facts->is_draining)) {
		request->has_retried = true;
		if (facts->is_draining)
			policy_wait(request, facts->now_ns);
		return POLICY_NEXT_STEP;
	}
	step = find_step(request, request->step + 1, facts->can_wait);
	if (step == request->retry.n_steps) {
		request_set_result(request, BROKER_PARTIAL, error);
		return POLICY_NEXT_NONE;
	}
	if (request->retry.steps[step] == RETRY_WAIT) {
		wait_step(request, step);
		return POLICY_NEXT_WAIT;
	}
	go_step(request, step, facts);
	return POLICY_NEXT_STEP;
}
