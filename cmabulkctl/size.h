/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sizes, amounts of chunks and times, as people write and read them. Pure. */
#ifndef CMABULKCTL_SIZE_H
#define CMABULKCTL_SIZE_H

#include <stddef.h>
#include <stdint.h>

/* Room for what the format functions write. */
#define SIZE_TEXT 64

/* A whole number; -EINVAL, -ERANGE when above @max. */
int number_parse(const char *text, uint64_t max, uint64_t *ret);

/* 65536, 64K, 300M, 2G, 1T, with or without "B" or "iB"; powers of 1024. -EINVAL, -ERANGE. */
int size_parse(const char *text, uint64_t *ret);

/* 500ms, 20s, 1.5s, 2min, 300us; without unit seconds; "infinity" is UINT64_MAX. */
int time_parse(const char *text, uint64_t *ret_usec);

/* How much is wanted: what is 0 was not said. */
struct amount {
	uint64_t chunks;
	uint64_t bytes;
	uint64_t chunk_size;
};

/* 4800 (chunks), 300M (bytes), 4800x64K (chunks of a size). -EINVAL, -ERANGE. */
int amount_parse(const char *text, struct amount *ret);

/*
 * In chunks of 2^order pages. @order is -1 when not said; then it is that of
 * the amount's chunk size, else of 64 KiB. -EINVAL: the chunk size is not a
 * power of two of pages, or not the order's.
 */
int amount_resolve(const struct amount *amount, int order, uint64_t page_size, uint64_t *ret_chunks,
		   unsigned int *ret_order);

/* 300M, 64K, 1.5G, 12345 */
const char *size_format(char text[SIZE_TEXT], uint64_t bytes);

/* 830us, 9.6ms, 1.2s, 2min 5s, 3h 20min, 2d 4h */
const char *time_format(char text[SIZE_TEXT], uint64_t usec);

#endif
