/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What administrators changed of accounts while the daemon runs: two layers over the files, of which the
 * lower one is kept in a file of the daemon's own, for the next start.
 */
#ifndef CMABULKD_CONFIG_RUNTIME_H
#define CMABULKD_CONFIG_RUNTIME_H

#include <stdbool.h>

#include <glib.h>

/* In the order in which they apply: what comes later overrides. */
enum config_layer { CONFIG_LAYER_PERSISTENT, CONFIG_LAYER_PASSING, CONFIG_LAYERS };

struct config_runtime {
	char *directory; /* NULL: nothing is kept */
	char *path; /* of the file in it */
	GKeyFile *layers[CONFIG_LAYERS]; /* groups and keys as in cmabulkd.conf */
	GPtrArray *problems; /* with reading the file, a sentence each */
	bool is_unread; /* there is something in the file that nobody could read */
};

/* What is kept in @directory (NULL: nothing). A problem with that is one of each config_load() to come. */
struct config_runtime *config_runtime_new(const char *directory);
struct config_runtime *config_runtime_free(struct config_runtime *runtime);
/* To try other changes on. */
struct config_runtime *config_runtime_copy(const struct config_runtime *runtime);

/* How sentences name where it stands. */
const char *config_runtime_get_name(const struct config_runtime *runtime, enum config_layer layer);
/* Whether something of the account was changed. */
bool config_runtime_has(const struct config_runtime *runtime, const char *account);
/* The keys of the account that were changed; with @is_persistent, those that are kept. NULL: none; g_strfreev(). */
char **config_runtime_get_keys(const struct config_runtime *runtime, const char *account,
			       bool is_persistent);

void config_runtime_set(struct config_runtime *runtime, const char *account, const char *key,
			const char *value, bool is_persistent);
/* The key is what the files say again, also after the next start. @key NULL: all of the account. */
void config_runtime_take_back(struct config_runtime *runtime, const char *account, const char *key);

/*
 * Writes what is to be kept, if that is something else than in @before. 0; or negative errno, with a sentence in
 * *ret_problem (g_free()): then the file is as it was.
 */
int config_runtime_write(const struct config_runtime *runtime, const struct config_runtime *before,
			 char **ret_problem);

typedef struct config_runtime ConfigRuntime; /* the macro below needs one word */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ConfigRuntime, config_runtime_free)

#endif
