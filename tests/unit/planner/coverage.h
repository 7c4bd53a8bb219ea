/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the planner promises of a whole call, whatever the engine meets on the way. */
#ifndef PLANNER_COVERAGE_H
#define PLANNER_COVERAGE_H

#include "engine.h"
#include "source.h"

/**
 * struct promise - something that holds once the engine is through
 * @name:	what it says, as a test's name
 * @is_kept:	change the request to one that the promise is about, run it, look
 */
struct promise {
	const char *name;
	bool (*is_kept)(struct engine *engine, struct source *source);
};

/* Ends with one without a name. */
extern const struct promise promises[];

#endif /* PLANNER_COVERAGE_H */
