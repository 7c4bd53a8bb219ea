// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Allocating without a daemon: one reservation, filled step by step, then
 * exported. Whatever goes wrong, closing the reservation and the buffers made
 * so far gives everything back.
 */
#include "allocation.h"
#include "buffer.h"
#include "cause.h"
#include "connection.h"
#include "device.h"
#include "direct.h"
#include "pool.h"
#include "request.h"
#include "spread.h"
#include "steps.h"
#include "text.h"

/* How often to look whether pages have come back. */
#define DRAIN_POLL_NS 2000000L

/* The pool with most free pages; the first by name of several. */
static int choose_pool(struct cmabulk_connection *connection, int *ret_device,
		       struct cmabulk_pool **ret_pool)
{
	struct cmabulk_pool **pools CLEANUP(cmabulk_pool_array_freep) = NULL;
	const struct cmabulk_pool *best;
	int count = direct_list_pools(connection, &pools);

	if (count < 0)
		return count;
	best = pools[0];
	for (int i = 1; i < count; i++)
		if (pools[i]->free_pages > best->free_pages)
			best = pools[i];
	return direct_open_pool(best->name, ret_device, ret_pool);
}

static int open_pool(struct cmabulk_connection *connection, const struct cmabulk_request *request,
		     int *ret_device, struct cmabulk_pool **ret_pool)
{
	if (request->has_device) {
		connection_explain(connection,
				   "which pools a device has only the daemon knows: ask "
				   "it, or name a pool");
		return -EOPNOTSUPP;
	}
	if (request->has_pool)
		return direct_open_pool(request->pool, ret_device, ret_pool);
	return choose_pool(connection, ret_device, ret_pool);
}

static int reserve(int device, const struct cmabulk_request *request, int *ret_reservation)
{
	struct device_reservation reservation = {
		.order = request->order,
		.align = cmabulk_request_get_align(request),
		.owner = {
			.uid = request->has_owner ? request->owner_uid : getuid(),
			.pid = (uint32_t)(request->has_owner ? request->owner_pid : getpid()),
			.cookie = request->cookie,
		},
	};

	strcpy(reservation.owner.account, request->account);
	strcpy(reservation.owner.label, request->label);
	return device_reserve(device, &reservation, ret_reservation);
}

static void copy_report(struct cmabulk_step *step, const struct cmabulk_report *report)
{
	step->blocks_surveyed = report->blocks_surveyed;
	step->blocks_free = report->blocks_free;
	step->blocks_movable = report->blocks_movable;
	step->blocks_suspect = report->blocks_suspect;
	step->blocks_taken = report->blocks_taken;
	step->pages_to_migrate = report->pages_to_migrate;
	step->ranges_planned = report->ranges_planned;
	step->ranges_tried = report->ranges_tried;
	step->ranges_failed = report->ranges_failed;
	step->chunks_free = report->chunks_free;
	step->chunks_moved = report->chunks_moved;
	step->chunks_salvaged = report->chunks_salvaged;
	step->skipped_suspect = report->skipped_suspect;
	step->skipped_busy = report->skipped_busy;
	step->skipped_taken = report->skipped_taken;
	step->skipped_no_memory = report->skipped_no_memory;
	step->skipped_isolated = report->skipped_isolated;
	step->survey_ns = report->survey_ns;
	step->plan_ns = report->plan_ns;
	step->drain_ns = report->drain_ns;
	step->claim_ns = report->claim_ns;
	step->salvage_ns = report->salvage_ns;
	step->total_ns = report->total_ns;
}

/* One FILL, written down in the allocation. */
static int take_step(int reservation, const struct step_order *order, struct steps *steps,
		     struct cmabulk_allocation *allocation)
{
	struct cmabulk_step *step;
	struct cmabulk_fill fill;
	uint64_t start;
	int r = allocation_add_step(allocation, &step);

	if (r < 0)
		return r;
	start = now_ns(CLOCK_MONOTONIC);
	r = device_fill(reservation, order->effort, order->chunks, order->budget_ns, &fill);
	step->elapsed_usec = (now_ns(CLOCK_MONOTONIC) - start) / NSEC_PER_USEC;
	step->effort = order->effort;
	step->error = r;
	step->requested = order->chunks;
	step->granted = fill.nr_allocated;
	copy_report(step, &fill.report);
	return steps_account(steps, r, fill.nr_allocated);
}

struct filling {
	int device;
	int reservation;
	struct cmabulk_request *request;
	struct steps steps;
	struct cmabulk_allocation *allocation;
};

/* Pages that are going back to the area; -1 when it cannot be told. */
static int64_t count_returning(const struct filling *filling, uint64_t *ret_free)
{
	struct cmabulk_query query;

	if (device_query(filling->device, &query) < 0)
		return -1;
	*ret_free = query.free_pages;
	return (int64_t)(query.states.draining - query.stuck);
}

/* Waits until so much is free as now is and is returning, or nothing is returning any more. */
static void wait_for_returning(const struct filling *filling)
{
	static const struct timespec pause = { .tv_nsec = DRAIN_POLL_NS };
	uint64_t available = 0;
	int64_t returning = count_returning(filling, &available);
	uint64_t expected = available + (uint64_t)returning;

	while (returning > 0 && available < expected &&
	       now_ns(CLOCK_MONOTONIC) < filling->steps.deadline_ns &&
	       !request_is_cancelled(filling->request)) {
		nanosleep(&pause, NULL);
		returning = count_returning(filling, &available);
	}
}

