/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which of upstream's dma-heaps, and how. */
#ifndef BENCH_CONTENDER_HEAP_H
#define BENCH_CONTENDER_HEAP_H

enum heap_way {
	HEAP_CHUNKS,
	HEAP_SINGLE,
	HEAP_SYSTEM,
};

#endif /* BENCH_CONTENDER_HEAP_H */
