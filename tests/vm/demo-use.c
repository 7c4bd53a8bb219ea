/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The command that `cmabulkctl alloc -- COMMAND` hands its buffers to in the demonstration: uses
 * each as a program and as a driver would. One line on standard output, 0 when all was well.
 */
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/importer.h"
#include "lib/machine.h"
#include "lib/pool.h"

#define FIRST_FD 3

static size_t bytes, segments;

static void fail(int fd, const char *what)
{
	g_printerr("buffer %d: %s\n", fd, what);
	exit(1);
}

static void bracket(int fd, guint64 flags)
{
	if (buffer_sync(fd, flags) < 0)
		fail(fd, "access could not be bracketed");
}

static guint64 pattern(int fd, size_t index)
{
	return (index + 1) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15) + fd;
}

/* Zero as it came; then every word of it gets a value of its own. */
static void use_as_program(int fd)
{
	size_t size = buffer_size(fd);
	guint64 *map = buffer_map(fd);

	bracket(fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);
	for (size_t i = 0; i < size / sizeof(*map); i++)
		if (map[i])
			fail(fd, "not zero when it came");
	for (size_t i = 0; i < size / sizeof(*map); i++)
		map[i] = pattern(fd, i);
	bracket(fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);
	munmap(map, size);
	bytes += size;
}

/* All have been written by now: what is read back is this buffer's and no other's. */
static void read_back(int fd)
{
	size_t size = buffer_size(fd);
	guint64 *map = buffer_map(fd);

	for (size_t i = 0; i < size / sizeof(*map); i++)
		if (map[i] != pattern(fd, i))
			fail(fd, "another value than was written");
	munmap(map, size);
}

/* The device sees, through the scatterlist, what the program wrote. */
static void use_as_driver(int fd)
{
	g_autofree struct importer_segment *table = NULL;
	size_t size = buffer_size(fd);
	g_autofree guint64 *words = g_malloc(size);
	int importer = importer_open();
	guint32 count;

	if (importer_attach(importer, fd, 0, 0, 0) || importer_map(importer, IMPORTER_TO_DEVICE) ||
	    importer_table(importer, &table, &count) ||
	    importer_read(importer, IMPORTER_VIA_DEVICE, 0, words, size))
		fail(fd, "could not be imported");
	for (size_t i = 0; i < size / sizeof(*words); i++)
		if (words[i] != pattern(fd, i))
			fail(fd, "the device sees something else");
	segments += count;
	close(importer);
}

int main(void)
{
	const char *listed = g_getenv("LISTEN_FDS");
	int count = listed ? atoi(listed) : 0;

	for (int fd = FIRST_FD; fd < FIRST_FD + count; fd++)
		use_as_program(fd);
	for (int fd = FIRST_FD; fd < FIRST_FD + count; fd++)
		read_back(fd);
	for (int fd = FIRST_FD; fd < FIRST_FD + count; fd++)
		use_as_driver(fd);
	g_print("%d %zu %zu\n", count, bytes, segments);
	return count ? 0 : 1;
}
