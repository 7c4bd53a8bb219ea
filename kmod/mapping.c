// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device mappings of buffers: attachments, scatterlists, cache maintenance.
 *
 * Attaching builds one scatterlist, so that mapping needs no memory as a rule;
 * an importer that maps an attachment a second time before unmapping gets a
 * scatterlist of its own. Nothing here relies on dma_resv, which map and unmap
 * are called with (from 6.2 on), or are by some importers (6.1).
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "buffer.h"
#include "zero.h"

/*
 * Several devices may map one buffer at a time. Whoever maps memory and has it
 * synchronised by that is told by DMA debugging that he must be alone, so
 * caches are maintained in a step of their own.
 */
#define MAP_ATTRIBUTES	DMA_ATTR_SKIP_CPU_SYNC

/**
 * struct bulk_mapping - a buffer as one device sees it
 * @table:	scatterlist that the importer gets
 * @in_use:	from before it is mapped until after; bulk_buffer.lock
 * @direction:	DMA_NONE while not mapped; bulk_buffer.lock
 * @node:	in bulk_attachment.mappings; bulk_buffer.lock
 */
struct bulk_mapping {
	struct sg_table table;
	bool in_use;
	enum dma_data_direction direction;
	struct list_head node;
};

/**
 * struct bulk_attachment - a device that may map a buffer
 * @device:	the device
 * @node:	in bulk_buffer.attachments; bulk_buffer.lock
 * @mappings:	@own and any others
 * @own:	lives as long as the attachment
 */
struct bulk_attachment {
	struct device *device;
	struct list_head node;
	struct list_head mappings;
	struct bulk_mapping own;
};

/**
 * struct segment_walk - cuts the pages of a buffer into segments for a device
 * @buffer:	the buffer
 * @max_pages:	pages in a segment at most
 * @boundary:	mask that a segment must not cross
 * @chunk:	where to go on
 * @page:	page in that chunk where to go on
 */
struct segment_walk {
	const struct bulk_buffer *buffer;
	unsigned long max_pages;
	unsigned long boundary;
	size_t chunk;
	unsigned long page;
};

static void segments_begin(struct segment_walk *walk, const struct bulk_buffer *buffer,
			   struct device *device)
{
	/* The second is less than everything only where DMA is bounced, a segment at a time. */
	size_t max_bytes = min_t(size_t, dma_get_max_seg_size(device),
				 dma_max_mapping_size(device));

	*walk = (struct segment_walk) {
		.buffer = buffer,
		/* A scatterlist entry counts bytes in an unsigned int. */
		.max_pages = max(max_bytes >> PAGE_SHIFT, 1),
		.boundary = dma_get_seg_boundary(device),
	};
}

/* Take at most @limit pages of the current chunk. */
static unsigned long take_pages(struct segment_walk *walk, unsigned long limit)
{
	unsigned long in_chunk = 1UL << walk->buffer->object.order;
	unsigned long taken = min(limit, in_chunk - walk->page);

	walk->page += taken;
	if (walk->page == in_chunk) {
		walk->page = 0;
		walk->chunk++;
	}
	return taken;
}

static bool walk_is_over(const struct segment_walk *walk)
{
	return walk->chunk == bulk_chunks_held(&walk->buffer->object.chunks);
}

/* Do the walk's pages follow @nr_pages from @first on, in memory and in the memory map? */
static bool walk_follows(const struct segment_walk *walk, struct page *first,
			 unsigned long nr_pages)
{
	struct page *page = nth_page(bulk_buffer_chunk(walk->buffer, walk->chunk), walk->page);

	return page_to_pfn(page) == page_to_pfn(first) + nr_pages &&
	       page == nth_page(first, nr_pages);
}

/* The next segment: its first page and its length in pages, NULL at the end. */
static struct page *next_segment(struct segment_walk *walk, unsigned long *nr_pages)
{
	unsigned long offset, limit;
	struct page *first;

	if (walk_is_over(walk))
		return NULL;
	first = nth_page(bulk_buffer_chunk(walk->buffer, walk->chunk), walk->page);
	offset = page_to_phys(first) & walk->boundary;
	limit = min(walk->max_pages, ((walk->boundary - offset) >> PAGE_SHIFT) + 1);

	*nr_pages = take_pages(walk, limit);
	while (*nr_pages < limit && !walk_is_over(walk) && walk_follows(walk, first, *nr_pages))
		*nr_pages += take_pages(walk, limit - *nr_pages);
	return first;
}

static int build_table(struct sg_table *table, const struct bulk_buffer *buffer,
		       struct device *device)
{
	unsigned int nr_segments = 0;
	struct segment_walk walk;
	struct scatterlist *entry;
	unsigned long nr_pages;
	struct page *first;
	int ret;

