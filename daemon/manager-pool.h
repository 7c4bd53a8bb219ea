/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which pools there are: the manager's part that knows where they come from. */
#ifndef CMABULKD_MANAGER_POOL_H
#define CMABULKD_MANAGER_POOL_H

#include <sys/signalfd.h>

#include "manager.h"

/* Those that are there, and from now on those that come. */
int manager_open_pools(struct manager *manager);
void manager_free_pools(struct manager *manager);

/* What the configuration says of @pool, besides the accounts. */
void manager_configure_pool(const struct config *config, struct pool *pool);
/* What is wrong with the guarantees of those that are there. */
void manager_check_pools(struct manager *manager);

/* Frees those that ended, from the top of the loop. */
int manager_on_reap(sd_event_source *source, void *userdata);
/* The removable ones come and go, all at once; only where there are some. */
bool manager_has_removable(const struct manager_options *options);
int manager_on_plug_signal(sd_event_source *source, const struct signalfd_siginfo *signal,
			   void *userdata);

#endif
