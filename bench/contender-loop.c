/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The loops around alloc_contig_range(), which are in the bench module. */
#include <string.h>
#include <unistd.h>

#include "cmabulk_bench/cmabulk_bench.h"
#include "contender.h"
#include "lib/machine.h"
#include "lib/pool.h"

static void claim(struct scene *scene, const struct task *task, int method, struct outcome *ret)
{
	struct bench_claim claim = {
		.base = scene->area.base,
		.pages = scene->area.pages,
		.wanted = task->wanted,
		.order = task->order,
		.method = (guint32)method,
		.limit_ns = task->limit,
	};
	guint64 migrated = migrated_pages();

	g_assert_cmpint(pool_ioctl(scene->bench, BENCH_CLAIM, &claim), ==, 0);
	ret->migrated = migrated_pages() - migrated;
	ret->own = claim.ns;
	ret->got = claim.got;
	ret->ranges = claim.ranges;
	ret->error = claim.result;
}

static guint64 zero(struct scene *scene, guint threads)
{
	struct bench_zero zero = { .threads = threads };

	g_assert_cmpint(pool_ioctl(scene->bench, BENCH_ZERO, &zero), ==, 0);
	return zero.ns;
}

static guint64 release(struct scene *scene)
{
	guint64 ns;

	g_assert_cmpint(pool_ioctl(scene->bench, BENCH_RELEASE, &ns), ==, 0);
	return ns;
}

/* The page allocator has zeroed already. */
static bool kernel_zeroes(void)
{
	g_autofree char *text = machine_read("/proc/cmdline");

	return strstr(text, "init_on_alloc=1");
}

/* Drivers zero what they got themselves, on the CPU they are on. */
void run_loop(const struct contender *contender, struct scene *scene, const struct task *task,
	      struct outcome *ret)
{
	claim(scene, task, contender->detail, ret);
	ret->ready = ret->own;
	if (!kernel_zeroes())
		ret->ready += zero(scene, 0);
	release(scene);
}

void run_memset(const struct contender *contender, struct scene *scene, const struct task *task,
		struct outcome *ret)
{
	/* Wherever its pages are: it gets all that can be had. */
	claim(scene, task, BENCH_CHUNK_LOOP, ret);
	ret->own = zero(scene, (guint)sysconf(_SC_NPROCESSORS_ONLN));
	ret->ready = ret->own;
	release(scene);
}

void run_contig_release(const struct contender *contender, struct scene *scene,
			const struct task *task, struct outcome *ret)
{
	claim(scene, task, BENCH_RFC_SCAN, ret);
	ret->own = release(scene);
	ret->ready = ret->own;
}
