/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All there is of a daemon: its pools, clients and configuration, and how they find each other. */
#ifndef CMABULKD_MANAGER_H
#define CMABULKD_MANAGER_H

#include <stdbool.h>

#include <glib.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "attempts.h"
#include "config-change.h"
#include "config.h"
#include "pool.h"
#include "problems.h"

struct authority;
struct bus_changes;
struct client;
struct delivery;
struct device_cache;
struct inquiries;
struct journal;
struct udev_watch;

/* What the command line says. */
struct manager_options {
	bool is_user; /* on the user's bus, for the user alone */
	const char *bus_address; /* NULL: the system's or the user's */
	const char *config_file;
	const char *config_directory;
	const char *state_directory; /* what is kept of changes at run time */
	GArray *simulate; /* struct sim_options; empty: the module's pools */
};

struct manager {
	const struct manager_options *options;
	sd_event *event;
	struct config *config;
	struct config_runtime *runtime; /* what is changed over its files */
	bool is_config_old; /* the files are others, and did not parse */
	struct problems problems;
	GPtrArray *pools; /* struct pool, by name */
	GPtrArray *leaving; /* struct pool: gone, but for requests that still end */
	struct udev_watch *watch;
	struct device_cache *devices; /* what is known of those that clients name */
	sd_event_source *reap; /* defer: frees those of them that ended */

	sd_bus *bus;
	sd_event_source *connect; /* defer: once the pools are there */
	sd_event_source *reconnect; /* time */
	struct attempts attempts; /* to connect anew */
	uint32_t own_pid; /* as the bus says, while it is asked who has the name */
	char *bus_id; /* whose unique names those of the clients are; NULL: not known yet */
	GHashTable *clients; /* unique name -> struct client */
	GHashTable *users; /* uid -> struct user */
	unsigned int n_pings; /* of all users */
	GHashTable *preparations; /* struct preparation: set */
	GHashTable *askers; /* cookie -> struct asker: who hears of a release */
	struct bus_changes *changes;
	struct delivery *delivery;
	struct inquiries *inquiries;
	struct authority *authority;
	struct journal *journal;
	uint64_t next_cookie;
	bool has_name; /* on the bus, for the first time */
	bool is_on_bus; /* on the connection that there is now, too */
	bool is_stopping;
	int exit_code;
};

int manager_new(const struct manager_options *options, struct manager **ret);
/* Opens pools, connects, runs until told to stop; an exit code. */
int manager_run(struct manager *manager);
struct manager *manager_free(struct manager *manager);

/* Ends the loop in good order: queued calls get an error worth another try. */
void manager_stop(struct manager *manager, int exit_code);
void manager_reload(struct manager *manager);
/* The service manager is told what goes on; @notices: others before, a line each. */
void manager_tell_status(const struct manager *manager, const char *notices);
/* As config_change_apply(); in force when this returns. */
int manager_change_account(struct manager *manager, const struct config_change *change,
			   char **ret_problem);

/* NULL: there is none of that name. */
struct pool *manager_find_pool(const struct manager *manager, const char *name);
bool manager_is_simulated(const struct manager *manager);

/* Never twice in one run, and hardly ever in two. */
uint64_t manager_new_cookie(struct manager *manager);

#endif
