/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reservations: file descriptors that own claimed chunks.
 */
#ifndef BULK_RESERVATION_H
#define BULK_RESERVATION_H

#include <linux/mutex.h>

#include "pool.h"

/**
 * struct bulk_reservation - chunks that were claimed but not exported
 * @object:	the common part
 * @lock:	the chunks of @object, and @nr_zeroed. Not held while FILL is in the
 *		engine, which writes behind the tail of the chunks, nor while user
 *		memory is accessed; so for moments, but for CHUNKS, which zeroes a
 *		chunk under it: whoever need not have it waits killably
 * @nr_zeroed:	how many of the chunks, from the first on, CHUNKS has zeroed
 * @filling:	a FILL is running; bulk_pool.lock
 * @interrupt:	a FILL shall return -EINTR, and has not yet; written under
 *		bulk_pool.lock, read by the engine without
 */
struct bulk_reservation {
	struct bulk_object object;
	struct mutex lock;	/* chunks */
	size_t nr_zeroed;
	bool filling;
	bool interrupt;
};

static inline struct bulk_reservation *bulk_reservation_of(struct bulk_object *object)
{
	return container_of(object, struct bulk_reservation, object);
}

/* reservation.c */
long bulk_reservation_create(struct bulk_pool *pool, void __user *arg);
u64 bulk_reservation_limit(const struct bulk_reservation *reservation);
int bulk_reservation_check_count(const struct bulk_reservation *reservation, u64 nr_chunks);

/* fill.c */
long bulk_fill(struct bulk_reservation *reservation, void __user *arg);
long bulk_fill_interrupt(struct bulk_reservation *reservation);
void bulk_fill_interrupt_all(struct bulk_pool *pool);

#endif /* BULK_RESERVATION_H */
