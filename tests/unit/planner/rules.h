/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What must hold of every plan, each rule by itself. */
#ifndef PLANNER_RULES_H
#define PLANNER_RULES_H

#include "generate.h"
#include "plan.h"

/**
 * struct rule - something that must hold of every plan
 * @name:	what it says, as a test's name
 * @holds:	does it?
 * @efforts:	the enum effort that it is about, 0 for all
 * @always:	it holds even when slots and units contradict each other, as a
 *		survey without locks might make them
 */
struct rule {
	const char *name;
	bool (*holds)(const struct plan *plan);
	enum effort efforts;
	bool always;
};

/* Ends with one without a name. */
extern const struct rule rules[];

#endif /* PLANNER_RULES_H */
