// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reservations: file descriptors that own claimed chunks. RESERVE makes one,
 * FILL tops it up, EXPORT takes from it, closing gives the rest back.
 */
#include <linux/anon_inodes.h>
#include <linux/capability.h>
#include <linux/dma-buf.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "buffer.h"
#include "drain.h"
#include "pool.h"
#include "reservation.h"
#include "trace.h"
#include "uaccess.h"
#include "zero.h"

/* Sizes of the first published versions. */
#define RESERVE_SIZE_1	sizeof(struct cmabulk_reserve)
#define FILL_SIZE_1	sizeof(struct cmabulk_fill)
#define EXPORT_SIZE_1	sizeof(struct cmabulk_export)
#define CHUNKS_SIZE_1	sizeof(struct cmabulk_chunks)

/**
 * struct bulk_reservation - chunks that were claimed but not exported
 * @object:	the common part
 * @lock:	the chunks of @object, and @nr_zeroed. Held for moments only: not
 *		while FILL is in the engine, which writes behind the tail of the
 *		chunks, nor while user memory is accessed
 * @nr_zeroed:	how many of the chunks, from the first on, CHUNKS has zeroed
 * @filling:	a FILL is running; bulk_pool.lock
 * @interrupt:	it shall stop; written under bulk_pool.lock while @filling, read
 *		by the engine without
 */
struct bulk_reservation {
	struct bulk_object object;
	struct mutex lock;	/* chunks */
	size_t nr_zeroed;
	bool filling;
	bool interrupt;
};

static struct bulk_reservation *to_reservation(struct bulk_object *object)
{
	return container_of(object, struct bulk_reservation, object);
}

static u64 pool_capacity(const struct bulk_object *object)
{
	return object->pool->engine.nr_pages >> object->order;
}

/* More than can be counted, or more than the pool could ever hold? */
static int check_count(const struct bulk_object *object, u64 nr_chunks)
{
	u64 bytes;

	if (check_mul_overflow(nr_chunks, (u64)PAGE_SIZE << object->order, &bytes) ||
	    bytes > SSIZE_MAX)
		return -EOVERFLOW;
	if (nr_chunks > pool_capacity(object))
		return -E2BIG;
	return 0;
}

/*
 * FILL
 */

