/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pools and the objects that own their pages.
 *
 * Lock order, outermost first:
 *
 *	mmap_lock, dma_resv		(held by callers of the dma-buf operations)
 *	  bulk_buffer.lock
 *	pools_lock (pool.c)
 *	bulk_reservation.lock
 *	caches_lock (cache.c)		(nothing is allocated under it either:
 *					reclaim takes it)
 *	bulk_cache.lock			(held while the engine claims; reclaim only
 *					tries it)
 *	  bulk_pool.lock		(a leaf: nothing is allocated, copied to
 *					user space or waited for under it)
 *	queue_lock (zero.c)		(a leaf, too, and a spinlock)
 *
 * The zeroing workers take the last and, without it, what the drain takes, to
 * which they send a buffer's pages when theirs was the last use. The drain and
 * event workers take bulk_pool.lock only, the cache's worker bulk_cache.lock too,
 * and all pools_lock to drop the last reference to a pool.
 */
#ifndef BULK_POOL_H
#define BULK_POOL_H

#include <linux/atomic.h>
#include <linux/cmabulk.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "cache.h"
#include "chunks.h"
#include "engine.h"

struct bulk_object;
struct bulk_pool;
struct device;

#define BULK_NR_STATES	(CMABULK_STATE_DRAINING + 1)

/* Minors of the device, hence pools at a time. */
#define BULK_MAX_POOLS	256

/**
 * struct bulk_event - something that happened and will be announced
 * @node:		in bulk_pool.events
 * @object:		whom it happened to, with a reference; NULL for the pool
 * @command:		what happened
 * @sequence:		its number
 * @pages:		pages it is about
 *
 * Embedded in what it is about, so that announcing needs no memory.
 */
struct bulk_event {
	struct list_head node;
	struct bulk_object *object;
	enum cmabulk_genl_command command;
	u64 sequence;
	u64 pages;
};

/**
 * struct bulk_counters - the books of a pool at one moment
 * @pages:		pages owned, indexed by enum cmabulk_state
 * @buffers:		buffers in the list, draining ones included
 * @reservations:	reservations in the list, draining ones included
 * @sequence:		number of the newest event
 * @fills:		FILLs that asked for chunks
 * @fills_short:	of those, came up short
 * @chunks_allocated:	chunks that FILLs brought in
 * @pages_stuck:	draining pages that somebody still references
 */
struct bulk_counters {
	u64 pages[BULK_NR_STATES];
	u64 buffers;
	u64 reservations;
	u64 sequence;
	u64 fills;
	u64 fills_short;
	u64 chunks_allocated;
	u64 pages_stuck;
};

/**
 * struct bulk_pool - an area as cmabulk offers it
 * @ref:		references: the registry's, open devices, objects, queued
 *			work, and the pool's own events until they are sent
 * @node:		in the list of all pools, removed ones included, until the
 *			last reference; under pools_lock. Before it is published, in
 *			that of whoever prepared it
 * @name:		fixed
 * @minor:		fixed
 * @device:		its class device, until removal; under pools_lock
 * @engine:		fixed
 * @cache:		what was claimed and nobody asked for yet
 * @lock:		the books: all that follows up to @drains. Every page moves
 *			from state to state, every object comes and goes, and the
 *			event that tells so gets its number, in one critical
 *			section
 * @gone:		the pool was removed: nothing new may begin
 * @counters:		pages by state and other counts
 * @objects:		all that owns pages, oldest first
 * @events:		to be sent, oldest first
 * @nr_events:		how many
 * @events_sent:	when some were last, jiffies
 * @drains:		closed objects whose pages are to be given back
 * @stuck:		closed objects with pages that somebody still references;
 *			drain worker only
 * @stuck_delay:	when to look at @stuck again, jiffies; drain worker only
 * @leak_stuck:		give up on @stuck pages: the module is leaving
 * @events_lost:	events for which there was no memory, or no room in the queue
 *			of a listener that set NETLINK_BROADCAST_ERROR; event worker
 *			writes, anybody reads
 * @event_work:		sends @events; one work item, hence in order
 * @drain_work:		empties @drains
 * @added:		event
 * @removed:		event
 */
struct bulk_pool {
	struct kref ref;
	struct list_head node;
	char name[CMABULK_POOL_NAME_LEN];
	u32 minor;
	struct device *device;
	struct bulk_engine engine;
	struct bulk_cache cache;

