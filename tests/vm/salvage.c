/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One page that cannot move in every single pageblock of an area: `hard` still gets every chunk
 * that holds none of them. Which pages those are is known here, not asked of the module.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/books.h"
#include "lib/frames.h"
#include "lib/machine.h"
#include "lib/occupant.h"
#include "lib/pins.h"
#include "lib/pool.h"

/* Of the chunks that hold no pinned page. */
#define PERCENT_EXPECTED   99
/* Of the pages beside a pinned one: the kernel moves some for reasons of its own. */
#define PERCENT_LEFT_ALONE 90

struct scene {
	struct area area;
	int pool;
	int frames;
	struct occupant occupant;
	struct pins pins;
	bool *pinned; /* per page of the area */
};

struct shape {
	const char *name;
	const char *pool;
	const char *area;
	unsigned int order;
	unsigned int align;
	bool occupied; /* programs' memory lies in the area too, and holds some of the pins */
};

static void scene_pin(struct scene *scene, guint64 frame)
{
	g_assert_true(area_has(&scene->area, frame));
	scene->pinned[frame - scene->area.base] = true;
}

/* A page of the occupant where there is one, else the bare page frame. */
static void scene_pin_every_block(struct scene *scene, GRand *random)
{
	g_autofree void **pages = NULL;
	size_t occupied;

	pages = occupant_page_per_block(&scene->occupant, &scene->area, random, &occupied);
	for (guint64 block = 0; block < scene->area.pages / FRAMES_PER_BLOCK; block++) {
		guint64 frame = scene->area.base + block * FRAMES_PER_BLOCK;

		if (pages[block]) {
			pins_add(&scene->pins, pages[block]);
			frame = frame_of(pages[block]);
		} else {
			frame += random_below(random, FRAMES_PER_BLOCK);
			g_assert_cmpint(frame_take(scene->frames, frame), ==, 0);
		}
		scene_pin(scene, frame);
	}
	g_test_message("%zu pageblocks pinned by a pipe, the others by a module", occupied);
}

static void scene_setup(struct scene *scene, const struct shape *shape)
{
	g_autoptr(GRand) random = machine_random(1);

	memset(scene, 0, sizeof(*scene));
	area_open(&scene->area, shape->area);
	scene->pool = pool_open(shape->pool);
	scene->frames = frames_open();
	scene->pinned = g_new0(bool, scene->area.pages);
	pins_init(&scene->pins);
	if (shape->occupied)
		occupant_fill(&scene->occupant, scene->frames, &scene->area, OCCUPANT_ANONYMOUS,
			      scene->area.pages / 3);
	scene_pin_every_block(scene, random);
}

static void scene_teardown(struct scene *scene)
{
	pins_clear(&scene->pins);
	occupant_free(&scene->occupant);
	close(scene->frames);
	books_assert_empty(scene->pool);
	close(scene->pool);
	g_free(scene->pinned);
	area_close(&scene->area);
}

/* True when none of the pages of the chunk at @frame is pinned. */
static bool scene_chunk_moves(const struct scene *scene, guint64 frame, unsigned int order)
{
	for (guint64 i = 0; i < G_GUINT64_CONSTANT(1) << order; i++)
		if (scene->pinned[frame + i - scene->area.base])
			return false;
	return true;
}

static guint64 scene_obtainable(const struct scene *scene, unsigned int order, unsigned int align)
{
	guint64 unit = G_GUINT64_CONSTANT(1) << MAX(order, align);
	guint64 end = scene->area.base + scene->area.pages;
	guint64 frame = (scene->area.base + unit - 1) / unit * unit;
	guint64 chunks = 0;

	for (; frame + (G_GUINT64_CONSTANT(1) << order) <= end; frame += unit)
		chunks += scene_chunk_moves(scene, frame, order);
	return chunks;
}

static void assert_chunks_sound(const struct scene *scene, int reservation,
				const struct shape *shape, guint64 expected)
{
	g_autofree bool *seen = g_new0(bool, scene->area.pages);
	g_autofree guint64 *addresses = NULL;
	guint64 count;

	g_assert_cmpint(reservation_chunks(reservation, &addresses, &count), ==, 0);
	g_assert_cmpuint(count, ==, expected);
	for (guint64 i = 0; i < count; i++) {
		guint64 frame = addresses[i] / sysconf(_SC_PAGESIZE);

		g_assert_cmpuint(frame % (1 << MAX(shape->order, shape->align)), ==, 0);
		for (guint64 page = frame; page < frame + (1 << shape->order); page++) {
			g_assert_true(area_has(&scene->area, page));
			g_assert_false(scene->pinned[page - scene->area.base]);
			g_assert_false(seen[page - scene->area.base]);
			seen[page - scene->area.base] = true;
		}
	}
}

