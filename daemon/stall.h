/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether the bus is stuck: it has taken nothing of what was sent to it for so long that it never will. To connect
 * anew loses what is under way, so a bus that is merely slow has to be waited for. Pure: time is an argument, in
 * microseconds of a monotonic clock.
 */
#ifndef CMABULKD_STALL_H
#define CMABULKD_STALL_H

#include <stdbool.h>
#include <stdint.h>

/* So long at first; twice as long after each attempt that was in vain, up to the other. */
#define STALL_MIN_USEC	UINT64_C(2000000)
#define STALL_MAX_USEC	(16 * STALL_MIN_USEC)
/* So much of the time between two looks counts: whoever is not let run looks seldom, and the bus may not be either. */
#define STALL_LOOK_USEC UINT64_C(400000)

struct stall {
	uint64_t limit_usec;
	uint64_t waited_usec; /* while it took nothing */
	uint64_t looked_usec;
	uint64_t left; /* then */
};

void stall_init(struct stall *stall);
/* Something was sent that it has to answer. */
void stall_begin(struct stall *stall, uint64_t now_usec);
/* @left bytes are not taken: more than before means nothing, less that it takes something. True: it is stuck. */
bool stall_look(struct stall *stall, uint64_t left, uint64_t now_usec);
/* It was given up; what comes is waited for longer. */
void stall_give_up(struct stall *stall);
/* It has answered, @age_usec after it was asked. */
void stall_answered(struct stall *stall, uint64_t age_usec);

#endif
