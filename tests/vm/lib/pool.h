/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The module's ioctls, one function each. They return 0 or a negative errno as the kernel does, so
 * that a test can ask for either; pool_open(), reservation_new() and buffer_new() abort on failure.
 */
#ifndef VM_POOL_H
#define VM_POOL_H

#include <glib.h>
#include <linux/cmabulk.h>
#include <stddef.h>

/* ioctl() that returns a negative errno. */
int pool_ioctl(int fd, unsigned long request, void *argument);

int pool_try_open(const char *name);
int pool_open(const char *name);
int pool_query(int pool, struct cmabulk_query *query);
int pool_survey(int pool, struct cmabulk_survey *survey);
/* Snapshot with as many entries as there are; @ret_entries is freed with g_free(). */
int pool_buffers(int pool, struct cmabulk_buffers *buffers,
		 struct cmabulk_buffer_info **ret_entries);

/* A file descriptor, or a negative errno. @ret_id may be NULL. */
int reservation_try_new(int pool, unsigned int order, unsigned int align, guint64 *ret_id);
int reservation_new(int pool, unsigned int order, unsigned int align);
/* Fills in everything of @fill; @budget in nanoseconds, 0 for none. */
int reservation_fill(int reservation, enum cmabulk_effort effort, guint64 chunks, guint64 budget,
		     struct cmabulk_fill *fill);
/* Asks for @chunks with rising effort; returns how many the reservation holds. */
guint64 reservation_fill_all(int reservation, guint64 chunks);
int reservation_interrupt(int reservation);
/* A dma-buf's file descriptor, or a negative errno. @ret may be NULL. */
int reservation_export(int reservation, guint64 chunks, int fd_flags, const char *name,
		       struct cmabulk_export *ret);
/* The addresses of all chunks held; @ret_addresses is freed with g_free(). */
int reservation_chunks(int reservation, guint64 **ret_addresses, guint64 *ret_count);

/* A dma-buf of @chunks chunks in one go, its reservation already closed. */
int buffer_new(int pool, unsigned int order, guint64 chunks);
size_t buffer_size(int buffer);
/* Maps all of it shared, for reading and writing. */
void *buffer_map(int buffer);
/* DMA_BUF_IOCTL_SYNC with DMA_BUF_SYNC_* flags. */
int buffer_sync(int buffer, guint64 flags);

#endif /* VM_POOL_H */
