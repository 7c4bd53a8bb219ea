/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A queue of chunks: FILL appends at the tail, EXPORT takes from the head.
 */
#ifndef BULK_CHUNKS_H
#define BULK_CHUNKS_H

#include <linux/types.h>

struct page;

/**
 * struct bulk_chunks - first pages of chunks, in order
 * @pages:	the array; chunks are at @head up to but not including @tail
 * @head:	first chunk held
 * @tail:	first free place
 * @capacity:	places in @pages
 *
 * The owner of the structure serialises; see struct bulk_object for who that
 * is. Between bulk_chunks_reserve() and bulk_chunks_commit() the reserved
 * places behind the tail may be written without the lock: taking from the
 * head neither moves them nor changes the tail.
 */
struct bulk_chunks {
	struct page **pages;
	size_t head;
	size_t tail;
	size_t capacity;
};

static inline size_t bulk_chunks_held(const struct bulk_chunks *chunks)
{
	return chunks->tail - chunks->head;
}

static inline struct page *bulk_chunks_at(const struct bulk_chunks *chunks, size_t index)
{
	return chunks->pages[chunks->head + index];
}

int bulk_chunks_reserve(struct bulk_chunks *chunks, size_t count);
struct page **bulk_chunks_room(struct bulk_chunks *chunks);
void bulk_chunks_commit(struct bulk_chunks *chunks, size_t count);
void bulk_chunks_move(struct bulk_chunks *to, struct bulk_chunks *from, size_t count);
void bulk_chunks_free(struct bulk_chunks *chunks);

#endif /* BULK_CHUNKS_H */