/*
 * Who has just let go of memory may ask for it again, but it goes back in the
 * background: before moving other people's pages, wait for those.
 */
static void wait_and_retry(struct filling *filling, int64_t returning_before)
{
	uint64_t available;

	if (returning_before <= 0 && count_returning(filling, &available) <= 0)
		return;
	wait_for_returning(filling);
	steps_retry(&filling->steps);
}

static int fill(struct filling *filling)
{
	uint64_t available;
	int64_t returning = count_returning(filling, &available);
	bool may_retry = true;
	struct step_order order;

	while (steps_next(&filling->steps, now_ns(CLOCK_MONOTONIC),
			  request_is_cancelled(filling->request), &order)) {
		int r = take_step(filling->reservation, &order, &filling->steps,
				  filling->allocation);

		if (r < 0)
			return r;
		if (may_retry && filling->steps.held < filling->steps.wanted)
			wait_and_retry(filling, returning);
		may_retry = false;
	}
	filling->allocation->claimed = filling->steps.held;
	filling->allocation->error = filling->steps.error;
	filling->allocation->status = steps_status(&filling->steps);
	filling->allocation->cause = cause_find(filling->steps.error, filling->allocation->steps,
						filling->allocation->n_steps,
						filling->steps.wanted - filling->steps.held);
	return 0;
}

static int export_buffer(int reservation, const struct cmabulk_request *request,
			 const struct cmabulk_pool *pool, uint64_t chunks, const char *name,
			 struct cmabulk_buffer **ret)
{
	struct cmabulk_buffer *buffer CLEANUP(cmabulk_buffer_unrefp) = NULL;
	struct cmabulk_export export;
	int r = buffer_new(&buffer);

	if (r < 0)
		return r;
	r = device_export(reservation, chunks, name, &export);
	if (r < 0)
		return r;
	buffer->fd = export.fd;
	buffer->chunks = chunks;
	buffer->chunk_size = pool->page_size << request->order;
	buffer->size = chunks * buffer->chunk_size;
	buffer->order = request->order;
	buffer->alignment = pool->page_size << cmabulk_request_get_align(request);
	buffer->inode = export.inode;
	buffer->id = export.id;
	strcpy(buffer->name, name);
	*ret = TAKE(buffer);
	return 0;
}

static int export_buffers(int reservation, const struct cmabulk_request *request,
			  const struct cmabulk_pool *pool, struct cmabulk_allocation *allocation)
{
	uint64_t chunks = allocation->claimed;
	unsigned int count = spread_buffers(chunks, request->buffers);
	int r = allocation_make_room(allocation, count);

	for (unsigned int i = 0; r >= 0 && i < count && !request_is_cancelled(request); i++) {
		char name[CMABULK_BUFFER_NAME_LEN];
		struct cmabulk_buffer *buffer;

		text_buffer_name(name, sizeof(name), request->label, i, count);
		r = export_buffer(reservation, request, pool, spread_chunks(chunks, count, i), name,
				  &buffer);
		if (r >= 0)
			allocation_add_buffer(allocation, buffer);
	}
	return r;
}

/* Are there enough chunks to be worth keeping? */
static bool is_enough(const struct cmabulk_allocation *allocation,
		      const struct cmabulk_request *request)
{
	return allocation->claimed > 0 && allocation->status != CMABULK_ALLOCATION_CANCELLED &&
	       allocation->claimed >= cmabulk_request_get_minimum(request);
}

static int fill_and_export(struct filling *filling, const struct cmabulk_pool *pool)
{
	struct cmabulk_request *request = filling->request;
	int r;

	request_publish(request, filling->reservation);
	r = fill(filling);
	request_publish(request, -1);
	if (r < 0)
		return r;
	if (is_enough(filling->allocation, request))
		r = export_buffers(filling->reservation, request, pool, filling->allocation);
	/* Who cancels gets nothing, however far it is. */
	if (r >= 0 && request_is_cancelled(request))
		allocation_cancel(filling->allocation);
	return r;
}

int direct_allocate(struct cmabulk_connection *connection, struct cmabulk_request *request,
		    struct cmabulk_allocation **ret)
{
	struct cmabulk_allocation *allocation CLEANUP(cmabulk_allocation_unrefp) = NULL;
	struct cmabulk_pool *pool CLEANUP(cmabulk_pool_unrefp) = NULL;
	int reservation CLEANUP(close_fdp) = -1;
	int device CLEANUP(close_fdp) = -1;
	uint64_t start = now_ns(CLOCK_MONOTONIC);
	struct filling filling;
	int r;

	r = open_pool(connection, request, &device, &pool);
	if (r < 0)
		return r;
	r = request_check_pool(request, pool);
	if (r < 0)
		return r;
	r = allocation_new(pool->name, &allocation);
	if (r < 0)
		return r;
	r = reserve(device, request, &reservation);
	if (r < 0)
		return r;
	allocation->order = request->order;
	allocation->requested = request->count;
	filling = (struct filling){
		.device = device,
		.reservation = reservation,
		.request = request,
		.allocation = allocation,
	};
	steps_init(&filling.steps, request->count, request->effort, start, request->timeout_usec);
	r = fill_and_export(&filling, pool);
	if (r < 0)
		return r;
	allocation->elapsed_usec = (now_ns(CLOCK_MONOTONIC) - start) / NSEC_PER_USEC;
	*ret = TAKE(allocation);
	return 0;
}
