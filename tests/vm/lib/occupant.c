/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory in an area: see occupant.h. Checks by /proc/self/pagemap where pages came to lie. */
#include "occupant.h"

#include <fcntl.h>
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

static void occupant_map(struct occupant *occupant, enum occupant_kind kind, int file)
{
	int flags = kind == OCCUPANT_SHMEM ? MAP_SHARED : MAP_PRIVATE;
	int protection = PROT_READ | PROT_WRITE;

	if (kind == OCCUPANT_FILE) {
		flags = MAP_SHARED;
		protection = PROT_READ;
	} else {
		flags |= MAP_ANONYMOUS;
	}
	occupant->kind = kind;
	occupant->file = file;
	occupant->reserved = machine_read_key("/proc/meminfo", "MemTotal") * 1024;
	occupant->base = mmap(NULL, occupant->reserved, protection, flags | MAP_NORESERVE, file, 0);
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
	for (size_t i = 0; i < STEP_PAGES; i++) {
		volatile char *byte = occupant->base + occupant->touched + i * page;

		if (occupant->kind == OCCUPANT_FILE)
			(void)*byte;
		else
			*byte = 1;
	}
	occupant->touched += STEP_PAGES * page;
	occupant->pages += STEP_PAGES;
	occupant_look(occupant, area, first, STEP_PAGES);
}

static void occupant_drop(struct occupant *occupant, size_t first, size_t count)
{
	int advice = occupant->kind == OCCUPANT_SHMEM ? MADV_REMOVE : MADV_DONTNEED;
	off_t page = sysconf(_SC_PAGESIZE);

	if (!count)
		return;
	g_assert_no_errno(madvise(occupant_page(occupant, first), count * page, advice));
	if (occupant->kind == OCCUPANT_FILE)
		g_assert_cmpint(posix_fadvise(occupant->file, (off_t)first * page,
					      (off_t)count * page, POSIX_FADV_DONTNEED),
				==, 0);
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

static void occupant_make(struct occupant *occupant, int frames, const struct area *area,
			  enum occupant_kind kind, int file, size_t pages)
{
	guint64 leave = (guint64)machine_scale(LEAVE_PAGES_PLAIN, LEAVE_PAGES_DEBUG);

	memset(occupant, 0, sizeof(*occupant));
	occupant_map(occupant, kind, file);
	/* The hog stops early when memory is too scattered for it: then more is touched. */
	pool_ioctl(frames, PIN_HOG_QUIETLY, &leave);
	/* Some may have been moved since they were touched, and others have come to where they were. */
	do {
		while (occupant->inside < pages)
			occupant_touch(occupant, area);
		occupant_refresh(occupant, area);
	} while (occupant->inside < pages);
	occupant_trim(occupant, pages);
	g_assert_cmpint(pool_ioctl(frames, PIN_UNHOG, NULL), ==, 0);
}

void occupant_fill(struct occupant *occupant, int frames, const struct area *area,
		   enum occupant_kind kind, size_t pages)
{
	g_assert(kind != OCCUPANT_FILE);
	occupant_make(occupant, frames, area, kind, -1, pages);
}

void occupant_fill_file(struct occupant *occupant, int frames, const struct area *area, int file,
			size_t pages)
{
	occupant_make(occupant, frames, area, OCCUPANT_FILE, file, pages);
	munmap(occupant->base, occupant->reserved);
	occupant->base = NULL;
}

/* The pages that lie in one pageblock, as indices; free with g_array_unref(). */
static GArray *occupant_in_block(const struct occupant *occupant, const struct area *area,
				 size_t block)
{
	GArray *indices = g_array_new(FALSE, FALSE, sizeof(size_t));

	for (size_t i = 0; i < occupant->pages; i++)
		if (occupant->frames[i] &&
		    (occupant->frames[i] - area->base) / FRAMES_PER_BLOCK == block)
			g_array_append_val(indices, i);
	return indices;
}

static void occupant_thin_block(struct occupant *occupant, GArray *indices, GRand *random,
				size_t drop)
{
	for (; drop && indices->len; drop--) {
		guint chosen = random_below(random, indices->len);
		size_t index = g_array_index(indices, size_t, chosen);

		occupant_drop(occupant, index, 1);
		occupant->frames[index] = 0;
		occupant->inside--;
		g_array_remove_index_fast(indices, chosen);
	}
}

void occupant_thin(struct occupant *occupant, const struct area *area, GRand *random, size_t pages)
{
	size_t blocks = area->pages / FRAMES_PER_BLOCK;

	while (occupant->inside > pages) {
		GArray *indices = occupant_in_block(occupant, area, random_below(random, blocks));

		if (indices->len)
			occupant_thin_block(occupant, indices, random,
					    MIN(random_below(random, indices->len + 1),
						occupant->inside - pages));
		g_array_unref(indices);
	}
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
