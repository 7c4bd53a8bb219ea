/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Why an allocate came short, and what to do about it. Pure. */
#ifndef LIBCMABULK_CAUSE_H
#define LIBCMABULK_CAUSE_H

#include "cmabulk.h"

/* By the string of the D-Bus interface; what later versions say is unknown. */
enum cmabulk_allocation_cause cause_parse(const char *text);

/* That string, "" for none; static. */
const char *cause_name(enum cmabulk_allocation_cause cause);

/* What to do about it, "" when that is not known; static. */
const char *cause_hint(enum cmabulk_allocation_cause cause);

/* From how it ended, and what its steps did not get of the chunks that are @missing. */
enum cmabulk_allocation_cause cause_find(int error, const struct cmabulk_step *steps,
					 unsigned int n_steps, uint64_t missing);

#endif
