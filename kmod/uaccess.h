/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Extensible structures of the user API, in and out. The rules are in the
 * uapi header.
 */
#ifndef BULK_UACCESS_H
#define BULK_UACCESS_H

#include <linux/types.h>

/* A command without the size in it: that grows with the structure. */
#define BULK_COMMAND(command)	((command) & ~IOCSIZE_MASK)

int bulk_struct_read(void *to, size_t size, size_t first_size, const void __user *from,
		     u32 *user_size);
int bulk_struct_write(void __user *to, u32 user_size, const void *from, size_t size);
bool bulk_string_ends(const char *string, size_t size);

#endif /* BULK_UACCESS_H */
