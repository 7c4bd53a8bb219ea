/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A process with a file mapped that has a dma-buf's name and a number of choice, in a file system of its own:
 * FUSE, which after that says nothing any more. For what must not ask it.
 */
#ifndef CLI_PRETENDER_H
#define CLI_PRETENDER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct pretender {
	pid_t pid;
	int told; /* what it says: a byte when it is ready, another when it was asked something */
};

/* This process gets mounts of its own; false where it may not. */
bool pretender_enter_namespace(void);

/* False where it may not have one. */
bool pretender_start(struct pretender *pretender, uint64_t inode);

/* Whether anybody asked it anything. */
bool pretender_stop(struct pretender *pretender);

#endif