/* Programs' pages that share a chunk with a pinned one, by where they lie; free with g_free(). */
static guint64 *scene_neighbours(const struct scene *scene, unsigned int order)
{
	const guint64 unit = G_GUINT64_CONSTANT(1) << order;
	guint64 *frames = g_new0(guint64, scene->occupant.pages);

	for (size_t i = 0; i < scene->occupant.pages; i++) {
		guint64 frame = scene->occupant.frames[i];

		if (frame && !scene_chunk_moves(scene, frame / unit * unit, order))
			frames[i] = frame;
	}
	return frames;
}

/* Moving them would have been in vain. The stock engine cannot help it. */
static void assert_left_alone(struct scene *scene, const guint64 *neighbours)
{
	guint64 there = 0, alone = 0;

	occupant_refresh(&scene->occupant, &scene->area);
	for (size_t i = 0; i < scene->occupant.pages; i++) {
		there += neighbours[i] != 0;
		alone += neighbours[i] && scene->occupant.frames[i] == neighbours[i];
	}
	g_print("# %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
		" pages beside a pinned one were left alone\n",
		alone, there);
	g_assert_cmpuint(there, >, 0);
	if (!machine_is_stock())
		g_assert_cmpuint(alone * 100, >=, there * PERCENT_LEFT_ALONE);
}

static void test_salvage(gconstpointer data)
{
	const struct shape *shape = data;
	g_autofree guint64 *neighbours = NULL;
	guint64 obtainable, most;
	struct cmabulk_fill fill;
	struct scene scene;
	int reservation, ret;

	scene_setup(&scene, shape);
	obtainable = scene_obtainable(&scene, shape->order, shape->align);
	most = scene.area.pages >> shape->order;
	if (shape->occupied)
		neighbours = scene_neighbours(&scene, shape->order);
	reservation = reservation_new(scene.pool, shape->order, shape->align);
	ret = reservation_fill(reservation, CMABULK_EFFORT_HARD, most, 0, &fill);
	g_print("# %s: %llu of %" G_GUINT64_FORMAT
		" obtainable chunks in %.1f ms, %llu ranges, %llu "
		"salvaged\n",
		shape->name, fill.nr_allocated, obtainable, milliseconds(fill.report.total_ns),
		fill.report.ranges_tried, fill.report.chunks_salvaged);
	g_assert_cmpint(ret, ==, -EBUSY);
	g_assert_cmpuint(fill.nr_allocated, <=, obtainable);
	g_assert_cmpuint(fill.nr_allocated * 100, >=, obtainable * PERCENT_EXPECTED);
	g_assert_cmpuint(fill.total, ==, fill.nr_allocated);
	/* Where chunks fill the pageblocks, all but a pinned one's neighbours are such. */
	if (fill.nr_allocated && shape->align <= shape->order)
		g_assert_cmpuint(fill.report.chunks_salvaged, >, 0);
	assert_chunks_sound(&scene, reservation, shape, fill.total);
	if (shape->occupied)
		assert_left_alone(&scene, neighbours);
	close(reservation);
	scene_teardown(&scene);
}

int main(int argc, char **argv)
{
	static const struct shape shapes[] = {
		{ "/salvage/media/order-4", POOL_MEDIA, AREA_MEDIA, 4, 4, true },
		{ "/salvage/media/order-0", POOL_MEDIA, AREA_MEDIA, 0, 0, false },
		{ "/salvage/media/order-2", POOL_MEDIA, AREA_MEDIA, 2, 2, true },
		{ "/salvage/media/order-6", POOL_MEDIA, AREA_MEDIA, 6, 6, false },
		{ "/salvage/media/order-8", POOL_MEDIA, AREA_MEDIA, 8, 8, false },
		{ "/salvage/media/order-9", POOL_MEDIA, AREA_MEDIA, 9, 9, false },
		{ "/salvage/media/order-2-align-6", POOL_MEDIA, AREA_MEDIA, 2, 6, false },
		{ "/salvage/media/order-4-align-9", POOL_MEDIA, AREA_MEDIA, 4, 9, false },
		{ "/salvage/camera/order-4", POOL_CAMERA, AREA_CAMERA, 4, 4, false },
		{ "/salvage/camera/order-3-align-5", POOL_CAMERA, AREA_CAMERA, 3, 5, false },
	};

	machine_init(&argc, &argv);
	module_load_cmabulk(NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++)
		g_test_add_data_func(shapes[i].name, &shapes[i], test_salvage);
	return g_test_run();
}
