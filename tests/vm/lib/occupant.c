/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory in an area: see occupant.h. Checks by /proc/self/pagemap where pages came to lie. */
#include "occupant.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "machine.h"
#include "pool.h"

/* Touched between two looks at where it lies. */
#define STEP_PAGES	  1024
/* What the kernel keeps for itself outside the areas while we touch; one with KASAN needs more. */
#define LEAVE_PAGES_PLAIN (48 * 1024 / 4)
#define LEAVE_PAGES_DEBUG (128 * 1024 / 4)

static void occupant_map(struct occupant *occupant, enum occupant_kind kind)
{
	int flags = kind == OCCUPANT_SHMEM ? MAP_SHARED : MAP_PRIVATE;

	occupant->kind = kind;
	occupant->reserved = machine_read_key("/proc/meminfo", "MemTotal") * 1024;
	occupant->base = mmap(NULL, occupant->reserved, PROT_READ | PROT_WRITE,
			      flags | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	g_assert_true(occupant->base != MAP_FAILED);
	g_assert_no_errno(madvise(occupant->base, occupant->reserved,
				  kind == OCCUPANT_HUGE ? MADV_HUGEPAGE : MADV_NOHUGEPAGE));
	occupant->frames = g_new0(guint64, occupant->reserved / sysconf(_SC_PAGESIZE));
}

static void occupant_look(struct occupant *occupant, const struct area *area, size_t first,
			  size_t count)
{
	frames_of(occupant_page(occupant, first), count, occupant->frames + first);
	for (size_t i = first; i < first + count; i++) {
		if (area_has(area, occupant->frames[i]))
			occupant->inside++;
		else
			occupant->frames[i] = 0;
	}
}

static void occupant_touch(struct occupant *occupant, const struct area *area)
{
	size_t page = sysconf(_SC_PAGESIZE);
	size_t first = occupant->pages;

	if (occupant->touched + STEP_PAGES * page > occupant->reserved)
		g_error("area %s: only %zu pages of a program's memory came to lie in it",
			area->name, occupant->inside);
	for (size_t i = 0; i < STEP_PAGES; i++)
		occupant->base[occupant->touched + i * page] = 1;
	occupant->touched += STEP_PAGES * page;
	occupant->pages += STEP_PAGES;
	occupant_look(occupant, area, first, STEP_PAGES);
}

static void occupant_drop(struct occupant *occupant, size_t first, size_t count)
{
	int advice = occupant->kind == OCCUPANT_SHMEM ? MADV_REMOVE : MADV_DONTNEED;

	if (count)
		g_assert_no_errno(madvise(occupant_page(occupant, first),
					  count * sysconf(_SC_PAGESIZE), advice));
}

/* Drops the pages outside, and those inside beyond the number asked for. */
static void occupant_trim(struct occupant *occupant, size_t pages)
{
	size_t kept = 0, first = 0;

	for (size_t i = 0; i < occupant->pages; i++) {
		if (!occupant->frames[i] || kept == pages) {
			occupant->frames[i] = 0;
			continue;
		}
		occupant_drop(occupant, first, i - first);
		first = i + 1;
		kept++;
	}
	occupant_drop(occupant, first, occupant->pages - first);
	occupant->inside = kept;
}

void occupant_fill(struct occupant *occupant, int frames, const struct area *area,
		   enum occupant_kind kind, size_t pages)
{
	guint64 leave = (guint64)machine_scale(LEAVE_PAGES_PLAIN, LEAVE_PAGES_DEBUG);

	memset(occupant, 0, sizeof(*occupant));
	occupant_map(occupant, kind);
	/* The hog stops early when memory is too scattered for it: then more is touched. */
	pool_ioctl(frames, PIN_HOG, &leave);
	while (occupant->inside < pages)
		occupant_touch(occupant, area);
	occupant_trim(occupant, pages);
	g_assert_cmpint(pool_ioctl(frames, PIN_UNHOG, NULL), ==, 0);
}

void occupant_refresh(struct occupant *occupant, const struct area *area)
{
	occupant->inside = 0;
	occupant_look(occupant, area, 0, occupant->pages);
}

void occupant_free(struct occupant *occupant)
{
	if (occupant->base)
		munmap(occupant->base, occupant->reserved);
	g_free(occupant->frames);
	memset(occupant, 0, sizeof(*occupant));
}

void *occupant_page(const struct occupant *occupant, size_t index)
{
	return occupant->base + index * sysconf(_SC_PAGESIZE);
}

void **occupant_page_per_block(const struct occupant *occupant, const struct area *area,
			       GRand *random, size_t *ret_blocks)
{
	size_t blocks = area->pages / FRAMES_PER_BLOCK;
	g_autofree guint *seen = g_new0(guint, blocks);
	void **chosen = g_new0(void *, blocks);

	*ret_blocks = 0;
	for (size_t i = 0; i < occupant->pages; i++) {
		size_t block;

		if (!occupant->frames[i])
			continue;
		block = (occupant->frames[i] - area->base) / FRAMES_PER_BLOCK;
		*ret_blocks += !seen[block];
		/* Each page of the pageblock is the chosen one with the same probability. */
		if (!random_below(random, ++seen[block]))
			chosen[block] = occupant_page(occupant, i);
	}
	return chosen;
}
