/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The engine of a pool: what finds, claims and gives back the pages. The rest
 * of the module sees nothing of CMA but this.
 */
#ifndef BULK_ENGINE_H
#define BULK_ENGINE_H

#include <linux/cmabulk.h>
#include <linux/ktime.h>
#include <linux/types.h>

struct bulk_engine;
struct bulk_stock;
struct cma;
struct cma_bulk_report;
struct cma_bulk_req;
struct page;

#define BULK_AREA_NAME_LEN	sizeof_field(struct cmabulk_query, area)

/**
 * struct bulk_request - chunks wanted from an engine
 * @order:		order of every chunk
 * @align:		alignment of every chunk as an order
 * @effort:		how expensive the engine may be
 * @free_only:		take what is free and move no page, whatever @effort says
 * @nr_requests:	chunks wanted; 0 only surveys and reports
 * @deadline:		ktime_get() by which to return, 0 for none; soft
 * @interrupt:		looked at between ranges at least; once true the engine stops
 * @pages:		out: first page of each chunk, room for @nr_requests
 * @nr_allocated:	out: chunks in @pages, whatever was returned
 * @report:		out: what was done
 */
struct bulk_request {
	unsigned int order;
	unsigned int align;
	enum cmabulk_effort effort;
	bool free_only;
	size_t nr_requests;
	ktime_t deadline;
	const bool *interrupt;
	struct page **pages;
	size_t nr_allocated;
	struct cmabulk_report report;
};

/**
 * struct bulk_engine_ops - one way to get pages out of an area
 * @kind:	what QUERY calls it
 * @name:	what sysfs calls it
 * @features:	CMABULK_FEATURE_* that come with this engine
 * @fill:	claim chunks; sleeps, takes long, may run concurrently
 * @release:	give a run of chunks back, each page with one reference; sleeps
 * @survey:	look at the area, claim nothing
 * @available:	pages of the area that are in no CMA user's hands
 * @close:	undo opening; may be NULL
 */
struct bulk_engine_ops {
	enum cmabulk_engine kind;
	const char *name;
	u64 features;
	int (*fill)(struct bulk_engine *engine, struct bulk_request *request);
	void (*release)(struct bulk_engine *engine, struct page *first,
			unsigned long nr_pages);
	int (*survey)(struct bulk_engine *engine, struct cmabulk_survey *survey);
	u64 (*available)(struct bulk_engine *engine);
	void (*close)(struct bulk_engine *engine);
};

/**
 * struct bulk_engine - an area and how to get at its pages
 * @ops:		the way; NULL until opened
 * @cma:		the area of a kernel engine
 * @stock:		the area of a stock engine
 * @area:		its name, or where it lies
 * @first_pfn:		its first page
 * @end_pfn:		the page behind its last one
 * @nr_pages:		its size
 * @order_per_bit:	smallest order it can hand out
 * @max_order:		largest order it can hand out
 *
 * Nothing here changes between bulk_engine_open() and bulk_engine_close().
 */
struct bulk_engine {
	const struct bulk_engine_ops *ops;
	union {
		struct cma *cma;
		struct bulk_stock *stock;
	};
	char area[BULK_AREA_NAME_LEN];
	unsigned long first_pfn;
	unsigned long end_pfn;
	unsigned long nr_pages;
	unsigned int order_per_bit;
	unsigned int max_order;
};

/* engine.c */
int bulk_engine_open(struct bulk_engine *engine, const char *area);
void bulk_engine_close(struct bulk_engine *engine);
bool bulk_engine_overlaps(const struct bulk_engine *one,
			  const struct bulk_engine *other);
void bulk_engine_request(const struct bulk_request *from, struct cma_bulk_req *to);
void bulk_engine_result(const struct cma_bulk_req *from, struct bulk_request *to);
void bulk_engine_survey(const struct cma_bulk_report *from, struct cmabulk_survey *to);

/* engine-kernel.c, engine-stock.c */
int bulk_engine_kernel_open(struct bulk_engine *engine, const char *area);
int bulk_engine_stock_open(struct bulk_engine *engine, const char *area);

#endif /* BULK_ENGINE_H */
