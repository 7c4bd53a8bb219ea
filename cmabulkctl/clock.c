// SPDX-License-Identifier: LGPL-2.1-or-later
/* The clock that nobody sets, for what takes how long. */
#include <time.h>

#include "clock.h"

uint64_t clock_now_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}
