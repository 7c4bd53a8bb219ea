// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A pool as the module keeps it: objects in states, numbered events, pages that
 * take their time to come back. Everything is a list to be walked.
 */
#include "fake-pool.h"

static struct cmabulk_buffer_info *get(const struct fake_pool *pool, unsigned int index)
{
	return &g_array_index(pool->objects, struct cmabulk_buffer_info, index);
}

void fake_pool_init(struct fake_pool *pool, uint64_t pages)
{
	*pool = (struct fake_pool){
		.pages = pages,
		.objects = g_array_new(FALSE, FALSE, sizeof(struct cmabulk_buffer_info)),
		.events = g_array_new(FALSE, FALSE, sizeof(struct fake_event)),
	};
}

void fake_pool_clear(struct fake_pool *pool)
{
	g_array_unref(pool->objects);
	g_array_unref(pool->events);
}

uint64_t fake_pool_free_pages(const struct fake_pool *pool)
{
	uint64_t taken = pool->foreign + pool->in_progress;

	for (unsigned int i = 0; i < pool->objects->len; i++)
		taken += get(pool, i)->pages;
	g_assert_cmpuint(taken, <=, pool->pages);
	return pool->pages - taken;
}

uint64_t fake_pool_draining(const struct fake_pool *pool)
{
	uint64_t pages = 0;

	for (unsigned int i = 0; i < pool->objects->len; i++)
		if (get(pool, i)->state == CMABULK_STATE_DRAINING)
			pages += get(pool, i)->pages;
	return pages;
}

struct cmabulk_buffer_info *fake_pool_find(const struct fake_pool *pool, uint64_t id)
{
	for (unsigned int i = 0; i < pool->objects->len; i++)
		if (get(pool, i)->id == id)
			return get(pool, i);
	return NULL;
}

static void tell(struct fake_pool *pool, enum cmabulk_genl_command command, uint64_t id,
		 uint64_t pages)
{
	struct fake_event event = { command, ++pool->sequence, id, pages };

	g_array_append_val(pool->events, event);
}

uint64_t fake_pool_reserve(struct fake_pool *pool, const char *account, uint64_t cookie,
			   unsigned int order)
{
	struct cmabulk_buffer_info object = {
		.id = ++pool->last_id,
		.object = CMABULK_OBJECT_RESERVATION,
		.state = CMABULK_STATE_RESERVED,
		.order = order,
		.owner.cookie = cookie,
	};

	g_strlcpy(object.owner.account, account, sizeof(object.owner.account));
	g_array_append_val(pool->objects, object);
	return object.id;
}

void fake_pool_fill(struct fake_pool *pool, uint64_t id, uint64_t chunks)
{
	struct cmabulk_buffer_info *object = fake_pool_find(pool, id);

	object->chunks += chunks;
	object->pages += chunks << object->order;
	fake_pool_free_pages(pool);
}

uint64_t fake_pool_export(struct fake_pool *pool, uint64_t id, uint64_t chunks)
{
	struct cmabulk_buffer_info *reservation = fake_pool_find(pool, id);
	struct cmabulk_buffer_info buffer = *reservation;

	g_assert_cmpuint(reservation->chunks, >=, chunks);
	buffer.id = ++pool->last_id;
	buffer.inode = buffer.id + 1000000;
	buffer.object = CMABULK_OBJECT_BUFFER;
	buffer.state = CMABULK_STATE_EXPORTED;
	buffer.chunks = chunks;
	buffer.pages = chunks << buffer.order;
	buffer.reservation = id;
	reservation->chunks -= chunks;
	reservation->pages -= buffer.pages;
	g_array_append_val(pool->objects, buffer);
	tell(pool, CMABULK_CMD_EXPORTED, buffer.id, buffer.pages);
	return buffer.id;
}

static void end(struct fake_pool *pool, struct cmabulk_buffer_info *object)
{
	tell(pool,
	     object->object == CMABULK_OBJECT_BUFFER ? CMABULK_CMD_RELEASED : CMABULK_CMD_DROPPED,
	     object->id, object->pages);
	g_array_remove_index_fast(pool->objects, (unsigned int)(object - get(pool, 0)));
}

void fake_pool_close(struct fake_pool *pool, uint64_t id)
{
	struct cmabulk_buffer_info *object = fake_pool_find(pool, id);

	g_assert_nonnull(object);
	g_assert_cmpint(object->state, !=, CMABULK_STATE_DRAINING);
	object->state = CMABULK_STATE_DRAINING;
	if (!object->pages)
		end(pool, object);
}

void fake_pool_drained(struct fake_pool *pool, uint64_t id)
{
	struct cmabulk_buffer_info *object = fake_pool_find(pool, id);

	g_assert_cmpint(object->state, ==, CMABULK_STATE_DRAINING);
	end(pool, object);
}
