/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The list of contenders: see contender.h. */
#include "contender.h"

#include <linux/cmabulk.h>

#include "cmabulk_bench/cmabulk_bench.h"
#include "contender-heap.h"
#include "lib/machine.h"

const struct contender contenders[] = {
	{ "chunk-loop", "one alloc_contig_range() per chunk", run_loop, BENCH_CHUNK_LOOP },
	{ "block-loop", "one per 2 MiB, insisting on each", run_loop, BENCH_BLOCK_LOOP },
	{ "single", "all in one piece", run_loop, BENCH_SINGLE },
	{ "rfc-scan", "the RFC: one per pageblock, skipping", run_loop, BENCH_RFC_SCAN },
	{ "rfc-scan-fast", "the RFC in its fast mode", run_loop, BENCH_RFC_SCAN_FAST },
	/* A buffer takes 6 KiB for itself. */
	{ "dma-heap", "upstream's CMA heap, one buffer per chunk", run_heap, HEAP_CHUNKS,
	  .outside = 29 },
	{ "dma-heap-single", "upstream's CMA heap, one buffer", run_heap, HEAP_SINGLE },
	{ "system-heap", "upstream's system heap, one buffer", run_heap, HEAP_SYSTEM,
	  .outside = 300 },
	{ "cmabulk-fast", "FILL, effort fast", run_fill, CMABULK_EFFORT_FAST },
	{ "cmabulk-normal", "FILL, effort normal", run_fill, CMABULK_EFFORT_NORMAL },
	{ "cmabulk-hard", "FILL, effort hard", run_fill, CMABULK_EFFORT_HARD },
	{ "cmabulk-fast-stock", "the same by the stock engine", run_fill_stock,
	  CMABULK_EFFORT_FAST },
	{ "cmabulk-normal-stock", "the same by the stock engine", run_fill_stock,
	  CMABULK_EFFORT_NORMAL },
	{ "cmabulk-hard-stock", "the same by the stock engine", run_fill_stock,
	  CMABULK_EFFORT_HARD },
	{ "cmabulk-total", "RESERVE, FILL and EXPORT, with as much effort as it takes", run_total },
	{ "cmabulk-daemon", "the same through libcmabulk, the bus and cmabulkd", run_daemon },
	/* Its threads, when a loop has taken what there was. */
	{ "memset", "zeroing as much memory, one thread per CPU", run_memset, .special = true,
	  .outside = 5 },
	{ "cmabulk-normal-in-time", "FILL, effort normal, with a deadline", run_fill_in_time,
	  CMABULK_EFFORT_NORMAL, .special = true },
	{ "cmabulk-hard-in-time", "FILL, effort hard, with a deadline", run_fill_in_time,
	  CMABULK_EFFORT_HARD, .special = true },
	{ "dma-heap-series", "upstream's CMA heap, single chunks one after the other",
	  run_heap_series, .special = true },
	{ "cmabulk-series", "RESERVE, FILL and EXPORT of single chunks one after the other",
	  run_total_series, .special = true },
	{ "contig-release", "free_contig_range() of all pages", run_contig_release,
	  .special = true },
	{ "cmabulk-release", "close() of all buffers; ready: nothing is owned any more",
	  run_release, .special = true },
	{ "peer-ping", "a round trip to cmabulkd over the bus", run_ping, .special = true },
	{ NULL },
};

const struct contender *contender_find(const char *name)
{
	for (const struct contender *contender = contenders; contender->name; contender++)
		if (g_str_equal(contender->name, name))
			return contender;
	return NULL;
}

guint64 migrated_pages(void)
{
	return machine_read_key("/proc/vmstat", "pgmigrate_success");
}

void outcome_owned(struct outcome *outcome, gint64 start, guint64 migrated_before)
{
	outcome->own = (guint64)(machine_now() - start);
	outcome->migrated = migrated_pages() - migrated_before;
}
