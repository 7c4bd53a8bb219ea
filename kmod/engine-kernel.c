// SPDX-License-Identifier: GPL-2.0-only
/*
 * The "kernel" engine: cma_alloc_bulk_req() on a CMA area found by its name.
 */
#define pr_fmt(fmt) "cmabulk: " fmt

#include <linux/cma.h>
#include <linux/cma_bulk.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "engine.h"

static int kernel_fill(struct bulk_engine *engine, struct bulk_request *request)
{
	struct cma_bulk_req *req;
	int ret;

	request->nr_allocated = 0;
	req = kzalloc(sizeof(*req), GFP_KERNEL);
	if (!req)
		return -ENOMEM;
	bulk_engine_request(request, req);
	ret = cma_alloc_bulk_req(engine->cma, req);
	bulk_engine_result(req, request);
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
	struct cma_bulk_req *req;
	int ret;

	req = kzalloc(sizeof(*req), GFP_KERNEL);
	if (!req)
		return -ENOMEM;
	req->order = engine->order_per_bit;
	req->align = engine->order_per_bit;
	req->effort = CMA_BULK_HARD;
	ret = cma_alloc_bulk_req(engine->cma, req);
	if (!ret)
		bulk_engine_survey(&req->report, survey);
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
 * bulk_engine_kernel_open() - find an area by its name
 * @engine:	filled in on success
 * @area:	name of the CMA area
 *
 * Return: 0; -ENOENT when there is no such area, which is logged together
 * with the areas there are; -ENOMEM.
 */
int bulk_engine_kernel_open(struct bulk_engine *engine, const char *area)
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
	cma_bulk_area_span(search->found, &engine->first_pfn, &engine->end_pfn);
	engine->nr_pages = cma_get_size(search->found) >> PAGE_SHIFT;
	engine->order_per_bit = cma_bulk_order_per_bit(search->found);
	engine->max_order = cma_bulk_max_order(search->found);
out:
	kfree(search);
	return ret;
}
