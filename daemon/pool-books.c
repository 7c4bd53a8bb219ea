// SPDX-License-Identifier: LGPL-2.1-or-later
/* What lives in a pool: the books, loaded from snapshots, and whose release is to be told. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "pool-state.h"

/* What takes a walk through the whole pool is not done more often, whoever asks for it. */
#define LOOK_NS (UINT64_C(100) * USEC_PER_MSEC * NSEC_PER_USEC)

/* --- Live buffers ---------------------------------------------------------------------------- */

void pool_add_live(struct pool *pool, const struct cmabulk_buffer_info *info, uint64_t cookie)
{
	struct live_buffer *buffer = g_new(struct live_buffer, 1);

	buffer->id = info->id;
	buffer->inode = info->inode;
	buffer->cookie = cookie;
	g_hash_table_insert(pool->live, &buffer->id, buffer);
}

void pool_forget_live(struct pool *pool)
{
	GHashTableIter iterator;
	void *buffer;

	g_hash_table_iter_init(&iterator, pool->live);
	while (g_hash_table_iter_next(&iterator, NULL, &buffer))
		pool->listener->outlived(pool, ((const struct live_buffer *)buffer)->cookie,
					 pool->userdata);
	g_queue_clear_full(&pool->missing, g_free);
	g_hash_table_unref(pool->live);
}

static void tell_released(struct pool *pool, const struct live_buffer *buffer)
{
	pool->listener->released(pool, buffer->id, buffer->inode, buffer->cookie, pool->userdata);
}

void pool_tell_released(struct pool *pool, uint64_t id)
{
	const struct live_buffer *buffer = g_hash_table_lookup(pool->live, &id);

	if (!buffer)
		return;
	tell_released(pool, buffer);
	g_hash_table_remove(pool->live, &id);
}

void pool_tell_missing(struct pool *pool)
{
	struct live_buffer *buffer;

	while ((buffer = g_queue_pop_head(&pool->missing))) {
		tell_released(pool, buffer);
		g_free(buffer);
	}
}

/* Events of releases may have been among those lost. A snapshot may be taken in the middle of anything. */
static void find_missing(struct pool *pool, const struct backend_snapshot *snapshot)
{
	g_autoptr(GHashTable) found = g_hash_table_new(g_int64_hash, g_int64_equal);
	GHashTableIter iterator;
	gpointer id, buffer;

	for (size_t i = 0; i < snapshot->count; i++)
		g_hash_table_add(found, &snapshot->entries[i].id);
	g_hash_table_iter_init(&iterator, pool->live);
	while (g_hash_table_iter_next(&iterator, &id, &buffer)) {
		if (g_hash_table_contains(found, id))
			continue;
		g_hash_table_iter_steal(&iterator);
		g_queue_push_tail(&pool->missing, buffer);
	}
}

/* --- Snapshots ------------------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
	const struct cmabulk_buffer_info *one = a;
	const struct cmabulk_buffer_info *other = b;

	return one->id < other->id ? -1 : one->id > other->id;
}

void pool_books_changed(struct pool *pool)
{
	pool->is_snapshot_stale = true;
	pool->is_query_stale = true;
}

/*
 * However much lives in it: a tenth of the loop's time is what looks may take. One that took very long was
 * rather stopped in the middle.
 */
static uint64_t next_look(uint64_t begin_ns, uint64_t end_ns)
{
	uint64_t pause = MIN(9 * (end_ns - begin_ns), PACE_LOADING_MAX_NS);

	return MAX(begin_ns + LOOK_NS, end_ns + pause);
}

/*
 * After a snapshot only what is newer is heard of: whatever it was taken for, the books are loaded from
 * it.
 */
int pool_load(struct pool *pool)
{
	struct backend_snapshot snapshot = { 0 };
	uint64_t begin = clock_now_ns();
	int r = pool_ops(pool)->snapshot(pool->backend, &snapshot);

	if (r < 0)
		return r;
	if (snapshot.count > 0)
		qsort(snapshot.entries, snapshot.count, sizeof(*snapshot.entries), compare_ids);
	broker_load(pool->broker, snapshot.entries, snapshot.count, snapshot.sequence);
	find_missing(pool, &snapshot);
	free(pool->snapshot.entries);
	pool->snapshot = snapshot;
	pool->snapshot_ns = begin;
	pool->next_look_ns = next_look(begin, clock_now_ns());
	pool->is_snapshot_stale = false;
	pool->is_query_stale = true;
	pool->is_lost = false;
	pool->is_unreadable = false;
	pool_wake(pool);
	return 0;
}

int pool_look(struct pool *pool, uint64_t since_ns, uint64_t *ret_when_ns)
{
	if (pool->is_gone)
		return -ENODEV;
	if (pool->snapshot_ns >= since_ns)
		return 0;
	if (clock_now_ns() >= pool->next_look_ns)
		return pool_load(pool);
	*ret_when_ns = pool->next_look_ns;
	return -EAGAIN;
}

int pool_look_at_once(struct pool *pool, uint64_t since_ns)
{
	if (pool->is_gone)
		return -ENODEV;
	return pool->snapshot_ns >= since_ns ? 0 : pool_load(pool);
}

int pool_list(struct pool *pool, uint64_t since_ns, const struct backend_snapshot **ret,
	      uint64_t *ret_when_ns)
{
	bool is_same = !pool->is_gone && !pool->is_lost && !pool->is_snapshot_stale &&
		       clock_now_ns() - pool->snapshot_ns < LOOK_NS;
	int r = is_same ? 0 : pool_look(pool, since_ns, ret_when_ns);

	if (r < 0)
		return r;
	*ret = &pool->snapshot;
	return 0;
}

/* --- Query and survey ------------------------------------------------------------------------ */

void pool_refresh_query(struct pool *pool)
{
	struct cmabulk_query query = { 0 };
	int r = pool_ops(pool)->query(pool->backend, &query);

	pool->is_query_stale = false;
	if (r == -ENODEV) {
		pool_mark_gone(pool);
		return;
	}
	if (r < 0) {
		log_warning("pool %s: cannot be queried: %s", pool_get_name(pool), strerror(-r));
		return;
	}
	pool->query = query;
	broker_set_free(pool->broker, query.free_pages);
	/* What somebody still references may never come. */
	broker_set_draining(pool->broker,
			    query.states.draining - MIN(query.stuck, query.states.draining));
}

int pool_survey(struct pool *pool, struct cmabulk_survey *ret)
{
	struct cmabulk_survey survey = { 0 };
	uint64_t now = clock_now_ns();
	int r;

	if (pool->is_gone)
		return -ENODEV;
	if (!pool->has_survey || now - pool->survey_ns >= LOOK_NS) {
		r = pool_ops(pool)->survey(pool->backend, &survey);
		if (r < 0)
			return r;
		pool->survey = survey;
		pool->survey_ns = now;
		pool->has_survey = true;
	}
	*ret = pool->survey;
	return 0;
}
