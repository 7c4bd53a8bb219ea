/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Upstream's dma-heaps, which zero before they return: what is owned is ready. */
#include "contender-heap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <unistd.h>

#include "contender.h"
#include "lib/machine.h"
#include "lib/pool.h"

static int heap_open(const char *name)
{
	g_autofree char *path = g_build_filename("/dev/dma_heap", name, NULL);
	int heap = open(path, O_RDWR | O_CLOEXEC);

	g_assert_no_errno(heap);
	return heap;
}

/* A dma-buf, or a negative errno. */
static int heap_allocate(int heap, guint64 bytes)
{
	struct dma_heap_allocation_data allocation = {
		.len = bytes,
		.fd_flags = O_RDWR | O_CLOEXEC,
	};
	int ret = pool_ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &allocation);

	return ret < 0 ? ret : (int)allocation.fd;
}

void run_heap(const struct contender *contender, struct scene *scene, const struct task *task,
	      struct outcome *ret)
{
	guint64 chunk = (guint64)sysconf(_SC_PAGESIZE) << task->order;
	guint64 pieces = contender->detail == HEAP_CHUNKS ? task->wanted : 1;
	guint64 chunks = task->wanted / pieces;
	int heap = heap_open(contender->detail == HEAP_SYSTEM ? "system" : scene->area.name);
	g_autofree int *buffers = g_new(int, pieces);
	guint64 made = 0, migrated = migrated_pages();
	gint64 start = machine_now();

	while (made < pieces && !ret->error) {
		buffers[made] = heap_allocate(heap, chunks * chunk);
		ret->error = MIN(buffers[made], 0);
		made += !ret->error;
		if (made < pieces && task->limit && (guint64)(machine_now() - start) >= task->limit)
			ret->error = -ETIME;
	}
	outcome_owned(ret, start, migrated);
	ret->ready = ret->own;
	ret->got = made * chunks;
	while (made)
		close(buffers[--made]);
	close(heap);
}

/* Each is closed before the next is made: a queue of small jobs, not a large one. */
void run_heap_series(const struct contender *contender, struct scene *scene,
		     const struct task *task, struct outcome *ret)
{
	guint64 chunk = (guint64)sysconf(_SC_PAGESIZE) << task->order;
	int heap = heap_open(scene->area.name);
	guint64 migrated = migrated_pages();
	gint64 start = machine_now();

	for (guint i = 0; i < task->calls && !ret->error; i++) {
		int buffer = heap_allocate(heap, chunk);

		ret->error = MIN(buffer, 0);
		if (buffer >= 0) {
			ret->got++;
			close(buffer);
		}
	}
	outcome_owned(ret, start, migrated);
	ret->ready = ret->own;
	close(heap);
}
