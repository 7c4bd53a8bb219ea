/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How often and how hard a pool is tried for one request: steps, and the time between
 * them. Pure.
 */
#ifndef CMABULKD_RETRY_H
#define CMABULKD_RETRY_H

#include <linux/cmabulk.h>
#include <stdint.h>

#define RETRY_STEPS_MAX 16

enum retry_step {
	RETRY_FAST = CMABULK_EFFORT_FAST,
	RETRY_NORMAL = CMABULK_EFFORT_NORMAL,
	RETRY_HARD = CMABULK_EFFORT_HARD,
	RETRY_WAIT, /* until somebody releases memory; then again from the first step */
};

struct retry {
	unsigned int n_steps;
	uint8_t steps[RETRY_STEPS_MAX]; /* enum retry_step; the first one is an effort */
	uint64_t delay_ns; /* before the second effort; doubled before each further one */
	uint64_t max_delay_ns;
	unsigned int jitter_percent; /* of a delay, up or down at random: 0 to 100 */
	uint64_t timeout_ns; /* for all of it; UINT64_MAX: as long as the request has */
};

/* fast normal hard, without delay. */
void retry_init(struct retry *retry);

/*
 * Words fast, normal, hard and wait, with blanks between. 0; -EINVAL for another word, none at all, or a wait
 * before the first effort; -E2BIG for more than RETRY_STEPS_MAX. @ret is only touched on success.
 */
int retry_parse_steps(const char *text, struct retry *ret);

/* The efforts among its steps, as bits. */
unsigned int retry_get_efforts(const struct retry *retry);

/*
 * How long to wait before the @count-th effort after the first, @random being any number: the delay doubled
 * for each one before, up to the largest, then up to the jitter more or less.
 */
uint64_t retry_get_delay(const struct retry *retry, unsigned int count, uint32_t random);

#endif
