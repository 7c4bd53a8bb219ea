/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What pools and accounts have at one moment, and what is different a moment later. Pure. */
#ifndef CMABULKCTL_LOOK_H
#define CMABULKCTL_LOOK_H

#include <sys/types.h>

#include "cli.h"

#define LOOK_VALUES_MAX 10

struct look_value {
	const char *name;
	bool is_size; /* in bytes */
	uint64_t value;
};

/* A pool, or what an account has of it. */
struct look_object {
	const char *pool;
	const char *account; /* NULL: the pool itself */
	bool has_uid;
	uid_t uid;
	struct look_value
		values[LOOK_VALUES_MAX]; /* the same ones for all pools, and for all accounts */
	size_t n_values;
};

struct look {
	/* With a NULL after the last; NULL is none. The names of the objects are theirs. */
	struct cmabulk_pool **pools;
	struct cmabulk_account **accounts;
	struct look_object *objects; /* by names */
	size_t count;
};

void look_clear(struct look *look);
/* Makes objects of its pools and accounts. 0; -ENOMEM. */
int look_arrange(struct look *look);

/* One of the two is NULL when it came, or is gone. */
typedef void (*look_function)(const struct look_object *before, const struct look_object *after,
			      void *userdata);

/* Calls @function for each that is different, by names. */
void look_compare(const struct look *before, const struct look *after, look_function function,
		  void *userdata);

#endif
