// SPDX-License-Identifier: LGPL-2.1-or-later
/* Why an allocate came short, and what to do about it. Pure. */
#include <stdbool.h>

#include "cause.h"
#include "util.h"

static const struct {
	const char *name; /* of the D-Bus interface */
	const char *hint;
} causes[] = {
	[CMABULK_ALLOCATION_CAUSE_NONE] = { "", "" },
	[CMABULK_ALLOCATION_CAUSE_QUOTA] = {
		"quota",
		"let go of some, or have MaxBytes= raised; 'cmabulkctl accounts' shows the limits",
	},
	[CMABULK_ALLOCATION_CAUSE_GUARANTEE] = {
		"guarantee",
		"ask for less, or have MinBytes= of the account raised; 'cmabulkctl accounts' shows "
		"what is guaranteed",
	},
	[CMABULK_ALLOCATION_CAUSE_EXHAUSTED] = {
		"exhausted",
		"ask for less, or wait until others let go; 'cmabulkctl buffers' shows who has it",
	},
	[CMABULK_ALLOCATION_CAUSE_PINNED] = {
		"pinned",
		"end what pins memory for long, as RDMA or DMA from user space, or ask for smaller "
		"chunks, with effort hard",
	},
	[CMABULK_ALLOCATION_CAUSE_BUSY] = {
		"busy",
		"try again in a moment, or allow more effort",
	},
	[CMABULK_ALLOCATION_CAUSE_NO_MEMORY] = {
		"no-memory",
		"free memory elsewhere: the pages of a pool need somewhere to move to",
	},
	[CMABULK_ALLOCATION_CAUSE_INTERRUPTED] = {
		"interrupted",
		"allow more time: not everything was tried",
	},
	[CMABULK_ALLOCATION_CAUSE_GONE] = {
		"gone",
		"wait for the pool to come back, or name another",
	},
	[CMABULK_ALLOCATION_CAUSE_FAILED] = { "failed", "" },
};

enum cmabulk_allocation_cause cause_parse(const char *text)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(causes); i++)
		if (strcmp(causes[i].name, text) == 0)
			return (enum cmabulk_allocation_cause)i;
	return CMABULK_ALLOCATION_CAUSE_UNKNOWN;
}

const char *cause_name(enum cmabulk_allocation_cause cause)
{
	return (size_t)cause < ARRAY_SIZE(causes) ? causes[cause].name : "unknown";
}

const char *cause_hint(enum cmabulk_allocation_cause cause)
{
	return (size_t)cause < ARRAY_SIZE(causes) ? causes[cause].hint : "";
}

/* Chunks that looked pinned to any step. */
static uint64_t most_suspects(const struct cmabulk_step *steps, unsigned int n_steps)
{
	uint64_t most = 0;

	for (unsigned int i = 0; i < n_steps; i++)
		if (steps[i].skipped_suspect > most)
			most = steps[i].skipped_suspect;
	return most;
}

/* The step found no more, rather than that it was ended. */
static bool has_tried_all(const struct cmabulk_step *step)
{
	return step->error == -EBUSY || step->error == -ENOMEM;
}

/*
 * As the daemon has it: what was most in the way of the last step; when all of that would not have been
 * enough, what others have. What looked pinned at first and did not come when it was tried is pinned.
 */
static enum cmabulk_allocation_cause cause_of_shortage(const struct cmabulk_step *steps,
						       unsigned int n_steps, uint64_t missing)
{
	const struct cmabulk_step *last = &steps[n_steps - 1];
	uint64_t stuck = last->skipped_suspect + last->skipped_busy + last->skipped_isolated;
	uint64_t pinned = most_suspects(steps, n_steps);

	if (pinned > stuck)
		pinned = stuck;
	if (stuck + last->skipped_no_memory < missing)
		return CMABULK_ALLOCATION_CAUSE_EXHAUSTED;
	if (last->skipped_no_memory > pinned && last->skipped_no_memory > stuck - pinned)
		return CMABULK_ALLOCATION_CAUSE_NO_MEMORY;
	return pinned >= stuck - pinned ? CMABULK_ALLOCATION_CAUSE_PINNED :
					  CMABULK_ALLOCATION_CAUSE_BUSY;
}

enum cmabulk_allocation_cause cause_find(int error, const struct cmabulk_step *steps,
					 unsigned int n_steps, uint64_t missing)
{
	bool is_short = n_steps > 0 && has_tried_all(&steps[n_steps - 1]);

	switch (error) {
	case 0:
		return CMABULK_ALLOCATION_CAUSE_NONE;
	case -EBUSY:
		return is_short ? cause_of_shortage(steps, n_steps, missing) :
				  CMABULK_ALLOCATION_CAUSE_EXHAUSTED;
	case -ENOMEM:
		return CMABULK_ALLOCATION_CAUSE_NO_MEMORY;
	case -ETIME:
		return is_short ? cause_of_shortage(steps, n_steps, missing) :
				  CMABULK_ALLOCATION_CAUSE_INTERRUPTED;
	case -EINTR:
	case -ECANCELED:
		return CMABULK_ALLOCATION_CAUSE_INTERRUPTED;
	case -ENODEV:
		return CMABULK_ALLOCATION_CAUSE_GONE;
	default:
		return CMABULK_ALLOCATION_CAUSE_FAILED;
	}
}
