/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What came of a request. */
#ifndef LIBCMABULK_ALLOCATION_H
#define LIBCMABULK_ALLOCATION_H

#include "cmabulk.h"
#include "util.h"

struct cmabulk_allocation {
	atomic_uint references;
	enum cmabulk_allocation_status status;
	int error;
	enum cmabulk_allocation_cause cause;
	char *pool;
	const char *kind; /* static; text_kind() */
	char *reason; /* NULL: what the error says */
	unsigned int order;
	uint64_t requested;
	uint64_t granted;
	uint64_t claimed;
	uint64_t prepared;
	uint64_t size;
	uint64_t elapsed_usec;
	uint64_t queued_usec;
	struct cmabulk_buffer **buffers;
	unsigned int n_buffers;
	struct cmabulk_step *steps;
	unsigned int n_steps;
};

/* One reference, the name copied, of kind "kmod", all else zero. */
int allocation_new(const char *pool, struct cmabulk_allocation **ret);

/* The slot for one more step. */
int allocation_add_step(struct cmabulk_allocation *allocation, struct cmabulk_step **ret);

/* Room for @count buffers more. */
int allocation_make_room(struct cmabulk_allocation *allocation, unsigned int count);

/* Takes the caller's reference over; there must be room. */
void allocation_add_buffer(struct cmabulk_allocation *allocation, struct cmabulk_buffer *buffer);

/* It was cancelled: has no buffers, whatever came of it before. */
void allocation_cancel(struct cmabulk_allocation *allocation);

#endif
