/* SPDX-License-Identifier: GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM cma_bulk

#if !defined(_TRACE_CMA_BULK_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_CMA_BULK_H

#include <linux/tracepoint.h>

TRACE_EVENT(cma_bulk_start,

	TP_PROTO(const char *name, unsigned int order, unsigned int align,
		 unsigned long nr_requests, unsigned int effort),

	TP_ARGS(name, order, align, nr_requests, effort),

	TP_STRUCT__entry(
		__string(name, name)
		__field(unsigned int, order)
		__field(unsigned int, align)
		__field(unsigned long, nr_requests)
		__field(unsigned int, effort)
	),

	TP_fast_assign(
		__assign_str(name);
		__entry->order = order;
		__entry->align = align;
		__entry->nr_requests = nr_requests;
		__entry->effort = effort;
	),

	TP_printk("name=%s order=%u align=%u requests=%lu effort=%u",
		  __get_str(name), __entry->order, __entry->align,
		  __entry->nr_requests, __entry->effort)
);

TRACE_EVENT(cma_bulk_survey,

	TP_PROTO(const char *name, unsigned int units, u64 free, u64 movable,
		 u64 suspect, u64 taken),

	TP_ARGS(name, units, free, movable, suspect, taken),

	TP_STRUCT__entry(
		__string(name, name)
		__field(unsigned int, units)
		__field(u64, free)
		__field(u64, movable)
		__field(u64, suspect)
		__field(u64, taken)
	),

	TP_fast_assign(
		__assign_str(name);
		__entry->units = units;
		__entry->free = free;
		__entry->movable = movable;
		__entry->suspect = suspect;
		__entry->taken = taken;
	),

	TP_printk("name=%s units=%u free=%llu movable=%llu suspect=%llu taken=%llu",
		  __get_str(name), __entry->units, __entry->free, __entry->movable,
		  __entry->suspect, __entry->taken)
);

TRACE_EVENT(cma_bulk_plan,

	TP_PROTO(const char *name, u64 missing, unsigned int ranges, bool free_only),

	TP_ARGS(name, missing, ranges, free_only),

	TP_STRUCT__entry(
		__string(name, name)
		__field(u64, missing)
		__field(unsigned int, ranges)
		__field(bool, free_only)
	),

	TP_fast_assign(
		__assign_str(name);
		__entry->missing = missing;
		__entry->ranges = ranges;
		__entry->free_only = free_only;
	),

	TP_printk("name=%s missing=%llu ranges=%u free_only=%d",
		  __get_str(name), __entry->missing, __entry->ranges,
		  __entry->free_only)
);

TRACE_EVENT(cma_bulk_claim,

	TP_PROTO(const char *name, unsigned long pfn, unsigned int slots,
		 unsigned int kind, u64 got, int error),

	TP_ARGS(name, pfn, slots, kind, got, error),

	TP_STRUCT__entry(
		__string(name, name)
		__field(unsigned long, pfn)
		__field(unsigned int, slots)
		__field(unsigned int, kind)
		__field(u64, got)
		__field(int, error)
	),

	TP_fast_assign(
		__assign_str(name);
		__entry->pfn = pfn;
		__entry->slots = slots;
		__entry->kind = kind;
		__entry->got = got;
		__entry->error = error;
	),

	TP_printk("name=%s pfn=0x%lx slots=%u kind=%s got=%llu error=%d",
		  __get_str(name), __entry->pfn, __entry->slots,
		  __print_symbolic(__entry->kind,
				   { 0, "free" },
				   { 1, "salvage-free" },
				   { 2, "move" },
				   { 3, "salvage-move" },
				   { 4, "suspect" }),
		  __entry->got, __entry->error)
);

TRACE_EVENT(cma_bulk_salvage,

	TP_PROTO(const char *name, unsigned long pfn, unsigned int slots, u64 got,
		 int error),

	TP_ARGS(name, pfn, slots, got, error),

	TP_STRUCT__entry(
		__string(name, name)
		__field(unsigned long, pfn)
		__field(unsigned int, slots)
		__field(u64, got)
		__field(int, error)
	),

	TP_fast_assign(
		__assign_str(name);
		__entry->pfn = pfn;
		__entry->slots = slots;
		__entry->got = got;
		__entry->error = error;
	),

	TP_printk("name=%s pfn=0x%lx slots=%u got=%llu error=%d",
		  __get_str(name), __entry->pfn, __entry->slots, __entry->got,
		  __entry->error)
);

TRACE_EVENT(cma_bulk_finish,

	TP_PROTO(const char *name, unsigned long nr_requests,
		 unsigned long nr_allocated, int error),

	TP_ARGS(name, nr_requests, nr_allocated, error),

	TP_STRUCT__entry(
		__string(name, name)
		__field(unsigned long, nr_requests)
		__field(unsigned long, nr_allocated)
		__field(int, error)
	),

	TP_fast_assign(
		__assign_str(name);
		__entry->nr_requests = nr_requests;
		__entry->nr_allocated = nr_allocated;
		__entry->error = error;
	),

	TP_printk("name=%s requests=%lu allocated=%lu error=%d",
		  __get_str(name), __entry->nr_requests, __entry->nr_allocated,
		  __entry->error)
);

#endif /* _TRACE_CMA_BULK_H */

/* This part must be outside protection */
#include <trace/define_trace.h>
