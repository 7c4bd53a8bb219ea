/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* FILL where memory outside of the area is scarce. */
#include "fill.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/occupant.h"

/* Enough that half of it is more than what the kernel keeps, and would rather keep. */
#define CACHE_PAGES (G_GUINT64_CONSTANT(160) * 1024 / 4)

/* Pages that the kernel keeps for itself: with fewer, whoever asks for memory has to wait. */
static guint64 kept_pages(void)
{
	return machine_read_number("/proc/sys/vm/min_free_kbytes") * 1024 /
	       (guint64)sysconf(_SC_PAGESIZE);
}

static void write_number(const char *path, guint64 number)
{
	g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, number);

	machine_write(path, text);
}

/*
 * What debugging keeps of each page that is moved comes from where FILL leaves memory to the kernel, and is
 * not FILL's to limit: a debug kernel shall have more of that. Returns what it was before.
 */
static guint64 keep_more(void)
{
	guint64 before = machine_read_number("/proc/sys/vm/min_free_kbytes");

	write_number("/proc/sys/vm/min_free_kbytes", before * machine_scale(1, 4));
	return before;
}

static guint64 spare_pages(const struct fixture *fixture)
{
	guint64 spare;

	g_assert_cmpint(pool_ioctl(fixture->frames, PIN_SPARE, &spare), ==, 0);
	return spare;
}

/*
 * Pages that there are for whoever asks besides those free in the areas, as the kernel estimates it: of files half
 * or more, and some of those are in the areas.
 */
static guint64 available_pages(void)
{
	guint64 available = machine_read_key("/proc/meminfo", "MemAvailable");
	guint64 inside = machine_read_key("/proc/meminfo", "CmaFree");

	return (available - MIN(available, inside)) * 1024 / (guint64)sysconf(_SC_PAGESIZE);
}

/* Reads files until no more than @spare pages are free outside the areas. */
static void read_until_scarce(const struct fixture *fixture, const char *directory, guint64 spare)
{
	g_autoptr(GDir) listing = g_dir_open(directory, 0, NULL);
	const char *name;

	g_assert_nonnull(listing);
	while (spare_pages(fixture) > spare && (name = g_dir_read_name(listing))) {
		g_autofree char *path = g_build_filename(directory, name, NULL);
		g_autofree char *text = NULL;

		if (g_file_test(path, G_FILE_TEST_IS_REGULAR))
			g_file_get_contents(path, &text, NULL, NULL);
	}
	g_assert_cmpuint(spare_pages(fixture), <=, spare);
}

/*
 * FILL takes no memory from who cannot use the area's: with next to nothing free elsewhere but @files pages,
 * most of which hold files, the kernel is left what it keeps, and what FILL got can be exported. Returns what
 * FILL did.
 */
static int fill_starving_nobody(struct fixture *fixture, guint64 files)
{
	guint64 kept_before, kept, leave, before, spare, available;
	struct occupant occupant;
	struct cmabulk_fill fill;
	int buffer, ret;

	/* This program's own code is file pages, too. */
	g_assert_cmpint(mlockall(MCL_CURRENT), ==, 0);
	occupant_fill(&occupant, fixture->frames, &fixture->area, OCCUPANT_ANONYMOUS,
		      fixture->area.pages * 6 / 10);
	kept_before = keep_more();
	kept = kept_pages();
	leave = kept + (guint64)machine_scale(4, 40) * 1024 / 4 + files;
	/* Memory may be too scattered to have all of it: what is in the area is still more. */
	pool_ioctl(fixture->frames, PIN_HOG_QUIETLY, &leave);
	if (files)
		read_until_scarce(fixture, "/usr/lib/x86_64-linux-gnu", leave - files * 3 / 4);
	before = spare_pages(fixture);
	available = available_pages();
	ret = reservation_fill(fixture->reservation, CMABULK_EFFORT_FAST, pool_chunks(fixture), 0,
			       &fill);
	spare = spare_pages(fixture);
	buffer = reservation_export(fixture->reservation, fill.nr_allocated, O_RDWR | O_CLOEXEC, "",
				    NULL);
	g_assert_cmpint(pool_ioctl(fixture->frames, PIN_UNHOG, NULL), ==, 0);
	g_print("# %llu chunks, %" G_GUINT64_FORMAT " pages left of %" G_GUINT64_FORMAT
		", of which %" G_GUINT64_FORMAT " are kept and %" G_GUINT64_FORMAT
		" available; result %d: %llu without memory, %llu busy, %llu suspect\n",
		fill.nr_allocated, spare, before, kept, available, ret,
		fill.report.skipped_no_memory, fill.report.skipped_busy,
		fill.report.skipped_suspect);
	g_assert_cmpint(buffer, >=, 0);
	if (machine_is_stock()) {
		/* It has no say in where pages go, and does not begin where others would pay: files would. */
		if (!files)
			g_assert_cmpuint(spare, >=, kept * 3 / 4);
	} else {
		g_assert_cmpuint(spare, >=, kept);
		g_assert_cmpuint(fill.report.chunks_moved, >, 0);
		/*
		 * Without reclaim it ends long before. The estimate counts what can be reclaimed by half. What
		 * debugging keeps of a page that is moved is memory, too.
		 */
		if (files && machine_scale(1, 0)) {
			const guint64 got = fill.nr_allocated << ORDER;
			const guint64 empty = fixture->area.pages - occupant.inside;

			g_assert_cmpuint(got, >=,
					 MIN(fixture->area.pages * 3 / 4,
					     empty + available * 5 / 4));
		}
	}
	munlockall();
	close(buffer);
	occupant_free(&occupant);
	write_number("/proc/sys/vm/min_free_kbytes", kept_before);
	return ret;
}

