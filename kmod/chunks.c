// SPDX-License-Identifier: GPL-2.0-only
/*
 * A queue of chunks. Knows nothing of pages but their addresses.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "chunks.h"

/**
 * bulk_chunks_reserve() - make room behind the tail
 * @chunks:	the queue
 * @count:	places needed
 *
 * May move the queue to a larger array.
 *
 * Return: 0, or -ENOMEM with nothing changed.
 */
int bulk_chunks_reserve(struct bulk_chunks *chunks, size_t count)
{
	size_t held = bulk_chunks_held(chunks);
	struct page **pages;
	size_t capacity;

	if (chunks->capacity - chunks->tail >= count)
		return 0;
	if (check_add_overflow(held, count, &capacity))
		return -ENOMEM;

	/*
	 * The size comes from user space: fail quietly, charge the caller. FILL may just have
	 * taken what there was: nobody is to be killed for the list of it.
	 */
	pages = kvmalloc_array(capacity, sizeof(*pages),
			       GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	if (!pages)
		return -ENOMEM;
	if (held)
		memcpy(pages, chunks->pages + chunks->head, array_size(held, sizeof(*pages)));
	kvfree(chunks->pages);
	chunks->pages = pages;
	chunks->head = 0;
	chunks->tail = held;
	chunks->capacity = capacity;
	return 0;
}

/**
 * bulk_chunks_room() - where reserved places begin
 * @chunks:	the queue
 *
 * Return: pointer to the places a bulk_chunks_reserve() made.
 */
struct page **bulk_chunks_room(struct bulk_chunks *chunks)
{
	return chunks->pages + chunks->tail;
}

/**
 * bulk_chunks_commit() - append what was written to reserved places
 * @chunks:	the queue
 * @count:	chunks written there
 */
void bulk_chunks_commit(struct bulk_chunks *chunks, size_t count)
{
	chunks->tail += count;
}

/**
 * bulk_chunks_move() - move chunks from the head of one queue to another
 * @to:		gets them at its tail; has room reserved
 * @from:	holds at least @count
 * @count:	chunks to move
 */
void bulk_chunks_move(struct bulk_chunks *to, struct bulk_chunks *from, size_t count)
{
	memcpy(bulk_chunks_room(to), from->pages + from->head,
	       array_size(count, sizeof(*to->pages)));
	to->tail += count;
	from->head += count;
}

/**
 * bulk_chunks_free() - free the array, not the pages
 * @chunks:	the queue
 */
void bulk_chunks_free(struct bulk_chunks *chunks)
{
	kvfree(chunks->pages);
	*chunks = (struct bulk_chunks) {};
}
