// SPDX-License-Identifier: GPL-2.0-only
/*
 * The books of a pool: which object owns how many pages in which state, and
 * the numbered events that tell of every change. Everything here happens
 * under bulk_pool.lock, allocates nothing and cannot fail for lack of memory.
 */
#include <linux/atomic.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "netlink.h"
#include "pool.h"

static u64 object_pages(const struct bulk_object *object, u64 nr_chunks)
{
	return nr_chunks << object->order;
}

static u64 *object_count(const struct bulk_object *object)
{
	struct bulk_counters *counters = &object->pool->counters;

	return object->kind == CMABULK_OBJECT_BUFFER ? &counters->buffers :
						       &counters->reservations;
}

static void list_object(struct bulk_object *object, enum cmabulk_state state)
{
	lockdep_assert_held(&object->pool->lock);
	object->state = state;
	object->born_ns = ktime_get_boottime_ns();
	list_add_tail(&object->node, &object->pool->objects);
	++*object_count(object);
}

/* Whoever waits for memory, or for a pool; that something was exported nobody waits for. */
static bool is_awaited(const struct bulk_event *event)
{
	return event->command != CMABULK_CMD_EXPORTED && event->pages;
}

/* The caller hands over a reference to @object, or to @pool if that is NULL. */
static void queue_event(struct bulk_pool *pool, struct bulk_event *event,
			struct bulk_object *object, enum cmabulk_genl_command command,
			u64 pages)
{
	lockdep_assert_held(&pool->lock);
	event->object = object;
	event->command = command;
	event->sequence = ++pool->counters.sequence;
	event->pages = pages;
	list_add_tail(&event->node, &pool->events);
	pool->nr_events++;
	bulk_events_schedule(pool, is_awaited(event));
}

/**
 * bulk_object_init() - initialise the common part of a reservation or buffer
 * @object:	zeroed memory; the caller fills in what is fixed
 * @pool:	gets another reference
 * @kind:	what it is
 * @free:	frees it
 *
 * The object has one reference and is in no list yet.
 */
void bulk_object_init(struct bulk_object *object, struct bulk_pool *pool,
		      enum cmabulk_object kind, void (*free)(struct bulk_object *object))
{
	static atomic64_t newest_id = ATOMIC64_INIT(0);

	kref_init(&object->ref);
	bulk_pool_get(pool);
	object->pool = pool;
	object->kind = kind;
	object->free = free;
	object->id = atomic64_inc_return(&newest_id);
	INIT_LIST_HEAD(&object->node);
	INIT_LIST_HEAD(&object->drain_node);
}

static void object_release(struct kref *ref)
{
	struct bulk_object *object = container_of(ref, struct bulk_object, ref);
	struct bulk_pool *pool = object->pool;

	bulk_chunks_free(&object->chunks);
	object->free(object);
	bulk_pool_put(pool);
}

/**
 * bulk_object_put() - drop a reference
 * @object:	may be freed; owns no pages by then
 *
 * Context: process, without pools_lock.
 */
void bulk_object_put(struct bulk_object *object)
{
	kref_put(&object->ref, object_release);
}

/**
 * bulk_books_open() - list a new reservation
 * @reservation:	owns no pages yet
 *
 * Return: 0, or -ENODEV when the pool is gone.
 */
int bulk_books_open(struct bulk_object *reservation)
{
	struct bulk_pool *pool = reservation->pool;
	int ret = -ENODEV;

	mutex_lock(&pool->lock);
	if (!pool->gone) {
		list_object(reservation, CMABULK_STATE_RESERVED);
		ret = 0;
	}
	mutex_unlock(&pool->lock);
	return ret;
}

/**
 * bulk_books_cached() - book pages that were claimed for the cache
 * @pool:	the pool
 * @pages:	how many
 */
void bulk_books_cached(struct bulk_pool *pool, u64 pages)
{
	mutex_lock(&pool->lock);
	pool->counters.pages[CMABULK_STATE_CACHED] += pages;
	mutex_unlock(&pool->lock);
}

/**
 * bulk_books_uncached() - book pages of the cache that are back in the area
 * @pool:	the pool
 * @pages:	how many
 */
void bulk_books_uncached(struct bulk_pool *pool, u64 pages)
{
	mutex_lock(&pool->lock);
	pool->counters.pages[CMABULK_STATE_CACHED] -= pages;
	mutex_unlock(&pool->lock);
}

/**
 * bulk_books_filled() - book what a FILL brought
 * @reservation:	owns the chunks now
 * @wanted:		chunks asked for, more than 0
 * @got:		chunks that came
 * @cached:		of those, came from the cache
 */
