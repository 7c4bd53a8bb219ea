/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How soon a pool's books are loaded anew, as events told too little: once at once, and the more often it is wanted, the
 * later. Whoever has the pool's device can want it as often as he likes, by buffers of his own. Pure: time is an
 * argument, in nanoseconds of a monotonic clock.
 */
#ifndef CMABULKD_PACE_H
#define CMABULKD_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* The delay doubles from the one to the other, and begins anew when for so long nothing was wanted. */
#define PACE_MIN_NS	    UINT64_C(1000000)
#define PACE_MAX_NS	    (128 * PACE_MIN_NS)
/*
 * However long it takes: of the loop's time that is one part of so many. But the time that it took is not all its
 * own: a process that was stopped meanwhile does not wait for many times as long.
 */
#define PACE_PARTS	    10
#define PACE_LOADING_MAX_NS (8 * PACE_MAX_NS)

struct pace {
	uint64_t delay_ns;
	uint64_t next_ns; /* not before */
};

bool pace_is_due(const struct pace *pace, uint64_t now_ns);
/* They were loaded, from @begin_ns on, when that was due. */
void pace_loaded(struct pace *pace, uint64_t begin_ns, uint64_t end_ns);

#endif
