// SPDX-License-Identifier: GPL-2.0-only
/*
 * The "kernel" engine: cma_alloc_bulk_req() on a CMA area found by its name.
 */
#define pr_fmt(fmt) "cmabulk: " fmt

#include "compat.h"

#include <linux/cma.h>
#include <linux/cma_bulk.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "engine.h"

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

static int kernel_fill(struct bulk_engine *engine, struct bulk_request *request)
{
	struct cma_bulk_req *req;
	int ret;

	static_assert((int)CMA_BULK_FAST == (int)CMABULK_EFFORT_FAST);
	static_assert((int)CMA_BULK_NORMAL == (int)CMABULK_EFFORT_NORMAL);
	static_assert((int)CMA_BULK_HARD == (int)CMABULK_EFFORT_HARD);

	request->nr_allocated = 0;
	req = kzalloc(sizeof(*req), GFP_KERNEL);
	if (!req)
		return -ENOMEM;
	req->order = request->order;
	req->align = request->align;
	req->nr_requests = request->nr_requests;
	req->effort = (enum cma_bulk_effort)request->effort;
	req->deadline = request->deadline;
	req->interrupt = request->interrupt;
	req->pages = request->pages;
	ret = cma_alloc_bulk_req(engine->cma, req);
	request->nr_allocated = req->nr_allocated;
	report_copy(&request->report, &req->report);
	kfree(req);
	return ret;
}

static void kernel_release(struct bulk_engine *engine, struct page *first,
			   unsigned long nr_pages)
{
	/* False would mean that the pages are not the area's: our mistake. */
	WARN_ON_ONCE(!cma_release(engine->cma, first, nr_pages));
}

static int kernel_survey(struct bulk_engine *engine, struct cmabulk_survey *survey)
{
	const struct cma_bulk_report *report;
	struct cma_bulk_req *req;
	int ret;

	req = kzalloc(sizeof(*req), GFP_KERNEL);
	if (!req)
		return -ENOMEM;
	req->order = engine->order_per_bit;
	req->align = engine->order_per_bit;
	req->effort = CMA_BULK_HARD;
	ret = cma_alloc_bulk_req(engine->cma, req);
	if (ret)
		goto out;

	report = &req->report;
	survey->pages_free = report->pages_free;
	survey->pages_movable = report->pages_movable;
	survey->pages_suspect = report->pages_suspect;
	survey->pages_taken = report->pages_taken;
	survey->blocks = report->blocks_surveyed;
	survey->blocks_free = report->blocks_free;
	survey->blocks_movable = report->blocks_movable;
	survey->blocks_suspect = report->blocks_suspect;
	survey->blocks_taken = report->blocks_taken;
out:
	kfree(req);
	return ret;
}

static u64 kernel_available(struct bulk_engine *engine)
{
	return cma_bulk_pages_available(engine->cma);
}

static const struct bulk_engine_ops kernel_ops = {
	.kind = CMABULK_ENGINE_KERNEL,
	.name = "kernel",
	.fill = kernel_fill,
	.release = kernel_release,
	.survey = kernel_survey,
	.available = kernel_available,
};

struct area_search {
	const char *name;
	struct cma *found;
	char known[256];
	size_t length;
};

static int area_match(struct cma *cma, void *data)
{
	struct area_search *search = data;
	const char *name = cma_get_name(cma);

	/* An area that could not be activated at boot has no pages. */
	if (!cma_get_size(cma))
		return 0;
	if (!strcmp(name, search->name)) {
		search->found = cma;
		return 1;
	}
	search->length += scnprintf(search->known + search->length,
				    sizeof(search->known) - search->length, "%s%s",
				    search->length ? ", " : "", name);
	return 0;
}

/**
 * bulk_engine_open() - find an area and the engine for it
 * @engine:	filled in on success
 * @area:	name of the CMA area
 *
 * Return: 0; -ENOENT when there is no such area, which is logged together
 * with the areas there are; -ENOMEM.
 */
int bulk_engine_open(struct bulk_engine *engine, const char *area)
{
	struct area_search *search;
	int ret = 0;

	search = kzalloc(sizeof(*search), GFP_KERNEL);
	if (!search)
		return -ENOMEM;
	search->name = area;
	cma_for_each_area(area_match, search);
	if (!search->found) {
		pr_err("there is no CMA area \"%s\"; this kernel has: %s\n", area,
		       search->length ? search->known : "none (boot with cma=SIZE)");
		ret = -ENOENT;
		goto out;
	}

	engine->ops = &kernel_ops;
	engine->cma = search->found;
	strscpy(engine->area, area, sizeof(engine->area));
	engine->nr_pages = cma_get_size(search->found) >> PAGE_SHIFT;
	engine->order_per_bit = cma_bulk_order_per_bit(search->found);
	engine->max_order = cma_bulk_max_order(search->found);
out:
	kfree(search);
	return ret;
}

/**
 * bulk_engine_same_area() - do two engines serve one area?
 * @one:	an open engine
 * @other:	another
 *
 * Return: whether they do.
 */
bool bulk_engine_same_area(const struct bulk_engine *one,
			   const struct bulk_engine *other)
{
	return one->cma == other->cma;
}
