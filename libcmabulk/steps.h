/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which effort to try next, for how many chunks and how long, until a request
 * is met, hopeless, late or cancelled. Pure: time is an argument.
 */
#ifndef LIBCMABULK_STEPS_H
#define LIBCMABULK_STEPS_H

#include <stdbool.h>
#include <stdint.h>

#include "cmabulk.h"

struct steps {
	uint64_t wanted;
	uint64_t held;
	uint64_t deadline_ns; /* UINT64_MAX: none */
	unsigned int effort; /* the next to try */
	unsigned int ceiling; /* the last to try */
	int error; /* why there is less than wanted, 0 as long as there is hope */
};

struct step_order {
	unsigned int effort;
	uint64_t chunks;
	uint64_t budget_ns; /* as in struct cmabulk_fill: 0 is no limit */
};

void steps_init(struct steps *steps, uint64_t wanted, unsigned int ceiling, uint64_t now_ns,
		uint64_t timeout_usec);

/* The next step to take; false when there is none. */
bool steps_next(struct steps *steps, uint64_t now_ns, bool cancelled, struct step_order *ret);

/*
 * What became of it: @result as FILL returned it, @got chunks. Returns @result
 * when it is nothing that a FILL that was admitted returns, else 0.
 */
int steps_account(struct steps *steps, int result, uint64_t got);

/* The first effort once more, if it was only that it found no more. */
void steps_retry(struct steps *steps);

enum cmabulk_allocation_status steps_status(const struct steps *steps);

#endif
