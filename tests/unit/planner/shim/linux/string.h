/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the planner takes from the kernel's <linux/string.h>, for userspace. */
#ifndef SHIM_LINUX_STRING_H
#define SHIM_LINUX_STRING_H

#include <string.h>

/* The first byte that is not @c, or NULL. */
static inline const void *memchr_inv(const void *start, int c, size_t bytes)
{
	const unsigned char *byte = start;

	for (; bytes; byte++, bytes--)
		if (*byte != (unsigned char)c)
			return byte;
	return NULL;
}

#endif /* SHIM_LINUX_STRING_H */
