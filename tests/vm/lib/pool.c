/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The module's ioctls: see pool.h. Makes no check but of what its callers cannot see. */
#include "pool.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* What the tests put into struct cmabulk_owner. */
#define TEST_ACCOUNT "tests"

int pool_ioctl(int fd, unsigned long request, void *argument)
{
	return ioctl(fd, request, argument) < 0 ? -errno : 0;
}

int pool_try_open(const char *name)
{
	g_autofree char *path = g_build_filename("/dev/cmabulk", name, NULL);
	int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int pool_open(const char *name)
{
	int fd = pool_try_open(name);

	if (fd < 0)
		g_error("/dev/cmabulk/%s: %s", name, g_strerror(-fd));
	return fd;
}

int pool_query(int pool, struct cmabulk_query *query)
{
	memset(query, 0, sizeof(*query));
	query->size = sizeof(*query);
	return pool_ioctl(pool, CMABULK_IOC_QUERY, query);
}

int pool_survey(int pool, struct cmabulk_survey *survey)
{
	memset(survey, 0, sizeof(*survey));
	survey->size = sizeof(*survey);
	return pool_ioctl(pool, CMABULK_IOC_SURVEY, survey);
}

int pool_buffers(int pool, struct cmabulk_buffers *buffers,
		 struct cmabulk_buffer_info **ret_entries)
{
	guint32 capacity = 16;

	for (;;) {
		g_autofree struct cmabulk_buffer_info *entries = NULL;
		int ret;

		entries = g_new0(struct cmabulk_buffer_info, capacity);
		memset(buffers, 0, sizeof(*buffers));
		buffers->size = sizeof(*buffers);
		buffers->entry_size = sizeof(*entries);
		buffers->capacity = capacity;
		buffers->entries = (guintptr)entries;
		ret = pool_ioctl(pool, CMABULK_IOC_BUFFERS, buffers);
		if (!ret)
			*ret_entries = g_steal_pointer(&entries);
		if (ret != -ENOSPC)
			return ret;
		capacity = buffers->count + 16;
	}
}

int reservation_try_new(int pool, unsigned int order, unsigned int align, guint64 *ret_id)
{
	struct cmabulk_reserve reserve = {
		.size = sizeof(reserve),
		.flags = O_CLOEXEC,
		.order = order,
		.align = align,
		.owner = { .uid = getuid(), .pid = getpid(), .account = TEST_ACCOUNT },
	};
	int ret = pool_ioctl(pool, CMABULK_IOC_RESERVE, &reserve);

	if (ret < 0)
		return ret;
	if (ret_id)
		*ret_id = reserve.id;
	return reserve.fd;
}

int reservation_new(int pool, unsigned int order, unsigned int align)
{
	int fd = reservation_try_new(pool, order, align, NULL);

	if (fd < 0)
		g_error("RESERVE order %u align %u: %s", order, align, g_strerror(-fd));
	return fd;
}

int reservation_fill(int reservation, enum cmabulk_effort effort, guint64 chunks, guint64 budget,
		     struct cmabulk_fill *fill)
{
	memset(fill, 0, sizeof(*fill));
	fill->size = sizeof(*fill);
	fill->effort = effort;
	fill->nr_requests = chunks;
	fill->budget_ns = budget;
	return pool_ioctl(reservation, CMABULK_IOC_FILL, fill);
}

guint64 reservation_fill_all(int reservation, guint64 chunks)
{
	struct cmabulk_fill fill = { 0 };

	for (int effort = CMABULK_EFFORT_FAST; effort <= CMABULK_EFFORT_HARD; effort++) {
		int ret = reservation_fill(reservation, effort, chunks - fill.total, 0, &fill);

		if (!ret)
			break;
		if (ret != -EBUSY && ret != -ENOMEM)
			g_error("FILL effort %d: %s", effort, g_strerror(-ret));
	}
	return fill.total;
}

int reservation_interrupt(int reservation)
{
	return pool_ioctl(reservation, CMABULK_IOC_INTERRUPT, NULL);
}

int reservation_export(int reservation, guint64 chunks, int fd_flags, const char *name,
		       struct cmabulk_export *ret)
{
	struct cmabulk_export export = {
		.size = sizeof(export),
		.nr_chunks = chunks,
		.fd_flags = fd_flags,
		.fd = -1,
	};
	int result;

	g_strlcpy(export.name, name ?: "", sizeof(export.name));
	result = pool_ioctl(reservation, CMABULK_IOC_EXPORT, &export);
	if (ret)
		*ret = export;
	return result < 0 ? result : export.fd;
}

static int reservation_count(int reservation, guint64 *ret_total)
{
	struct cmabulk_chunks chunks = { .size = sizeof(chunks) };
	int ret = pool_ioctl(reservation, CMABULK_IOC_CHUNKS, &chunks);

	*ret_total = chunks.total;
	return ret;
}

int reservation_chunks(int reservation, guint64 **ret_addresses, guint64 *ret_count)
{
	struct cmabulk_chunks chunks = { .size = sizeof(chunks) };
	g_autofree guint64 *addresses = NULL;
	guint64 total;
	int ret;

	ret = reservation_count(reservation, &total);
	if (ret < 0)
		return ret;
	addresses = g_new0(guint64, total + 1);
	chunks.count = total;
	chunks.addresses = (guintptr)addresses;
	ret = pool_ioctl(reservation, CMABULK_IOC_CHUNKS, &chunks);
	if (ret < 0)
		return ret;
	*ret_addresses = g_steal_pointer(&addresses);
	*ret_count = chunks.count;
	return 0;
}

int buffer_new(int pool, unsigned int order, guint64 chunks)
{
	int reservation = reservation_new(pool, order, 0);
	int buffer;

	g_assert_cmpuint(reservation_fill_all(reservation, chunks), ==, chunks);
	buffer = reservation_export(reservation, chunks, O_RDWR | O_CLOEXEC, "test", NULL);
	if (buffer < 0)
		g_error("EXPORT of %" G_GUINT64_FORMAT " chunks: %s", chunks, g_strerror(-buffer));
	close(reservation);
	return buffer;
}

size_t buffer_size(int buffer)
{
	off_t size = lseek(buffer, 0, SEEK_END);

	g_assert_cmpint(size, >, 0);
	lseek(buffer, 0, SEEK_SET);
	return size;
}

void *buffer_map(int buffer)
{
	void *map = mmap(NULL, buffer_size(buffer), PROT_READ | PROT_WRITE, MAP_SHARED, buffer, 0);

	if (map == MAP_FAILED)
		g_error("mmap of a buffer: %s", g_strerror(errno));
	return map;
}

int buffer_sync(int buffer, guint64 flags)
{
	struct dma_buf_sync sync = { .flags = flags };

	return pool_ioctl(buffer, DMA_BUF_IOCTL_SYNC, &sync);
}
