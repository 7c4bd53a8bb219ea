// SPDX-License-Identifier: LGPL-2.1-or-later
/* How long it is waited before the bus is connected to again. Pure. */
#include <glib.h>

#include "attempts.h"

uint64_t attempts_failed(struct attempts *attempts, bool *ret_first)
{
	*ret_first = attempts->delay_usec == 0;
	attempts->delay_usec = *ret_first ? ATTEMPTS_MIN_USEC :
					    MIN(2 * attempts->delay_usec, ATTEMPTS_MAX_USEC);
	return attempts->delay_usec;
}

bool attempts_succeeded(struct attempts *attempts)
{
	bool had_failed = attempts->delay_usec > 0;

	attempts->delay_usec = 0;
	return had_failed;
}
