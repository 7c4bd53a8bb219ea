/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a pool was when it was looked at. */
#ifndef LIBCMABULK_POOL_H
#define LIBCMABULK_POOL_H

#include <stdbool.h>

#include "cmabulk.h"
#include "util.h"

struct cmabulk_pool {
	atomic_uint references;
	char *name;
	char *area;
	const char *kind; /* static; text_kind() */
	unsigned int engine;
	uint64_t features;
	uint64_t page_size;
	unsigned int pageblock_order;
	unsigned int min_order;
	unsigned int max_order;
	uint64_t pages;
	uint64_t free_pages;
	uint64_t cached_pages;
	uint64_t reserved_pages;
	uint64_t exported_pages;
	uint64_t draining_pages;
	uint64_t n_buffers;
	uint64_t n_reservations;
	unsigned int pending;
	bool is_guarantee_at_risk;
};

/* One reference, the names copied, of kind "kmod", all else zero. */
int pool_new(const char *name, const char *area, struct cmabulk_pool **ret);

#endif
