/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The planner at the edges of its types and of its arguments. */
#ifndef PLANNER_EXTREMES_H
#define PLANNER_EXTREMES_H

void extremes_add(void);

#endif /* PLANNER_EXTREMES_H */
