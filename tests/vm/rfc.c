/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The exported cma_alloc_bulk() and cma_alloc_bulk_req(), called by a kernel module with arguments
 * of this program's choice: the semantics of the RFC one by one. Needs no cmabulk module.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/caller.h"
#include "lib/faults.h"
#include "lib/frames.h"
#include "lib/machine.h"
#include "lib/occupant.h"
#include "lib/pins.h"

#define ORDER 4
#define CHUNK (G_GUINT64_CONSTANT(1) << ORDER)

#define EFFORT_NORMAL 1
#define EFFORT_HARD   2

/* What every case starts from, and must find again at its end. */
struct fixture {
	struct area area;
	int frames;
	int caller;
	guint64 owned;
	GRand *random;
};

static void fixture_setup(struct fixture *fixture, gconstpointer data)
{
	memset(fixture, 0, sizeof(*fixture));
	area_open(&fixture->area, AREA_MEDIA);
	fixture->frames = frames_open();
	fixture->caller = caller_open();
	fixture->random = machine_random(1);
	g_assert_cmpuint(area_used(&fixture->area), ==, 0);
	area_assert_owned(fixture->frames, &fixture->area, 0);
}

static void fixture_teardown(struct fixture *fixture, gconstpointer data)
{
	close(fixture->caller);
	frames_drop_all(fixture->frames);
	g_assert_cmpuint(area_used(&fixture->area), ==, 0);
	area_assert_owned(fixture->frames, &fixture->area, 0);
	close(fixture->frames);
	area_close(&fixture->area);
	g_rand_free(fixture->random);
}

static guint64 area_chunks(const struct fixture *fixture)
{
	return fixture->area.pages / CHUNK;
}

static gint frame_compare(gconstpointer one, gconstpointer other)
{
	guint64 a = *(const guint64 *)one, b = *(const guint64 *)other;

	return a < b ? -1 : a > b;
}

/* Every chunk inside the area, aligned, and none over another. Returns them in order. */
static guint64 *assert_chunks_sound(const struct fixture *fixture, unsigned int order,
				    unsigned int align, guint64 expected)
{
	guint64 unit = G_GUINT64_CONSTANT(1) << MAX(order, align);
	guint64 pages = G_GUINT64_CONSTANT(1) << order;
	guint32 count;
	guint64 *chunks = caller_chunks(fixture->caller, &count);

	g_assert_cmpuint(count, ==, expected);
	qsort(chunks, count, sizeof(*chunks), frame_compare);
	for (guint32 i = 0; i < count; i++) {
		g_assert_cmpuint(chunks[i] % unit, ==, 0);
		g_assert_true(area_has(&fixture->area, chunks[i]));
		g_assert_true(area_has(&fixture->area, chunks[i] + pages - 1));
		if (i)
			g_assert_cmpuint(chunks[i], >=, chunks[i - 1] + pages);
	}
	g_assert_cmpuint(area_used(&fixture->area), ==, expected * pages);
	return chunks;
}

/* Takes one random frame of each of the first @blocks pageblocks. */
static void take_frames(const struct fixture *fixture, guint64 blocks)
{
	for (guint64 i = 0; i < blocks; i++) {
		guint64 frame = fixture->area.base + i * FRAMES_PER_BLOCK +
				random_below(fixture->random, FRAMES_PER_BLOCK);

		g_assert_cmpint(frame_take(fixture->frames, frame), ==, 0);
	}
}

static void test_partial(struct fixture *fixture, gconstpointer data)
{
	const guint64 pinned = 20;
	guint64 obtainable = area_chunks(fixture) - pinned * (FRAMES_PER_BLOCK / CHUNK);
	struct caller_call call;
	int ret;

	take_frames(fixture, pinned);
	ret = caller_bulk(fixture->caller, AREA_MEDIA, ORDER, false, ORDER, area_chunks(fixture),
			  &call);
	g_assert_cmpint(ret, ==, -EBUSY);
	/* All of every other pageblock, and, this not being `hard`, nothing of those. */
	g_assert_cmpuint(call.allocated, <=, obtainable);
	g_assert_cmpuint(call.allocated, >=, obtainable * 99 / 100);
	g_free(assert_chunks_sound(fixture, ORDER, ORDER, call.allocated));
}

