/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A look at all pools, and at the accounts that one may see. */
#ifndef CMABULKCTL_LOOK_TAKE_H
#define CMABULKCTL_LOOK_TAKE_H

#include "look.h"

/* Without the daemon there are no accounts. 0 or a negative errno; @ret is to be cleared. */
int look_take(struct cmabulk_connection *connection, bool is_direct, struct look *ret);

/* The daemon is not there, but may come back: what a look came to. */
bool look_is_away(int error);

#endif
