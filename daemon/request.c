// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One request: what was asked, how far it is, and what its steps did. Decides
 * nothing. Pure.
 */
#include <errno.h>

#include "ledger.h"
#include "request.h"

struct broker_request *request_new(const struct broker_ask *ask, uint64_t number, uint64_t now_ns,
				   void *userdata)
{
	struct broker_request *request = g_new0(struct broker_request, 1);

	request->ask = *ask;
	request->number = number;
	request->submitted_ns = now_ns;
	request->userdata = userdata;
	request->steps = g_array_new(FALSE, FALSE, sizeof(struct broker_step));
	request->given_back = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	return request;
}

struct broker_request *request_free(struct broker_request *request)
{
	g_array_unref(request->steps);
	g_array_unref(request->given_back);
	g_free(request);
	return NULL;
}

uint64_t request_pages(const struct broker_request *request, uint64_t chunks)
{
	return chunks << request->ask.order;
}

bool request_is_running(const struct broker_request *request)
{
	return request->stage == REQUEST_BOOKED || request->stage == REQUEST_FILLING;
}

bool request_is_partial_holder(const struct broker_request *request)
{
	return request_is_running(request) && request->claimed > 0 &&
	       request->claimed < request->target && !request->gives_back;
}

bool request_is_pending(const struct broker_request *request)
{
	return request->stage != REQUEST_FINISHED && !request->was_kept;
}

void request_wait(struct broker_request *request, enum request_wait wait, uint64_t until_ns)
{
	request->wait = wait;
	request->waits_until_ns = until_ns;
}

void request_end_wait(struct broker_request *request)
{
	request->wait = REQUEST_WAITS_NOT;
}

/* All fields of a report count something. */
static void add_report(struct cmabulk_report *sum, const struct cmabulk_report *report)
{
	__u64 *to = (__u64 *)sum;
	const __u64 *from = (const __u64 *)report;

	G_STATIC_ASSERT(sizeof(*sum) % sizeof(*to) == 0);
	for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += from[i];
}

static void merge_step(struct broker_step *last, const struct broker_step *step)
{
	last->effort = step->effort;
	last->error = step->error;
	last->requested = last->granted + step->requested;
	last->granted += step->granted;
	last->elapsed_ns += step->elapsed_ns;
	add_report(&last->report, &step->report);
}

/* Slices are how the worker is shared, nothing that the client asked for: they make one step. */
void request_add_step(struct broker_request *request, const struct broker_step *step)
{
	GArray *steps = request->steps;

	if (steps->len && (request->is_continued || steps->len >= REQUEST_MAX_STEPS))
		merge_step(&g_array_index(steps, struct broker_step, steps->len - 1), step);
	else
		g_array_append_val(steps, *step);
}

void request_set_result(struct broker_request *request, enum broker_status status, int error)
{
	request->status = status;
	request->error = error;
	request_end_wait(request);
	request->gives_back = false;
}

/*
 * What the driver may ask
 */

void broker_request_set_reservation(struct broker_request *request, uint64_t id)
{
	request->reservation = id;
}

void broker_request_set_queued(struct broker_request *request, uint64_t queued_ns)
{
	request->queued_ns = queued_ns;
	request->has_started = true;
}

void *broker_request_get_userdata(const struct broker_request *request)
{
	return request ? request->userdata : NULL;
}

const struct broker_ask *broker_request_get_ask(const struct broker_request *request)
{
	return &request->ask;
}

const char *broker_request_get_account(const struct broker_request *request)
{
	return request->account->name;
}

uid_t broker_request_get_uid(const struct broker_request *request)
{
	return request->account->uid;
}

enum broker_status broker_request_get_status(const struct broker_request *request)
{
	return request->status;
}

int broker_request_get_error(const struct broker_request *request)
{
	return request->error;
}

static const struct broker_step *last_step(const struct broker_request *request)
{
	const GArray *steps = request->steps;

	return steps->len ? &g_array_index(steps, struct broker_step, steps->len - 1) : NULL;
}

/* Chunks that looked pinned to any of its steps. */
static uint64_t most_suspects(const struct broker_request *request)
{
	uint64_t most = 0;

	for (guint i = 0; i < request->steps->len; i++) {
		const struct broker_step *step =
			&g_array_index(request->steps, struct broker_step, i);

		most = MAX(most, step->report.skipped_suspect);
	}
	return most;
}

/*
 * What the last step did not get, and what of that was most in the way; when all of it would not have been
 * enough, what others have. What looked pinned at first and did not come when it was tried is pinned.
 */
static enum broker_cause cause_of_shortage(const struct broker_request *request)
{
	const struct broker_step *last = last_step(request);
	const struct cmabulk_report *report;
	uint64_t stuck, pinned;

	/* Nothing more could be booked, whatever the last step found. */
	if (!last || (last->error != -EBUSY && last->error != -ENOMEM))
		return BROKER_CAUSE_EXHAUSTED;
	report = &last->report;
	stuck = report->skipped_suspect + report->skipped_busy + report->skipped_isolated;
	pinned = MIN(most_suspects(request), stuck);
	if (stuck + report->skipped_no_memory < request->ask.chunks - request->claimed)
		return BROKER_CAUSE_EXHAUSTED;
	if (report->skipped_no_memory > MAX(pinned, stuck - pinned))
		return BROKER_CAUSE_NO_MEMORY;
	return pinned >= stuck - pinned ? BROKER_CAUSE_PINNED : BROKER_CAUSE_BUSY;
}

/* Was it ended in the middle of a step, or before the first? Else what that found is the cause. */
static bool is_interrupted(const struct broker_request *request)
{
	const struct broker_step *last = last_step(request);

	return !last || (last->error != -EBUSY && last->error != -ENOMEM);
}

enum broker_cause broker_request_get_cause(const struct broker_request *request)
{
	switch (-request->error) {
	case 0:
		return BROKER_CAUSE_NONE;
	case EDQUOT:
		return BROKER_CAUSE_QUOTA;
	case ENOSPC:
		return BROKER_CAUSE_GUARANTEE;
	case EBUSY:
		return cause_of_shortage(request);
	case ENOMEM:
		return BROKER_CAUSE_NO_MEMORY;
	case ETIME:
		return is_interrupted(request) ? BROKER_CAUSE_INTERRUPTED :
						 cause_of_shortage(request);
	case EINTR:
	case ECANCELED:
		return BROKER_CAUSE_INTERRUPTED;
	case ENODEV:
		return BROKER_CAUSE_GONE;
	default:
		return BROKER_CAUSE_FAILED;
	}
}

struct broker_request *broker_request_take_over(struct broker_request *request)
{
	struct broker_request *from = request->taken_from;

	request->taken_from = NULL;
	return from;
}

bool broker_request_is_kept_ahead(const struct broker_request *request)
{
	return request->stage == REQUEST_KEPT;
}

uint64_t broker_request_get_ahead(const struct broker_request *request)
{
	return request->ahead;
}

uint64_t broker_request_get_claimed(const struct broker_request *request)
{
	return request->claimed;
}

bool broker_request_is_kept(const struct broker_request *request)
{
	return !request->ask.is_ahead && request->status != BROKER_CANCELLED &&
	       request->error != -ENODEV && request->error != -EDQUOT &&
	       request->claimed >= request->ask.minimum;
}

uint64_t broker_request_get_queued_ns(const struct broker_request *request)
{
	return request->queued_ns;
}

const struct broker_step *broker_request_get_steps(const struct broker_request *request,
						   size_t *ret_count)
{
	*ret_count = request->steps->len;
	return (const struct broker_step *)(const void *)request->steps->data;
}