static void test_complete(struct fixture *fixture, gconstpointer data)
{
	guint64 reference_request = area_reference_request(&fixture->area);
	struct caller_call call;

	for (int fast = 0; fast <= 1; fast++) {
		g_assert_cmpint(caller_bulk(fixture->caller, AREA_MEDIA, ORDER, fast, ORDER,
					    reference_request, &call),
				==, 0);
		g_assert_cmpuint(call.allocated, ==, reference_request);
		g_free(assert_chunks_sound(fixture, ORDER, ORDER, reference_request));
	}
}

/* Fast leaves what pins make suspect; a second, normal call gets it once the pins are gone. */
static void test_top_up(struct fixture *fixture, gconstpointer data)
{
	struct caller_call call = { .order = ORDER, .flags = CALLER_TOP_UP };
	guint64 wanted = area_chunks(fixture), first;
	struct occupant occupant;
	struct pins pins;
	g_autofree void **pages = NULL;
	size_t blocks;
	int ret;

	occupant_fill(&occupant, fixture->frames, &fixture->area, OCCUPANT_ANONYMOUS,
		      fixture->area.pages / 4);
	pages = occupant_page_per_block(&occupant, &fixture->area, fixture->random, &blocks);
	g_assert_cmpuint(blocks, >=, 10);
	pins_init(&pins);
	for (guint64 i = 0; i < fixture->area.pages / FRAMES_PER_BLOCK; i++)
		if (pages[i])
			pins_add(&pins, pages[i]);

	ret = caller_bulk(fixture->caller, AREA_MEDIA, ORDER, true, ORDER, wanted, &call);
	g_assert_cmpint(ret, ==, -EBUSY);
	first = call.allocated;
	g_assert_cmpuint(first, <=, wanted - blocks * (FRAMES_PER_BLOCK / CHUNK));
	g_assert_cmpuint(first, >, 0);

	pins_clear(&pins);
	call = (struct caller_call){ .order = ORDER, .flags = CALLER_TOP_UP, .nr = wanted - first };
	caller_call(fixture->caller, AREA_MEDIA, &call);
	g_assert_cmpuint(first + call.allocated, >=, wanted * 99 / 100);
	g_assert_cmpuint(call.total, ==, first + call.allocated);
	g_free(assert_chunks_sound(fixture, ORDER, ORDER, call.total));
	occupant_free(&occupant);
}

static void test_skips_busy(struct fixture *fixture, gconstpointer data)
{
	const guint64 pinned = 8, wanted = 64;
	struct caller_call call;

	for (int fast = 0; fast <= 1; fast++) {
		g_autofree guint64 *chunks = NULL;

		take_frames(fixture, pinned);
		g_assert_cmpint(caller_bulk(fixture->caller, AREA_MEDIA, ORDER, fast, ORDER, wanted,
					    &call),
				==, 0);
		g_assert_cmpuint(call.allocated, ==, wanted);
		chunks = assert_chunks_sound(fixture, ORDER, ORDER, wanted);
		g_assert_cmpuint(chunks[0], >=, fixture->area.base + pinned * FRAMES_PER_BLOCK);
		frames_drop_all(fixture->frames);
	}
}

