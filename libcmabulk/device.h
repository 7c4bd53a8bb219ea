/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The module's devices as C functions: one per ioctl, negative errno in the
 * library's own meaning. Knows the uapi header and nothing of the library's
 * objects.
 */
#ifndef LIBCMABULK_DEVICE_H
#define LIBCMABULK_DEVICE_H

#include <linux/cmabulk.h>
#include <stdint.h>

#define DEVICE_DIRECTORY "/dev/cmabulk"

/* 0, -ENOENT: no pool at all, -EACCES. */
int device_check_directory(void);

/* Names of all pools, sorted, NULL after the last; give each and the array to free(). */
int device_list(char ***ret_names);
void device_names_freep(char ***names);

/* 0, -ENOENT: no pool at all, -ENXIO: not this pool, -ENODEV, -EACCES, -EMFILE, -ENFILE. */
int device_open(const char *name, int *ret_fd);

/* These return -EPROTO for a device that is not the module's, and -ENODEV for a pool that is gone. */
int device_query(int device, struct cmabulk_query *ret);
int device_survey(int device, struct cmabulk_survey *ret);

/* All live objects of one moment; give the array to free(). */
int device_list_objects(int device, struct cmabulk_buffer_info **ret, uint64_t *ret_count);

struct device_reservation {
	uint32_t order;
	uint32_t align;
	struct cmabulk_owner owner;
};

int device_reserve(int device, const struct device_reservation *reservation, int *ret_fd);

/* What FILL returns; @ret is filled in then, and zero where FILL was refused. */
int device_fill(int reservation, uint32_t effort, uint64_t chunks, uint64_t budget_ns,
		struct cmabulk_fill *ret);

/* A dma-buf of @chunks chunks; on error nothing changed. */
int device_export(int reservation, uint64_t chunks, const char *name, struct cmabulk_export *ret);

#endif
