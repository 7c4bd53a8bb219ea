/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A connection, and the operations behind which a way to reach the pools
 * stands. An operation may count on checked arguments and the right process.
 */
#ifndef LIBCMABULK_CONNECTION_H
#define LIBCMABULK_CONNECTION_H

#include <stdbool.h>

#include "cmabulk.h"
#include "util.h"

struct event_queue;

/* For an application that has a loop of its own. */
struct backend_loop {
	/* The connection has a queue; its mask is set when this succeeded. */
	int (*set_event_mask)(struct cmabulk_connection *connection, uint64_t mask);
	int (*get_fd)(struct cmabulk_connection *connection);
	int (*get_events)(struct cmabulk_connection *connection);
	int (*get_timeout_usec)(struct cmabulk_connection *connection, uint64_t *ret);
	int (*process)(struct cmabulk_connection *connection);
};

/* What is NULL cannot be done this way: -EOPNOTSUPP. */
struct backend {
	const char *mode;
	int (*get_pool)(struct cmabulk_connection *connection, const char *name,
			struct cmabulk_pool **ret);
	int (*list_pools)(struct cmabulk_connection *connection, struct cmabulk_pool ***ret);
	int (*list_buffers)(struct cmabulk_connection *connection, const char *pool_name,
			    struct cmabulk_entry ***ret);
	int (*survey_pool)(struct cmabulk_connection *connection, const char *pool_name,
			   struct cmabulk_pool_survey *ret);
	/* The names of its pools. */
	int (*list_device_pools)(struct cmabulk_connection *connection, const char *device,
				 char ***ret);
	int (*list_accounts)(struct cmabulk_connection *connection, struct cmabulk_account ***ret);
	int (*get_counters)(struct cmabulk_connection *connection, struct cmabulk_counters ***ret);
	int (*wait)(struct cmabulk_connection *connection, uint64_t timeout_usec);
	int (*set_account)(struct cmabulk_connection *connection, const char *name,
			   const char *const *settings, bool is_persistent);
	int (*unset_account)(struct cmabulk_connection *connection, const char *name);
	int (*get_daemon)(struct cmabulk_connection *connection, struct cmabulk_daemon **ret);
	int (*reload)(struct cmabulk_connection *connection);
	int (*set_allow_interactive_authorization)(struct cmabulk_connection *connection,
						   bool is_allowed);
	int (*prepare)(struct cmabulk_connection *connection, struct cmabulk_request *request,
		       uint64_t expire_usec);
	/* The call, a new one, ends some time while the connection is processed, if it is not done at once. */
	int (*start_allocate)(struct cmabulk_connection *connection,
			      struct cmabulk_request *request, struct cmabulk_call *call);
	/* 0 and an allocation when admitted, however it ended. */
	int (*allocate)(struct cmabulk_connection *connection, struct cmabulk_request *request,
			struct cmabulk_allocation **ret);
	const struct backend_loop *loop;
	/* May be NULL. Must do no more than close file descriptors in a forked child. */
	void (*close)(struct cmabulk_connection *connection);
};

struct cmabulk_connection {
	atomic_uint references;
	pid_t opener;
	const struct backend *backend;
	struct bus *bus; /* of the backend "bus" */

	struct event_queue *events; /* NULL until any is wanted */

	/* Of the last call: how it ended, and what is known about that beyond the number. */
	int error;
	char *sentence;
};

/* For the backends: a connection with one reference. */
int connection_new(const struct backend *backend, struct cmabulk_connection **ret);

/* Every call on a connection starts with this, -ECHILD in another process, and ends with the other. */
int connection_begin(struct cmabulk_connection *connection);
int connection_end(struct cmabulk_connection *connection, int result);

/* For the backends: why the call that is about to fail does. */
void connection_explain(struct cmabulk_connection *connection, const char *sentence);

int direct_open(struct cmabulk_connection **ret);

/* @address: "system", "user", or where a bus is. */
int bus_open(const char *address, struct cmabulk_connection **ret);

#endif
