/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How chunks are spread over buffers. Pure. */
#ifndef LIBCMABULK_SPREAD_H
#define LIBCMABULK_SPREAD_H

#include <stdint.h>

/* Buffers that @chunks are spread over when @buffers are asked for: none stays empty. */
static inline unsigned int spread_buffers(uint64_t chunks, unsigned int buffers)
{
	return chunks < buffers ? (unsigned int)chunks : buffers;
}

/* Chunks in buffer @index of @buffers: the same in each, the first ones get one more of the rest. */
static inline uint64_t spread_chunks(uint64_t chunks, unsigned int buffers, unsigned int index)
{
	return chunks / buffers + (index < chunks % buffers ? 1 : 0);
}

#endif
