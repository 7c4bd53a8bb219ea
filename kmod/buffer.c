// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers: the dma-buf exporter. Lifetime, mmap and vmap; what concerns
 * devices is in mapping.c, zeroing in zero.c.
 */
#include <linux/dma-buf.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "buffer.h"
#include "drain.h"
#include "trace.h"

static struct bulk_buffer *to_buffer(struct bulk_object *object)
{
	return container_of(object, struct bulk_buffer, object);
}

/*
 * mmap
 */

static vm_fault_t insert_page(struct vm_fault *vmf, struct bulk_buffer *buffer, pgoff_t offset)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long address = vma->vm_start + ((offset - vma->vm_pgoff) << PAGE_SHIFT);

	return vmf_insert_pfn(vma, address, page_to_pfn(bulk_buffer_page(buffer, offset)));
}

/* The rest of the piece, as far as it is mapped here: saves faults, may fail. */
static void insert_around(struct vm_fault *vmf, struct bulk_buffer *buffer)
{
	struct vm_area_struct *vma = vmf->vma;
	pgoff_t nr_pages = 1UL << buffer->zeroing.order;
	pgoff_t first = round_down(vmf->pgoff, nr_pages);
	pgoff_t end = min(first + nr_pages, vma->vm_pgoff + vma_pages(vma));
	pgoff_t offset;

	for (offset = max(first, vma->vm_pgoff); offset < end; offset++)
		if (insert_page(vmf, buffer, offset) != VM_FAULT_NOPAGE)
			return;
}

static vm_fault_t buffer_fault(struct vm_fault *vmf)
{
	struct bulk_buffer *buffer = vmf->vma->vm_private_data;
	size_t piece = vmf->pgoff >> buffer->zeroing.order;
	vm_fault_t ret;

	if (piece >= buffer->zeroing.nr_pieces)
		return VM_FAULT_SIGBUS;
	/* Fails only for a task that is being killed, which no error can hurt. */
	if (bulk_zero_piece(buffer, piece))
		return VM_FAULT_SIGBUS;
	ret = insert_page(vmf, buffer, vmf->pgoff);
	if (ret == VM_FAULT_NOPAGE)
		insert_around(vmf, buffer);
	return ret;
}

static const struct vm_operations_struct buffer_vm_operations = {
	.fault = buffer_fault,
};

static int buffer_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	/* A private mapping would copy pages: neither shared nor the buffer's. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	vm_flags_set(vma, VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &buffer_vm_operations;
	vma->vm_private_data = bulk_buffer_of(dmabuf);
	return 0;
}

/*
 * vmap: dma-buf counts, and calls with dma_resv held for the first and the
 * last only.
 */

static void *map_all_pages(const struct bulk_buffer *buffer)
{
	size_t nr_pages = bulk_buffer_bytes(buffer) >> PAGE_SHIFT;
	struct page **pages;
	size_t index;
	void *vaddr;

	if (nr_pages > UINT_MAX)
		return NULL;
	pages = kvmalloc_array(nr_pages, sizeof(*pages), GFP_KERNEL | __GFP_NOWARN);
	if (!pages)
		return NULL;
	for (index = 0; index < nr_pages; index++)
		pages[index] = bulk_buffer_page(buffer, index);
	vaddr = vmap(pages, nr_pages, VM_MAP, PAGE_KERNEL);
	kvfree(pages);
	return vaddr;
}

static int buffer_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct bulk_buffer *buffer = bulk_buffer_of(dmabuf);
	void *vaddr;

	bulk_zero_all(buffer);
	vaddr = map_all_pages(buffer);
	if (!vaddr)
		return -ENOMEM;
	mutex_lock(&buffer->lock);
	buffer->vaddr = vaddr;
	mutex_unlock(&buffer->lock);
	iosys_map_set_vaddr(map, vaddr);
	return 0;
}

static void buffer_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct bulk_buffer *buffer = bulk_buffer_of(dmabuf);

	mutex_lock(&buffer->lock);
	buffer->vaddr = NULL;
	mutex_unlock(&buffer->lock);
	vunmap(map->vaddr);
}

/*
 * Lifetime
 */

static void buffer_free(struct bulk_object *object)
{
	struct bulk_buffer *buffer = to_buffer(object);

	bulk_zero_free(buffer);
	mutex_destroy(&buffer->lock);
	kfree(buffer);
}

/**
 * bulk_buffer_put() - end a use of the pages
 * @buffer:	its pages go to the drain if this was the last
 */
void bulk_buffer_put(struct bulk_buffer *buffer)
{
	if (refcount_dec_and_test(&buffer->users))
		bulk_drain_queue(&buffer->object);
}