/* With nowhere to move pages to: -ENOMEM at once, unlike -EBUSY; what was free before is kept. */
static void test_error_ends(struct fixture *fixture, gconstpointer data)
{
	struct caller_call call = {
		.flags = CALLER_REQUEST | CALLER_STOP_ON_ERROR,
		.order = ORDER,
		.effort = EFFORT_NORMAL,
		.nr = area_chunks(fixture),
	};
	struct occupant occupant;
	struct caller_call plain;
	int ret;

	occupant_fill(&occupant, fixture->frames, &fixture->area, OCCUPANT_ANONYMOUS,
		      fixture->area.pages / 2);
	faults_prepare();
	faults_moving(100);
	ret = caller_bulk(fixture->caller, AREA_MEDIA, ORDER, false, ORDER, call.nr, &plain);
	faults_moving(0);
	g_assert_cmpint(ret, ==, -ENOMEM);
	g_assert_cmpuint(plain.allocated, <, call.nr);
	g_free(assert_chunks_sound(fixture, ORDER, ORDER, plain.allocated));

	faults_moving(100);
	ret = caller_call(fixture->caller, AREA_MEDIA, &call);
	faults_moving(0);
	g_assert_cmpint(ret, ==, -ENOMEM);
	g_assert_cmpuint(call.ranges_failed, ==, 1);
	g_free(assert_chunks_sound(fixture, ORDER, ORDER, call.allocated));

	/* Without the flag it goes on with what is free, and still says what was wrong. */
	call.flags = CALLER_REQUEST;
	faults_moving(100);
	ret = caller_call(fixture->caller, AREA_MEDIA, &call);
	faults_moving(0);
	g_assert_cmpint(ret, ==, -ENOMEM);
	g_assert_cmpuint(call.skipped_no_memory, >, 0);
	g_free(assert_chunks_sound(fixture, ORDER, ORDER, call.allocated));
	occupant_free(&occupant);
}

static void test_invalid(struct fixture *fixture, gconstpointer data)
{
	const unsigned int too_large = caller_area(AREA_MEDIA).max_order + 1;
	const struct caller_call calls[] = {
		{ .flags = CALLER_NO_AREA, .order = ORDER, .nr = 1 },
		{ .flags = CALLER_NO_ARRAY, .order = ORDER, .nr = 1 },
		{ .order = too_large, .nr = 1 },
		{ .order = 63, .nr = 1 },
		{ .order = 64, .nr = 1 },
		{ .order = G_MAXUINT32, .nr = 1 },
		{ .order = ORDER, .align = too_large, .nr = 1 },
		{ .order = ORDER, .align = G_MAXUINT32, .nr = 1 },
		{ .order = ORDER, .nr = 1, .flags = CALLER_REQUEST, .effort = EFFORT_HARD + 1 },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
		for (guint32 flags = 0; flags <= CALLER_REQUEST; flags += CALLER_REQUEST) {
			struct caller_call call = calls[i];

			call.flags |= flags;
			g_test_message("case %zu flags %u", i, call.flags);
			g_assert_cmpint(caller_call(fixture->caller, AREA_MEDIA, &call), ==,
					-EINVAL);
			g_assert_cmpuint(call.allocated, ==, 0);
		}
	}
}

static void test_zero(struct fixture *fixture, gconstpointer data)
{
	struct caller_call call;

	g_assert_cmpint(caller_bulk(fixture->caller, AREA_MEDIA, 0, true, ORDER, 0, &call), ==, 0);
	g_assert_cmpuint(call.allocated, ==, 0);
	g_assert_cmpint(caller_bulk(fixture->caller, AREA_MEDIA, 0, false, ORDER, 0, &call), ==, 0);
	g_assert_cmpuint(call.allocated, ==, 0);

	call = (struct caller_call){ .flags = CALLER_REQUEST, .order = ORDER };
	g_assert_cmpint(caller_call(fixture->caller, AREA_MEDIA, &call), ==, 0);
	g_assert_cmpuint(call.allocated, ==, 0);
	g_assert_cmpuint(call.ranges_tried, ==, 0);
}

static void test_alignment(struct fixture *fixture, gconstpointer data)
{
	static const struct {
		unsigned int order, align;
	} cases[] = { { 4, 0 }, { 4, 4 }, { 2, 6 }, { 0, 9 }, { 0, 10 }, { 6, 8 }, { 9, 9 } };
	struct caller_call call;

	take_frames(fixture, 5);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_test_message("order %u align %u", cases[i].order, cases[i].align);
		g_assert_cmpint(caller_bulk(fixture->caller, AREA_MEDIA, cases[i].align, false,
					    cases[i].order, 50, &call),
				==, 0);
		g_free(assert_chunks_sound(fixture, cases[i].order, cases[i].align, 50));
	}
}