static int fill_begin(struct bulk_reservation *reservation)
{
	struct bulk_pool *pool = reservation->object.pool;
	int ret = 0;

	mutex_lock(&pool->lock);
	if (reservation->filling) {
		ret = -EALREADY;
	} else if (pool->gone) {
		ret = -ENODEV;
	} else {
		reservation->filling = true;
		WRITE_ONCE(reservation->interrupt, false);
	}
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

/* Room for the chunks, before the engine runs: there is no failing after. */
static int fill_prepare(struct bulk_reservation *reservation, u64 nr_requests,
			struct page ***room)
{
	struct bulk_chunks *chunks = &reservation->object.chunks;
	int ret = 0;

	mutex_lock(&reservation->lock);
	if (nr_requests > pool_capacity(&reservation->object) - bulk_chunks_held(chunks))
		ret = -E2BIG;
	else if (nr_requests)
		ret = bulk_chunks_reserve(chunks, nr_requests);
	if (!ret && nr_requests)
		*room = bulk_chunks_room(chunks);
	mutex_unlock(&reservation->lock);
	return ret;
}

static void fill_commit(struct bulk_reservation *reservation, u64 wanted, size_t got)
{
	mutex_lock(&reservation->lock);
	bulk_chunks_commit(&reservation->object.chunks, got);
	if (wanted)
		bulk_books_filled(&reservation->object, wanted, got);
	mutex_unlock(&reservation->lock);
}

static int fill_engine(struct bulk_reservation *reservation, struct cmabulk_fill *fill,
		       ktime_t started, struct page **room)
{
	struct bulk_object *object = &reservation->object;
	struct bulk_engine *engine = &object->pool->engine;
	struct bulk_request request = {
		.order = object->order,
		.align = object->align,
		.effort = fill->effort,
		.nr_requests = fill->nr_requests,
		.interrupt = &reservation->interrupt,
		.pages = room,
	};
	int ret;

	if (fill->budget_ns)
		request.deadline = ktime_add_safe(started, ns_to_ktime(fill->budget_ns));
	trace_fill_start(object->pool->name, object->id, fill->effort, fill->nr_requests);
	ret = engine->ops->fill(engine, &request);
	trace_fill_end(object->pool->name, object->id, ret, request.nr_allocated,
		       ktime_to_ns(ktime_sub(ktime_get(), started)));
	fill_commit(reservation, fill->nr_requests, request.nr_allocated);
	fill->nr_allocated = request.nr_allocated;
	fill->report = request.report;

	/* Removing the pool interrupts like INTERRUPT does: tell them apart. */
	if (ret == -EINTR && bulk_books_gone(object->pool))
		ret = -ENODEV;
	return ret;
}

static u64 chunks_held(struct bulk_reservation *reservation)
{
	u64 held;

	mutex_lock(&reservation->lock);
	held = bulk_chunks_held(&reservation->object.chunks);
	mutex_unlock(&reservation->lock);
	return held;
}

static int fill_check(const struct bulk_reservation *reservation,
		      const struct cmabulk_fill *fill)
{
	if (fill->flags || fill->pad || fill->effort > CMABULK_EFFORT_HARD ||
	    memchr_inv(fill->reserved, 0, sizeof(fill->reserved)))
		return -EINVAL;
	if (fill->budget_ns > KTIME_MAX)
		return -EOVERFLOW;
	return check_count(&reservation->object, fill->nr_requests);
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
	fill->total = chunks_held(reservation);
	return *ret != -E2BIG;
}

static long reservation_fill(struct bulk_reservation *reservation, void __user *arg)
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

/*
 * INTERRUPT
 */

static void interrupt_fill(struct bulk_reservation *reservation)
{
	lockdep_assert_held(&reservation->object.pool->lock);
	if (reservation->filling)
		WRITE_ONCE(reservation->interrupt, true);
}

/* Meant for the FILL that runs now; the next one starts with a clean slate. */
static long reservation_interrupt(struct bulk_reservation *reservation)
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
 * bulk_reservations_interrupt() - interrupt all FILLs of a pool
 * @pool:	the pool
 */
void bulk_reservations_interrupt(struct bulk_pool *pool)
{
	struct bulk_object *object;

	mutex_lock(&pool->lock);
	list_for_each_entry(object, &pool->objects, node)
		if (object->kind == CMABULK_OBJECT_RESERVATION)
			interrupt_fill(to_reservation(object));
	mutex_unlock(&pool->lock);
}

/*
 * EXPORT
 */

/* The point of no return: takes nothing that can fail after the books. */
static int export_commit(struct bulk_reservation *reservation, struct bulk_buffer *buffer,
			 size_t nr_chunks)
{
	struct bulk_object *object = &reservation->object;
	size_t nr_zeroed;
	int ret = -ENODATA;

	mutex_lock(&reservation->lock);
	if (bulk_chunks_held(&object->chunks) >= nr_chunks) {
		nr_zeroed = min(reservation->nr_zeroed, nr_chunks);
		ret = bulk_buffer_export(buffer, object, nr_chunks, nr_zeroed);
		if (!ret)
			reservation->nr_zeroed -= nr_zeroed;
	}
	mutex_unlock(&reservation->lock);
	return ret;
}

static int export_check(struct bulk_reservation *reservation,
			const struct cmabulk_export *export)
{
	u32 fd_flags = export->fd_flags;
	int ret;

	if (export->flags || !export->nr_chunks ||
	    fd_flags & ~(O_CLOEXEC | O_ACCMODE) || (fd_flags & O_ACCMODE) == O_ACCMODE ||
	    !bulk_string_ends(export->name, sizeof(export->name)) ||
	    memchr_inv(export->reserved, 0, sizeof(export->reserved)))
		return -EINVAL;
	ret = check_count(&reservation->object, export->nr_chunks);
	if (ret)
		return ret;
	if (bulk_books_gone(reservation->object.pool))
		return -ENODEV;
	/* Looked at again when it counts; this is before any allocation. */
	return chunks_held(reservation) < export->nr_chunks ? -ENODATA : 0;
}

static long reservation_export(struct bulk_reservation *reservation, void __user *arg)
{
	struct cmabulk_export export;
	struct dma_buf *dmabuf;
	u32 size;
	int ret;

	ret = bulk_struct_read(&export, sizeof(export), EXPORT_SIZE_1, arg, &size);
	if (ret)
		return ret;
	ret = export_check(reservation, &export);
	if (ret)
		return ret;

	dmabuf = bulk_buffer_create(&reservation->object, export.nr_chunks, export.name,
				    export.fd_flags & O_ACCMODE);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	export.fd = get_unused_fd_flags(export.fd_flags & O_CLOEXEC);
	if (export.fd < 0) {
		ret = export.fd;
		goto err_dmabuf;
	}
	export.id = bulk_buffer_of(dmabuf)->object.id;
	export.inode = bulk_buffer_of(dmabuf)->object.inode;
	ret = bulk_struct_write(arg, size, &export, sizeof(export));
	if (ret)
		goto err_fd;
	ret = export_commit(reservation, bulk_buffer_of(dmabuf), export.nr_chunks);
	if (ret)
		goto err_fd;
	fd_install(export.fd, dmabuf->file);
	return 0;

err_fd:
	put_unused_fd(export.fd);
err_dmabuf:
	dma_buf_put(dmabuf);
	return ret;
}

/*
 * CHUNKS
 */

/* How many chunks, from the first on, are to be zero for these to be seen. */
static u64 zero_until(const struct bulk_chunks *held, u64 first, u64 count)
{
	if (!count || first >= bulk_chunks_held(held))
		return 0;
	return min(first + count, bulk_chunks_held(held));
}

/*
 * Zero the chunks, one at a time lest others wait for the lock. Returns with
 * the lock held on success.
 */
static int zero_and_lock(struct bulk_reservation *reservation, u64 first, u64 count)
{
	struct bulk_object *object = &reservation->object;

	for (;;) {
		if (mutex_lock_killable(&reservation->lock))
			return -EINTR;
		if (reservation->nr_zeroed >= zero_until(&object->chunks, first, count))
			return 0;
		bulk_zero_pages(bulk_chunks_at(&object->chunks, reservation->nr_zeroed),
				object->order);
		reservation->nr_zeroed++;
		mutex_unlock(&reservation->lock);
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
}

static int collect_addresses(struct bulk_reservation *reservation,
			     struct cmabulk_chunks *chunks, u64 *addresses)
{
	const struct bulk_chunks *held = &reservation->object.chunks;
	u64 index;
	int ret;

	ret = zero_and_lock(reservation, chunks->first, chunks->count);
	if (ret)
		return ret;
	chunks->total = bulk_chunks_held(held);
	if (chunks->first >= chunks->total)
		chunks->count = 0;
	else
		chunks->count = min(chunks->count, chunks->total - chunks->first);
	for (index = 0; index < chunks->count; index++)
		addresses[index] = page_to_phys(bulk_chunks_at(held, chunks->first + index));
	mutex_unlock(&reservation->lock);
	return 0;
}

static int chunks_check(const struct bulk_reservation *reservation,
			const struct cmabulk_chunks *chunks)
{
	u64 end;

	if (chunks->flags || memchr_inv(chunks->reserved, 0, sizeof(chunks->reserved)))
		return -EINVAL;
	if (check_add_overflow(chunks->first, chunks->count, &end))
		return -EOVERFLOW;
	if (bulk_books_gone(reservation->object.pool))
		return -ENODEV;
	return 0;
}

static long reservation_chunks(struct bulk_reservation *reservation, void __user *arg)
{
	struct cmabulk_chunks chunks;
	u64 *addresses;
	u32 size;
	int ret;

	if (!capable(CAP_SYS_RAWIO))
		return -EPERM;
	ret = bulk_struct_read(&chunks, sizeof(chunks), CHUNKS_SIZE_1, arg, &size);
	if (ret)
		return ret;
	ret = chunks_check(reservation, &chunks);
	if (ret)
		return ret;

	/* Room for what is held now is enough: what a FILL adds may be missed. */
	chunks.count = min(chunks.count, chunks_held(reservation));
	addresses = kvmalloc_array(max(chunks.count, 1), sizeof(*addresses),
				   GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!addresses)
		return -ENOMEM;
	ret = collect_addresses(reservation, &chunks, addresses);
	if (!ret && copy_to_user(u64_to_user_ptr(chunks.addresses), addresses,
				 chunks.count * sizeof(*addresses)))
		ret = -EFAULT;
	if (!ret)
		ret = bulk_struct_write(arg, size, &chunks, sizeof(chunks));
	kvfree(addresses);
	return ret;
}

/*
 * The file
 */

static long reservation_ioctl(struct file *file, unsigned int command, unsigned long arg)
{
	struct bulk_reservation *reservation = file->private_data;
	void __user *user = (void __user *)arg;

	switch (BULK_COMMAND(command)) {
	case BULK_COMMAND(CMABULK_IOC_FILL):
		return reservation_fill(reservation, user);
	case BULK_COMMAND(CMABULK_IOC_INTERRUPT):
		return reservation_interrupt(reservation);
	case BULK_COMMAND(CMABULK_IOC_EXPORT):
		return reservation_export(reservation, user);
	case BULK_COMMAND(CMABULK_IOC_CHUNKS):
		return reservation_chunks(reservation, user);
	default:
		return -ENOTTY;
	}
}

static int reservation_release(struct inode *inode, struct file *file)
{
	struct bulk_reservation *reservation = file->private_data;
	struct bulk_object *object = &reservation->object;

	if (!object->state) {		/* never got into the books */
		bulk_object_put(object);
		return 0;
	}
	bulk_books_close(object);
	trace_reservation_drop(object->pool->name, object->id, object->ended.pages);
	bulk_drain_queue(object);
	return 0;
}

static const struct file_operations reservation_operations = {
	.owner = THIS_MODULE,
	.release = reservation_release,
	.unlocked_ioctl = reservation_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static void reservation_free(struct bulk_object *object)
{
	struct bulk_reservation *reservation = to_reservation(object);

	mutex_destroy(&reservation->lock);
	kfree(reservation);
}

static struct bulk_reservation *reservation_alloc(struct bulk_pool *pool,
						  const struct cmabulk_reserve *reserve)
{
	struct bulk_reservation *reservation;
	struct bulk_object *object;

	reservation = kzalloc(sizeof(*reservation), GFP_KERNEL_ACCOUNT);
	if (!reservation)
		return NULL;
	mutex_init(&reservation->lock);
	object = &reservation->object;
	bulk_object_init(object, pool, CMABULK_OBJECT_RESERVATION, reservation_free);
	object->order = reserve->order;
	object->align = max(reserve->align, reserve->order);
	object->owner = reserve->owner;
	return reservation;
}

static int reserve_check(const struct bulk_pool *pool, const struct cmabulk_reserve *reserve)
{
	const struct cmabulk_owner *owner = &reserve->owner;
	const struct bulk_engine *engine = &pool->engine;

	if (reserve->flags & ~O_CLOEXEC || reserve->pad ||
	    memchr_inv(reserve->reserved, 0, sizeof(reserve->reserved)) ||
	    !bulk_string_ends(owner->account, sizeof(owner->account)) ||
	    !bulk_string_ends(owner->label, sizeof(owner->label)))
		return -EINVAL;
	if (reserve->order < engine->order_per_bit || reserve->order > engine->max_order ||
	    reserve->align > engine->max_order)
		return -EINVAL;
	return 0;
}

/**
 * bulk_reservation_create() - RESERVE
 * @pool:	the pool
 * @arg:	struct cmabulk_reserve in user memory
 *
 * Return: 0; -EINVAL, -E2BIG, -EFAULT for bad input, -ENODEV when the pool is
 * gone, -EMFILE, -ENFILE, -ENOMEM.
 */
long bulk_reservation_create(struct bulk_pool *pool, void __user *arg)
{
	struct bulk_reservation *reservation;
	struct cmabulk_reserve reserve;
	struct file *file;
	u32 size;
	int ret;

	ret = bulk_struct_read(&reserve, sizeof(reserve), RESERVE_SIZE_1, arg, &size);
	if (ret)
		return ret;
	ret = reserve_check(pool, &reserve);
	if (ret)
		return ret;

	reservation = reservation_alloc(pool, &reserve);
	if (!reservation)
		return -ENOMEM;
	reserve.fd = get_unused_fd_flags(reserve.flags);
	if (reserve.fd < 0) {
		ret = reserve.fd;
		goto err_reservation;
	}
	reserve.id = reservation->object.id;
	ret = bulk_struct_write(arg, size, &reserve, sizeof(reserve));
	if (ret)
		goto err_fd;
	file = anon_inode_getfile("[cmabulk-reservation]", &reservation_operations,
				  reservation, O_RDWR);
	if (IS_ERR(file)) {
		ret = PTR_ERR(file);
		goto err_fd;
	}
	ret = bulk_books_open(&reservation->object);
	if (ret)
		goto err_file;
	fd_install(reserve.fd, file);
	return 0;

err_file:
	fput(file);	/* and with it the reservation */
	put_unused_fd(reserve.fd);
	return ret;
err_fd:
	put_unused_fd(reserve.fd);
err_reservation:
	bulk_object_put(&reservation->object);
	return ret;
}
