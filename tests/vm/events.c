/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the module tells: BUFFERS, the netlink events and counters, and sysfs agree with each other
 * and with what was done; events are numbered without holes; owners come back as given.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/books.h"
#include "lib/events.h"
#include "lib/frames.h"
#include "lib/machine.h"
#include "lib/pool.h"

#define ORDER	   3
#define PAGES	   (G_GUINT64_CONSTANT(1) << ORDER)
#define TIMEOUT_MS 60000

struct fixture {
	int pool;
	struct events *events;
	guint64 sequence;
};

static void fixture_setup(struct fixture *fixture, gconstpointer data)
{
	fixture->pool = pool_open(POOL_MEDIA);
	fixture->sequence = books_settled(fixture->pool).query.sequence;
	fixture->events = events_new();
}

static void fixture_teardown(struct fixture *fixture, gconstpointer data)
{
	books_assert_empty(fixture->pool);
	events_free(fixture->events);
	close(fixture->pool);
}

/* The next event of the pool under test, which has to be @command and carry the next number. */
static struct event expect(struct fixture *fixture, enum cmabulk_genl_command command)
{
	struct event event;

	do {
		if (!events_next(fixture->events, TIMEOUT_MS, &event))
			g_error("no event %d", command);
		/* What the fixture's start had already counted. */
	} while (!g_str_equal(event.pool, POOL_MEDIA) || event.sequence <= fixture->sequence);
	g_assert_cmpint(event.command, ==, command);
	g_assert_cmpuint(event.sequence, ==, fixture->sequence + 1);
	fixture->sequence = event.sequence;
	return event;
}

static void expect_none(struct fixture *fixture)
{
	struct event event;

	books_settled(fixture->pool);
	while (events_next(fixture->events, 0, &event))
		if (!strcmp(event.pool, POOL_MEDIA))
			g_assert_cmpuint(event.sequence, <=, fixture->sequence);
}

static const struct cmabulk_buffer_info *find_id(const struct cmabulk_buffers *buffers,
						 const struct cmabulk_buffer_info *entries,
						 guint64 id)
{
	for (guint64 i = 0; i < buffers->count; i++)
		if (entries[i].id == id)
			return &entries[i];
	return NULL;
}

static void test_life(struct fixture *fixture, gconstpointer data)
{
	struct cmabulk_export export;
	struct cmabulk_fill fill;
	guint64 reservation_id;
	struct event event;
	struct stat status;
	struct area area;
	int reservation, buffer;

	reservation = reservation_try_new(fixture->pool, ORDER, 0, &reservation_id);
	g_assert_cmpint(reservation, >=, 0);
	reservation_fill(reservation, CMABULK_EFFORT_NORMAL, 50, 0, &fill);
	expect_none(fixture);

	buffer = reservation_export(reservation, 30, O_RDWR | O_CLOEXEC, "life", &export);
	g_assert_cmpint(buffer, >=, 0);
	event = expect(fixture, CMABULK_CMD_EXPORTED);
	g_assert_no_errno(fstat(buffer, &status));
	g_assert_cmpuint(export.inode, ==, status.st_ino);
	g_assert_cmpuint(event.id, ==, export.id);
	g_assert_cmpuint(event.inode, ==, status.st_ino);
	g_assert_cmpuint(event.pages, ==, 30 * PAGES);
	g_assert_cmpuint(event.reservation, ==, reservation_id);

	close(reservation);
	event = expect(fixture, CMABULK_CMD_DROPPED);
	g_assert_cmpuint(event.id, ==, reservation_id);
	g_assert_cmpuint(event.pages, ==, 20 * PAGES);

	close(buffer);
	event = expect(fixture, CMABULK_CMD_RELEASED);
	g_assert_cmpuint(event.id, ==, export.id);
	g_assert_cmpuint(event.inode, ==, status.st_ino);
	g_assert_cmpuint(event.pages, ==, 30 * PAGES);
	/* Released means: the pages are back. */
	area_open(&area, AREA_MEDIA);
	g_assert_cmpuint(area_used(&area), ==, 0);
	area_close(&area);
	expect_none(fixture);
}

