/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The connection to the daemon, and calls of it. Knows sd-bus and the errors of
 * org.cmabulk1, not what its methods mean.
 */
#ifndef LIBCMABULK_BUS_H
#define LIBCMABULK_BUS_H

#include <stdbool.h>
#include <sys/types.h>

#include <systemd/sd-bus.h>

#include "connection.h"

#define BUS_SERVICE		 "org.cmabulk1"
#define BUS_MANAGER_PATH	 "/org/cmabulk1"
#define BUS_MANAGER_INTERFACE	 "org.cmabulk1.Manager"
#define BUS_POOL_INTERFACE	 "org.cmabulk1.Pool"
#define BUS_ALLOCATION_INTERFACE "org.cmabulk1.Allocation"
#define BUS_OF_BUS		 "org.freedesktop.DBus"
#define BUS_OF_BUS_PATH		 "/org/freedesktop/DBus"
#define BUS_PROPERTIES_INTERFACE "org.freedesktop.DBus.Properties"

/* A name on the bus, and its end. */
#define BUS_NAME_SIZE 256

struct bus {
	sd_bus *connection;
	int socket; /* the connection's */
	ino_t socket_inode;
	int wakeup; /* eventfd: look whether what is waited for is still wanted */
	uint64_t last_token;
	bool is_interactive; /* a person may be asked whether the daemon is to do what it is told */
	struct asking *calls; /* that run */
	bool has_ended_call; /* since the application last looked */
	int loop; /* epoll, for the application's; -1 until it asks */
	bool is_watching; /* it is told who is the daemon: */
	sd_bus_message *listening; /* the bus's answer to who wants to be told */
	sd_bus_slot *owner_changes;
	bool has_owner_changed; /* since that was last asked */
	char owner[BUS_NAME_SIZE]; /* when it is watched: the daemon's unique name; "": it is not there */
	/* What the daemon tells: us alone, and everybody. NULL: not listened to. */
	sd_bus_slot *asked_signals;
	sd_bus_slot *object_signals;
};

static inline void bus_message_unrefp(sd_bus_message **message)
{
	sd_bus_message_unref(*message);
}

/* For a reply that the daemon has not to wait for itself. */
#define BUS_CALL_TIMEOUT_NS   (UINT64_C(25) * NSEC_PER_SEC)
/* For one that a person may be asked about, whom the daemon gives 2 minutes. */
#define BUS_PERSON_TIMEOUT_NS (UINT64_C(150) * NSEC_PER_SEC)

/* A call of the daemon, to be filled in: @destination NULL is its well-known name. */
int bus_new_call(struct cmabulk_connection *connection, const char *destination, const char *path,
		 const char *interface, const char *member, sd_bus_message **ret);

/*
 * Waits for the reply. An error of the daemon or the bus is explained to the connection and
 * returned as errno. -ETIMEDOUT: none came within BUS_CALL_TIMEOUT_NS, or BUS_PERSON_TIMEOUT_NS.
 */
int bus_call(struct cmabulk_connection *connection, sd_bus_message *call,
	     sd_bus_message **ret_reply);

/* Who was woken up looks. */
void bus_drain(struct bus *bus);

/* What the error is that came instead of a reply; 0: it is one. */
int bus_check_reply(struct cmabulk_connection *connection, sd_bus_message *reply);

/* Of the manager, which is always there: no such object is not a pool that went, but somebody else who has the name. */
int bus_check_manager_reply(struct cmabulk_connection *connection, sd_bus_message *reply);

/* Handles something that arrived: 1. Else waits for that until @deadline_ns, or for a wakeup: 0. */
int bus_process(struct cmabulk_connection *connection, uint64_t deadline_ns);

/* What became of the connection to the bus, in the library's words. */
int bus_lost(struct cmabulk_connection *connection, int r);

/*
 * From now on @handler gets what @rule lets pass, until @ret is unreferenced. Waits for the bus; why that refuses is
 * explained to the connection and returned as errno.
 */
int bus_listen(struct cmabulk_connection *connection, const char *rule,
	       sd_bus_message_handler_t handler, sd_bus_slot **ret);

/* Sends it, whatever the daemon may say to it. */
void bus_send(struct cmabulk_connection *connection, sd_bus_message *call);

/* From now on, until the connection is closed, it is known who is the daemon. */
int bus_watch(struct cmabulk_connection *connection);

/* Tells whoever wants to know. */
void bus_event_owner_changed(struct cmabulk_connection *connection, bool was_there, bool is_there);

/* Calls a method of the manager without arguments. */
int bus_call_manager(struct cmabulk_connection *connection, const char *member,
		     sd_bus_message **ret_reply);

/* The reply makes no sense: explains that, returns -EPROTO. -ENOMEM is passed on. */
int bus_refuse(struct cmabulk_connection *connection, int r);

/* What the errno of an error by this name is. */
int bus_error_to_errno(const char *name);

#endif
