/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a client gets for one Allocate: from its admission, through its pool's queue,
 * until its last buffer was delivered. Belongs to its client and goes back with it.
 */
#ifndef CMABULKD_ALLOCATION_H
#define CMABULKD_ALLOCATION_H

#include <systemd/sd-bus.h>

#include "client.h"
#include "pool.h"
#include "route.h"

#define ALLOCATION_TOKEN_MAX   64
/* Each has a line in the reply: together a megabyte at most, of the 32 that the bus takes. */
#define ALLOCATION_BUFFERS_MAX 16384

struct allocation;

/* What Allocate asks for. Its strings are the call's. */
struct allocation_ask {
	const char *token;
	const char *pool; /* NULL: that of the device, or any */
	const char *device; /* NULL: of none in particular */
	struct route route; /* what follows from these two */
	const char *label;
	struct broker_ask ask;
	uint64_t timeout_usec;
	uint64_t since_ns; /* when it was asked */
};

void allocation_ask_clear(struct allocation_ask *ask);
typedef struct allocation_ask AllocationAsk; /* the macro below needs one word */
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(AllocationAsk, allocation_ask_clear)

/* "/org/cmabulk1/allocation/SENDER/TOKEN" */
char *allocation_format_path(const char *sender, const char *token);

/* Admits it. -ESTALE: as pool_submit() returns it. Else negative: @error is set. */
int allocation_new(struct client *client, struct pool *pool, const struct account_rule *rule,
		   const struct allocation_ask *ask, sd_bus_message *call, sd_bus_error *error);
/* pool_submit() returned @result for it: says so, to whoever asked and in the log. */
int allocation_refuse(const struct client *client, const struct pool *pool,
		      const struct allocation_ask *ask, const struct broker_refusal *refusal,
		      int result, sd_bus_error *error);
/* An Allocate that waited to be admitted returns instead, as @status. @reason may be NULL, as in a report. */
int allocation_return_nothing(struct client *client, const struct pool *pool,
			      const struct allocation_ask *ask, sd_bus_message *call,
			      enum broker_status status, int result, const char *reason);
/* Gives back what was not delivered; the Allocate, if it did not return, gets no answer. */
void allocation_free(struct allocation *allocation);
void allocation_free_all(struct client *client);

struct allocation *allocation_find(const struct client *client, const char *path);
struct allocation *allocation_find_token(const struct client *client, const char *token);

/* The Allocate returns as cancelled. -ESRCH: it has returned. */
int allocation_cancel(struct allocation *allocation);
/* Replies to a Fetch, now or later. */
int allocation_fetch(struct allocation *allocation, sd_bus_message *call, uint32_t first,
		     sd_bus_error *error);
/* Gives back what was not delivered. */
int allocation_release(struct allocation *allocation, sd_bus_error *error);
/* Whether @serial is that of its last reply. */
bool allocation_is_last_serial(const struct allocation *allocation, uint64_t serial);

/* The daemon stops, or lost its bus: the Allocate, if it has not returned, gets an error, or nothing. */
void allocation_stop(struct allocation *allocation, bool with_error);

/* What delivery tells, and asks: the reply that is due, with at most @room buffers. */
int allocation_compose(struct allocation *allocation, unsigned int room, sd_bus_message **ret,
		       unsigned int *ret_count, uint64_t *ret_serial, uint64_t *ret_bytes);
void allocation_sent(struct allocation *allocation);
void allocation_confirmed(struct allocation *allocation);
void allocation_undeliverable(struct allocation *allocation, const char *reason);

/* What a pool tells. */
void allocation_finished(void *userdata, struct pool_outcome *outcome);

#endif
