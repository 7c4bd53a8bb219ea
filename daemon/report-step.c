// SPDX-License-Identifier: LGPL-2.1-or-later
/* What was tried for a request, in one pool after the other. Pure. */
#include <string.h>

#include <glib.h>

#include "report-step.h"

/* The first of them make room. */
static void forget(struct report_steps *all, size_t surplus)
{
	surplus = MIN(surplus, all->count);
	if (surplus == 0)
		return;
	all->count -= surplus;
	memmove(all->steps, all->steps + surplus, all->count * sizeof(*all->steps));
}

void report_steps_add(struct report_steps *all, const char *pool, const struct broker_step *steps,
		      size_t count)
{
	size_t first = MAX(count, REPORT_STEPS_MAX) - REPORT_STEPS_MAX;
	size_t added = count - first;

	forget(all, MAX(all->count + added, REPORT_STEPS_MAX) - REPORT_STEPS_MAX);
	all->steps = g_renew(struct report_step, all->steps, all->count + added);
	for (size_t i = first; i < count; i++) {
		struct report_step *step = &all->steps[all->count++];

		*step = (struct report_step){ .step = steps[i] };
		g_strlcpy(step->pool, pool, sizeof(step->pool));
	}
}

void report_steps_lose(struct report_steps *all)
{
	for (size_t i = 0; i < all->count; i++)
		all->steps[i].is_lost = true;
}

void report_steps_clear(struct report_steps *all)
{
	g_free(all->steps);
	*all = (struct report_steps){ 0 };
}
