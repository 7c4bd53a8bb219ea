/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A connection, and the operations behind which a way to reach the pools
 * stands. An operation may count on checked arguments and the right process.
 */
#ifndef LIBCMABULK_CONNECTION_H
#define LIBCMABULK_CONNECTION_H

#include "cmabulk.h"
#include "util.h"

struct backend {
	const char *mode;
	int (*get_pool)(struct cmabulk_connection *connection, const char *name,
			struct cmabulk_pool **ret);
	int (*list_pools)(struct cmabulk_connection *connection, struct cmabulk_pool ***ret);
	int (*list_buffers)(struct cmabulk_connection *connection, const char *pool_name,
			    struct cmabulk_entry ***ret);
	int (*survey_pool)(struct cmabulk_connection *connection, const char *pool_name,
			   struct cmabulk_pool_survey *ret);
	/* 0 and an allocation when admitted, however it ended. */
	int (*allocate)(struct cmabulk_connection *connection, struct cmabulk_request *request,
			struct cmabulk_allocation **ret);
	/* May be NULL. Must do no more than close file descriptors in a forked child. */
	void (*close)(struct cmabulk_connection *connection);
};

struct cmabulk_connection {
	atomic_uint references;
	pid_t opener;
	const struct backend *backend;
};

/* For the backends: a connection with one reference. */
int connection_new(const struct backend *backend, struct cmabulk_connection **ret);

int direct_open(struct cmabulk_connection **ret);

#endif
