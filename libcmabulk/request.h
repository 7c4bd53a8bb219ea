/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is wanted, and the handle to stop wanting it. */
#ifndef LIBCMABULK_REQUEST_H
#define LIBCMABULK_REQUEST_H

#include <linux/cmabulk.h>
#include <stdbool.h>

#include "cmabulk.h"
#include "text.h"
#include "util.h"

struct cmabulk_request {
	atomic_uint references;
	/* An allocate is running: nothing below "running" may change. */
	atomic_bool running;

	/*
	 * Cancellation, from any thread or a signal handler, hence without
	 * locks. The canceller counts itself in "cancelling" before it reads
	 * the descriptors, the allocate waits for that count after it took them
	 * away: so they are not closed, nor their numbers used for something
	 * else, under a canceller's feet.
	 */
	atomic_bool cancelled;
	atomic_int reservation; /* direct mode: interrupt its fill */
	atomic_int wakeup; /* on the bus: an eventfd of whoever waits for the reply */
	atomic_uint cancelling;

	bool has_pool;
	char pool[CMABULK_POOL_NAME_LEN];
	bool has_device;
	char device[TEXT_DEVICE_LEN];
	unsigned int order;
	unsigned int align;
	uint64_t count;
	unsigned int buffers;
	enum cmabulk_request_effort effort;
	uint64_t timeout_usec;
	uint64_t minimum; /* 0: all */
	bool has_owner;
	uid_t owner_uid;
	pid_t owner_pid;
	uint64_t cookie;
	char label[CMABULK_LABEL_LEN];
	char account[CMABULK_ACCOUNT_LEN];
};

/* Only one allocate at a time: -EBUSY. */
int request_begin(struct cmabulk_request *request);
void request_end(struct cmabulk_request *request);

/* Do its parts go together, whatever the pool? -EINVAL */
int request_check(const struct cmabulk_request *request);

/* Does it fit this pool at all? -EINVAL, -EOVERFLOW, -E2BIG */
int request_check_pool(const struct cmabulk_request *request, const struct cmabulk_pool *pool);

/* Make cancellation interrupt what runs on this descriptor; -1 before it is closed. */
void request_publish(struct cmabulk_request *request, int reservation);
/* Make cancellation write to this eventfd; -1 before it is closed. */
void request_publish_wakeup(struct cmabulk_request *request, int wakeup);

/* In a child: there is none, and the threads that used it are its parent's. */
void request_forget_wakeup(struct cmabulk_request *request);

static inline bool request_is_cancelled(const struct cmabulk_request *request)
{
	return atomic_load(&request->cancelled);
}

#endif
