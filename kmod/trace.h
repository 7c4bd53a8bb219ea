/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints of the module. A fill_start without its fill_end is a FILL that
 * is in the engine.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM cmabulk

#if !defined(BULK_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define BULK_TRACE_H

#include <linux/tracepoint.h>

#include "compat.h"

TRACE_EVENT(fill_start,
	    TP_PROTO(const char *pool, u64 reservation, unsigned int effort, u64 nr_requests),
	    TP_ARGS(pool, reservation, effort, nr_requests),

	    TP_STRUCT__entry(__string(pool, pool)
			     __field(u64, reservation)
			     __field(unsigned int, effort)
			     __field(u64, nr_requests)),

	    TP_fast_assign(BULK_ASSIGN_STR(pool, pool);
			   __entry->reservation = reservation;
			   __entry->effort = effort;
			   __entry->nr_requests = nr_requests;),

	    TP_printk("pool=%s reservation=%llu effort=%u nr_requests=%llu",
		      __get_str(pool), __entry->reservation, __entry->effort,
		      __entry->nr_requests)
);

TRACE_EVENT(fill_end,
	    TP_PROTO(const char *pool, u64 reservation, int ret, u64 nr_allocated, u64 ns),
	    TP_ARGS(pool, reservation, ret, nr_allocated, ns),

	    TP_STRUCT__entry(__string(pool, pool)
			     __field(u64, reservation)
			     __field(int, ret)
			     __field(u64, nr_allocated)
			     __field(u64, ns)),

	    TP_fast_assign(BULK_ASSIGN_STR(pool, pool);
			   __entry->reservation = reservation;
			   __entry->ret = ret;
			   __entry->nr_allocated = nr_allocated;
			   __entry->ns = ns;),

	    TP_printk("pool=%s reservation=%llu ret=%d nr_allocated=%llu ns=%llu",
		      __get_str(pool), __entry->reservation, __entry->ret,
		      __entry->nr_allocated, __entry->ns)
);

TRACE_EVENT(export,
	    TP_PROTO(const char *pool, u64 buffer, u64 reservation, u64 inode,
		     unsigned int order, u64 nr_chunks),
	    TP_ARGS(pool, buffer, reservation, inode, order, nr_chunks),

	    TP_STRUCT__entry(__string(pool, pool)
			     __field(u64, buffer)
			     __field(u64, reservation)
			     __field(u64, inode)
			     __field(unsigned int, order)
			     __field(u64, nr_chunks)),

	    TP_fast_assign(BULK_ASSIGN_STR(pool, pool);
			   __entry->buffer = buffer;
			   __entry->reservation = reservation;
			   __entry->inode = inode;
			   __entry->order = order;
			   __entry->nr_chunks = nr_chunks;),

	    TP_printk("pool=%s buffer=%llu reservation=%llu inode=%llu order=%u nr_chunks=%llu",
		      __get_str(pool), __entry->buffer, __entry->reservation,
		      __entry->inode, __entry->order, __entry->nr_chunks)
);

/* The steps of a stock engine; those of the kernel's are events/cma_bulk/. */
TRACE_EVENT(stock_survey,
	    TP_PROTO(const char *area, unsigned int units, u64 free, u64 movable, u64 suspect,
		     u64 taken),
	    TP_ARGS(area, units, free, movable, suspect, taken),

	    TP_STRUCT__entry(__string(area, area)
			     __field(unsigned int, units)
			     __field(u64, free)
			     __field(u64, movable)
			     __field(u64, suspect)
			     __field(u64, taken)),

	    TP_fast_assign(BULK_ASSIGN_STR(area, area);
			   __entry->units = units;
			   __entry->free = free;
			   __entry->movable = movable;
			   __entry->suspect = suspect;
			   __entry->taken = taken;),

	    TP_printk("area=%s units=%u free=%llu movable=%llu suspect=%llu taken=%llu",
		      __get_str(area), __entry->units, __entry->free, __entry->movable,
		      __entry->suspect, __entry->taken)
);

TRACE_EVENT(stock_plan,
	    TP_PROTO(const char *area, u64 missing, unsigned int ranges, bool free_only),
	    TP_ARGS(area, missing, ranges, free_only),

	    TP_STRUCT__entry(__string(area, area)
			     __field(u64, missing)
			     __field(unsigned int, ranges)
			     __field(bool, free_only)),

	    TP_fast_assign(BULK_ASSIGN_STR(area, area);
			   __entry->missing = missing;
			   __entry->ranges = ranges;
			   __entry->free_only = free_only;),

	    TP_printk("area=%s missing=%llu ranges=%u free_only=%d", __get_str(area),
		      __entry->missing, __entry->ranges, __entry->free_only)
);

