// SPDX-License-Identifier: GPL-2.0-only
/*
 * The "stock" engine: alloc_contig_range() on an area found by where it lies,
 * for kernels without the series. It does not know the area's bitmap.
 */
#define pr_fmt(fmt) "cmabulk: " fmt

#include <linux/bitmap.h>
#include <linux/cma_bulk.h>
#include <linux/gfp.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "engine.h"
#include "stock.h"

static int stock_fill(struct bulk_engine *engine, struct bulk_request *request)
{
	struct cma_bulk_req *req;
	int ret;

	request->nr_allocated = 0;
	req = kzalloc(sizeof(*req), GFP_KERNEL);
	if (!req)
		return -ENOMEM;
	bulk_engine_request(request, req);
	ret = bulk_stock_call(engine->stock, engine->area, req);
	bulk_engine_result(req, request);
	kfree(req);
	return ret;
}

/*
 * First the pages, then the bits: who finds them clear may claim. Without
 * bulk_stock.claiming: giving back waits for nobody's migration.
 */
static void stock_release(struct bulk_engine *engine, struct page *first,
			  unsigned long nr_pages)
{
	struct cma *area = &engine->stock->area;
	const unsigned long pfn = page_to_pfn(first);

	free_contig_range(pfn, nr_pages);
	spin_lock(&area->lock);
	bitmap_clear(area->bitmap, pfn - area->base_pfn, nr_pages);
	spin_unlock(&area->lock);
}

static int stock_survey(struct bulk_engine *engine, struct cmabulk_survey *survey)
{
	struct cma_bulk_req *req;
	int ret;

	req = kzalloc(sizeof(*req), GFP_KERNEL);
	if (!req)
		return -ENOMEM;
	req->effort = CMA_BULK_HARD;
	ret = bulk_stock_call(engine->stock, engine->area, req);
	if (!ret)
		bulk_engine_survey(&req->report, survey);
	kfree(req);
	return ret;
}

static u64 stock_available(struct bulk_engine *engine)
{
	struct cma *area = &engine->stock->area;
	unsigned long used;

	spin_lock(&area->lock);
	used = bitmap_weight(area->bitmap, area->count);
	spin_unlock(&area->lock);
	return area->count - used;
}

static void stock_free(struct bulk_stock *stock)
{
	mutex_destroy(&stock->claiming);
	kvfree(stock->area.bitmap);
	kfree(stock);
}

static void stock_close(struct bulk_engine *engine)
{
	stock_free(engine->stock);
}

static const struct bulk_engine_ops stock_ops = {
	.kind = CMABULK_ENGINE_STOCK,
	.name = "stock",
	.features = CMABULK_FEATURE_BITMAP_UNAWARE,
	.fill = stock_fill,
	.release = stock_release,
	.survey = stock_survey,
	.available = stock_available,
	.close = stock_close,
};

static struct bulk_stock *stock_alloc(const struct bulk_stock_range *range)
{
	struct bulk_stock *stock;
	struct cma *area;

	stock = kzalloc(sizeof(*stock), GFP_KERNEL);
	if (!stock)
		return NULL;
	mutex_init(&stock->claiming);
	area = &stock->area;
	spin_lock_init(&area->lock);
	area->base_pfn = range->base_pfn + range->nr_reserve;
	area->count = range->nr_pages - range->nr_reserve;
	area->bitmap = kvcalloc(BITS_TO_LONGS(area->count), sizeof(long), GFP_KERNEL);
	if (!area->bitmap) {
		stock_free(stock);
		return NULL;
	}
	return stock;
}

/**
 * bulk_engine_stock_open() - make an area of what lies at a place
 * @engine:	filled in on success
 * @area:	SIZE@BASE[+RESERVE]
 *
 * Return: see bulk_engine_open().
 */
int bulk_engine_stock_open(struct bulk_engine *engine, const char *area)
{
	struct bulk_stock_range range;
	struct bulk_stock *stock;
	int ret;

	ret = bulk_stock_parse(area, &range);
	if (ret)
		return ret;
	ret = bulk_stock_check(area, &range);
	if (ret)
		return ret;
	stock = stock_alloc(&range);
	if (!stock)
		return -ENOMEM;

	engine->ops = &stock_ops;
	engine->stock = stock;
	strscpy(engine->area, area, sizeof(engine->area));
	engine->first_pfn = stock->area.base_pfn;
	engine->end_pfn = stock->area.base_pfn + stock->area.count;
	engine->nr_pages = stock->area.count;
	engine->order_per_bit = stock->area.order_per_bit;
	engine->max_order = ilog2(stock->area.count);
	return 0;
}
