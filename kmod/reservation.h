/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reservations: file descriptors that own claimed chunks.
 */
#ifndef BULK_RESERVATION_H
#define BULK_RESERVATION_H

struct bulk_pool;

long bulk_reservation_create(struct bulk_pool *pool, void __user *arg);
void bulk_reservations_interrupt(struct bulk_pool *pool);

#endif /* BULK_RESERVATION_H */
