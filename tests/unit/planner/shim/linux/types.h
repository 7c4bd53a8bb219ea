/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the planner takes from the kernel's <linux/types.h>, for userspace. */
#ifndef SHIM_LINUX_TYPES_H
#define SHIM_LINUX_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The C library has uses of its own for this header. */
#include_next <linux/types.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;

#endif /* SHIM_LINUX_TYPES_H */
