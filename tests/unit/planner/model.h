/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a plan has to achieve, worked out the slow way from what the planner's
 * header promises.
 */
#ifndef PLANNER_MODEL_H
#define PLANNER_MODEL_H

#include "plan.h"

bool model_may_plan(const struct plan *plan, u32 slot);
u64 model_nr_chunks(const struct plan *plan);
double model_least_moves(const struct plan *plan, u64 nr_slots);
double model_planned_moves(const struct plan *plan);
u32 model_nr_free(const struct plan *plan, u32 unit);
u32 model_best_fit(const struct plan *plan);

#endif /* PLANNER_MODEL_H */
