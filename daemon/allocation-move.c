// SPDX-License-Identifier: LGPL-2.1-or-later
/* An allocation whose pool went, and that did not name it: another pool is to serve it. */
#include <errno.h>

#include "allocation-state.h"
#include "log.h"
#include "manager.h"

static int submit(struct allocation *allocation, struct pool *pool)
{
	struct broker_refusal refusal;

	return pool_submit(pool, client_get_rule(allocation->client), &allocation->owner,
			   &allocation->ask, allocation->since_ns, allocation, &allocation->request,
			   &refusal);
}

/* As if it was asked there, and then. */
static int enter(struct allocation *allocation, struct pool *pool)
{
	int r = submit(allocation, pool);

	if (r != -ESTALE)
		return r;
	/* Once for all that come here together: the books are newer than any of them then. */
	r = pool_look_at_once(pool, allocation->since_ns);
	return r < 0 ? r : submit(allocation, pool);
}

static void settle(struct allocation *allocation, struct pool *pool,
		   const struct pool_outcome *outcome)
{
	struct report *report = &allocation->report;

	report_steps_add(&report->steps, report->pool, outcome->steps, outcome->n_steps);
	report_steps_lose(&report->steps);
	/* It had its turn: what it waits from here on is not for its first one. */
	if (report->steps.count > 0)
		pool_request_set_queued(allocation->request, outcome->queued_ns);
	log_info("%s goes on in pool %s, as pool %s went away", allocation->path,
		 pool_get_name(pool), report->pool);
	allocation->pool = pool;
	allocation_set_account(allocation, client_get_rule(allocation->client));
	allocation_fill_report(report, pool, &allocation->ask);
}

bool allocation_move(struct allocation *allocation, const struct pool_outcome *outcome)
{
	const struct client *client = allocation->client;
	/* The one it was in may have told nobody but us. */
	g_autoptr(GPtrArray) tried = g_ptr_array_new();
	struct pool *pool = allocation->pool;
	int r = -ENODEV;

	if (allocation->route.is_fixed || client->manager->is_stopping)
		return false;
	while (r < 0) {
		g_ptr_array_add(tried, pool);
		pool = route_choose(&allocation->route, client->manager, client_get_rule(client),
				    allocation->ask.order, tried);
		if (!pool)
			return false;
		r = enter(allocation, pool);
	}
	settle(allocation, pool, outcome);
	return true;
}
