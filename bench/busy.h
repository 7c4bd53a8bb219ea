/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Threads that keep all CPUs but the first allocating and freeing page cache. */
#ifndef BENCH_BUSY_H
#define BENCH_BUSY_H

struct busy;

/* @bench is /dev/cmabulk_bench. All of them have allocated something when this returns. */
struct busy *busy_start(int bench);
void busy_stop(struct busy *busy);

#endif /* BENCH_BUSY_H */
