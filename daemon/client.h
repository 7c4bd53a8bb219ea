/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A D-Bus peer: who it is, as the bus and the kernel say, never as it says itself. Lives
 * from its first call until it leaves the bus.
 */
#ifndef CMABULKD_CLIENT_H
#define CMABULKD_CLIENT_H

#include <stdbool.h>
#include <sys/types.h>

#include <glib.h>
#include <linux/cmabulk.h>
#include <systemd/sd-bus.h>

#include "account.h"
#include "authorization.h"
#include "reader.h"

struct manager;
struct parcel;

/* All clients of one uid: what one does not read, the others pay for. */
struct user {
	uid_t uid;
	unsigned int n_clients;
	uint64_t unread; /* sum of its readers' */
	unsigned int n_pings; /* that its clients have not answered */
	struct parcel *unconfirmed; /* the one reply with fds that is under way */
	GQueue inquiries; /* struct inquiry: calls that have turns */
	struct client *offender; /* left such a reply unread for too long: no more of them */
};

struct client {
	struct manager *manager;
	char *name; /* unique name */
	bool is_known; /* the rest is there */
	struct user *user;
	pid_t pid;
	gid_t *gids;
	size_t n_gids;
	char *unit; /* NULL: no system unit */
	struct authorization_grants grants; /* by the authority, of late */
	struct reader reader;
	GHashTable *allocations; /* token -> struct allocation */
	GHashTable *preparations; /* token -> struct preparation */
	sd_bus_slot *asking; /* GetConnectionCredentials */
	GQueue calls; /* that wait for its answer */
};

/* Handles a call of a client that is known; as an sd-bus handler returns. */
typedef int (*client_function)(struct client *client, sd_bus_message *call, sd_bus_error *error);
/* The same for one that may have waited. @since_ns: when it was asked, by the monotonic clock. */
typedef int (*client_since_function)(struct client *client, sd_bus_message *call, uint64_t since_ns,
				     sd_bus_error *error);

/* Found, or made: then the bus is asked who it is. NULL: the bus cannot be asked. */
struct client *client_get(struct manager *manager, const char *name);
/* Runs @function now, or when the client is known. For sd-bus handlers to return. */
int client_call(struct manager *manager, sd_bus_message *call, client_function function,
		sd_bus_error *error);
/* For a call whose handler returned long ago: it is read from its begin, errors are replied. */
void client_run_since(struct client *client, sd_bus_message *call, client_since_function function,
		      uint64_t since_ns);
/* What all calls that wait get when the daemon ends. */
int client_refuse_restarting(struct client *client, sd_bus_message *call, uint64_t since_ns,
			     sd_bus_error *error);
/* The same for those that wait until the client is known. */
void client_stop(struct client *client);
/*
 * Takes the Allocate with that token out of the calls that wait until the client is known. NULL: it is
 * not among them.
 */
sd_bus_message *client_take(struct client *client, const char *token);
/* It left the bus: all that waits for it goes back. */
void client_lost(struct manager *manager, const char *name);
/* The connection is given up: what they wait for there the bus has answered, or they get no answer. */
void client_disconnect_all(struct manager *manager);
/* After a reconnection: whoever left meanwhile is lost. */
void client_check_all(struct manager *manager);
void client_free_all(struct manager *manager);

/* The owner of what it is given, with a new cookie. */
struct cmabulk_owner client_make_owner(const struct client *client, const char *label);
struct identity client_get_identity(const struct client *client);
/* What it may have, by the configuration in force. */
const struct account_rule *client_get_rule(const struct client *client);
/* Its account, as the kernel's books write it. */
void client_get_account(const struct client *client, char ret[CMABULK_ACCOUNT_LEN]);
/* A warning that it is to blame for: no more than a few of its account. It is known. */
void client_warning(const struct client *client, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
