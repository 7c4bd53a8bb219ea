// SPDX-License-Identifier: LGPL-2.1-or-later
/* A dma-buf and the layout of its chunks: never changes once made. */
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "buffer.h"

int buffer_new(struct cmabulk_buffer **ret)
{
	struct cmabulk_buffer *buffer = calloc(1, sizeof(*buffer));

	if (!buffer)
		return -ENOMEM;
	buffer->references = 1;
	buffer->fd = -1;
	*ret = buffer;
	return 0;
}

static void buffer_destroy(struct cmabulk_buffer *buffer)
{
	close_fdp(&buffer->fd);
	free(buffer);
}

DEFINE_REFERENCE(cmabulk_buffer, buffer_destroy)

/* 0 for a dma-buf, 1 for a simulated one: a memfd that cannot shrink under a mapping. */
static int check_dma_buf(int fd)
{
	struct statfs filesystem;
	int seals;

	if (fstatfs(fd, &filesystem) < 0)
		return -errno;
	if (filesystem.f_type == DMA_BUF_MAGIC)
		return 0;
	seals = fcntl(fd, F_GET_SEALS);
	return seals >= 0 && (seals & F_SEAL_SHRINK) ? 1 : -ENOTTY;
}

static int read_size(struct cmabulk_buffer *buffer)
{
	struct stat status;
	off_t size = lseek(buffer->fd, 0, SEEK_END);

	if (size < 0 || fstat(buffer->fd, &status) < 0)
		return -errno;
	/* A dma-buf's position means nothing, but leave it as others expect it. */
	lseek(buffer->fd, 0, SEEK_SET);
	buffer->size = (uint64_t)size;
	buffer->inode = status.st_ino;
	return 0;
}

static int set_layout(struct cmabulk_buffer *buffer, uint64_t chunk_size)
{
	uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);

	if (chunk_size == 0)
		return 0;
	if ((chunk_size & (chunk_size - 1)) || chunk_size < page_size || buffer->size % chunk_size)
		return -EINVAL;
	buffer->chunk_size = chunk_size;
	buffer->alignment = chunk_size;
	buffer->chunks = buffer->size / chunk_size;
	buffer->order = (unsigned int)__builtin_ctzll(chunk_size / page_size);
	return 0;
}

static int duplicate(int fd, struct cmabulk_buffer **ret)
{
	struct cmabulk_buffer *buffer CLEANUP(cmabulk_buffer_unrefp) = NULL;
	int is_simulated = check_dma_buf(fd);
	int r;

	if (is_simulated < 0)
		return is_simulated;
	r = buffer_new(&buffer);
	if (r < 0)
		return r;
	buffer->is_simulated = is_simulated;
	buffer->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (buffer->fd < 0)
		return errno_result();
	r = read_size(buffer);
	if (r < 0)
		return r;
	*ret = TAKE(buffer);
	return 0;
}

EXPORT int cmabulk_buffer_import(int fd, uint64_t chunk_size, struct cmabulk_buffer **ret)
{
	struct cmabulk_buffer *buffer CLEANUP(cmabulk_buffer_unrefp) = NULL;
	int r = duplicate(fd, &buffer);

	if (r < 0)
		return r;
	r = set_layout(buffer, chunk_size);
	if (r < 0)
		return r;
	*ret = TAKE(buffer);
	return 0;
}

/* A real pool gives dma-bufs, a simulated one memfds; what other kinds give is theirs to know. */
static bool is_of_kind(const struct cmabulk_buffer *buffer, const char *kind)
{
	if (strcmp(kind, "kmod") == 0)
		return !buffer->is_simulated;
	return strcmp(kind, "sim") != 0 || buffer->is_simulated;
}

int buffer_receive(int fd, const struct buffer_layout *layout, const char *kind,
		   struct cmabulk_buffer **ret)
{
	struct cmabulk_buffer *buffer CLEANUP(cmabulk_buffer_unrefp) = NULL;
	int r = duplicate(fd, &buffer);

	if (r == -EMFILE || r == -ENOMEM)
		return r;
	if (r < 0 || !is_of_kind(buffer, kind) ||
	    buffer->size != layout->chunks * layout->chunk_size)
		return -EPROTO;
	buffer->chunks = layout->chunks;
	buffer->chunk_size = layout->chunk_size;
	buffer->order = layout->order;
	buffer->alignment = layout->alignment;
	*ret = TAKE(buffer);
	return 0;
}

