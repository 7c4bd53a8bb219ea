/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which processes have a buffer open or mapped, as /proc tells: found by the
 * buffer's inode, of a dma-buf or, where the pool is simulated, of a memfd.
 */
#ifndef CMABULKCTL_HOLDERS_H
#define CMABULKCTL_HOLDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HOLDER_COMMAND 16

/* A buffer that somebody may have. */
struct sought {
	uint64_t inode;
	bool is_simulated;
	size_t latest; /* for holders_find() alone: the last holder of it that was found */
};

/* One process, and what it has of one buffer. */
struct holder {
	uint64_t inode;
	bool is_simulated;
	pid_t pid;
	uid_t uid;
	char command[HOLDER_COMMAND]; /* printable ASCII */
	unsigned int descriptors;
	unsigned int mappings;
};

struct holders {
	struct holder *all; /* by buffers, then by processes */
	size_t count;
	unsigned int n_unreadable; /* processes that may not be looked into, or not into all */
	bool lacks_smaps; /* among them those of which the kernel does not say what is a dma-buf's */
	bool is_partial; /* others' processes are not even named: proc(5), hidepid */
};

/* Looks into every process once, for these buffers, which it sorts. 0 or a negative errno. */
int holders_find(struct sought *sought, size_t n_sought, struct holders *ret);
void holders_clear(struct holders *holders);

/* Those of one buffer: the first, NULL if there is none, and how many follow it, itself included. */
const struct holder *holders_of(const struct holders *holders, bool is_simulated, uint64_t inode,
				size_t *ret_count);

#endif
