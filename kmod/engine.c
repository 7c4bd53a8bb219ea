// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which engine serves an area, and what both have in common: requests and
 * reports are those of the in-kernel call.
 */
#define pr_fmt(fmt) "cmabulk: " fmt

#include "compat.h"

#include <linux/cma_bulk.h>
#include <linux/mm.h>

#include "engine.h"
#include "stock.h"

#ifndef BULK_HAVE_ENGINE_KERNEL
int bulk_engine_kernel_open(struct bulk_engine *engine, const char *area)
{
	pr_err("area \"%s\": this kernel cannot find areas by name, it lacks the series in kmod/patches (CONFIG_CMA_BULK); write SIZE@BASE, as the kernel's log says it of the area at boot, for one that nobody else uses\n",
	       area);
	return -EOPNOTSUPP;
}
#endif

/**
 * bulk_engine_open() - find an area and the engine for it
 * @engine:	filled in on success
 * @area:	name of a CMA area, or SIZE@BASE[+RESERVE]
 *
 * What is wrong is logged as well.
 *
 * Return: 0; -ENOENT for a name that no area has, -EOPNOTSUPP for a name on a
 * kernel without the series; -EINVAL for a place that is not an area's, -ENXIO
 * for one without memory, -EAGAIN for one that somebody keeps isolated; -EINTR,
 * -ENOMEM.
 */
int bulk_engine_open(struct bulk_engine *engine, const char *area)
{
	if (bulk_stock_is_range(area))
		return bulk_engine_stock_open(engine, area);
	return bulk_engine_kernel_open(engine, area);
}

/**
 * bulk_engine_close() - undo bulk_engine_open()
 * @engine:	has no pages out; may never have been opened
 */
void bulk_engine_close(struct bulk_engine *engine)
{
	if (engine->ops && engine->ops->close)
		engine->ops->close(engine);
}

/**
 * bulk_engine_overlaps() - would two engines get into each other's way?
 * @one:	an open engine
 * @other:	another
 *
 * Kernel engines are kept apart by the kernel, which lets two areas lie next to
 * each other, or one between the ranges of the other. A free page, though, may
 * reach over the border between two pageblocks, and two who isolate one half each
 * do harm: a stock engine needs all of the largest free pages that reach into its
 * area to itself. Of an area of several ranges what lies between them counts, too.
 *
 * Return: whether they would.
 */
bool bulk_engine_overlaps(const struct bulk_engine *one,
			  const struct bulk_engine *other)
{
	const unsigned long align = MAX_ORDER_NR_PAGES;

	if (one->ops->kind == CMABULK_ENGINE_KERNEL &&
	    other->ops->kind == CMABULK_ENGINE_KERNEL)
		return one->cma == other->cma;
	return ALIGN_DOWN(one->first_pfn, align) <
	       ALIGN(other->end_pfn, align) &&
	       ALIGN_DOWN(other->first_pfn, align) <
	       ALIGN(one->end_pfn, align);
}

/**
 * bulk_engine_request() - what is wanted, as the in-kernel call puts it
 * @from:	what is wanted
 * @to:		gets it; everything else in it becomes zero
 */
void bulk_engine_request(const struct bulk_request *from, struct cma_bulk_req *to)
{
	static_assert((int)CMA_BULK_FAST == (int)CMABULK_EFFORT_FAST);
	static_assert((int)CMA_BULK_NORMAL == (int)CMABULK_EFFORT_NORMAL);
	static_assert((int)CMA_BULK_HARD == (int)CMABULK_EFFORT_HARD);

	*to = (struct cma_bulk_req) {
		.order = from->order,
		.align = from->align,
		.nr_requests = from->nr_requests,
		.effort = (enum cma_bulk_effort)from->effort,
		.free_only = from->free_only,
		.deadline = from->deadline,
		.interrupt = from->interrupt,
		.pages = from->pages,
	};
}

static void report_copy(struct cmabulk_report *to, const struct cma_bulk_report *from)
{
	*to = (struct cmabulk_report) {
		.blocks_surveyed = from->blocks_surveyed,
		.blocks_free = from->blocks_free,
		.blocks_movable = from->blocks_movable,
		.blocks_suspect = from->blocks_suspect,
		.blocks_taken = from->blocks_taken,
		.pages_to_migrate = from->pages_to_migrate,
		.ranges_planned = from->ranges_planned,
		.ranges_tried = from->ranges_tried,
		.ranges_failed = from->ranges_failed,
		.chunks_free = from->chunks_free,
		.chunks_moved = from->chunks_moved,
		.chunks_salvaged = from->chunks_salvaged,
		.skipped_suspect = from->skipped_suspect,
		.skipped_busy = from->skipped_busy,
		.skipped_taken = from->skipped_taken,
		.skipped_no_memory = from->skipped_no_memory,
		.skipped_isolated = from->skipped_isolated,
		.survey_ns = from->survey_ns,
		.plan_ns = from->plan_ns,
		.drain_ns = from->drain_ns,
		.claim_ns = from->claim_ns,
		.salvage_ns = from->salvage_ns,
		.total_ns = from->total_ns,
	};
}

/**
 * bulk_engine_result() - what came of a request
 * @from:	the in-kernel call's
 * @to:		gets number of chunks and report
 */
void bulk_engine_result(const struct cma_bulk_req *from, struct bulk_request *to)
{
	to->nr_allocated = from->nr_allocated;
	report_copy(&to->report, &from->report);
}

/**
 * bulk_engine_survey() - what a survey saw
 * @from:	report of a request for nothing
 * @to:		gets the counts
 */
void bulk_engine_survey(const struct cma_bulk_report *from, struct cmabulk_survey *to)
{
	to->pages_free = from->pages_free;
	to->pages_movable = from->pages_movable;
	to->pages_suspect = from->pages_suspect;
	to->pages_taken = from->pages_taken;
	to->blocks = from->blocks_surveyed;
	to->blocks_free = from->blocks_free;
	to->blocks_movable = from->blocks_movable;
	to->blocks_suspect = from->blocks_suspect;
	to->blocks_taken = from->blocks_taken;
}