void bulk_books_filled(struct bulk_object *reservation, u64 wanted, u64 got, u64 cached)
{
	struct bulk_pool *pool = reservation->pool;
	struct bulk_counters *counters = &pool->counters;

	mutex_lock(&pool->lock);
	reservation->nr_chunks += got;
	counters->pages[CMABULK_STATE_CACHED] -= object_pages(reservation, cached);
	counters->pages[CMABULK_STATE_RESERVED] += object_pages(reservation, got);
	counters->fills++;
	counters->chunks_allocated += got;
	if (got < wanted)
		counters->fills_short++;
	mutex_unlock(&pool->lock);
}

/**
 * bulk_books_export() - book chunks from a reservation to a new buffer
 * @reservation:	has at least @nr_chunks
 * @buffer:		not listed yet; listed and announced on success
 * @nr_chunks:		chunks that change hands
 *
 * Return: 0, or -ENODEV when the pool is gone.
 */
int bulk_books_export(struct bulk_object *reservation, struct bulk_object *buffer,
		      u64 nr_chunks)
{
	struct bulk_pool *pool = reservation->pool;
	u64 pages = object_pages(reservation, nr_chunks);

	mutex_lock(&pool->lock);
	if (pool->gone) {
		mutex_unlock(&pool->lock);
		return -ENODEV;
	}
	reservation->nr_chunks -= nr_chunks;
	pool->counters.pages[CMABULK_STATE_RESERVED] -= pages;
	buffer->nr_chunks = nr_chunks;
	pool->counters.pages[CMABULK_STATE_EXPORTED] += pages;
	list_object(buffer, CMABULK_STATE_EXPORTED);
	kref_get(&buffer->ref);
	queue_event(pool, &buffer->begun, buffer, CMABULK_CMD_EXPORTED, pages);
	mutex_unlock(&pool->lock);
	return 0;
}

/* The caller's reference to @object goes to the event. */
static void end_object(struct bulk_object *object)
{
	struct bulk_pool *pool = object->pool;

	lockdep_assert_held(&pool->lock);
	list_del_init(&object->node);
	--*object_count(object);
	queue_event(pool, &object->ended, object,
		    object->kind == CMABULK_OBJECT_BUFFER ? CMABULK_CMD_RELEASED :
							    CMABULK_CMD_DROPPED,
		    object->ended.pages);
}

/**
 * bulk_books_close() - the file is gone, the pages are on their way back
 * @object:	listed. When it owns pages it stays so until they are back;
 *		otherwise it ends here, with the caller's reference
 *
 * Return: whether it owns pages.
 */
bool bulk_books_close(struct bulk_object *object)
{
	struct bulk_pool *pool = object->pool;
	u64 pages;

	bulk_pool_get(pool);
	mutex_lock(&pool->lock);
	pages = object_pages(object, object->nr_chunks);
	pool->counters.pages[object->state] -= pages;
	pool->counters.pages[CMABULK_STATE_DRAINING] += pages;
	object->state = CMABULK_STATE_DRAINING;
	object->ended.pages = pages;
	if (!pages)
		end_object(object);
	mutex_unlock(&pool->lock);
	bulk_pool_put(pool);
	return pages;
}

/**
 * bulk_books_drained() - book pages that are back in the area
 * @object:	draining. When nothing is left it ends here, with the caller's
 *		reference
 * @left:	chunks that could not be given back, because of a reference
 *
 * Context: the caller holds the pool by other means than @object.
 */
void bulk_books_drained(struct bulk_object *object, u64 left)
{
	struct bulk_pool *pool = object->pool;
	u64 pages;

	mutex_lock(&pool->lock);
	pages = object_pages(object, object->nr_chunks - left);
	pool->counters.pages[CMABULK_STATE_DRAINING] -= pages;
	object->nr_chunks = left;
	pool->counters.pages_stuck -= object_pages(object, object->nr_stuck);
	pool->counters.pages_stuck += object_pages(object, left);
	object->nr_stuck = left;
	if (!left)
		end_object(object);
	mutex_unlock(&pool->lock);
}

/**
 * bulk_books_pool_event() - announce that a pool came or went
 * @pool:	gets another reference for it
 * @command:	CMABULK_CMD_POOL_ADDED, or CMABULK_CMD_POOL_REMOVED, which also
 *		ends everything that the pool does for its users
 */
void bulk_books_pool_event(struct bulk_pool *pool, enum cmabulk_genl_command command)
{
	bool removed = command == CMABULK_CMD_POOL_REMOVED;

	bulk_pool_get(pool);
	mutex_lock(&pool->lock);
	pool->gone = removed;
	queue_event(pool, removed ? &pool->removed : &pool->added, NULL, command,
		    pool->engine.nr_pages);
	mutex_unlock(&pool->lock);
}

