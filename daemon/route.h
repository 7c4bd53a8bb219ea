/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a request goes: to the pool that it names, to the first of its device's pools that can
 * serve it, or to any.
 */
#ifndef CMABULKD_ROUTE_H
#define CMABULKD_ROUTE_H

#include <stdbool.h>

#include <glib.h>
#include <systemd/sd-bus.h>

#include "account.h"

struct manager;
struct pool;

struct route {
	bool is_fixed; /* the client named a pool, and wants no other */
	char **pools; /* else: names, in order; NULL: any */
};

void route_clear(struct route *route);
void route_copy(const struct route *route, struct route *ret);

/*
 * The pools of a device, as a client names it, whether they are there or not. Looks the device up, which takes
 * a moment. Negative: @error is set.
 */
int route_find_device(const struct manager *manager, const char *device, struct route *ret,
		      sd_bus_error *error);

/* Nothing is called like that. */
int route_refuse_device(const char *device, sd_bus_error *error);

/*
 * The pool to go to: one that stays, is open to @rule (NULL: whatever it says), has chunks of @order and is not
 * in @except (NULL: none). NULL: there is none.
 */
struct pool *route_choose(const struct route *route, const struct manager *manager,
			  const struct account_rule *rule, unsigned int order,
			  const GPtrArray *except);

#endif
