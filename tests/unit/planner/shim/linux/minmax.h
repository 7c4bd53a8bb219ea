/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the planner takes from the kernel's <linux/minmax.h>, for userspace. */
#ifndef SHIM_LINUX_MINMAX_H
#define SHIM_LINUX_MINMAX_H

/* As in the kernel, operands of different signedness do not compile. */
#define SHIM_IS_SIGNED(x) ((__typeof__(x))-1 < (__typeof__(x))1)
#define SHIM_CHOOSE(a, op, b)                                                    \
	({                                                                       \
		__auto_type shim_a = (a);                                        \
		__auto_type shim_b = (b);                                        \
		_Static_assert(SHIM_IS_SIGNED(shim_a) == SHIM_IS_SIGNED(shim_b), \
			       "operands differ in signedness");                 \
		shim_a op shim_b ? shim_a : shim_b;                              \
	})

#define min(a, b) SHIM_CHOOSE(a, <, b)
#define max(a, b) SHIM_CHOOSE(a, >, b)

#define min_t(type, a, b) min((type)(a), (type)(b))

#endif /* SHIM_LINUX_MINMAX_H */
