/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a pool is made of, for those of its files that work on the whole of it: pool.c
 * (the loop, what is decided), pool-books.c (what lives), pool-request.c (what is asked, and held for it),
 * pool-export.c (what it gets).
 */
#ifndef CMABULKD_POOL_STATE_H
#define CMABULKD_POOL_STATE_H

#include <glib.h>

#include "pace.h"
#include "pool.h"
#include "worker.h"

struct pool {
	struct backend *backend;
	struct broker *broker;
	struct worker *worker;
	sd_event_source *run; /* defer: facts came */
	sd_event_source
		*busy; /* the same, some time later, when there is no end of what comes first */
	sd_event_source
		*timer; /* broker_wakeup(), a look at what is free, or the retry of a snapshot */
	struct cmabulk_query query;
	bool is_query_stale;
	struct backend_snapshot snapshot; /* the last, in order of ids */
	uint64_t snapshot_ns; /* when it was taken */
	uint64_t next_look_ns; /* not for anybody who asks before */
	bool is_snapshot_stale; /* something changed since, as far as is told */
	struct cmabulk_survey survey; /* the last */
	uint64_t survey_ns;
	bool has_survey;
	bool is_lost; /* the books are not to be trusted */
	bool is_unreadable; /* nor could they be loaded, as was said in the log */
	struct pace pace; /* of loading them for that */
	bool is_at_risk; /* what is guaranteed, as was said in the log */
	bool is_gone;
	bool has_told_gone;
	bool has_ended;
	GQueue requests; /* struct pool_request */
	struct pool_request *filling;
	GHashTable *live; /* id -> struct live_buffer, of those made here */
	GQueue missing; /* struct live_buffer, of those that a snapshot no longer had: to be told */
	const struct pool_listener *listener;
	void *userdata;
};

struct live_buffer {
	uint64_t id;
	uint64_t inode;
	uint64_t cookie;
};

struct pool_request {
	struct broker_request *request;
	struct backend_reservation *reservation;
	uint64_t reservation_id;
	struct cmabulk_owner owner;
	struct cmabulk_owner
		reservation_owner; /* as the kernel has it: whoever had it claimed ahead */
	uint64_t start_ns;
	bool is_abandoned;
	void *userdata;
	GList link;
};

static inline const struct backend_ops *pool_ops(const struct pool *pool)
{
	return pool->backend->ops;
}

/* There are new facts: to be looked at on the next turn of the loop. */
void pool_wake(struct pool *pool);
void pool_mark_gone(struct pool *pool);

/* Its release is to be told. */
void pool_add_live(struct pool *pool, const struct cmabulk_buffer_info *info, uint64_t cookie);
void pool_forget_live(struct pool *pool);
/* From the top of the loop alone. */
void pool_tell_released(struct pool *pool, uint64_t id);
/* Of those that were released without an event; from the top of the loop alone. */
void pool_tell_missing(struct pool *pool);

/* Something lives, or is gone, that the last snapshot does not know of. */
void pool_books_changed(struct pool *pool);
/* The books anew, from a snapshot. */
int pool_load(struct pool *pool);
void pool_refresh_query(struct pool *pool);

/* In the log, with the pool's name: no more of its account than a few. */
void pool_request_warn(struct pool *pool, const struct pool_request *request, const char *format,
		       ...) __attribute__((format(printf, 3, 4)));

/* Makes sure that it has a reservation. */
int pool_request_reserve(struct pool *pool, struct pool_request *request);
/* What is left in that goes back. */
void pool_request_give_back(struct pool *pool, struct pool_request *request);
void pool_request_free(struct pool *pool, struct pool_request *request);

/* Makes buffers of what @request claimed. */
void pool_export(struct pool *pool, struct pool_request *request, struct pool_outcome *outcome);
void pool_outcome_close(struct pool_outcome *outcome);

#endif
