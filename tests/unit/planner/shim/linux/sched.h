/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the planner needs of <linux/sched.h>: here nobody waits for the processor. */
#ifndef SHIM_LINUX_SCHED_H
#define SHIM_LINUX_SCHED_H

static inline void cond_resched(void)
{
}

#endif