EXPORT int cmabulk_buffer_is_simulated(const struct cmabulk_buffer *buffer)
{
	return buffer->is_simulated;
}

EXPORT int cmabulk_buffer_get_fd(const struct cmabulk_buffer *buffer)
{
	return buffer->fd;
}

EXPORT int cmabulk_buffer_dup_fd(const struct cmabulk_buffer *buffer)
{
	int fd = fcntl(buffer->fd, F_DUPFD_CLOEXEC, 3);

	return fd < 0 ? -errno : fd;
}

EXPORT uint64_t cmabulk_buffer_get_size(const struct cmabulk_buffer *buffer)
{
	return buffer->size;
}

EXPORT uint64_t cmabulk_buffer_get_chunks(const struct cmabulk_buffer *buffer)
{
	return buffer->chunks;
}

EXPORT uint64_t cmabulk_buffer_get_chunk_size(const struct cmabulk_buffer *buffer)
{
	return buffer->chunk_size;
}

EXPORT unsigned int cmabulk_buffer_get_order(const struct cmabulk_buffer *buffer)
{
	return buffer->order;
}

EXPORT uint64_t cmabulk_buffer_get_alignment(const struct cmabulk_buffer *buffer)
{
	return buffer->alignment;
}

EXPORT int cmabulk_buffer_get_chunk_offset(const struct cmabulk_buffer *buffer, uint64_t index,
					   uint64_t *ret)
{
	if (index >= buffer->chunks)
		return -ERANGE;
	*ret = index * buffer->chunk_size;
	return 0;
}

EXPORT uint64_t cmabulk_buffer_get_inode(const struct cmabulk_buffer *buffer)
{
	return buffer->inode;
}

EXPORT uint64_t cmabulk_buffer_get_id(const struct cmabulk_buffer *buffer)
{
	return buffer->id;
}

EXPORT const char *cmabulk_buffer_get_name(const struct cmabulk_buffer *buffer)
{
	return buffer->name;
}

static bool is_access(enum cmabulk_buffer_access access)
{
	return access >= CMABULK_BUFFER_READ && access <= CMABULK_BUFFER_READ_WRITE;
}

EXPORT int cmabulk_buffer_map(const struct cmabulk_buffer *buffer,
			      enum cmabulk_buffer_access access, void **ret)
{
	int protection = ((access & CMABULK_BUFFER_READ) ? PROT_READ : 0) |
			 ((access & CMABULK_BUFFER_WRITE) ? PROT_WRITE : 0);
	void *address;

	if (!is_access(access))
		return -EINVAL;
	if (buffer->size > SIZE_MAX)
		return -EOVERFLOW;
	address = mmap(NULL, (size_t)buffer->size, protection, MAP_SHARED, buffer->fd, 0);
	if (address == MAP_FAILED)
		return -errno;
	*ret = address;
	return 0;
}

EXPORT int cmabulk_buffer_unmap(const struct cmabulk_buffer *buffer, void *address)
{
	if (address && munmap(address, (size_t)buffer->size) < 0)
		return -errno;
	return 0;
}

static int sync_cpu_access(const struct cmabulk_buffer *buffer, enum cmabulk_buffer_access access,
			   uint64_t phase)
{
	struct dma_buf_sync sync = {
		.flags = phase | ((access & CMABULK_BUFFER_READ) ? DMA_BUF_SYNC_READ : 0) |
			 ((access & CMABULK_BUFFER_WRITE) ? DMA_BUF_SYNC_WRITE : 0),
	};

	if (!is_access(access))
		return -EINVAL;
	/* Nothing but CPUs ever sees a memfd. */
	if (buffer->is_simulated)
		return 0;
	while (ioctl(buffer->fd, DMA_BUF_IOCTL_SYNC, &sync) < 0)
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	return 0;
}

EXPORT int cmabulk_buffer_begin_cpu_access(const struct cmabulk_buffer *buffer,
					   enum cmabulk_buffer_access access)
{
	return sync_cpu_access(buffer, access, DMA_BUF_SYNC_START);
}

EXPORT int cmabulk_buffer_end_cpu_access(const struct cmabulk_buffer *buffer,
					 enum cmabulk_buffer_access access)
{
	return sync_cpu_access(buffer, access, DMA_BUF_SYNC_END);
}
