/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The connection to the bus, and the objects on it. The XML in dbus/ is the contract. */
#ifndef CMABULKD_BUS_H
#define CMABULKD_BUS_H

#include <systemd/sd-bus.h>

#include "allocation.h"
#include "manager.h"

#define BUS_PATH_MANAGER    "/org/cmabulk1"
#define BUS_PATH_POOL	    "/org/cmabulk1/pool"
#define BUS_PATH_ACCOUNT    "/org/cmabulk1/account"
#define BUS_PATH_ALLOCATION "/org/cmabulk1/allocation"
#define BUS_NAME	    "org.cmabulk1"
#define BUS_MANAGER	    "org.cmabulk1.Manager"
#define BUS_POOL	    "org.cmabulk1.Pool"
#define BUS_ACCOUNT	    "org.cmabulk1.Account"
#define BUS_ALLOCATION	    "org.cmabulk1.Allocation"

/* Connects and asks for the name: READY when it comes, the end of the loop when it does not. */
int bus_connect(struct manager *manager);
/*
 * With a new connection, when @delay_usec have passed, 0: soon. What waits for a reply never gets one. That is tried until
 * the bus answers.
 */
void bus_reconnect(struct manager *manager, uint64_t delay_usec);
void bus_disconnect(struct manager *manager);
/* Whether a connection that fails now is tried again: where another one was before. */
bool bus_is_connecting_anew(const struct manager *manager);
/* The attempt that is under way, if any is: another one follows. */
void bus_attempt_failed(struct manager *manager, const char *reason);
/* Whether that is no answer: the library says so of all that a connection which ended owes. */
bool bus_has_ended(sd_bus_message *answer);

/* Whether a signal that nobody has to hear can be sent: never when the bus is slow to take what is queued. */
bool bus_takes_signals(const struct manager *manager);

int bus_manager_add(struct manager *manager);
int bus_pool_add(struct manager *manager);
int bus_allocation_add(struct manager *manager);
int bus_account_add(struct manager *manager);

/* SetAccount and UnsetAccount of the manager. */
int bus_account_set(sd_bus_message *call, void *userdata, sd_bus_error *error);
int bus_account_unset(sd_bus_message *call, void *userdata, sd_bus_error *error);

/* Of the manager, for its vtable. */
int bus_method_get_pool_for_device(sd_bus_message *call, void *userdata, sd_bus_error *error);

/* Methods of the manager that have a file of their own. */
int bus_method_allocate(sd_bus_message *call, void *userdata, sd_bus_error *error);
int bus_method_prepare(sd_bus_message *call, void *userdata, sd_bus_error *error);
int bus_method_cancel(sd_bus_message *call, void *userdata, sd_bus_error *error);

/* The pool of that name; negative: @error is set. */
int bus_find_pool(const struct manager *manager, const char *name, struct pool **ret,
		  sd_bus_error *error);
/* What a pool that could not be looked at is for who asked. */
int bus_look_error(const struct pool *pool, int r, sd_bus_error *error);

/* Whether so much lies unread at the client that it gets no answer to @call: it is told. */
bool bus_refuse_behind(struct client *client, sd_bus_message *call);

/* Path of a pool's object; g_free(). */
char *bus_pool_format_path(const struct pool *pool);
/* The same of an account, as the kernel's books write it. */
char *bus_account_format_path(const char *account);
/* All properties of a pool, as a{sv}. */
int bus_pool_append(sd_bus_message *message, struct pool *pool);

/*
 * Reads a{sv} of Allocate into @ret, whose strings live as long as the call. Negative: @error
 * names key, expected and found type.
 */
int bus_request_read(sd_bus_message *call, struct allocation_ask *ret, sd_bus_error *error);
/* The same of Prepare. */
int bus_request_read_ahead(sd_bus_message *call, struct allocation_ask *ret, sd_bus_error *error);
/* Whether @call is a Prepare. */
bool bus_request_is_ahead(sd_bus_message *call);
/* Whether @call is the Allocate, or the Prepare, of that token. It is read from its begin afterwards. */
bool bus_request_is(sd_bus_message *call, const char *token);

/*
 * A call as it is needed to reply to it later: without its body, and without file descriptors that
 * came with it. Those are open for as long as the message itself is kept.
 */
int bus_keep_call(sd_bus_message *call, sd_bus_message **ret);

/* One entry of a{sv}. */
int bus_append_string(sd_bus_message *message, const char *key, const char *value);
int bus_append_u64(sd_bus_message *message, const char *key, uint64_t value);
int bus_append_u32(sd_bus_message *message, const char *key, uint32_t value);
int bus_append_i32(sd_bus_message *message, const char *key, int32_t value);
/* NULL is none: then there is no such entry. */
int bus_append_strings(sd_bus_message *message, const char *key, char **values);
int bus_append_bool(sd_bus_message *message, const char *key, bool value);

#endif