/* An owner is reported as it was given, for the reservation and for its buffers. */
static void test_owner(struct fixture *fixture, gconstpointer data)
{
	struct cmabulk_reserve reserve = {
		.size = sizeof(reserve),
		.flags = O_CLOEXEC,
		.order = ORDER,
		.align = 6,
		.owner = {
			.uid = 4000000000,
			.pid = 4711,
			.cookie = G_MAXUINT64,
			.account = "camera.service/1000",
			.label = "sixty-three characters are the most that fit into this label x",
		},
	};
	g_autofree struct cmabulk_buffer_info *entries = NULL;
	const struct cmabulk_buffer_info *info;
	struct cmabulk_buffers buffers;
	struct cmabulk_export export;
	struct cmabulk_fill fill;
	int buffer;

	g_assert_cmpint(pool_ioctl(fixture->pool, CMABULK_IOC_RESERVE, &reserve), ==, 0);
	reservation_fill(reserve.fd, CMABULK_EFFORT_NORMAL, 7, 0, &fill);
	buffer = reservation_export(reserve.fd, 3, O_RDWR | O_CLOEXEC, "owned", &export);
	g_assert_cmpint(pool_buffers(fixture->pool, &buffers, &entries), ==, 0);
	g_assert_cmpuint(buffers.count, ==, 2);

	info = find_id(&buffers, entries, reserve.id);
	g_assert_nonnull(info);
	g_assert_cmpmem(&info->owner, sizeof(info->owner), &reserve.owner, sizeof(reserve.owner));
	g_assert_cmpuint(info->object, ==, CMABULK_OBJECT_RESERVATION);
	g_assert_cmpuint(info->state, ==, CMABULK_STATE_RESERVED);
	g_assert_cmpuint(info->inode, ==, 0);
	g_assert_cmpuint(info->chunks, ==, 4);
	g_assert_cmpuint(info->order, ==, ORDER);
	g_assert_cmpuint(info->align, ==, 6);

	info = find_id(&buffers, entries, export.id);
	g_assert_nonnull(info);
	g_assert_cmpmem(&info->owner, sizeof(info->owner), &reserve.owner, sizeof(reserve.owner));
	g_assert_cmpuint(info->object, ==, CMABULK_OBJECT_BUFFER);
	g_assert_cmpuint(info->state, ==, CMABULK_STATE_EXPORTED);
	g_assert_cmpuint(info->inode, ==, export.inode);
	g_assert_cmpuint(info->chunks, ==, 3);
	g_assert_cmpuint(info->pages, ==, 3 * PAGES);
	g_assert_cmpuint(info->reservation, ==, reserve.id);
	g_assert_cmpstr(info->name, ==, "owned");
	g_assert_cmpuint(info->age_ns, <, G_GUINT64_CONSTANT(600000000000));
	close(reserve.fd);
	close(buffer);
}

/* BUFFERS with no room only counts; with too little it says so and writes no entry. */
static void test_snapshot_room(struct fixture *fixture, gconstpointer data)
{
	struct cmabulk_buffer_info entries[3];
	struct cmabulk_buffers buffers = {
		.size = sizeof(buffers),
		.entry_size = sizeof(entries[0]),
	};
	int reservations[3];
	char untouched[sizeof(entries)];

	for (int i = 0; i < 3; i++)
		reservations[i] = reservation_new(fixture->pool, ORDER, 0);
	g_assert_cmpint(pool_ioctl(fixture->pool, CMABULK_IOC_BUFFERS, &buffers), ==, -ENOSPC);
	g_assert_cmpuint(buffers.count, ==, 3);

	memset(entries, 0x5a, sizeof(entries));
	memset(untouched, 0x5a, sizeof(untouched));
	buffers.capacity = 2;
	buffers.entries = (guintptr)entries;
	g_assert_cmpint(pool_ioctl(fixture->pool, CMABULK_IOC_BUFFERS, &buffers), ==, -ENOSPC);
	g_assert_cmpuint(buffers.count, ==, 3);
	g_assert_cmpmem(entries, sizeof(entries), untouched, sizeof(untouched));

	buffers.capacity = 3;
	g_assert_cmpint(pool_ioctl(fixture->pool, CMABULK_IOC_BUFFERS, &buffers), ==, 0);
	g_assert_cmpuint(buffers.count, ==, 3);
	for (int i = 0; i < 3; i++)
		g_assert_nonnull(find_id(&buffers, entries, entries[i].id));
	g_assert_cmpuint(entries[0].id, !=, entries[1].id);
	for (int i = 0; i < 3; i++)
		close(reservations[i]);
}

