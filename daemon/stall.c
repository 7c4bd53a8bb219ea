// SPDX-License-Identifier: LGPL-2.1-or-later
/* Whether the bus is stuck. Pure. */
#include <glib.h>

#include "stall.h"

void stall_init(struct stall *stall)
{
	*stall = (struct stall){ .limit_usec = STALL_MIN_USEC };
}

void stall_begin(struct stall *stall, uint64_t now_usec)
{
	stall->waited_usec = 0;
	stall->looked_usec = now_usec;
	stall->left = 0;
}

bool stall_look(struct stall *stall, uint64_t left, uint64_t now_usec)
{
	uint64_t passed = MIN(now_usec - stall->looked_usec, STALL_LOOK_USEC);

	stall->waited_usec = left == 0 || left < stall->left ? 0 : stall->waited_usec + passed;
	stall->looked_usec = now_usec;
	stall->left = left;
	return stall->waited_usec >= stall->limit_usec;
}

void stall_give_up(struct stall *stall)
{
	stall->limit_usec = MIN(2 * stall->limit_usec, STALL_MAX_USEC);
}

/* What took longer than that would be given up again. */
void stall_answered(struct stall *stall, uint64_t age_usec)
{
	if (age_usec < STALL_MIN_USEC)
		stall->limit_usec = STALL_MIN_USEC;
}
