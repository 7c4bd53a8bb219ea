// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reservations: file descriptors that own claimed chunks. RESERVE makes one,
 * FILL (in fill.c) tops it up, EXPORT takes from it, CHUNKS tells where they
 * are, closing gives the rest back.
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

/* Sizes of the first published versions: what is appended does not count. */
#define RESERVE_SIZE_1	208
#define EXPORT_SIZE_1	104
#define CHUNKS_SIZE_1	72

static_assert(sizeof(struct cmabulk_reserve) == RESERVE_SIZE_1);
static_assert(sizeof(struct cmabulk_export) == EXPORT_SIZE_1);
static_assert(sizeof(struct cmabulk_chunks) == CHUNKS_SIZE_1);

/**
 * bulk_reservation_limit() - how many chunks a reservation could ever hold
 * @reservation:	the reservation
 *
 * Return: chunks.
 */
u64 bulk_reservation_limit(const struct bulk_reservation *reservation)
{
	const struct bulk_object *object = &reservation->object;

	return object->pool->engine.nr_pages >> object->order;
}

/**
 * bulk_reservation_check_count() - can there be so many chunks?
 * @reservation:	has their order
 * @nr_chunks:		how many
 *
 * Return: 0; -EOVERFLOW when their pages cannot be counted, -E2BIG when the
 * pool could never hold them.
 */
int bulk_reservation_check_count(const struct bulk_reservation *reservation, u64 nr_chunks)
{
	u64 pages;

	if (check_mul_overflow(nr_chunks, 1ULL << reservation->object.order, &pages))
		return -EOVERFLOW;
	return nr_chunks > bulk_reservation_limit(reservation) ? -E2BIG : 0;
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

	if (mutex_lock_killable(&reservation->lock))
		return -EINTR;
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
	ret = bulk_reservation_check_count(reservation, export->nr_chunks);
	if (ret)
		return ret;
	if (bulk_books_gone(reservation->object.pool))
		return -ENODEV;
	/* Looked at again when it counts; this is before any allocation. */
	return bulk_books_held(&reservation->object) < export->nr_chunks ? -ENODATA : 0;
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
	u64 end, bytes;

	if (chunks->flags || memchr_inv(chunks->reserved, 0, sizeof(chunks->reserved)))
		return -EINVAL;
	if (check_add_overflow(chunks->first, chunks->count, &end) ||
	    check_mul_overflow(chunks->count, (u64)sizeof(u64), &bytes))
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
	chunks.count = min(chunks.count, bulk_books_held(&reservation->object));
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
		return bulk_fill(reservation, user);
	case BULK_COMMAND(CMABULK_IOC_INTERRUPT):
		return bulk_fill_interrupt(reservation);
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
	trace_reservation_drop(object->pool->name, object->id,
			       (u64)bulk_chunks_held(&object->chunks) << object->order);
	if (bulk_books_close(object))
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
	struct bulk_reservation *reservation = bulk_reservation_of(object);

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
