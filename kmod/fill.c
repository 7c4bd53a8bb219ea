// SPDX-License-Identifier: GPL-2.0-only
/*
 * FILL and INTERRUPT: topping up a reservation, and stopping that.
 *
 * A FILL runs in the engine without any lock: the room for what it will bring
 * was made before, behind the chunks that others may take meanwhile.
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "cache.h"
#include "reservation.h"
#include "trace.h"
#include "uaccess.h"

/* Size of the first published version: what is appended does not count. */
#define FILL_SIZE_1	336

static_assert(sizeof(struct cmabulk_fill) == FILL_SIZE_1);

static int fill_begin(struct bulk_reservation *reservation)
{
	struct bulk_pool *pool = reservation->object.pool;
	int ret = 0;

	mutex_lock(&pool->lock);
	if (reservation->filling)
		ret = -EALREADY;
	else if (pool->gone)
		ret = -ENODEV;
	else
		reservation->filling = true;
	mutex_unlock(&pool->lock);
	return ret;
}

static void fill_end(struct bulk_reservation *reservation)
{
	struct bulk_pool *pool = reservation->object.pool;

	mutex_lock(&pool->lock);
	reservation->filling = false;
	mutex_unlock(&pool->lock);
}

/*
 * An INTERRUPT is spent on the FILL that says so; one that came too late for that is the next
 * one's. Removing the pool interrupts like INTERRUPT does: tell them apart. A mere report is
 * stopped by nothing but a fatal signal, and spends nothing.
 */
static int fill_interrupted(struct bulk_reservation *reservation, u64 nr_requests)
{
	struct bulk_pool *pool = reservation->object.pool;
	int ret = -EINTR;

	mutex_lock(&pool->lock);
	if (pool->gone)
		ret = -ENODEV;
	else if (nr_requests)
		WRITE_ONCE(reservation->interrupt, false);
	mutex_unlock(&pool->lock);
	return ret;
}

/* Room for the chunks, before the engine runs: there is no failing after. */
static int fill_prepare(struct bulk_reservation *reservation, u64 nr_requests,
			struct page ***room)
{
	struct bulk_chunks *chunks = &reservation->object.chunks;
	int ret = 0;

	if (mutex_lock_killable(&reservation->lock))
		return -EINTR;
	if (nr_requests > bulk_reservation_limit(reservation) - bulk_chunks_held(chunks))
		ret = -E2BIG;
	else if (nr_requests)
		ret = bulk_chunks_reserve(chunks, nr_requests);
	if (!ret && nr_requests)
		*room = bulk_chunks_room(chunks);
	mutex_unlock(&reservation->lock);
	return ret;
}

static void fill_commit(struct bulk_reservation *reservation, u64 wanted, size_t got,
			size_t cached)
{
	mutex_lock(&reservation->lock);
	bulk_chunks_commit(&reservation->object.chunks, got);
	if (wanted)
		bulk_books_filled(&reservation->object, wanted, got, cached);
	mutex_unlock(&reservation->lock);
}

static int fill_engine(struct bulk_reservation *reservation, struct cmabulk_fill *fill,
		       ktime_t started, struct page **room)
{
	struct bulk_object *object = &reservation->object;
	struct bulk_request request = {
		.order = object->order,
		.align = object->align,
		.effort = fill->effort,
		.nr_requests = fill->nr_requests,
		.interrupt = &reservation->interrupt,
		.pages = room,
	};
	size_t cached;
	int ret;

	if (fill->budget_ns)
		request.deadline = ktime_add_safe(started, ns_to_ktime(fill->budget_ns));
	trace_fill_start(object->pool->name, object->id, fill->effort, fill->nr_requests);
	ret = bulk_cache_fill(object->pool, &request, &cached);
	trace_fill_end(object->pool->name, object->id, ret, request.nr_allocated,
		       ktime_to_ns(ktime_sub(ktime_get(), started)));
	fill_commit(reservation, fill->nr_requests, request.nr_allocated, cached);
	fill->nr_allocated = request.nr_allocated;
	fill->report = request.report;
	return ret == -EINTR ? fill_interrupted(reservation, fill->nr_requests) : ret;
}

static int fill_check(const struct bulk_reservation *reservation,
		      const struct cmabulk_fill *fill)
{
	if (fill->flags || fill->pad || fill->effort > CMABULK_EFFORT_HARD ||
	    memchr_inv(fill->reserved, 0, sizeof(fill->reserved)))
		return -EINVAL;
	if (fill->budget_ns > KTIME_MAX)
		return -EOVERFLOW;
	return bulk_reservation_check_count(reservation, fill->nr_requests);
}

/* Returns whether the outputs are to be written; the result is in *@ret. */
static bool fill_run(struct bulk_reservation *reservation, struct cmabulk_fill *fill, int *ret)
{
	ktime_t started = ktime_get();
	struct page **room = NULL;

	fill->nr_allocated = 0;
	memset(&fill->report, 0, sizeof(fill->report));
	*ret = fill_begin(reservation);
	if (*ret == -EALREADY)
		return false;
	if (!*ret) {
		*ret = fill_prepare(reservation, fill->nr_requests, &room);
		if (!*ret)
			*ret = fill_engine(reservation, fill, started, room);
		fill_end(reservation);
	}
	fill->total = bulk_books_held(&reservation->object);
	return *ret != -E2BIG;
}

/**
 * bulk_fill() - FILL
 * @reservation:	the reservation
 * @arg:		struct cmabulk_fill in user memory
 *
 * Return: see struct cmabulk_fill.
 */
long bulk_fill(struct bulk_reservation *reservation, void __user *arg)
{
	struct cmabulk_fill fill;
	int ret, written;
	u32 size;

	ret = bulk_struct_read(&fill, sizeof(fill), FILL_SIZE_1, arg, &size);
	if (ret)
		return ret;
	ret = fill_check(reservation, &fill);
	if (ret)
		return ret;
	/* Memory that cannot be written is better found before the work. */
	ret = bulk_struct_write(arg, size, &fill, sizeof(fill));
	if (ret)
		return ret;
	if (!fill_run(reservation, &fill, &ret))
		return ret;
	written = bulk_struct_write(arg, size, &fill, sizeof(fill));
	return written ? written : ret;
}

static void interrupt_fill(struct bulk_reservation *reservation)
{
	lockdep_assert_held(&reservation->object.pool->lock);
	WRITE_ONCE(reservation->interrupt, true);
}

/**
 * bulk_fill_interrupt() - INTERRUPT
 * @reservation:	the reservation
 *
 * Makes one FILL return -EINTR: the one that runs now or, when there is none or
 * it is past its last range, the next. Several before that count as one.
 *
 * Return: 0, or -ENODEV when the pool is gone.
 */
long bulk_fill_interrupt(struct bulk_reservation *reservation)
{
	struct bulk_pool *pool = reservation->object.pool;
	int ret = 0;

	mutex_lock(&pool->lock);
	if (pool->gone)
		ret = -ENODEV;
	else
		interrupt_fill(reservation);
	mutex_unlock(&pool->lock);
	return ret;
}

/**
 * bulk_fill_interrupt_all() - interrupt all FILLs of a pool
 * @pool:	the pool
 */
void bulk_fill_interrupt_all(struct bulk_pool *pool)
{
	struct bulk_object *object;

	mutex_lock(&pool->lock);
	list_for_each_entry(object, &pool->objects, node)
		if (object->kind == CMABULK_OBJECT_RESERVATION)
			interrupt_fill(bulk_reservation_of(object));
	mutex_unlock(&pool->lock);
}
