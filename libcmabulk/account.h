/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What one account may use of one pool, and what it uses. */
#ifndef LIBCMABULK_ACCOUNT_H
#define LIBCMABULK_ACCOUNT_H

#include <stdbool.h>

#include "cmabulk.h"
#include "util.h"

struct cmabulk_account {
	atomic_uint references;
	char *name;
	char *pool;
	bool has_uid;
	uid_t uid;
	bool is_default;
	uint64_t used;
	uint64_t minimum;
	uint64_t maximum;
	uint64_t n_buffers;
	uint64_t maximum_buffers;
	uint64_t n_pending;
	uint64_t maximum_pending;
	uint64_t weight;
	/* NULL for none, else NULL after the last; each and all from malloc(). */
	char **changes;
	char **persistent; /* of these */
};

/* One reference, the names copied, all else zero. */
int account_new(const char *name, const char *pool, struct cmabulk_account **ret);

#endif
