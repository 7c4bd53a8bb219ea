// SPDX-License-Identifier: LGPL-2.1-or-later
/* A simulated pool on an event loop, and what it told. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "fixture.h"

/* For what cannot take long, on the slowest of machines. */
#define PATIENCE_USEC UINT64_C(60000000)

void loop_once(sd_event *loop)
{
	int r = sd_event_run(loop, PATIENCE_USEC);

	if (r == 0)
		g_error("nothing happened for a minute");
	g_assert_cmpint(r, >, 0);
}

static void on_event(void *userdata, enum cmabulk_genl_command command, uint64_t sequence,
		     uint64_t id, uint64_t inode, uint64_t pages)
{
	const struct told told = { command, sequence, id, inode, pages };
	struct pool *pool = userdata;

	g_array_append_val(pool->told, told);
	if (pool->frees_itself)
		pool->ops->free(g_steal_pointer(&pool->backend));
}

static void on_lost(void *userdata)
{
	g_error("a simulated pool loses nothing");
}

static void on_gone(void *userdata)
{
	struct pool *pool = userdata;

	pool->is_gone = true;
}

static const struct backend_listener listener = {
	.event = on_event,
	.lost = on_lost,
	.gone = on_gone,
};

void pool_open(struct pool *pool, const char *text)
{
	struct backend_snapshot snapshot;
	g_autofree char *problem = NULL;
	struct sim_options options;

	*pool = (struct pool){ .told = g_array_new(FALSE, FALSE, sizeof(struct told)) };
	sim_options_parse(text, &options, &problem);
	g_assert_cmpstr(problem, ==, NULL);
	g_assert_cmpint(sd_event_new(&pool->loop), >=, 0);
	g_assert_cmpint(backend_sim_new(&options, pool->loop, &listener, pool, &pool->backend), ==,
			0);
	pool->ops = pool->backend->ops;
	g_assert_cmpint(pool->ops->snapshot(pool->backend, &snapshot), ==, 0);
	g_assert_cmpuint(snapshot.count, ==, 0);
	free(snapshot.entries);
}

void pool_close(struct pool *pool)
{
	if (pool->backend)
		pool->ops->free(pool->backend);
	sd_event_unref(pool->loop);
	g_array_unref(pool->told);
}

void pool_wait(struct pool *pool, guint count)
{
	while (pool->told->len < count)
		loop_once(pool->loop);
	g_assert_cmpuint(pool->told->len, ==, count);
}

void pool_settle(struct pool *pool)
{
	int r;

	while ((r = sd_event_run(pool->loop, 0)) > 0)
		;
	g_assert_cmpint(r, ==, 0);
}

const struct told *pool_told(const struct pool *pool, guint index)
{
	g_assert_cmpuint(index, <, pool->told->len);
	return &g_array_index(pool->told, struct told, index);
}

struct backend_reservation *pool_reserve(struct pool *pool, unsigned int order, unsigned int align)
{
	const struct cmabulk_owner owner = { .uid = 1000, .cookie = 7, .account = "test:1000" };
	struct backend_reservation *reservation = NULL;
	uint64_t id = 0;

	g_assert_cmpint(pool->ops->reserve(pool->backend, &owner, order, align, &reservation, &id),
			==, 0);
	g_assert_cmpuint(id, !=, 0);
	return reservation;
}

int pool_fill(struct pool *pool, struct backend_reservation *reservation, unsigned int effort,
	      uint64_t chunks, struct cmabulk_fill *ret)
{
	*ret = (struct cmabulk_fill){
		.size = sizeof(*ret),
		.effort = effort,
		.nr_requests = chunks,
	};
	return pool->ops->fill(reservation, ret);
}

struct backend_buffer pool_make_buffer(struct pool *pool, unsigned int order, uint64_t chunks)
{
	struct backend_reservation *reservation = pool_reserve(pool, order, 0);
	struct backend_buffer buffer = { .fd = -1 };
	struct cmabulk_fill fill;
	int r = pool_fill(pool, reservation, CMABULK_EFFORT_FAST, chunks, &fill);

	g_assert_cmpint(r, ==, 0);
	g_assert_cmpint(pool->ops->export(reservation, chunks, "frame", &buffer), ==, 0);
	pool->ops->close(reservation);
	return buffer;
}

uint64_t pool_check(struct pool *pool)
{
	struct backend_snapshot snapshot;
	struct cmabulk_survey survey;
	struct cmabulk_query query;
	uint64_t exported = 0;
	uint64_t reserved = 0;

	g_assert_cmpint(pool->ops->snapshot(pool->backend, &snapshot), ==, 0);
	g_assert_cmpint(pool->ops->query(pool->backend, &query), ==, 0);
	g_assert_cmpint(pool->ops->survey(pool->backend, &survey), ==, 0);
	for (size_t i = 0; i < snapshot.count; i++) {
		const struct cmabulk_buffer_info *info = &snapshot.entries[i];

		g_assert_cmpuint(info->pages, ==, info->chunks << info->order);
		if (info->object == CMABULK_OBJECT_BUFFER)
			exported += info->pages;
		else
			reserved += info->pages;
	}
	free(snapshot.entries);
	g_assert_cmpuint(snapshot.states.exported, ==, exported);
	g_assert_cmpuint(snapshot.states.reserved, ==, reserved);
	g_assert_cmpuint(snapshot.states.cached + snapshot.states.draining, ==, 0);
	g_assert_cmpuint(query.pages - query.free_pages, ==, exported + reserved);
	g_assert_cmpuint(query.buffers + query.reservations, ==, snapshot.count);
	g_assert_cmpuint(survey.pages_taken, ==, exported + reserved);
	g_assert_cmpuint(survey.pages_free + survey.pages_movable + survey.pages_suspect +
				 survey.pages_taken,
			 ==, query.pages);
	g_assert_cmpuint(survey.blocks_free + survey.blocks_movable + survey.blocks_suspect +
				 survey.blocks_taken,
			 ==, survey.blocks);
	return exported + reserved;
}
