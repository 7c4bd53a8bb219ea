/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Users, groups and units as administrators name them. Asks the system's databases.
 */
#ifndef CMABULKD_CONFIG_NAME_H
#define CMABULKD_CONFIG_NAME_H

#include <stdbool.h>
#include <sys/types.h>

#include <glib.h>

/*
 * What the system said of users and groups, and does not have to say again: a database that is away for a moment is
 * not to change who somebody is.
 */
struct names {
	GHashTable *known; /* names_new() */
	bool is_trial; /* asks again for those that were not there, and keeps only those that are */
};

/* Of nobody yet; g_hash_table_unref(). */
GHashTable *names_new(void);

/* A name or a number, which need not be anybody's. -ESRCH: there is no such name. */
int user_parse(const struct names *names, const char *text, uid_t *ret);
int group_parse(const struct names *names, const char *text, gid_t *ret);

/* As the module and --simulate have them. */
bool pool_name_is_valid(const char *text);

/* A full name, of a kind that processes run in. */
bool unit_name_is_valid(const char *text);

#endif
