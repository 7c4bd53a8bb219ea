/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One line of a pool's books. */
#ifndef LIBCMABULK_ENTRY_H
#define LIBCMABULK_ENTRY_H

#include "cmabulk.h"
#include "util.h"

struct cmabulk_entry {
	atomic_uint references;
	uint64_t id;
	uint64_t inode;
	unsigned int kind;
	unsigned int state;
	unsigned int order;
	uint64_t chunks;
	uint64_t size;
	uint64_t age_usec;
	uint64_t reservation;
	uid_t owner_uid;
	pid_t owner_pid;
	uint64_t cookie;
	char *name;
	char *account;
	char *label;
	const char *standing; /* static */
};

/* One reference, the strings copied, no standing, all else zero. */
int entry_new(const char *name, const char *account, const char *label, struct cmabulk_entry **ret);

/* Puts them in order of their ids. */
void entry_sort(struct cmabulk_entry **entries, size_t count);

#endif
