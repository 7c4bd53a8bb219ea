/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the two files of the direct backend share. */
#ifndef LIBCMABULK_DIRECT_H
#define LIBCMABULK_DIRECT_H

#include "cmabulk.h"

int direct_open_pool(const char *name, int *ret_device, struct cmabulk_pool **ret_pool);

int direct_list_pools(struct cmabulk_connection *connection, struct cmabulk_pool ***ret);

int direct_allocate(struct cmabulk_connection *connection, struct cmabulk_request *request,
		    struct cmabulk_allocation **ret);

#endif
