/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A pool's counters: see books.h. Reads QUERY, BUFFERS and the area's bitmap in debugfs. */
#include "books.h"

#include <string.h>
#include <unistd.h>

#include "events.h"
#include "frames.h"
#include "machine.h"
#include "pool.h"

/* Giving back everything takes far less, even on a slow debug kernel. */
#define SETTLE_SECONDS 120
/* An event may have been sent before we listened: look again at least this often. */
#define SETTLE_POLL_MS 200
/* No event tells when the cache is empty, which it is soon. */
#define CACHED_POLL_MS 20

guint64 books_owned(const struct cmabulk_states *states)
{
	return states->cached + states->reserved + states->exported + states->draining;
}

static guint64 books_used(const struct cmabulk_query *query)
{
	struct area area;
	guint64 used;

	area_open(&area, query->area);
	used = area_used(&area);
	area_close(&area);
	return used;
}

struct books books_settled(int pool)
{
	gint64 limit = machine_now() + SETTLE_SECONDS * G_GINT64_CONSTANT(1000000000);
	struct events *events = events_new();
	struct books books;

	for (;;) {
		g_assert_cmpint(pool_query(pool, &books.query), ==, 0);
		if (!books.query.states.draining && !books.query.states.cached)
			break;
		if (machine_now() > limit)
			g_error("pool %s: %llu pages are still draining, %llu still cached after "
				"%d s",
				books.query.name, books.query.states.draining,
				books.query.states.cached, SETTLE_SECONDS);
		events_wait(events, books.query.states.draining ? SETTLE_POLL_MS : CACHED_POLL_MS);
	}
	events_free(events);
	books.used = books_used(&books.query);
	return books;
}

/* The snapshot has to add up to the same numbers as the counters. */
static void books_assert_snapshot(int pool, const struct cmabulk_query *query)
{
	g_autofree struct cmabulk_buffer_info *entries = NULL;
	guint64 pages[CMABULK_STATE_DRAINING + 1] = { 0 };
	guint64 objects[CMABULK_OBJECT_BUFFER + 1] = { 0 };
	struct cmabulk_buffers buffers;

	g_assert_cmpint(pool_buffers(pool, &buffers, &entries), ==, 0);
	for (guint64 i = 0; i < buffers.count; i++) {
		g_assert_cmpuint(entries[i].state, <, G_N_ELEMENTS(pages));
		g_assert_cmpuint(entries[i].object, <, G_N_ELEMENTS(objects));
		g_assert_cmpuint(entries[i].pages, ==, entries[i].chunks << entries[i].order);
		pages[entries[i].state] += entries[i].pages;
		objects[entries[i].object]++;
	}
	g_assert_cmpmem(&buffers.states, sizeof(buffers.states), &query->states,
			sizeof(query->states));
	g_assert_cmpuint(pages[CMABULK_STATE_RESERVED], ==, query->states.reserved);
	g_assert_cmpuint(pages[CMABULK_STATE_EXPORTED], ==, query->states.exported);
	g_assert_cmpuint(objects[CMABULK_OBJECT_RESERVATION], ==, query->reservations);
	g_assert_cmpuint(objects[CMABULK_OBJECT_BUFFER], ==, query->buffers);
}

void books_assert_same(int pool, const struct books *before)
{
	struct books now = books_settled(pool);

	g_assert_cmpuint(now.query.states.cached, ==, before->query.states.cached);
	g_assert_cmpuint(now.query.states.reserved, ==, before->query.states.reserved);
	g_assert_cmpuint(now.query.states.exported, ==, before->query.states.exported);
	g_assert_cmpuint(now.query.buffers, ==, before->query.buffers);
	g_assert_cmpuint(now.query.reservations, ==, before->query.reservations);
	g_assert_cmpuint(now.query.free_pages, ==, before->query.free_pages);
	g_assert_cmpuint(now.used, ==, before->used);
	g_assert_cmpuint(now.query.pages - now.query.free_pages, ==, now.used);
	books_assert_snapshot(pool, &now.query);
}

void books_assert_empty(int pool)
{
	struct books books = books_settled(pool);
	struct area area;
	int frames;

	g_assert_cmpuint(books_owned(&books.query.states), ==, 0);
	g_assert_cmpuint(books.query.buffers, ==, 0);
	g_assert_cmpuint(books.query.reservations, ==, 0);
	g_assert_cmpuint(books.query.free_pages, ==, books.query.pages);
	g_assert_cmpuint(books.used, ==, 0);
	books_assert_snapshot(pool, &books.query);

	frames = frames_open();
	area_open(&area, books.query.area);
	area_assert_owned(frames, &area, 0);
	area_close(&area);
	close(frames);
}
