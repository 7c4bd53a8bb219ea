/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An allocate that runs while its caller does something else. */
#ifndef LIBCMABULK_CALL_H
#define LIBCMABULK_CALL_H

#include <stdbool.h>

#include "cmabulk.h"
#include "util.h"

struct asking;

struct cmabulk_call {
	atomic_uint references;
	struct cmabulk_request *request; /* to be given free at the end; NULL: somebody else does */
	struct asking *asking; /* as long as it runs: the backend's */
	bool is_done;
	int result; /* when it is done: 0, or why it failed */
	char *sentence; /* what is known beyond the number, or NULL */
	struct cmabulk_allocation *allocation;
};

int call_new(struct cmabulk_call **ret);

/* It is done. Takes the allocation and the sentence over. */
void call_end(struct cmabulk_call *call, int result, struct cmabulk_allocation *allocation,
	      char *sentence);

#endif
