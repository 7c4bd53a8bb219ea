// SPDX-License-Identifier: LGPL-2.1-or-later
/* Users, groups and units as administrators name them. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <string.h>

#include <linux/cmabulk.h>

#include "config-name.h"
#include "size.h"

/* All ones is nobody: it means "unchanged" to the kernel. */
#define NO_NUMBER     UINT32_MAX
#define MAX_NUMBER    (UINT32_MAX - 1)
#define FIRST_BUFFER  1024
#define LAST_BUFFER   (1 << 20)
#define MAX_UNIT_NAME 255

/* Looks @text up with room for strings of @size: 0, ERANGE when that is too little, or another errno. */
typedef int (*lookup)(const char *text, char *buffer, size_t size, uint32_t *ret, bool *ret_found);

static int look_up_user(const char *text, char *buffer, size_t size, uint32_t *ret, bool *ret_found)
{
	struct passwd *found = NULL;
	struct passwd entry;
	int r = getpwnam_r(text, &entry, buffer, size, &found);

	*ret_found = found;
	if (found)
		*ret = found->pw_uid;
	return r;
}

static int look_up_group(const char *text, char *buffer, size_t size, uint32_t *ret,
			 bool *ret_found)
{
	struct group *found = NULL;
	struct group entry;
	int r = getgrnam_r(text, &entry, buffer, size, &found);

	*ret_found = found;
	if (found)
		*ret = found->gr_gid;
	return r;
}

/* NO_NUMBER: there is none. */
static uint32_t ask_system(const char *text, lookup look_up)
{
	g_autofree char *buffer = NULL;
	uint32_t number = NO_NUMBER;
	bool is_found = false;
	int r = ERANGE;

	for (size_t size = FIRST_BUFFER; r == ERANGE && size <= LAST_BUFFER; size *= 2) {
		buffer = g_realloc(buffer, size);
		r = look_up(text, buffer, size, &number, &is_found);
	}
	return is_found ? number : NO_NUMBER;
}

GHashTable *names_new(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

static bool is_known(const struct names *names, const char *key, uint32_t *ret)
{
	void *number;

	if (!g_hash_table_lookup_extended(names->known, key, NULL, &number))
		return false;
	*ret = GPOINTER_TO_UINT(number);
	return *ret != NO_NUMBER || !names->is_trial;
}

/* A user and a group may have one name: @kind tells them apart. */
static uint32_t find(const struct names *names, char kind, const char *text, lookup look_up)
{
	g_autofree char *key = g_strdup_printf("%c%s", kind, text);
	uint32_t number;

	if (is_known(names, key, &number))
		return number;
	number = ask_system(text, look_up);
	if (number != NO_NUMBER || !names->is_trial)
		g_hash_table_insert(names->known, g_steal_pointer(&key), GUINT_TO_POINTER(number));
	return number;
}

static int parse(const struct names *names, char kind, const char *text, lookup look_up,
		 uint32_t *ret)
{
	uint64_t number;

	if (number_parse(text, 0, MAX_NUMBER, &number) < 0)
		number = find(names, kind, text, look_up);
	if (number == NO_NUMBER)
		return -ESRCH;
	*ret = (uint32_t)number;
	return 0;
}

int user_parse(const struct names *names, const char *text, uid_t *ret)
{
	return parse(names, 'u', text, look_up_user, ret);
}

int group_parse(const struct names *names, const char *text, gid_t *ret)
{
	return parse(names, 'g', text, look_up_group, ret);
}

bool unit_name_is_valid(const char *text)
{
	static const char *const suffixes[] = { ".service", ".scope", ".socket", ".mount",
						".swap" };
	size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789:-_.\\@");

	if (text[length] || length > MAX_UNIT_NAME)
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++)
		if (length > strlen(suffixes[i]) && g_str_has_suffix(text, suffixes[i]))
			return true;
	return false;
}

bool pool_name_is_valid(const char *text)
{
	size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789_-.");

	return length > 0 && !text[length] && length < CMABULK_POOL_NAME_LEN;
}
