// SPDX-License-Identifier: GPL-2.0-only
/*
 * Extensible structures of the user API, in and out. Knows no structure.
 */
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "uaccess.h"

/**
 * bulk_struct_read() - read a structure that begins with its u32 size
 * @to:		filled in; what the caller's version lacks is zero
 * @size:	size of the structure as this module knows it
 * @first_size:	size of its first published version
 * @from:	user memory
 * @user_size:	out: the caller's size, for bulk_struct_write()
 *
 * Return: 0; -EINVAL for a size that no version has had, -E2BIG for a newer
 * version that uses what this module does not know, -EFAULT.
 */
int bulk_struct_read(void *to, size_t size, size_t first_size, const void __user *from,
		     u32 *user_size)
{
	int ret;

	if (get_user(*user_size, (const u32 __user *)from))
		return -EFAULT;
	if (*user_size < first_size)
		return -EINVAL;
	if (*user_size > PAGE_SIZE)
		return -E2BIG;
	ret = copy_struct_from_user(to, size, from, *user_size);
	/* Read twice, and it may have changed: the first reading holds. */
	*(u32 *)to = *user_size;
	return ret;
}

/**
 * bulk_struct_write() - write a structure back in the caller's version
 * @to:		user memory
 * @user_size:	the caller's size
 * @from:	the structure as this module knows it
 * @size:	size of that
 *
 * Return: 0 or -EFAULT.
 */
int bulk_struct_write(void __user *to, u32 user_size, const void *from, size_t size)
{
	size_t common = min_t(size_t, user_size, size);

	if (copy_to_user(to, from, common))
		return -EFAULT;
	if (user_size > common && clear_user(to + common, user_size - common))
		return -EFAULT;
	return 0;
}

/**
 * bulk_string_ends() - does a string end within its field?
 * @string:	the field
 * @size:	its size
 *
 * Return: whether there is a terminating NUL.
 */
bool bulk_string_ends(const char *string, size_t size)
{
	return strnlen(string, size) < size;
}
