/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The stock engine, between its own files: pools on kernels without the series,
 * by alloc_contig_range() and a bitmap of their own.
 *
 * Survey and planner are those of the in-kernel call, the same files; what is
 * different is that every range is isolated and drained by itself, inside
 * alloc_contig_range(), and that nobody else who isolates pageblocks of the area
 * can be kept out: the area must be private.
 */
#ifndef BULK_STOCK_H
#define BULK_STOCK_H

#include <linux/mutex.h>
#include <linux/types.h>

#include "engine.h"
#include "kernel/mm/cma_bulk.h"

/* A slot that failed as part of something larger: looked at again in the next round. */
#define STOCK_SLOT_LATER	0x10

/**
 * struct bulk_stock_range - SIZE@BASE+RESERVE, in pages
 * @base_pfn:	first page
 * @nr_pages:	pages, those of the reserve included
 * @nr_reserve:	pages from @base_pfn on that are left to others
 */
struct bulk_stock_range {
	unsigned long base_pfn;
	unsigned long nr_pages;
	unsigned long nr_reserve;
};

/**
 * struct bulk_stock - the area behind a stock pool
 * @area:	where it lies and what of it is handed out
 * @claiming:	held while a range is claimed: two parties isolating one pageblock
 *		undo each other's work. Giving back never takes it
 */
struct bulk_stock {
	struct cma area;
	struct mutex claiming;	/* isolation */
};

/* How finely a round claims what is planned, see bulk_stock_fill(). */
enum stock_piece {
	STOCK_PIECE_RANGE,	/* ranges as planned */
	STOCK_PIECE_UNIT,	/* one unit at a time */
	STOCK_PIECE_SLOT,	/* one chunk at a time */
};

/**
 * struct stock_call - one request on its way
 * @call:	what the survey knows. Its map is a window on the area that begins
 *		at the top and grows downwards: that is what makes claims go top-down
 * @stock:	the area
 * @name:	of the area, for tracing
 * @slots:	all slots of the area, of which @call.map.slots are a part
 * @units:	all units, likewise
 * @piece:	how finely this round claims
 * @suspects:	this round touches what looks pinned or busy
 * @last:	what fails in this round has failed for good
 *
 * Used by one thread alone.
 */
struct stock_call {
	struct cma_bulk_call call;
	struct bulk_stock *stock;
	const char *name;
	u8 *slots;
	struct cma_bulk_unit *units;
	enum stock_piece piece;
	bool suspects;
	bool last;
};

/* stock-area.c */
bool bulk_stock_is_range(const char *text);
int bulk_stock_parse(const char *text, struct bulk_stock_range *range);
int bulk_stock_check(const char *text, const struct bulk_stock_range *range);
bool bulk_stock_isolated(unsigned long start, unsigned long end);

/* stock-call.c */
int bulk_stock_call(struct bulk_stock *stock, const char *name, struct cma_bulk_req *req);

/* stock-claim.c */
int bulk_stock_claim(struct stock_call *stock_call, const struct cma_bulk_range *range);

/* stock-memory.c */
bool bulk_stock_has_room(unsigned long nr_pages);

#endif /* BULK_STOCK_H */
