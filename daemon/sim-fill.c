// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * FILL of a simulated pool: a range at a time, each taking the time it is configured to. The
 * lock is held but for that time.
 */
#include <errno.h>
#include <time.h>

#include "sim.h"

#define NSEC_PER_SEC UINT64_C(1000000000)

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

struct fill_run {
	struct backend_reservation *reservation;
	struct cmabulk_fill *fill;
	struct sim_scan scan;
	uint64_t start_ns;
	uint64_t deadline_ns; /* UINT64_MAX: none */
};

/* Between ranges: must it end? */
static int check_fill(const struct fill_run *run)
{
	if (run->reservation->sim->is_over)
		return -ENODEV;
	if (run->reservation->is_interrupted)
		return -EINTR;
	return now_ns() >= run->deadline_ns ? -ETIME : 0;
}

/*
 * Unlocks while it waits, as long as moving so many pageblocks takes. Only an interruption ends
 * it early.
 */
static int move(const struct fill_run *run, uint64_t pageblocks)
{
	struct sim *sim = run->reservation->sim;
	uint64_t end = now_ns() + pageblocks * sim->move_ns;
	const struct timespec until = {
		.tv_sec = (time_t)(end / NSEC_PER_SEC),
		.tv_nsec = (long)(end % NSEC_PER_SEC),
	};

	while (!run->reservation->is_interrupted && !sim->is_over && now_ns() < end)
		pthread_cond_timedwait(&sim->changed, &sim->lock, &until);
	if (sim->is_over)
		return -ENODEV;
	return run->reservation->is_interrupted ? -EINTR : 0;
}

static int fill_range(struct fill_run *run, uint64_t range)
{
	struct sim_object *object = run->reservation->object;
	struct cmabulk_report *report = &run->fill->report;
	struct sim *sim = run->reservation->sim;
	uint64_t cost = sim_scan_cost(&run->scan, &sim->area, range);
	uint64_t start = now_ns();
	uint64_t got = 0;
	int r = 0;

	report->ranges_planned++;
	if (cost > 0 && sim->move_ns > 0)
		r = move(run, cost);
	if (r >= 0)
		got = sim_scan_claim(&run->scan, &sim->area, range,
				     run->fill->nr_requests - run->fill->nr_allocated,
				     object->chunks + object->info.chunks, report);
	sim_books_filled(&sim->books, object, got);
	run->fill->nr_allocated += got;
	report->claim_ns += now_ns() - start;
	return r;
}

static int fill_ranges(struct fill_run *run)
{
	const struct cmabulk_fill *fill = run->fill;
	uint64_t range;
	int r;

	while (fill->nr_allocated < fill->nr_requests) {
		r = check_fill(run);
		if (r < 0)
			return r;
		if (!sim_scan_next(&run->scan, &run->reservation->sim->area, &range))
			return -EBUSY;
		r = fill_range(run, range);
		if (r < 0)
			return r;
	}
	return 0;
}

static void report_survey(struct fill_run *run)
{
	struct cmabulk_report *report = &run->fill->report;
	struct cmabulk_survey survey;

	sim_area_survey(&run->reservation->sim->area, &survey);
	report->blocks_surveyed = survey.blocks;
	report->blocks_free = survey.blocks_free;
	report->blocks_movable = survey.blocks_movable;
	report->blocks_suspect = survey.blocks_suspect;
	report->blocks_taken = survey.blocks_taken;
	report->survey_ns = now_ns() - run->start_ns;
}

static int run_fill(struct fill_run *run)
{
	const struct sim *sim = run->reservation->sim;
	const struct sim_object *object = run->reservation->object;
	struct cmabulk_fill *fill = run->fill;
	/* An interruption is the next fill's, even one that has nothing to do. */
	int r = run->reservation->is_interrupted ? -EINTR : 0;

	sim_scan_init(&run->scan, &sim->area, object->info.order, object->info.align, fill->effort);
	report_survey(run);
	if (r >= 0)
		r = sim_object_reserve(run->reservation->object, fill->nr_requests);
	if (r >= 0)
		r = fill_ranges(run);
	if (r < 0)
		sim_scan_report_skipped(&run->scan, &sim->area, fill->nr_allocated, &fill->report);
	fill->report.total_ns = now_ns() - run->start_ns;
	return r;
}

/* What refuses it, with nothing written. */
static int refuse_fill(const struct backend_reservation *reservation,
		       const struct cmabulk_fill *fill)
{
	const struct sim *sim = reservation->sim;
	const struct cmabulk_buffer_info *info = &reservation->object->info;
	int r;

	if (fill->effort > CMABULK_EFFORT_HARD)
		return -EINVAL;
	if (fill->budget_ns > INT64_MAX)
		return -EOVERFLOW;
	r = sim_check_count(reservation, fill->nr_requests);
	if (r < 0)
		return r;
	if (reservation->is_filling)
		return -EALREADY;
	return fill->nr_requests > (sim->area.pages >> info->order) - info->chunks ? -E2BIG : 0;
}

int sim_fill(struct backend_reservation *reservation, struct cmabulk_fill *fill)
{
	struct fill_run run = { .reservation = reservation, .fill = fill, .start_ns = now_ns() };
	struct sim *sim = reservation->sim;
	int r;

	sim_lock(sim);
	r = refuse_fill(reservation, fill);
	if (r < 0) {
		sim_unlock(sim);
		return r;
	}
	fill->nr_allocated = 0;
	fill->report = (struct cmabulk_report){ 0 };
	run.deadline_ns = fill->budget_ns ? run.start_ns + fill->budget_ns : UINT64_MAX;
	reservation->is_filling = true;
	r = sim->is_over ? -ENODEV : run_fill(&run);
	fill->total = reservation->object->info.chunks;
	reservation->is_filling = false;
	reservation->is_interrupted = false;
	sim_unlock(sim);
	return r;
}

void sim_interrupt(struct backend_reservation *reservation)
{
	struct sim *sim = reservation->sim;

	sim_lock(sim);
	reservation->is_interrupted = true;
	pthread_cond_broadcast(&sim->changed);
	sim_unlock(sim);
}
