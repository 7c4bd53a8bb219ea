// SPDX-License-Identifier: LGPL-2.1-or-later
/* How soon books are loaded anew. Pure. */
#include <glib.h>

#include "pace.h"

bool pace_is_due(const struct pace *pace, uint64_t now_ns)
{
	return now_ns >= pace->next_ns;
}

void pace_loaded(struct pace *pace, uint64_t begin_ns, uint64_t end_ns)
{
	bool was_quiet = begin_ns - pace->next_ns >= PACE_MAX_NS;
	uint64_t loading = MIN((PACE_PARTS - 1) * (end_ns - begin_ns), PACE_LOADING_MAX_NS);

	if (was_quiet)
		pace->delay_ns = 0;
	else
		pace->delay_ns = CLAMP(2 * pace->delay_ns, PACE_MIN_NS, PACE_MAX_NS);
	pace->next_ns = end_ns + MAX(pace->delay_ns, loading);
}
