/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The test importer's ioctls: see importer.h. */
#include "importer.h"

#include <fcntl.h>

#include "machine.h"
#include "pool.h"

int importer_open(void)
{
	int fd;

	if (!module_is_loaded(IMPORTER_DEVICE))
		module_load(IMPORTER_DEVICE, NULL);
	fd = open("/dev/" IMPORTER_DEVICE, O_RDWR | O_CLOEXEC);
	g_assert_no_errno(fd);
	return fd;
}

int importer_attach(int importer, int buffer, guint32 flags, guint32 max_segment, guint64 boundary)
{
	struct importer_attach attach = {
		.fd = buffer,
		.flags = flags,
		.max_segment = max_segment,
		.boundary = boundary,
	};

	return pool_ioctl(importer, IMPORTER_ATTACH, &attach);
}

int importer_detach(int importer)
{
	return pool_ioctl(importer, IMPORTER_DETACH, NULL);
}

static int importer_directed(int importer, unsigned long request, guint32 direction)
{
	return pool_ioctl(importer, request, &direction);
}

int importer_map(int importer, enum importer_direction direction)
{
	return importer_directed(importer, IMPORTER_MAP, direction);
}

int importer_unmap(int importer)
{
	return pool_ioctl(importer, IMPORTER_UNMAP, NULL);
}

int importer_vmap(int importer)
{
	return pool_ioctl(importer, IMPORTER_VMAP, NULL);
}

int importer_vunmap(int importer)
{
	return pool_ioctl(importer, IMPORTER_VUNMAP, NULL);
}

int importer_begin(int importer, enum importer_direction direction)
{
	return importer_directed(importer, IMPORTER_BEGIN, direction);
}

int importer_end(int importer, enum importer_direction direction)
{
	return importer_directed(importer, IMPORTER_END, direction);
}

int importer_table(int importer, struct importer_segment **ret_segments, guint32 *ret_count)
{
	g_autofree struct importer_segment *segments = NULL;
	struct importer_table table = { 0 };
	int ret = pool_ioctl(importer, IMPORTER_TABLE, &table);

	if (ret < 0)
		return ret;
	segments = g_new0(struct importer_segment, table.count);
	table.segments = (guintptr)segments;
	table.capacity = table.count;
	ret = pool_ioctl(importer, IMPORTER_TABLE, &table);
	if (ret < 0)
		return ret;
	*ret_segments = g_steal_pointer(&segments);
	*ret_count = table.count;
	return 0;
}

static int importer_access(int importer, unsigned long request, struct importer_access access,
			   guint64 *ret_mismatch)
{
	int ret = pool_ioctl(importer, request, &access);

	if (!ret && ret_mismatch)
		*ret_mismatch = access.mismatch;
	return ret;
}

int importer_read(int importer, enum importer_path via, guint64 offset, void *data, size_t length)
{
	const struct importer_access access = {
		.via = via,
		.offset = offset,
		.length = length,
		.data = (guintptr)data,
	};

	return importer_access(importer, IMPORTER_READ, access, NULL);
}

int importer_write(int importer, enum importer_path via, guint64 offset, const void *data,
		   size_t length)
{
	const struct importer_access access = {
		.via = via,
		.offset = offset,
		.length = length,
		.data = (guintptr)data,
	};

	return importer_access(importer, IMPORTER_WRITE, access, NULL);
}

int importer_check(int importer, enum importer_path via, guint8 value, guint64 offset,
		   guint64 length, guint64 *ret_mismatch)
{
	const struct importer_access access = {
		.via = via,
		.value = value,
		.offset = offset,
		.length = length,
	};

	return importer_access(importer, IMPORTER_CHECK, access, ret_mismatch);
}

int importer_fill(int importer, enum importer_path via, guint8 value, guint64 offset,
		  guint64 length)
{
	const struct importer_access access = {
		.via = via,
		.value = value,
		.offset = offset,
		.length = length,
	};

	return importer_access(importer, IMPORTER_FILL, access, NULL);
}

int importer_hold(int importer, guint64 offset)
{
	return pool_ioctl(importer, IMPORTER_HOLD, &offset);
}

int importer_drop(int importer)
{
	return pool_ioctl(importer, IMPORTER_DROP, NULL);
}