static void buffer_release(struct dma_buf *dmabuf)
{
	struct bulk_buffer *buffer = bulk_buffer_of(dmabuf);
	struct bulk_object *object = &buffer->object;

	if (!object->state) {		/* EXPORT failed: never got any pages */
		bulk_object_put(object);
		return;
	}
	bulk_zero_cancel(buffer);
	trace_buffer_release(object->pool->name, object->id,
			     bulk_buffer_bytes(buffer) >> PAGE_SHIFT);
	bulk_books_close(object);
	bulk_buffer_put(buffer);
}

static const struct dma_buf_ops buffer_operations = {
	.attach = bulk_mapping_attach,
	.detach = bulk_mapping_detach,
	.map_dma_buf = bulk_mapping_map,
	.unmap_dma_buf = bulk_mapping_unmap,
	.begin_cpu_access = bulk_mapping_begin_cpu,
	.end_cpu_access = bulk_mapping_end_cpu,
	.mmap = buffer_mmap,
	.vmap = buffer_vmap,
	.vunmap = buffer_vunmap,
	.release = buffer_release,
};

static struct bulk_buffer *buffer_alloc(struct bulk_object *reservation, size_t nr_chunks,
					const char *name)
{
	struct bulk_buffer *buffer;
	struct bulk_object *object;

	buffer = kzalloc(sizeof(*buffer), GFP_KERNEL_ACCOUNT);
	if (!buffer)
		return NULL;
	refcount_set(&buffer->users, 1);
	mutex_init(&buffer->lock);
	INIT_LIST_HEAD(&buffer->attachments);
	object = &buffer->object;
	bulk_object_init(object, reservation->pool, CMABULK_OBJECT_BUFFER, buffer_free);
	object->order = reservation->order;
	object->align = reservation->align;
	object->reservation = reservation->id;
	object->owner = reservation->owner;
	strscpy(object->name, name, sizeof(object->name));
	if (bulk_chunks_reserve(&object->chunks, nr_chunks) || bulk_zero_init(buffer, nr_chunks)) {
		bulk_object_put(object);
		return NULL;
	}
	return buffer;
}

/* What DMA_BUF_SET_NAME does; there is no call for exporters. */
static int name_dmabuf(struct dma_buf *dmabuf, const char *name)
{
	char *copy;

	if (!*name)
		return 0;
	copy = kstrdup(name, GFP_KERNEL_ACCOUNT);
	if (!copy)
		return -ENOMEM;
	spin_lock(&dmabuf->name_lock);
	dmabuf->name = copy;
	spin_unlock(&dmabuf->name_lock);
	return 0;
}

/**
 * bulk_buffer_create() - make a dma-buf that has no pages yet
 * @reservation:	where they will come from
 * @nr_chunks:		how many chunks; the size in bytes fits ssize_t
 * @name:		of the dma-buf, may be empty
 * @flags:		access mode of the file
 *
 * Nobody else may see it before bulk_buffer_export(). dma_buf_put() undoes.
 *
 * Return: the dma-buf or an error pointer.
 */
struct dma_buf *bulk_buffer_create(struct bulk_object *reservation, size_t nr_chunks,
				   const char *name, int flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct bulk_buffer *buffer;
	struct dma_buf *dmabuf;
	int ret;

	buffer = buffer_alloc(reservation, nr_chunks, name);
	if (!buffer)
		return ERR_PTR(-ENOMEM);
	info.exp_name = "cmabulk";
	info.ops = &buffer_operations;
	info.size = nr_chunks << (reservation->order + PAGE_SHIFT);
	info.flags = flags;
	info.priv = buffer;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf)) {
		bulk_object_put(&buffer->object);
		return dmabuf;
	}
	buffer->object.inode = file_inode(dmabuf->file)->i_ino;
	ret = name_dmabuf(dmabuf, name);
	if (ret) {
		dma_buf_put(dmabuf);	/* and with it the buffer */
		return ERR_PTR(ret);
	}
	return dmabuf;
}

/**
 * bulk_buffer_export() - give a buffer its chunks, announce it, start zeroing
 * @buffer:		from bulk_buffer_create()
 * @reservation:	holds at least @nr_chunks; the caller has its lock
 * @nr_chunks:		as given to bulk_buffer_create()
 * @nr_zeroed:		how many of them, from the first on, are zero already
 *
 * Return: 0, or -ENODEV with nothing changed when the pool is gone.
 */
int bulk_buffer_export(struct bulk_buffer *buffer, struct bulk_object *reservation,
		       size_t nr_chunks, size_t nr_zeroed)
{
	struct bulk_object *object = &buffer->object;
	int ret;

	ret = bulk_books_export(reservation, object, nr_chunks);
	if (ret)
		return ret;
	bulk_chunks_move(&object->chunks, &reservation->chunks, nr_chunks);
	trace_export(object->pool->name, object->id, reservation->id, object->inode,
		     object->order, nr_chunks);
	bulk_zero_start(buffer, nr_zeroed);
	return 0;
}
