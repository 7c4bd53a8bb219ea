/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The test caller's ioctls: see caller.h. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "caller.h"
#include "machine.h"
#include "pool.h"

int caller_open(void)
{
	int fd;

	if (!module_is_loaded(CALLER_DEVICE))
		module_load(CALLER_DEVICE, NULL);
	fd = open("/dev/" CALLER_DEVICE, O_RDWR | O_CLOEXEC);
	g_assert_no_errno(fd);
	return fd;
}

int caller_call(int caller, const char *area, struct caller_call *call)
{
	g_strlcpy(call->area, area, sizeof(call->area));
	g_assert_cmpint(pool_ioctl(caller, CALLER_CALL, call), ==, 0);
	return call->result;
}

int caller_bulk(int caller, const char *area, unsigned int align, bool fast, unsigned int order,
		guint64 chunks, struct caller_call *call)
{
	memset(call, 0, sizeof(*call));
	call->align = align;
	call->fast = fast;
	call->order = order;
	call->nr = chunks;
	return caller_call(caller, area, call);
}

guint64 *caller_chunks(int caller, guint32 *ret_count)
{
	struct caller_chunks chunks = { 0 };
	guint64 *frames;

	g_assert_cmpint(pool_ioctl(caller, CALLER_CHUNKS, &chunks), ==, 0);
	frames = g_new0(guint64, chunks.count + 1);
	chunks.frames = (guintptr)frames;
	chunks.capacity = chunks.count;
	g_assert_cmpint(pool_ioctl(caller, CALLER_CHUNKS, &chunks), ==, 0);
	*ret_count = chunks.count;
	return frames;
}

int caller_release(int caller, guint64 index)
{
	return pool_ioctl(caller, CALLER_RELEASE, &index);
}

struct caller_area caller_area(const char *area)
{
	struct caller_area arg = { 0 };
	int caller = caller_open();

	g_strlcpy(arg.area, area, sizeof(arg.area));
	g_assert_cmpint(pool_ioctl(caller, CALLER_AREA, &arg), ==, 0);
	close(caller);
	return arg;
}
