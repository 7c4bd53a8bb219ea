/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A dma-buf and the layout of its chunks. */
#ifndef LIBCMABULK_BUFFER_H
#define LIBCMABULK_BUFFER_H

#include <linux/cmabulk.h>
#include <stdbool.h>

#include "cmabulk.h"
#include "util.h"

struct cmabulk_buffer {
	atomic_uint references;
	int fd;
	uint64_t size;
	uint64_t chunks; /* 0 when not known, as the next three */
	uint64_t chunk_size;
	unsigned int order;
	uint64_t alignment;
	uint64_t inode;
	uint64_t id;
	char name[CMABULK_BUFFER_NAME_LEN];
	bool is_simulated; /* a memfd: no device has it */
};

struct buffer_layout {
	uint64_t chunks;
	uint64_t chunk_size;
	unsigned int order;
	uint64_t alignment;
};

/* One reference, no descriptor, all else zero. */
int buffer_new(struct cmabulk_buffer **ret);

/*
 * A buffer of what came from the daemon, and must be what it says of it; duplicates @fd.
 * @kind as text_kind() returns it. -EPROTO, -EMFILE
 */
int buffer_receive(int fd, const struct buffer_layout *layout, const char *kind,
		   struct cmabulk_buffer **ret);

#endif
