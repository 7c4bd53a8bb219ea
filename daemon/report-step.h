/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What was tried for a request, in one pool after the other. Pure. */
#ifndef CMABULKD_REPORT_STEP_H
#define CMABULKD_REPORT_STEP_H

#include <stddef.h>

#include "broker.h"

/* Of a request that went from pool to pool, the last: whoever unplugs them often makes no reply too long. */
#define REPORT_STEPS_MAX 64

struct report_step {
	char pool[CMABULK_POOL_NAME_LEN];
	bool is_lost; /* with all that it brought: the request went on in another pool */
	struct broker_step step;
};

struct report_steps {
	struct report_step *steps;
	size_t count;
};

/* What was tried in @pool, after what it has. */
void report_steps_add(struct report_steps *all, const char *pool, const struct broker_step *steps,
		      size_t count);
/* The pool went, and the request goes on in another. */
void report_steps_lose(struct report_steps *all);
void report_steps_clear(struct report_steps *all);

#endif
