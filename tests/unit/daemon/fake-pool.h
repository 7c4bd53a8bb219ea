/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A pool as the module keeps it: objects in states, numbered events, pages that
 * take their time to come back. Everything is a list to be walked.
 */
#ifndef DAEMON_FAKE_POOL_H
#define DAEMON_FAKE_POOL_H

#include <glib.h>
#include <linux/cmabulk.h>
#include <stdbool.h>
#include <stdint.h>

struct fake_event {
	enum cmabulk_genl_command command;
	uint64_t sequence;
	uint64_t id;
	uint64_t pages;
};

struct fake_pool {
	uint64_t pages;
	uint64_t foreign; /* in other CMA users' hands */
	uint64_t in_progress; /* grabbed by the fill that runs, in no books yet */
	uint64_t sequence;
	uint64_t last_id;
	GArray *objects; /* struct cmabulk_buffer_info */
	GArray *events; /* struct fake_event, not delivered */
};

void fake_pool_init(struct fake_pool *pool, uint64_t pages);
void fake_pool_clear(struct fake_pool *pool);

uint64_t fake_pool_free_pages(const struct fake_pool *pool);
uint64_t fake_pool_draining(const struct fake_pool *pool);
/* NULL: there is none */
struct cmabulk_buffer_info *fake_pool_find(const struct fake_pool *pool, uint64_t id);

uint64_t fake_pool_reserve(struct fake_pool *pool, const char *account, uint64_t cookie,
			   unsigned int order);
void fake_pool_fill(struct fake_pool *pool, uint64_t id, uint64_t chunks);
uint64_t fake_pool_export(struct fake_pool *pool, uint64_t id, uint64_t chunks);
void fake_pool_close(struct fake_pool *pool, uint64_t id);
/* The pages of a draining object are back. */
void fake_pool_drained(struct fake_pool *pool, uint64_t id);

#endif