	struct mutex lock;	/* the books */
	bool gone;
	struct bulk_counters counters;
	struct list_head objects;
	struct list_head events;
	unsigned int nr_events;
	unsigned long events_sent;
	struct list_head drains;

	struct list_head stuck;
	unsigned long stuck_delay;
	bool leak_stuck;
	atomic64_t events_lost;

	struct delayed_work event_work;
	struct delayed_work drain_work;
	struct bulk_event added;
	struct bulk_event removed;
};

/**
 * struct bulk_object - what owns pages: a reservation or a buffer
 * @ref:		references: the owner's, handed on from the file to the
 *			drain worker to the last event; and one per other event
 * @pool:		its pool, with a reference
 * @free:		frees what the object is embedded in
 * @kind:		fixed
 * @order:		fixed
 * @align:		fixed
 * @id:			fixed
 * @reservation:	for a buffer, the id of where its chunks came from; fixed
 * @inode:		for a buffer, of its dma-buf; fixed once listed
 * @born_ns:		ktime_get_boottime_ns(); fixed
 * @name:		fixed
 * @owner:		fixed
 * @node:		in bulk_pool.objects; bulk_pool.lock
 * @state:		of its pages, 0 until listed; bulk_pool.lock
 * @nr_chunks:		as the books have it; bulk_pool.lock
 * @nr_stuck:		chunks found referenced while draining; bulk_pool.lock
 * @drain_node:		in bulk_pool.drains or .stuck
 * @chunks:		the pages: a reservation's under bulk_reservation.lock, a
 *			buffer's fixed; the drain worker's once closed
 * @stuck_reported:	that pages are stuck was logged; drain worker only
 * @module_held:	the module is kept loaded for stuck pages; drain worker only
 * @begun:		event
 * @ended:		event
 */
struct bulk_object {
	struct kref ref;
	struct bulk_pool *pool;
	void (*free)(struct bulk_object *object);
	enum cmabulk_object kind;
	unsigned int order;
	unsigned int align;
	u64 id;
	u64 reservation;
	u64 inode;
	u64 born_ns;
	char name[CMABULK_BUFFER_NAME_LEN];
	struct cmabulk_owner owner;

	struct list_head node;
	enum cmabulk_state state;
	u64 nr_chunks;
	u64 nr_stuck;
	struct list_head drain_node;

	struct bulk_chunks chunks;
	bool stuck_reported;
	bool module_held;
	struct bulk_event begun;
	struct bulk_event ended;
};

/* pool.c: the registry */
int bulk_pool_prepare(const char *name, const char *area, struct list_head *list);
int bulk_pool_publish(struct bulk_pool *pool);
int bulk_pool_remove(struct bulk_pool *pool);
void bulk_pool_remove_all(void);
struct bulk_pool *bulk_pool_find(u32 minor);
struct bulk_pool *bulk_pool_find_name(const char *name);
struct bulk_pool *bulk_pool_next(u32 minor, u32 *generation);
void bulk_pool_get(struct bulk_pool *pool);
void bulk_pool_put(struct bulk_pool *pool);

/* books.c: who owns what */
void bulk_object_init(struct bulk_object *object, struct bulk_pool *pool,
		      enum cmabulk_object kind, void (*free)(struct bulk_object *object));
void bulk_object_put(struct bulk_object *object);
int bulk_books_open(struct bulk_object *reservation);
void bulk_books_cached(struct bulk_pool *pool, u64 pages);
void bulk_books_uncached(struct bulk_pool *pool, u64 pages);
void bulk_books_filled(struct bulk_object *reservation, u64 wanted, u64 got, u64 cached);
int bulk_books_export(struct bulk_object *reservation, struct bulk_object *buffer,
		      u64 nr_chunks);
bool bulk_books_close(struct bulk_object *object);
void bulk_books_drained(struct bulk_object *object, u64 left);
void bulk_books_pool_event(struct bulk_pool *pool, enum cmabulk_genl_command command);
void bulk_books_read(struct bulk_pool *pool, struct bulk_counters *counters);
void bulk_books_states(const struct bulk_counters *counters, struct cmabulk_states *states);
bool bulk_books_gone(struct bulk_pool *pool);
u64 bulk_books_held(struct bulk_object *object);
bool bulk_books_empty(struct bulk_pool *pool);
int bulk_books_snapshot(struct bulk_pool *pool, struct cmabulk_buffers *buffers,
			struct cmabulk_buffer_info **infos);

#endif /* BULK_POOL_H */