	segments_begin(&walk, buffer, device);
	while (next_segment(&walk, &nr_pages))
		if (!++nr_segments)
			return -EOVERFLOW;
	ret = sg_alloc_table(table, nr_segments, GFP_KERNEL);
	if (ret)
		return ret;

	segments_begin(&walk, buffer, device);
	for (entry = table->sgl; (first = next_segment(&walk, &nr_pages)); entry = sg_next(entry))
		sg_set_page(entry, first, nr_pages << PAGE_SHIFT, 0);
	return 0;
}

/**
 * bulk_mapping_attach() - dma_buf_ops.attach
 * @dmabuf:	the buffer's
 * @attachment:	its private data is set
 *
 * Return: 0, or -ENOMEM.
 */
int bulk_mapping_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attachment)
{
	struct bulk_buffer *buffer = bulk_buffer_of(dmabuf);
	struct bulk_attachment *ours;
	int ret;

	ours = kzalloc(sizeof(*ours), GFP_KERNEL);
	if (!ours)
		return -ENOMEM;
	ours->device = attachment->dev;
	INIT_LIST_HEAD(&ours->mappings);
	ours->own.direction = DMA_NONE;
	list_add(&ours->own.node, &ours->mappings);
	ret = build_table(&ours->own.table, buffer, ours->device);
	if (ret) {
		kfree(ours);
		return ret;
	}
	attachment->priv = ours;

	mutex_lock(&buffer->lock);
	list_add(&ours->node, &buffer->attachments);
	mutex_unlock(&buffer->lock);
	return 0;
}

/**
 * bulk_mapping_detach() - dma_buf_ops.detach
 * @dmabuf:	the buffer's
 * @attachment:	not mapped
 */
void bulk_mapping_detach(struct dma_buf *dmabuf, struct dma_buf_attachment *attachment)
{
	struct bulk_buffer *buffer = bulk_buffer_of(dmabuf);
	struct bulk_attachment *ours = attachment->priv;

	mutex_lock(&buffer->lock);
	list_del(&ours->node);
	mutex_unlock(&buffer->lock);

	sg_free_table(&ours->own.table);
	kfree(ours);
}

static bool own_mapping_get(struct bulk_buffer *buffer, struct bulk_attachment *attachment)
{
	bool is_free;

	mutex_lock(&buffer->lock);
	is_free = !attachment->own.in_use;
	attachment->own.in_use = true;
	mutex_unlock(&buffer->lock);
	return is_free;
}

static struct bulk_mapping *mapping_get(struct bulk_buffer *buffer,
					struct bulk_attachment *attachment)
{
	struct bulk_mapping *mapping;
	int ret;

	if (own_mapping_get(buffer, attachment))
		return &attachment->own;

	mapping = kzalloc(sizeof(*mapping), GFP_KERNEL);
	if (!mapping)
		return ERR_PTR(-ENOMEM);
	mapping->direction = DMA_NONE;
	ret = build_table(&mapping->table, buffer, attachment->device);
	if (ret) {
		kfree(mapping);
		return ERR_PTR(ret);
	}
	mutex_lock(&buffer->lock);
	list_add(&mapping->node, &attachment->mappings);
	mutex_unlock(&buffer->lock);
	return mapping;
}

static void mapping_put(struct bulk_buffer *buffer, struct bulk_attachment *attachment,
			struct bulk_mapping *mapping)
{
	const bool is_own = mapping == &attachment->own;

	mutex_lock(&buffer->lock);
	if (is_own)
		mapping->in_use = false;
	else
		list_del(&mapping->node);
	mutex_unlock(&buffer->lock);
	if (is_own)
		return;
	sg_free_table(&mapping->table);
	kfree(mapping);
}

static void mapping_set(struct bulk_buffer *buffer, struct bulk_mapping *mapping,
			enum dma_data_direction direction)
{
	mutex_lock(&buffer->lock);
	mapping->direction = direction;
	mutex_unlock(&buffer->lock);
}

/*
 * What the DMA layer is told that a device does. One that writes may write less
 * than all of the buffer, and where a CPU, like a 32-bit Arm, throws away what
 * its caches hold before such a mapping, the zeroes would go with that, and what
 * memory held before would come to light.
 */
static enum dma_data_direction mapping_direction(enum dma_data_direction direction)
{
	return direction == DMA_FROM_DEVICE ? DMA_BIDIRECTIONAL : direction;
}

/**
 * bulk_mapping_map() - dma_buf_ops.map_dma_buf
 * @attachment:	the device
 * @direction:	what it will do
 *
 * Zeroes what is not zero yet first: the cache maintenance comes after.
 *
 * Return: a scatterlist, or an error pointer: -EINTR when the task is being
 * killed, -ENOMEM, or what the DMA layer returns.
 */