/* Chunks of more than one pageblock. */
static void test_large_order(struct fixture *fixture, gconstpointer data)
{
	static const struct {
		unsigned int order;
		guint64 chunks;
	} cases[] = { { 10, 20 }, { 11, 5 }, { 13, 3 } };
	struct caller_call call;

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_assert_cmpuint(cases[i].order, <=, caller_area(AREA_MEDIA).max_order);
		g_assert_cmpint(caller_bulk(fixture->caller, AREA_MEDIA, 0, false, cases[i].order,
					    cases[i].chunks, &call),
				==, 0);
		g_free(assert_chunks_sound(fixture, cases[i].order, 0, cases[i].chunks));
	}
}

static void test_release_each(struct fixture *fixture, gconstpointer data)
{
	const guint64 wanted = 200;
	struct caller_call call;

	g_assert_cmpint(caller_bulk(fixture->caller, AREA_MEDIA, ORDER, false, ORDER, wanted,
				    &call),
			==, 0);
	/* Every other one first: a chunk's neighbours must not go with it. */
	for (guint64 i = 0; i < wanted; i++) {
		guint64 chunk = i < wanted / 2 ? 2 * i + 1 : 2 * (i - wanted / 2);

		g_assert_cmpint(caller_release(fixture->caller, chunk), ==, 0);
		g_assert_cmpuint(area_used(&fixture->area), ==, (wanted - i - 1) * CHUNK);
		if (!(i % 50))
			area_assert_owned(fixture->frames, &fixture->area,
					  (wanted - i - 1) * CHUNK);
	}
}

static void test_order_per_bit(struct fixture *fixture, gconstpointer data)
{
	struct caller_area area = caller_area(AREA_MEDIA);
	struct caller_call call;

	/* The areas of this machine take every order; the KUnit tests have one that does not. */
	g_assert_cmpuint(area.order_per_bit, ==, 0);
	g_assert_cmpuint(area.base, ==, fixture->area.base);
	g_assert_cmpuint(area.pages, ==, fixture->area.pages);
	g_assert_cmpuint(area.available, ==, area.pages);
	g_assert_cmpint(caller_bulk(fixture->caller, AREA_MEDIA, 0, false, 0, 1, &call), ==, 0);
	g_assert_cmpuint(caller_area(AREA_MEDIA).available, ==, area.pages - 1);
	g_assert_cmpint(caller_release(fixture->caller, 0), ==, 0);
	g_assert_cmpuint(caller_area(AREA_MEDIA).available, ==, area.pages);
}

static void test_deadline(struct fixture *fixture, gconstpointer data)
{
	struct caller_call call = {
		.flags = CALLER_REQUEST,
		.order = ORDER,
		.effort = EFFORT_NORMAL,
		.nr = area_chunks(fixture),
		.budget_ns = 1,
	};

	g_assert_cmpint(caller_call(fixture->caller, AREA_MEDIA, &call), ==, -ETIME);
	g_assert_cmpuint(call.allocated, <, call.nr);
	g_free(assert_chunks_sound(fixture, ORDER, ORDER, call.allocated));
}

static void test_interrupt(struct fixture *fixture, gconstpointer data)
{
	struct caller_call call = {
		.flags = CALLER_REQUEST | CALLER_INTERRUPTED,
		.order = ORDER,
		.effort = EFFORT_HARD,
		.nr = area_chunks(fixture),
	};

	g_assert_cmpint(caller_call(fixture->caller, AREA_MEDIA, &call), ==, -EINTR);
	g_assert_cmpuint(call.allocated, <, call.nr);
	g_free(assert_chunks_sound(fixture, ORDER, ORDER, call.allocated));
}

#define ADD(name, function) \
	g_test_add("/rfc/" name, struct fixture, NULL, fixture_setup, function, fixture_teardown)

int main(int argc, char **argv)
{
	machine_init(&argc, &argv);
	ADD("partial-result", test_partial);
	ADD("complete", test_complete);
	ADD("top-up", test_top_up);
	ADD("skips-busy", test_skips_busy);
	ADD("invalid", test_invalid);
	ADD("zero-requests", test_zero);
	ADD("alignment", test_alignment);
	ADD("large-order", test_large_order);
	ADD("release-each", test_release_each);
	ADD("order-per-bit", test_order_per_bit);
	ADD("deadline", test_deadline);
	ADD("interrupt", test_interrupt);
	/* Needs something to make allocations fail with: the debug flavour. */
	ADD("error-ends", test_error_ends);
	return g_test_run();
}
