/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The operations of the backend "bus", each in the file of its noun. */
#ifndef LIBCMABULK_BUS_BACKEND_H
#define LIBCMABULK_BUS_BACKEND_H

#include <stdbool.h>

#include "connection.h"

extern const struct backend_loop bus_loop;
int bus_set_event_mask(struct cmabulk_connection *connection, uint64_t mask);

int bus_get_pool(struct cmabulk_connection *connection, const char *name,
		 struct cmabulk_pool **ret);
int bus_list_pools(struct cmabulk_connection *connection, struct cmabulk_pool ***ret);
int bus_survey_pool(struct cmabulk_connection *connection, const char *pool_name,
		    struct cmabulk_pool_survey *ret);
int bus_list_buffers(struct cmabulk_connection *connection, const char *pool_name,
		     struct cmabulk_entry ***ret);
int bus_list_device_pools(struct cmabulk_connection *connection, const char *device, char ***ret);
int bus_list_accounts(struct cmabulk_connection *connection, struct cmabulk_account ***ret);
int bus_get_counters(struct cmabulk_connection *connection, struct cmabulk_counters ***ret);
int bus_wait(struct cmabulk_connection *connection, uint64_t timeout_usec);
int bus_set_account(struct cmabulk_connection *connection, const char *name,
		    const char *const *settings, bool is_persistent);
int bus_unset_account(struct cmabulk_connection *connection, const char *name);
int bus_get_daemon(struct cmabulk_connection *connection, struct cmabulk_daemon **ret);
int bus_prepare(struct cmabulk_connection *connection, struct cmabulk_request *request,
		uint64_t expire_usec);
int bus_allocate(struct cmabulk_connection *connection, struct cmabulk_request *request,
		 struct cmabulk_allocation **ret);

#endif
