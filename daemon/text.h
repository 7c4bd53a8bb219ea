/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers and quotations as sentences have them. Pure. */
#ifndef CMABULKD_TEXT_H
#define CMABULKD_TEXT_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define TEXT_SIZE_MAX 32

/* Exact, in the largest unit that makes it a whole number: a limit has to be told from what is just above it. */
static inline const char *text_size(char ret[TEXT_SIZE_MAX], uint64_t bytes)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	unsigned int unit = 0;

	while (bytes > 0 && bytes % 1024 == 0 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		bytes /= 1024;
		unit++;
	}
	snprintf(ret, TEXT_SIZE_MAX, "%" PRIu64 " %s", bytes, units[unit]);
	return ret;
}

#define TEXT_EXCERPT_MAX 65

/* The beginning of what a client said, to quote it; never half a character, which the bus does not take. */
static inline const char *text_excerpt(char ret[TEXT_EXCERPT_MAX], const char *text)
{
	size_t length = strnlen(text, TEXT_EXCERPT_MAX);

	if (length == TEXT_EXCERPT_MAX)
		for (length--; length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80;)
			length--;
	memcpy(ret, text, length);
	ret[length] = '\0';
	return ret;
}

#endif