struct sg_table *bulk_mapping_map(struct dma_buf_attachment *attachment,
				  enum dma_data_direction direction)
{
	struct bulk_buffer *buffer = bulk_buffer_of(attachment->dmabuf);
	struct bulk_attachment *ours = attachment->priv;
	struct bulk_mapping *mapping;
	int ret;

	ret = bulk_zero_all_killable(buffer);
	if (ret)
		return ERR_PTR(ret);
	mapping = mapping_get(buffer, ours);
	if (IS_ERR(mapping))
		return ERR_CAST(mapping);
	direction = mapping_direction(direction);
	ret = dma_map_sgtable(ours->device, &mapping->table, direction, MAP_ATTRIBUTES);
	if (ret) {
		mapping_put(buffer, ours, mapping);
		return ERR_PTR(ret);
	}
	dma_sync_sgtable_for_device(ours->device, &mapping->table, direction);
	mapping_set(buffer, mapping, direction);
	return &mapping->table;
}

/**
 * bulk_mapping_unmap() - dma_buf_ops.unmap_dma_buf
 * @attachment:	the device
 * @table:	from bulk_mapping_map()
 * @direction:	as given there
 */
void bulk_mapping_unmap(struct dma_buf_attachment *attachment, struct sg_table *table,
			enum dma_data_direction direction)
{
	struct bulk_mapping *mapping = container_of(table, struct bulk_mapping, table);
	struct bulk_buffer *buffer = bulk_buffer_of(attachment->dmabuf);
	struct bulk_attachment *ours = attachment->priv;

	direction = mapping_direction(direction);
	mapping_set(buffer, mapping, DMA_NONE);
	dma_sync_sgtable_for_cpu(ours->device, table, direction);
	dma_unmap_sgtable(ours->device, table, direction, MAP_ATTRIBUTES);
	mapping_put(buffer, ours, mapping);
}

/* The size is an int: some architectures flush nothing otherwise. */
static void sync_vmap(const struct bulk_buffer *buffer, void (*sync)(void *vaddr, int size))
{
	size_t bytes = bulk_buffer_bytes(buffer);
	size_t offset;

	if (!buffer->vaddr)
		return;
	for (offset = 0; offset < bytes; offset += SZ_1G)
		sync(buffer->vaddr + offset, min_t(size_t, bytes - offset, SZ_1G));
}

static void invalidate_vmap(void *vaddr, int size)
{
	invalidate_kernel_vmap_range(vaddr, size);
}

static void flush_vmap(void *vaddr, int size)
{
	flush_kernel_vmap_range(vaddr, size);
}

/*
 * A device was promised one direction when it mapped: what is synchronised
 * follows from that, not from what the CPU is about to do.
 */
static void sync_mappings(struct bulk_buffer *buffer,
			  void (*sync)(struct device *device, struct sg_table *table,
				       enum dma_data_direction direction))
{
	struct bulk_attachment *attachment;
	struct bulk_mapping *mapping;

	lockdep_assert_held(&buffer->lock);
	list_for_each_entry(attachment, &buffer->attachments, node)
		list_for_each_entry(mapping, &attachment->mappings, node)
			if (mapping->direction != DMA_NONE)
				sync(attachment->device, &mapping->table, mapping->direction);
}

/**
 * bulk_mapping_begin_cpu() - dma_buf_ops.begin_cpu_access
 * @dmabuf:	the buffer's
 * @direction:	of the access
 *
 * Return: 0, or -EINTR when the task is being killed.
 */
int bulk_mapping_begin_cpu(struct dma_buf *dmabuf, enum dma_data_direction direction)
{
	struct bulk_buffer *buffer = bulk_buffer_of(dmabuf);
	int ret;

	ret = bulk_zero_all_killable(buffer);
	if (ret)
		return ret;
	mutex_lock(&buffer->lock);
	sync_vmap(buffer, invalidate_vmap);
	sync_mappings(buffer, dma_sync_sgtable_for_cpu);
	mutex_unlock(&buffer->lock);
	return 0;
}

/**
 * bulk_mapping_end_cpu() - dma_buf_ops.end_cpu_access
 * @dmabuf:	the buffer's
 * @direction:	of the access
 *
 * Return: 0.
 */
int bulk_mapping_end_cpu(struct dma_buf *dmabuf, enum dma_data_direction direction)
{
	struct bulk_buffer *buffer = bulk_buffer_of(dmabuf);

	mutex_lock(&buffer->lock);
	sync_vmap(buffer, flush_vmap);
	sync_mappings(buffer, dma_sync_sgtable_for_device);
	mutex_unlock(&buffer->lock);
	return 0;
}
