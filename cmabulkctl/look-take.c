// SPDX-License-Identifier: LGPL-2.1-or-later
/* A look at all pools, and at the accounts that one may see. */
#include <errno.h>

#include "look-take.h"

int look_take(struct cmabulk_connection *connection, bool is_direct, struct look *ret)
{
	int r = cmabulk_connection_list_pools(connection, &ret->pools);

	if (r < 0 && r != -ENOENT)
		return r;
	if (!is_direct) {
		r = cmabulk_connection_list_accounts(connection, &ret->accounts);
		if (r < 0)
			return r;
	}
	return look_arrange(ret);
}

bool look_is_away(int error)
{
	return error == -EHOSTUNREACH || error == -ERESTART || error == -ETIMEDOUT;
}