/*
 * A subscriber that takes a snapshot in the middle and applies only newer events knows at the end
 * exactly what lives.
 */
static void test_snapshot_and_events(struct fixture *fixture, gconstpointer data)
{
	g_autoptr(GHashTable)
		known = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	g_autofree struct cmabulk_buffer_info *entries = NULL, *final = NULL;
	struct cmabulk_buffers snapshot, end;
	g_autoptr(GRand) random = machine_random(1);
	int live[20];
	struct event event;

	for (int i = 0; i < 20; i++)
		live[i] = buffer_new(fixture->pool, ORDER, 2);
	g_assert_cmpint(pool_buffers(fixture->pool, &snapshot, &entries), ==, 0);
	for (guint64 i = 0; i < snapshot.count; i++)
		if (entries[i].state == CMABULK_STATE_EXPORTED)
			g_hash_table_add(known, g_memdup2(&entries[i].id, sizeof(guint64)));
	for (int i = 0; i < 60; i++) {
		guint which = random_below(random, 20);

		close(live[which]);
		live[which] = buffer_new(fixture->pool, ORDER, 2);
	}
	books_settled(fixture->pool);
	g_assert_cmpint(pool_buffers(fixture->pool, &end, &final), ==, 0);

	while (fixture->sequence < end.sequence) {
		g_assert_true(events_next(fixture->events, TIMEOUT_MS, &event));
		if (!g_str_equal(event.pool, POOL_MEDIA) || event.sequence <= fixture->sequence)
			continue;
		g_assert_cmpuint(event.sequence, ==, ++fixture->sequence);
		if (event.sequence <= snapshot.sequence)
			continue;
		if (event.command == CMABULK_CMD_EXPORTED)
			g_hash_table_add(known, g_memdup2(&event.id, sizeof(guint64)));
		if (event.command == CMABULK_CMD_RELEASED)
			g_hash_table_remove(known, &event.id);
	}
	g_assert_cmpuint(g_hash_table_size(known), ==, end.count);
	for (guint64 i = 0; i < end.count; i++)
		g_assert_true(g_hash_table_contains(known, &final[i].id));
	for (int i = 0; i < 20; i++)
		close(live[i]);
}

static const struct counters *find_counters(const GArray *dump, const char *pool)
{
	for (guint i = 0; i < dump->len; i++)
		if (!strcmp(g_array_index(dump, struct counters, i).pool, pool))
			return &g_array_index(dump, struct counters, i);
	return NULL;
}

static struct counters dump_counters(const char *pool)
{
	g_autoptr(GArray) dump = NULL;
	const struct counters *found;

	g_assert_cmpint(counters_dump(&dump), ==, 0);
	g_assert_cmpuint(dump->len, ==, 2);
	found = find_counters(dump, pool);
	g_assert_nonnull(found);
	return *found;
}

static void test_counters(struct fixture *fixture, gconstpointer data)
{
	struct counters before = dump_counters(POOL_MEDIA), now;
	int reservation = reservation_new(fixture->pool, ORDER, 0);
	struct cmabulk_query query;
	struct cmabulk_fill fill;
	int buffer, other;

	g_assert_cmpint(pool_query(fixture->pool, &query), ==, 0);
	g_assert_cmpuint(before.values[CMABULK_ATTR_AREA_PAGES], ==, query.pages);
	g_assert_cmpint(reservation_fill(reservation, CMABULK_EFFORT_NORMAL, 50, 0, &fill), ==, 0);
	/* All the rest, of which another reservation has a part: comes short. */
	other = reservation_new(fixture->pool, ORDER, 0);
	g_assert_cmpint(reservation_fill(other, CMABULK_EFFORT_NORMAL, 10, 0, &fill), ==, 0);
	g_assert_cmpint(reservation_fill(reservation, CMABULK_EFFORT_HARD, query.pages / PAGES - 50,
					 0, &fill),
			==, -EBUSY);
	buffer = reservation_export(reservation, 30, O_RDWR | O_CLOEXEC, NULL, NULL);

	now = dump_counters(POOL_MEDIA);
	g_assert_cmpuint(now.values[CMABULK_ATTR_FILLS], ==, before.values[CMABULK_ATTR_FILLS] + 3);
	g_assert_cmpuint(now.values[CMABULK_ATTR_FILLS_SHORT], ==,
			 before.values[CMABULK_ATTR_FILLS_SHORT] + 1);
	g_assert_cmpuint(now.values[CMABULK_ATTR_CHUNKS_ALLOCATED], ==,
			 before.values[CMABULK_ATTR_CHUNKS_ALLOCATED] + fill.total + 10);
	g_assert_cmpuint(now.values[CMABULK_ATTR_EXPORTED], ==, 30 * PAGES);
	g_assert_cmpuint(now.values[CMABULK_ATTR_RESERVED], ==, (fill.total - 30 + 10) * PAGES);
	g_assert_cmpuint(now.values[CMABULK_ATTR_BUFFERS], ==, 1);
	g_assert_cmpuint(now.values[CMABULK_ATTR_RESERVATIONS], ==, 2);
	g_assert_cmpuint(now.values[CMABULK_ATTR_SEQUENCE], ==,
			 before.values[CMABULK_ATTR_SEQUENCE] + 1);
	/* The other pool saw none of it. */
	now = dump_counters(POOL_CAMERA);
	g_assert_cmpuint(now.values[CMABULK_ATTR_EXPORTED], ==, 0);
	g_assert_cmpuint(now.values[CMABULK_ATTR_BUFFERS], ==, 0);
	close(reservation);
	close(other);
	close(buffer);
}

