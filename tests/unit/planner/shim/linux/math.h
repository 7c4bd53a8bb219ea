/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the planner takes from the kernel's <linux/math.h>, for userspace. */
#ifndef SHIM_LINUX_MATH_H
#define SHIM_LINUX_MATH_H

#define DIV_ROUND_UP(n, d) (((n) + (d)-1) / (d))

#endif /* SHIM_LINUX_MATH_H */
