/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Page frames: see frames.h. Reads debugfs and pagemap, drives the test module cmabulk_pin. */
#include "frames.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"
#include "pool.h"

#define PAGEMAP_PRESENT	   (G_GUINT64_CONSTANT(1) << 63)
#define PAGEMAP_FRAME_MASK ((G_GUINT64_CONSTANT(1) << 55) - 1)

/* How often to look again for pages in flight between lists, a drain each time. */
#define CENSUS_ATTEMPTS 20

guint64 frames_per_block(void)
{
	static gsize frames;

	if (g_once_init_enter(&frames)) {
		g_autofree char *text = machine_read("/proc/pagetypeinfo");
		const char *line = strstr(text, "Pages per block:");
		guint64 found = line ? g_ascii_strtoull(strchr(line, ':') + 1, NULL, 10) : 0;

		g_assert_cmpuint(found, >, 0);
		g_once_init_leave(&frames, found);
	}
	return frames;
}

static guint64 area_number(const char *name, const char *file)
{
	g_autofree char *path = g_build_filename("/sys/kernel/debug/cma", name, file, NULL);

	return machine_read_number(path);
}

/* The area at the base of SIZE@BASE. */
static char *area_at(const char *place)
{
	g_autoptr(GDir) listing = g_dir_open("/sys/kernel/debug/cma", 0, NULL);
	guint64 base = g_ascii_strtoull(strchr(place, '@') + 1, NULL, 0);
	const char *name;

	g_assert_nonnull(listing);
	while ((name = g_dir_read_name(listing)))
		if (area_number(name, "base_pfn") * (guint64)sysconf(_SC_PAGESIZE) == base)
			return g_strdup(name);
	g_error("no area at %s", place);
}

void area_open(struct area *area, const char *name)
{
	area->name = strchr(name, '@') ? area_at(name) : g_strdup(name);
	area->base = area_number(area->name, "base_pfn");
	area->pages = area_number(area->name, "count");
	g_assert_cmpuint(area->base % FRAMES_PER_BLOCK, ==, 0);
	g_assert_cmpuint(area->pages % FRAMES_PER_BLOCK, ==, 0);
}

void area_close(struct area *area)
{
	g_clear_pointer(&area->name, g_free);
}

/* The pool on a stock area: a file descriptor, or -1 when there is none. */
static int area_pool(const struct area *area)
{
	g_autoptr(GDir) listing = g_dir_open("/dev/cmabulk", 0, NULL);
	struct cmabulk_query query;
	const char *name;

	while (listing && (name = g_dir_read_name(listing))) {
		int pool = pool_try_open(name);

		if (pool >= 0 && !pool_query(pool, &query) &&
		    !strcmp(query.area, module_area(area->name)))
			return pool;
		if (pool >= 0)
			close(pool);
	}
	return -1;
}

guint64 area_used(const struct area *area)
{
	struct cmabulk_query query;
	int pool, frames;

	if (!machine_is_stock())
		return area_number(area->name, "used");
	pool = area_pool(area);
	if (pool < 0) {
		frames = frames_open();
		area_assert_owned(frames, area, 0);
		close(frames);
		return 0;
	}
	g_assert_cmpint(pool_query(pool, &query), ==, 0);
	close(pool);
	return query.pages - query.free_pages;
}

int frames_open(void)
{
	int fd;

	if (!module_is_loaded(PIN_DEVICE))
		module_load(PIN_DEVICE, NULL);
	fd = open("/dev/" PIN_DEVICE, O_RDWR | O_CLOEXEC);
	g_assert_no_errno(fd);
	return fd;
}

int frame_take(int frames, guint64 frame)
{
	return pool_ioctl(frames, PIN_TAKE, &frame);
}

int frame_hold(int frames, guint64 frame)
{
	return pool_ioctl(frames, PIN_HOLD, &frame);
}

int frame_drop(int frames, guint64 frame)
{
	return pool_ioctl(frames, PIN_DROP, &frame);
}

void frames_drop_all(int frames)
{
	g_assert_cmpint(pool_ioctl(frames, PIN_DROP_ALL, NULL), ==, 0);
}

struct pin_census area_census(int frames, const struct area *area)
{
	struct pin_census census = { .first = area->base, .count = area->pages };

	g_assert_cmpint(pool_ioctl(frames, PIN_CENSUS, &census), ==, 0);
	return census;
}

void area_assert_owned(int frames, const struct area *area, guint64 owned)
{
	struct pin_census census;

	for (int attempt = 0; attempt < CENSUS_ATTEMPTS; attempt++) {
		census = area_census(frames, area);
		if (census.owned == owned)
			return;
		/* Puts every CPU's batches of new pages on the LRU lists, as some user's. */
		machine_write("/proc/sys/vm/compact_memory", "1");
	}
	g_error("area %s: %llu pages in kernel users' hands, should be %" G_GUINT64_FORMAT
		" (free %llu, on the way %llu, user memory %llu)",
		area->name, census.owned, owned, census.free, census.cached, census.user);
}

void frames_of(const void *address, size_t count, guint64 *ret_frames)
{
	size_t page = sysconf(_SC_PAGESIZE);
	off_t offset = (off_t)((guintptr)address / page * sizeof(*ret_frames));
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	ssize_t length;

	g_assert_no_errno(fd);
	length = pread(fd, ret_frames, count * sizeof(*ret_frames), offset);
	g_assert_cmpint(length, ==, count * sizeof(*ret_frames));
	close(fd);
	for (size_t i = 0; i < count; i++)
		ret_frames[i] =
			ret_frames[i] & PAGEMAP_PRESENT ? ret_frames[i] & PAGEMAP_FRAME_MASK : 0;
}

guint64 frame_of(const void *address)
{
	guint64 frame;

	frames_of(address, 1, &frame);
	return frame;
}
