/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs a check on random areas for as long as a test may take. */
#ifndef PLANNER_RANDOM_H
#define PLANNER_RANDOM_H

#include "coverage.h"
#include "rules.h"

void random_rule(const struct rule *rule);
void random_promise(const struct promise *promise);

#endif /* PLANNER_RANDOM_H */
