// SPDX-License-Identifier: LGPL-2.1-or-later
/* One line of a pool's books: filled in by a backend, then only read. */
#include <string.h>

#include "entry.h"

static void entry_destroy(struct cmabulk_entry *entry)
{
	free(entry->name);
	free(entry->account);
	free(entry->label);
	free(entry);
}

DEFINE_REFERENCE(cmabulk_entry, entry_destroy)

int entry_new(const char *name, const char *account, const char *label, struct cmabulk_entry **ret)
{
	struct cmabulk_entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return -ENOMEM;
	entry->references = 1;
	entry->standing = "";
	entry->name = strdup(name);
	entry->account = strdup(account);
	entry->label = strdup(label);
	if (!entry->name || !entry->account || !entry->label) {
		entry_destroy(entry);
		return -ENOMEM;
	}
	*ret = entry;
	return 0;
}

static int compare_entries(const void *left, const void *right)
{
	uint64_t left_id = (*(struct cmabulk_entry *const *)left)->id;
	uint64_t right_id = (*(struct cmabulk_entry *const *)right)->id;

	return (left_id > right_id) - (left_id < right_id);
}

void entry_sort(struct cmabulk_entry **entries, size_t count)
{
	qsort(entries, count, sizeof(struct cmabulk_entry *), compare_entries);
}

EXPORT void cmabulk_entry_array_free(struct cmabulk_entry **entries)
{
	for (struct cmabulk_entry **entry = entries; entry && *entry; entry++)
		cmabulk_entry_unref(*entry);
	free(entries);
}

EXPORT uint64_t cmabulk_entry_get_id(const struct cmabulk_entry *entry)
{
	return entry->id;
}

EXPORT uint64_t cmabulk_entry_get_inode(const struct cmabulk_entry *entry)
{
	return entry->inode;
}

EXPORT unsigned int cmabulk_entry_get_kind(const struct cmabulk_entry *entry)
{
	return entry->kind;
}

EXPORT const char *cmabulk_entry_get_kind_name(const struct cmabulk_entry *entry)
{
	switch (entry->kind) {
	case CMABULK_ENTRY_RESERVATION:
		return "reservation";
	case CMABULK_ENTRY_BUFFER:
		return "buffer";
	default:
		return "unknown";
	}
}

EXPORT unsigned int cmabulk_entry_get_state(const struct cmabulk_entry *entry)
{
	return entry->state;
}

EXPORT const char *cmabulk_entry_get_state_name(const struct cmabulk_entry *entry)
{
	switch (entry->state) {
	case CMABULK_ENTRY_CACHED:
		return "cached";
	case CMABULK_ENTRY_RESERVED:
		return "reserved";
	case CMABULK_ENTRY_EXPORTED:
		return "exported";
	case CMABULK_ENTRY_DRAINING:
		return "draining";
	default:
		return "unknown";
	}
}

EXPORT unsigned int cmabulk_entry_get_order(const struct cmabulk_entry *entry)
{
	return entry->order;
}

EXPORT uint64_t cmabulk_entry_get_chunks(const struct cmabulk_entry *entry)
{
	return entry->chunks;
}

EXPORT uint64_t cmabulk_entry_get_size(const struct cmabulk_entry *entry)
{
	return entry->size;
}

EXPORT uint64_t cmabulk_entry_get_age_usec(const struct cmabulk_entry *entry)
{
	return entry->age_usec;
}

EXPORT uint64_t cmabulk_entry_get_reservation(const struct cmabulk_entry *entry)
{
	return entry->reservation;
}

EXPORT const char *cmabulk_entry_get_name(const struct cmabulk_entry *entry)
{
	return entry->name;
}

EXPORT uid_t cmabulk_entry_get_owner_uid(const struct cmabulk_entry *entry)
{
	return entry->owner_uid;
}

EXPORT pid_t cmabulk_entry_get_owner_pid(const struct cmabulk_entry *entry)
{
	return entry->owner_pid;
}

EXPORT uint64_t cmabulk_entry_get_cookie(const struct cmabulk_entry *entry)
{
	return entry->cookie;
}

EXPORT const char *cmabulk_entry_get_account(const struct cmabulk_entry *entry)
{
	return entry->account;
}

EXPORT const char *cmabulk_entry_get_label(const struct cmabulk_entry *entry)
{
	return entry->label;
}

EXPORT const char *cmabulk_entry_get_standing_name(const struct cmabulk_entry *entry)
{
	return entry->standing;
}
