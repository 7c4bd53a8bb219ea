/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One change of an account at run time: as a whole or not at all. The sentences about what is wrong with it
 * are those of the files.
 */
#ifndef CMABULKD_CONFIG_CHANGE_H
#define CMABULKD_CONFIG_CHANGE_H

#include "config.h"
#include "guarantee.h"

/* All there are, and some that may come. */
#define CONFIG_CHANGE_KEYS_MAX	32
/* Of a value: far more than any needs. */
#define CONFIG_CHANGE_VALUE_MAX 1024

struct config_change {
	const char *account;
	struct {
		const char *key;
		const char *value; /* "": what the files say */
	} settings[CONFIG_CHANGE_KEYS_MAX];
	unsigned int count; /* 0: all of it is what the files say */
	bool is_persistent;
};

/*
 * Both return 0, or negative errno with a sentence in *ret_problem (g_free()): then nothing has changed. -EINVAL and
 * -E2BIG are the asker's mistakes.
 */

/* Whether an account can have that name. */
int config_change_check_account(const char *account, char **ret_problem);
/* The strings are the caller's, and have to live as long as the change. */
int config_change_add(struct config_change *change, const char *key, const char *value,
		      char **ret_problem);
/*
 * Writes what is to be kept. Then *runtime is with it, and *ret is @config with it. More than there is of one of
 * @pools (struct guarantee_pool), which are those that are there, cannot be guaranteed.
 */
int config_change_apply(const struct config_change *change, const struct config *config,
			const GArray *pools, struct config_runtime **runtime, struct config **ret,
			char **ret_problem);

#endif
