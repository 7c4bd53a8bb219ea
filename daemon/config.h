/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the administrator wrote: cmabulkd.conf and conf.d/ *.conf, as GKeyFile reads
 * them. Reads files, nothing else.
 */
#ifndef CMABULKD_CONFIG_H
#define CMABULKD_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "account.h"
#include "config-pool.h"
#include "config-runtime.h"
#include "device.h"
#include "size.h"

struct config {
	/* [Daemon] */
	uint64_t default_timeout_usec; /* DefaultTimeoutSec=20 */
	uint64_t max_timeout_usec; /* MaxTimeoutSec=600 */
	uint64_t fetch_timeout_usec; /* FetchTimeoutSec=30 */
	gid_t clients_gid; /* ClientsGroup=cmabulk-clients; (gid_t)-1: there is no such group */
	char *clients_group;

	/* [Account NAME] */
	struct account_rules *accounts;

	/* [Pool NAME] */
	struct config_pools *pools;

	/* [Device NAME] */
	struct device_rules *devices;

	/* What was wrong, a sentence each: "FILE: [GROUP] KEY: ..." */
	GPtrArray *problems;

	/*
	 * What the files said, and whom the names in them meant then (struct names), for config_rebuild(); and how many
	 * of the problems are with reading them.
	 */
	GPtrArray *sources;
	GHashTable *names;
	unsigned int n_unread;
};

/*
 * Reads FILE, then each *.conf in DIRECTORY by name, then applies what was changed at run time (NULL: nothing);
 * later ones override key by key. A file
 * that does not parse is skipped whole with a problem quoting the line; an unknown key or bad
 * value is a problem naming file, group and key, and the rest applies. Files that are not there
 * are no problem.
 *
 * 0; or -EBADMSG when a file did not parse and @previous is not NULL: then *ret is untouched
 * and the problems are in *ret_problems (g_ptr_array_unref()), which otherwise is; the previous
 * configuration stays in force.
 *
 * An account whose User=, Group= or Unit= is wrong is left out: it would match others than was
 * meant. So is a device whose Node=, SysPath=, Subsystem= or Name= is.
 */
int config_load(const char *file, const char *directory, const struct config_runtime *runtime,
		const struct config *previous, struct config **ret, GPtrArray **ret_problems);
/*
 * The files as they were read for @config, with other changes at run time. Names are who they were then: only those
 * that are new are looked up.
 */
struct config *config_rebuild(const struct config *config, const struct config_runtime *runtime);
/* What would come of one account, if it were the only one; what is wrong with it is added, a sentence each. Names
 * that there were not are looked up again. */
struct account_rules *config_try_account(const struct config *config,
					 const struct config_runtime *runtime, const char *account,
					 GPtrArray *problems);
/* Whether the files have such an account, be it right or wrong. */
bool config_has_account(const struct config *config, const char *account);
struct config *config_free(struct config *config);
typedef struct config Config; /* the macro below needs one word */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Config, config_free)

#endif
