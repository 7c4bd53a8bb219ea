/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Buffers: dma-bufs made of chunks.
 */
#ifndef BULK_BUFFER_H
#define BULK_BUFFER_H

#include <linux/dma-buf.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/refcount.h>

#include "compat.h"
#include "pool.h"
#include "zero.h"

/**
 * struct bulk_buffer - what is behind a dma-buf
 * @object:		the common part; its chunks are fixed once exported
 * @users:		who may touch the pages: the dma-buf, the place in the
 *			queue for zeroing and each worker at it; the last one sends
 *			the pages to the drain
 * @lock:		@attachments, the mappings in them and @vaddr, against
 *			begin and end of CPU access
 * @attachments:	struct bulk_attachment
 * @vaddr:		kernel mapping of all pages, NULL when there is none
 * @zeroing:		how far zeroing is
 */
struct bulk_buffer {
	struct bulk_object object;
	refcount_t users;
	struct mutex lock;	/* mappings */
	struct list_head attachments;
	void *vaddr;
	struct bulk_zeroing zeroing;
};

static inline struct bulk_buffer *bulk_buffer_of(const struct dma_buf *dmabuf)
{
	return dmabuf->priv;
}

static inline struct page *bulk_buffer_chunk(const struct bulk_buffer *buffer, size_t index)
{
	return bulk_chunks_at(&buffer->object.chunks, index);
}

static inline struct page *bulk_buffer_page(const struct bulk_buffer *buffer, pgoff_t offset)
{
	unsigned int order = buffer->object.order;

	return nth_page(bulk_buffer_chunk(buffer, offset >> order), offset & ((1UL << order) - 1));
}

static inline size_t bulk_buffer_bytes(const struct bulk_buffer *buffer)
{
	return bulk_chunks_held(&buffer->object.chunks) << (buffer->object.order + PAGE_SHIFT);
}

struct dma_buf *bulk_buffer_create(struct bulk_object *reservation, size_t nr_chunks,
				   const char *name, int flags);
int bulk_buffer_export(struct bulk_buffer *buffer, struct bulk_object *reservation,
		       size_t nr_chunks, size_t nr_zeroed);
void bulk_buffer_put(struct bulk_buffer *buffer);

/* mapping.c */
int bulk_mapping_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attachment);
void bulk_mapping_detach(struct dma_buf *dmabuf, struct dma_buf_attachment *attachment);
struct sg_table *bulk_mapping_map(struct dma_buf_attachment *attachment,
				  enum dma_data_direction direction);
void bulk_mapping_unmap(struct dma_buf_attachment *attachment, struct sg_table *table,
			enum dma_data_direction direction);
int bulk_mapping_begin_cpu(struct dma_buf *dmabuf, enum dma_data_direction direction);
int bulk_mapping_end_cpu(struct dma_buf *dmabuf, enum dma_data_direction direction);

#endif /* BULK_BUFFER_H */
