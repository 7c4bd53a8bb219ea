/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Attempts to connect to the bus anew: how long it is waited before the next one. There is no end to them, as what
 * lives in the pools, and for whom, is known as long as the daemon runs. Pure.
 */
#ifndef CMABULKD_ATTEMPTS_H
#define CMABULKD_ATTEMPTS_H

#include <stdbool.h>
#include <stdint.h>

/* So long after the first that failed; twice as long after each other, up to the last. */
#define ATTEMPTS_MIN_USEC UINT64_C(100000)
#define ATTEMPTS_MAX_USEC (128 * ATTEMPTS_MIN_USEC)

struct attempts {
	uint64_t delay_usec; /* after the last; 0: none failed */
};

/* The delay before the next one. *ret_first: it is the first that failed. */
uint64_t attempts_failed(struct attempts *attempts, bool *ret_first);
/* Returns whether some had failed. */
bool attempts_succeeded(struct attempts *attempts);

#endif