/* One alloc_contig_range(). An error of -EAGAIN says that another request was first. */
TRACE_EVENT(stock_claim,
	    TP_PROTO(const char *area, unsigned long pfn, unsigned int slots, unsigned int kind,
		     unsigned int piece, int error),
	    TP_ARGS(area, pfn, slots, kind, piece, error),

	    TP_STRUCT__entry(__string(area, area)
			     __field(unsigned long, pfn)
			     __field(unsigned int, slots)
			     __field(unsigned int, kind)
			     __field(unsigned int, piece)
			     __field(int, error)),

	    TP_fast_assign(BULK_ASSIGN_STR(area, area);
			   __entry->pfn = pfn;
			   __entry->slots = slots;
			   __entry->kind = kind;
			   __entry->piece = piece;
			   __entry->error = error;),

	    TP_printk("area=%s pfn=0x%lx slots=%u kind=%s piece=%s error=%d", __get_str(area),
		      __entry->pfn, __entry->slots,
		      __print_symbolic(__entry->kind,
				       { 0, "free" },
				       { 1, "salvage-free" },
				       { 2, "move" },
				       { 3, "salvage-move" },
				       { 4, "suspect" }),
		      __print_symbolic(__entry->piece,
				       { 0, "range" },
				       { 1, "unit" },
				       { 2, "slot" }),
		      __entry->error)
);

/* Pages of an object on their way back. */
DECLARE_EVENT_CLASS(object_pages,
		    TP_PROTO(const char *pool, u64 id, u64 number),
		    TP_ARGS(pool, id, number),

		    TP_STRUCT__entry(__string(pool, pool)
				     __field(u64, id)
				     __field(u64, number)),

		    TP_fast_assign(BULK_ASSIGN_STR(pool, pool);
				   __entry->id = id;
				   __entry->number = number;),

		    TP_printk("pool=%s id=%llu pages=%llu",
			      __get_str(pool), __entry->id, __entry->number)
);

DEFINE_EVENT(object_pages, buffer_release,
	     TP_PROTO(const char *pool, u64 id, u64 number),
	     TP_ARGS(pool, id, number)
);

DEFINE_EVENT(object_pages, reservation_drop,
	     TP_PROTO(const char *pool, u64 id, u64 number),
	     TP_ARGS(pool, id, number)
);

/* Pages to zero. */
DEFINE_EVENT(object_pages, zero_start,
	     TP_PROTO(const char *pool, u64 id, u64 number),
	     TP_ARGS(pool, id, number)
);

/* Time it took to zero them. */
DEFINE_EVENT_PRINT(object_pages, zero_done,
		   TP_PROTO(const char *pool, u64 id, u64 number),
		   TP_ARGS(pool, id, number),
		   TP_printk("pool=%s id=%llu ns=%llu",
			     __get_str(pool), __entry->id, __entry->number)
);

/* Chunks that could not be given back because somebody references them. */
DEFINE_EVENT_PRINT(object_pages, drained,
		   TP_PROTO(const char *pool, u64 id, u64 number),
		   TP_ARGS(pool, id, number),
		   TP_printk("pool=%s id=%llu chunks_left=%llu",
			     __get_str(pool), __entry->id, __entry->number)
);

/* Pages that come to the cache, and that go back to the area from there. */
DECLARE_EVENT_CLASS(cache_pages,
		    TP_PROTO(const char *pool, u64 pages),
		    TP_ARGS(pool, pages),

		    TP_STRUCT__entry(__string(pool, pool)
				     __field(u64, pages)),

		    TP_fast_assign(BULK_ASSIGN_STR(pool, pool);
				   __entry->pages = pages;),

		    TP_printk("pool=%s pages=%llu", __get_str(pool), __entry->pages)
);

DEFINE_EVENT(cache_pages, cache_claim,
	     TP_PROTO(const char *pool, u64 pages),
	     TP_ARGS(pool, pages)
);

DEFINE_EVENT(cache_pages, cache_release,
	     TP_PROTO(const char *pool, u64 pages),
	     TP_ARGS(pool, pages)
);

TRACE_EVENT(pool_add,
	    TP_PROTO(const char *pool, const char *area, u64 pages),
	    TP_ARGS(pool, area, pages),

	    TP_STRUCT__entry(__string(pool, pool)
			     __string(area, area)
			     __field(u64, pages)),

	    TP_fast_assign(BULK_ASSIGN_STR(pool, pool);
			   BULK_ASSIGN_STR(area, area);
			   __entry->pages = pages;),

	    TP_printk("pool=%s area=%s pages=%llu",
		      __get_str(pool), __get_str(area), __entry->pages)
);

TRACE_EVENT(pool_remove,
	    TP_PROTO(const char *pool),
	    TP_ARGS(pool),

	    TP_STRUCT__entry(__string(pool, pool)),

	    TP_fast_assign(BULK_ASSIGN_STR(pool, pool);),

	    TP_printk("pool=%s", __get_str(pool))
);

#endif /* BULK_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