/* Pools are numbered and counted apart. */
static void test_two_pools(struct fixture *fixture, gconstpointer data)
{
	int camera = pool_open(POOL_CAMERA);
	struct books media = books_settled(fixture->pool), books = books_settled(camera);
	int buffer = buffer_new(camera, ORDER, 5);
	struct books now = books_settled(camera);
	struct cmabulk_query query;

	g_assert_cmpuint(now.query.states.exported, ==, 5 * PAGES);
	/* Exported, and the reservation behind it dropped. */
	g_assert_cmpuint(now.query.sequence, ==, books.query.sequence + 2);
	books_assert_same(fixture->pool, &media);
	g_assert_cmpint(pool_query(fixture->pool, &query), ==, 0);
	g_assert_cmpuint(query.sequence, ==, media.query.sequence);
	close(buffer);
	books_assert_empty(camera);
	close(camera);
}

/*
 * Of a pool whose name makes messages of a size that leaves room in a datagram for the beginning of
 * one more: what comes is whole, numbered without holes, and all there is.
 */
static void test_many_together(struct fixture *fixture, gconstpointer data)
{
	static const char name[] = "eightish";
	enum { BUFFERS = 60, ROUNDS = 4 };
	int pool, reservation, buffers[BUFFERS];
	struct cmabulk_fill fill;
	struct event event;
	/* Each buffer is exported and released, each reservation dropped. */
	guint64 left = (guint64)ROUNDS * (2 * BUFFERS + 1), sequence;

	machine_write("/sys/class/cmabulk/remove", POOL_CAMERA);
	machine_write("/sys/class/cmabulk/add", module_pool(name, AREA_CAMERA));
	pool = pool_open(name);
	sequence = books_settled(pool).query.sequence;
	for (int round = 0; round < ROUNDS; round++) {
		reservation = reservation_new(pool, ORDER, 0);
		reservation_fill(reservation, CMABULK_EFFORT_NORMAL, BUFFERS, 0, &fill);
		for (int i = 0; i < BUFFERS; i++)
			buffers[i] = reservation_export(reservation, 1, O_RDWR | O_CLOEXEC, "many",
							NULL);
		close(reservation);
		for (int i = 0; i < BUFFERS; i++)
			close(buffers[i]);
		books_assert_empty(pool);
	}
	while (left) {
		if (!events_next(fixture->events, TIMEOUT_MS, &event))
			g_error("no event %" G_GUINT64_FORMAT, sequence + 1);
		if (!g_str_equal(event.pool, name) || event.sequence <= sequence)
			continue;
		sequence++;
		left--;
		g_assert_cmpuint(event.sequence, ==, sequence);
		g_assert_cmpuint(event.present & 1U << CMABULK_ATTR_PAGES, !=, 0);
	}
	close(pool);
	machine_write("/sys/class/cmabulk/remove", name);
	machine_write("/sys/class/cmabulk/add", module_pool(POOL_CAMERA, AREA_CAMERA));
}

