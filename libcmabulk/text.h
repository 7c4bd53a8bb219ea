/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which strings may be names of pools and devices, labels, accounts and kinds. Pure. */
#ifndef LIBCMABULK_TEXT_H
#define LIBCMABULK_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* A file name below /dev/cmabulk that cannot lead anywhere else. */
bool text_is_pool_name(const char *text);

/* UTF-8 without control characters, shorter than @size bytes. */
bool text_is_label(const char *text, size_t size);

#define TEXT_DEVICE_LEN 1024

/* The daemon may look for such a device; which forms it knows is its affair. */
bool text_is_device(const char *text);

/* "kmod", "sim" or "unknown", static. */
const char *text_kind(const char *text);

/*
 * Writes "LABEL-INDEX", or only LABEL if @count is 1, or "" for an empty
 * label; cuts the label, between characters, so that it fits in @size bytes.
 */
void text_buffer_name(char *ret, size_t size, const char *label, unsigned int index,
		      unsigned int count);

#endif
