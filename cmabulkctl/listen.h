/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hearing of the daemon and its pools, when they come and go. */
#ifndef CMABULKCTL_LISTEN_H
#define CMABULKCTL_LISTEN_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmabulk.h"

/* Which of them came or went. */
struct heard {
	bool daemon;
	bool pools;
};

/* From now on they are heard of. */
int listen_begin(struct cmabulk_connection *connection);

/* What was heard until now is added to @heard; waits for nothing. */
int listen_look(struct cmabulk_connection *connection, struct heard *heard);

/* The same; when it is nothing, waits so long for something. */
int listen_wait(struct cmabulk_connection *connection, uint64_t timeout_usec, struct heard *heard);

/*
 * Waits until the connection has something to do, one of the others has, the
 * deadline comes, or a signal. @polled: the first is the connection's, and
 * filled in here. Without a connection only the others are waited for.
 */
int listen_poll(struct cmabulk_connection *connection, uint64_t deadline_usec,
		struct pollfd *polled, size_t count);

#endif
