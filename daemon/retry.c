// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * How often and how hard a pool is tried for one request: steps, and the time between
 * them. Pure.
 */
#include <errno.h>
#include <string.h>

#include <glib.h>

#include "effort.h"
#include "retry.h"

#define DEFAULT_MAX_DELAY_NS   UINT64_C(1000000000)
#define DEFAULT_JITTER_PERCENT 25

void retry_init(struct retry *retry)
{
	*retry = (struct retry){
		.n_steps = 3,
		.steps = { RETRY_FAST, RETRY_NORMAL, RETRY_HARD },
		.max_delay_ns = DEFAULT_MAX_DELAY_NS,
		.jitter_percent = DEFAULT_JITTER_PERCENT,
		.timeout_ns = UINT64_MAX,
	};
}

static int parse_step(const char *word)
{
	unsigned int effort;

	if (strcmp(word, "wait") == 0)
		return RETRY_WAIT;
	return effort_parse(word, &effort) < 0 ? -EINVAL : (int)effort;
}

int retry_parse_steps(const char *text, struct retry *ret)
{
	g_auto(GStrv) words = g_strsplit_set(text, " \t", -1);
	uint8_t steps[RETRY_STEPS_MAX] = { 0 };
	unsigned int count = 0;

	for (char **word = words; *word; word++) {
		int step = **word ? parse_step(*word) : -ENOENT;

		if (step == -ENOENT)
			continue;
		if (step < 0 || (count == 0 && step == RETRY_WAIT))
			return -EINVAL;
		if (count == RETRY_STEPS_MAX)
			return -E2BIG;
		steps[count++] = (uint8_t)step;
	}
	if (count == 0)
		return -EINVAL;
	memcpy(ret->steps, steps, sizeof(steps));
	ret->n_steps = count;
	return 0;
}

unsigned int retry_get_efforts(const struct retry *retry)
{
	unsigned int efforts = 0;

	for (unsigned int i = 0; i < retry->n_steps; i++)
		if (retry->steps[i] != RETRY_WAIT)
			efforts |= 1U << retry->steps[i];
	return efforts;
}

/* @base plus or minus up to so many percent of it. */
static uint64_t spread(uint64_t base, unsigned int percent, uint32_t random)
{
	unsigned __int128 range = (unsigned __int128)base * percent / 100;
	unsigned __int128 sum = base - range + 2 * range * random / UINT32_MAX;

	return (uint64_t)MIN(sum, UINT64_MAX);
}

uint64_t retry_get_delay(const struct retry *retry, unsigned int count, uint32_t random)
{
	uint64_t delay_ns = MIN(retry->delay_ns, retry->max_delay_ns);

	while (delay_ns && count-- > 1 && delay_ns < retry->max_delay_ns)
		delay_ns = delay_ns > retry->max_delay_ns / 2 ? retry->max_delay_ns : 2 * delay_ns;
	return spread(delay_ns, retry->jitter_percent, random);
}