static void test_query(struct fixture *fixture, gconstpointer data)
{
	struct cmabulk_query query;
	struct area area;

	area_open(&area, AREA_MEDIA);
	g_assert_cmpint(pool_query(fixture->pool, &query), ==, 0);
	g_assert_cmpuint(query.abi_version, ==, CMABULK_ABI_VERSION);
	g_assert_cmpuint(query.engine, ==,
			 machine_is_stock() ? CMABULK_ENGINE_STOCK : CMABULK_ENGINE_KERNEL);
	g_assert_cmpuint(query.features, ==,
			 machine_is_stock() ? CMABULK_FEATURE_BITMAP_UNAWARE : 0);
	g_assert_cmpuint(query.page_size, ==, sysconf(_SC_PAGESIZE));
	g_assert_cmpuint(1 << query.block_order, ==, FRAMES_PER_BLOCK);
	g_assert_cmpuint(query.max_order, >=, query.block_order);
	g_assert_cmpuint(query.order_per_bit, ==, 0);
	g_assert_cmpuint(query.pages, ==, area.pages);
	g_assert_cmpuint(query.free_pages, ==, area.pages - area_used(&area));
	g_assert_cmpstr(query.name, ==, POOL_MEDIA);
	g_assert_cmpstr(query.area, ==, module_area(AREA_MEDIA));
	area_close(&area);
}

static void test_survey(struct fixture *fixture, gconstpointer data)
{
	unsigned int block_order = g_bit_storage(FRAMES_PER_BLOCK) - 1;
	int reservation = reservation_new(fixture->pool, block_order, 0);
	struct cmabulk_survey survey;
	struct cmabulk_query query;
	struct cmabulk_fill fill;

	g_assert_cmpint(pool_query(fixture->pool, &query), ==, 0);
	g_assert_cmpint(reservation_fill(reservation, CMABULK_EFFORT_NORMAL, 12, 0, &fill), ==, 0);
	g_assert_cmpint(pool_survey(fixture->pool, &survey), ==, 0);
	g_assert_cmpuint(survey.pages_free + survey.pages_movable + survey.pages_suspect +
				 survey.pages_taken,
			 ==, query.pages);
	g_assert_cmpuint(survey.blocks_free + survey.blocks_movable + survey.blocks_suspect +
				 survey.blocks_taken,
			 ==, survey.blocks);
	g_assert_cmpuint(survey.blocks, ==, query.pages / FRAMES_PER_BLOCK);
	g_assert_cmpuint(survey.pages_taken, ==, 12 * FRAMES_PER_BLOCK);
	g_assert_cmpuint(survey.blocks_taken, ==, 12);
	close(reservation);
}

/*
 * A pinned page shows as suspect, and its pageblock with it. So does, for a moment, what is on its
 * way between lists, and what was so before need not be any more.
 */
static void test_survey_suspect(struct fixture *fixture, gconstpointer data)
{
	const guint64 pinned = 50;
	struct cmabulk_survey before, after;
	int frames = frames_open();
	struct area area;

	area_open(&area, AREA_MEDIA);
	g_assert_cmpint(pool_survey(fixture->pool, &before), ==, 0);
	g_assert_cmpuint(before.blocks_suspect, <, pinned);
	for (guint64 block = 0; block < pinned; block++)
		g_assert_cmpint(frame_take(frames, area.base + block * FRAMES_PER_BLOCK + 77), ==,
				0);
	g_assert_cmpint(pool_survey(fixture->pool, &after), ==, 0);
	g_assert_cmpuint(after.pages_suspect, >=, pinned);
	g_assert_cmpuint(after.blocks_suspect, >=, pinned);
	close(frames);
	area_close(&area);
}

#define ADD(name, function) \
	g_test_add("/events/" name, struct fixture, NULL, fixture_setup, function, fixture_teardown)

int main(int argc, char **argv)
{
	machine_init(&argc, &argv);
	module_load_cmabulk(NULL);
	ADD("life", test_life);
	ADD("owner", test_owner);
	ADD("snapshot-room", test_snapshot_room);
	ADD("snapshot-and-events", test_snapshot_and_events);
	ADD("counters", test_counters);
	ADD("two-pools", test_two_pools);
	ADD("many-together", test_many_together);
	ADD("query", test_query);
	ADD("survey", test_survey);
	ADD("survey-suspect", test_survey_suspect);
	return g_test_run();
}
