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
	return request;
}

struct broker_request *request_free(struct broker_request *request)
{
	g_array_unref(request->steps);
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
	return request->stage != REQUEST_FINISHED;
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
	request->waits_until_ns = 0;
	request->gives_back = false;
}

/*
 * What the driver may ask
 */

void broker_request_set_reservation(struct broker_request *request, uint64_t id)
{
	request->reservation = id;
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

uint64_t broker_request_get_claimed(const struct broker_request *request)
{
	return request->claimed;
}

bool broker_request_is_kept(const struct broker_request *request)
{
	return request->status != BROKER_CANCELLED && request->error != -ENODEV &&
	       request->error != -EDQUOT && request->claimed >= request->ask.minimum;
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
