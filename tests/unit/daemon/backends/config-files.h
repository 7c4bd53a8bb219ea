/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files of a configuration, and what came of them. */
#ifndef TEST_CONFIG_FILES_H
#define TEST_CONFIG_FILES_H

#include <glib.h>

#include "config.h"

struct files {
	char *directory;
	char *main;
	char *drop_ins;
};

/* None yet. */
void files_begin(struct files *files);
void files_end(struct files *files);
void files_put(const char *path, const char *text, gssize size);
void files_put_drop_in(const struct files *files, const char *name, const char *text);
/* What is wrong is in it, and is a message of the test. */
struct config *files_load(const struct files *files);

/* One problem, which has all of these in it. */
void assert_problem(const struct config *config, const char *const *parts);
#define ASSERT_PROBLEM(config, ...) \
	assert_problem(config, (const char *const[]){ __VA_ARGS__, NULL })

/* One line of a file, and alone in it. */
struct mistake {
	const char *group;
	const char *key;
	const char *value;
};

/* Each is one problem, which names file, group and key, and changes nothing of [Daemon]. */
void assert_mistakes(const struct mistake *mistakes, size_t count);

/* The account is there. */
const struct account_rule *rule_of(const struct config *config, const char *account);
/* The pools of what is named so are these, with blanks between; NULL: none. */
void assert_pools_of(const struct config *config, const char *device, const char *expected);

#endif