static void test_starves_nobody(struct fixture *fixture, gconstpointer data)
{
	/* It went on as long as there was anything. */
	g_assert_cmpint(fill_starving_nobody(fixture, 0), ==, -ENOMEM);
}

/* To reclaim what files hold is no reason to take what is kept first. */
static void test_starves_nobody_beside_files(struct fixture *fixture, gconstpointer data)
{
	fill_starving_nobody(fixture, CACHE_PAGES);
}

/* A machine that has been up for a while has all memory in use, by files it has read: that is room. */
static void test_cache_makes_room(struct fixture *fixture, gconstpointer data)
{
	const guint64 kept = kept_pages(), free_chunks = pool_chunks(fixture) / 2;
	guint64 leave = kept + CACHE_PAGES;
	struct occupant occupant;
	struct cmabulk_fill fill;

	occupant_fill(&occupant, fixture->frames, &fixture->area, OCCUPANT_ANONYMOUS,
		      fixture->area.pages * 4 / 10);
	g_assert_cmpint(reservation_fill(fixture->reservation, CMABULK_EFFORT_FAST, free_chunks, 0,
					 &fill),
			==, 0);
	pool_ioctl(fixture->frames, PIN_HOG, &leave);
	/* By itself the kernel makes room up to where memory was last too scattered, and no more. */
	read_until_scarce(fixture, "/usr/lib/x86_64-linux-gnu", kept + CACHE_PAGES / 4);
	reservation_fill(fixture->reservation, CMABULK_EFFORT_NORMAL,
			 pool_chunks(fixture) - free_chunks, 0, &fill);
	g_assert_cmpint(pool_ioctl(fixture->frames, PIN_UNHOG, NULL), ==, 0);
	g_print("# %llu chunks were moved for, %llu not for lack of memory\n",
		fill.report.chunks_moved, fill.report.skipped_no_memory);
	/* Not all: what is left to everybody, the stock engine leaves. */
	g_assert_cmpuint(fill.report.chunks_moved, >=, free_chunks / 2);
	occupant_free(&occupant);
}

/*
 * Nobody shall move pages from the areas to what FILL leaves. kcompactd does, on its own account, and when
 * kswapd wakes it, which keeps more than it says where memory is scattered, and wants to have it in one piece.
 */
static void calm_kcompactd(void)
{
	machine_write("/proc/sys/vm/compaction_proactiveness", "0");
	machine_write("/proc/sys/vm/watermark_boost_factor", "0");
	/* This ends what more it keeps at present. */
	write_number("/proc/sys/vm/min_free_kbytes",
		     machine_read_number("/proc/sys/vm/min_free_kbytes"));
}

/*
 * What CPUs have on their lists is free, but counts as free nowhere, and is where pages are moved to. Lists grow with
 * what is freed, to an eighth of the zone for each CPU: 27000 pages were seen on one. Here they stay as short as they can be.
 */
static void shorten_cpu_lists(void)
{
	machine_write("/proc/sys/vm/percpu_pagelist_high_fraction", "1000000");
}

void scarce_init(void)
{
	calm_kcompactd();
	shorten_cpu_lists();
}

void fill_add_scarce(void)
{
	FILL_ADD("starves-nobody", test_starves_nobody);
	FILL_ADD("starves-nobody-beside-files", test_starves_nobody_beside_files);
	FILL_ADD("cache-makes-room", test_cache_makes_room);
}