/**
 * bulk_books_read() - read all counters at one moment
 * @pool:	the pool
 * @counters:	filled in
 */
void bulk_books_read(struct bulk_pool *pool, struct bulk_counters *counters)
{
	mutex_lock(&pool->lock);
	*counters = pool->counters;
	mutex_unlock(&pool->lock);
}

/**
 * bulk_books_states() - counters as user space wants them
 * @counters:	from bulk_books_read()
 * @states:	filled in
 */
void bulk_books_states(const struct bulk_counters *counters, struct cmabulk_states *states)
{
	states->cached = counters->pages[CMABULK_STATE_CACHED];
	states->reserved = counters->pages[CMABULK_STATE_RESERVED];
	states->exported = counters->pages[CMABULK_STATE_EXPORTED];
	states->draining = counters->pages[CMABULK_STATE_DRAINING];
}

/**
 * bulk_books_gone() - was the pool removed?
 * @pool:	the pool
 *
 * Return: whether it was, which is final.
 */
bool bulk_books_gone(struct bulk_pool *pool)
{
	bool gone;

	mutex_lock(&pool->lock);
	gone = pool->gone;
	mutex_unlock(&pool->lock);
	return gone;
}

/**
 * bulk_books_held() - how many chunks does an object own?
 * @object:	the object
 *
 * Return: chunks.
 */
u64 bulk_books_held(struct bulk_object *object)
{
	u64 held;

	mutex_lock(&object->pool->lock);
	held = object->nr_chunks;
	mutex_unlock(&object->pool->lock);
	return held;
}

/**
 * bulk_books_empty() - has everything ended?
 * @pool:	the pool
 *
 * Return: whether no object is listed.
 */
bool bulk_books_empty(struct bulk_pool *pool)
{
	bool empty;

	mutex_lock(&pool->lock);
	empty = list_empty(&pool->objects);
	mutex_unlock(&pool->lock);
	return empty;
}

static void describe_object(const struct bulk_object *object, u64 now_ns,
			    struct cmabulk_buffer_info *info)
{
	*info = (struct cmabulk_buffer_info) {
		.id = object->id,
		.inode = object->inode,
		.object = object->kind,
		.state = object->state,
		.order = object->order,
		.align = object->align,
		.chunks = object->nr_chunks,
		.pages = object_pages(object, object->nr_chunks),
		.age_ns = now_ns - object->born_ns,
		.reservation = object->reservation,
		.owner = object->owner,
	};
	memcpy(info->name, object->name, sizeof(info->name));
}

static void take_snapshot(struct bulk_pool *pool, struct cmabulk_buffers *buffers,
			  struct cmabulk_buffer_info *infos, u64 room)
{
	u64 now_ns = ktime_get_boottime_ns();
	struct bulk_object *object;
	u64 index = 0;

	lockdep_assert_held(&pool->lock);
	buffers->count = pool->counters.buffers + pool->counters.reservations;
	buffers->sequence = pool->counters.sequence;
	bulk_books_states(&pool->counters, &buffers->states);
	if (buffers->count > room)
		return;
	list_for_each_entry(object, &pool->objects, node)
		describe_object(object, now_ns, &infos[index++]);
}

/**
 * bulk_books_snapshot() - list, books and sequence number at one moment
 * @pool:	the pool
 * @buffers:	capacity is read; count, sequence and states are filled in
 * @infos:	out: array of count entries for the caller to kvfree(), NULL when
 *		there are none to write
 *
 * Return: 0, -ENOSPC when there are more than capacity, -ENOMEM, -ENODEV.
 */
int bulk_books_snapshot(struct bulk_pool *pool, struct cmabulk_buffers *buffers,
			struct cmabulk_buffer_info **infos)
{
	u64 room = 0;

	*infos = NULL;
	for (;;) {
		mutex_lock(&pool->lock);
		if (pool->gone) {
			mutex_unlock(&pool->lock);
			kvfree(*infos);
			*infos = NULL;
			return -ENODEV;
		}
		take_snapshot(pool, buffers, *infos, room);
		mutex_unlock(&pool->lock);
		if (buffers->count <= room || buffers->count > buffers->capacity)
			break;

		/* Some more than there are now, lest it takes many rounds. */
		kvfree(*infos);
		room = buffers->count + 16;
		*infos = kvmalloc_array(room, sizeof(**infos), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
		if (!*infos)
			return -ENOMEM;
	}
	if (buffers->count > buffers->capacity) {
		kvfree(*infos);
		*infos = NULL;
		return -ENOSPC;
	}
	return 0;
}
