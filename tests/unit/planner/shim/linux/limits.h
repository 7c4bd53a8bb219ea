/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the planner takes from the kernel's <linux/limits.h>, for userspace. */
#ifndef SHIM_LINUX_LIMITS_H
#define SHIM_LINUX_LIMITS_H

/* The C library has uses of its own for this header. */
#include_next <linux/limits.h>

#include <stdint.h>

#define U8_MAX	((uint8_t)~0U)
#define U16_MAX ((uint16_t)~0U)
#define U32_MAX ((uint32_t)~0U)
#define U64_MAX ((uint64_t)~0ULL)

#endif /* SHIM_LINUX_LIMITS_H */
