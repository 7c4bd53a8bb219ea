// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a connection is told: the queue, and what is made of signals that a daemon sends, or somebody else. */
#include <errno.h>
#include <glib.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmabulk.h"
#include "event-queue.h"
#include "impostor.h"
#include "suites.h"
#include "talk.h"
#include "util.h"

#define EVERYTHING UINT64_C(127)
#define MANAGER	   "org.cmabulk1.Manager"
#define OBJECTS	   "org.freedesktop.DBus.ObjectManager"
#define BUS	   "org.freedesktop.DBus"
#define PATH	   "/org/cmabulk1"

/* --- The queue ------------------------------------------------------------------------------- */

static void add(struct event_queue *queue, enum cmabulk_event_type type, uint64_t number)
{
	const struct event_record record = { .type = type, .buffer_id = number };

	event_queue_add(queue, &record);
}

static void add_many(struct event_queue *queue, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		add(queue, CMABULK_EVENT_BUFFER_RELEASED, i);
}

static void expect(struct event_queue *queue, enum cmabulk_event_type type, uint64_t number)
{
	const struct event_record *record = event_queue_peek(queue);

	g_assert_nonnull(record);
	g_assert_cmpint(record->type, ==, type);
	g_assert_cmpuint(type == CMABULK_EVENT_LOST ? record->n_lost : record->buffer_id, ==,
			 number);
	event_queue_drop(queue);
}

static void kept_in_order(void)
{
	struct event_queue queue = { .mask = EVERYTHING };

	for (unsigned int round = 0; round < 10; round++) {
		g_assert_null(event_queue_peek(&queue));
		add_many(&queue, 100);
		for (unsigned int i = 0; i < 100; i++)
			expect(&queue, CMABULK_EVENT_BUFFER_RELEASED, i);
	}
}

static void what_is_not_wanted_is_not_kept(void)
{
	struct event_queue queue = { 0 };

	add_many(&queue, 1000);
	g_assert_null(event_queue_peek(&queue));
	event_queue_set_mask(&queue, CMABULK_EVENT_POOL_ADDED);
	add_many(&queue, 1000);
	add(&queue, CMABULK_EVENT_POOL_ADDED, 5);
	expect(&queue, CMABULK_EVENT_POOL_ADDED, 5);
	g_assert_null(event_queue_peek(&queue));
}

static void too_many_are_counted(void)
{
	struct event_queue queue = { .mask = EVERYTHING };

	add_many(&queue, EVENT_QUEUE_SIZE + 1000);
	for (unsigned int i = 0; i < EVENT_QUEUE_SIZE - 1; i++)
		expect(&queue, CMABULK_EVENT_BUFFER_RELEASED, i);
	expect(&queue, CMABULK_EVENT_LOST, 1001);
	g_assert_null(event_queue_peek(&queue));
}

/* Who has read a little has room again, behind the gap. */
static void lost_is_where_the_gap_is(void)
{
	struct event_queue queue = { .mask = EVERYTHING };

	add_many(&queue, EVENT_QUEUE_SIZE);
	expect(&queue, CMABULK_EVENT_BUFFER_RELEASED, 0);
	add(&queue, CMABULK_EVENT_BUFFER_RELEASED, 1);
	expect(&queue, CMABULK_EVENT_BUFFER_RELEASED, 1);
	add(&queue, CMABULK_EVENT_BUFFER_RELEASED, 7000);
	add(&queue, CMABULK_EVENT_BUFFER_RELEASED, 7001);
	for (unsigned int i = 2; i < EVENT_QUEUE_SIZE - 1; i++)
		expect(&queue, CMABULK_EVENT_BUFFER_RELEASED, i);
	expect(&queue, CMABULK_EVENT_LOST, 2);
	expect(&queue, CMABULK_EVENT_BUFFER_RELEASED, 7000);
	expect(&queue, CMABULK_EVENT_LOST, 1);
	g_assert_null(event_queue_peek(&queue));
}

static void a_new_mask_drops_the_rest(void)
{
	struct event_queue queue = { .mask = EVERYTHING };

	for (unsigned int i = 0; i < 2; i++) {
		add(&queue, CMABULK_EVENT_BUFFER_RELEASED, i);
		add(&queue, CMABULK_EVENT_POOL_ADDED, i);
	}
	event_queue_set_mask(&queue, CMABULK_EVENT_POOL_ADDED);
	expect(&queue, CMABULK_EVENT_POOL_ADDED, 0);
	expect(&queue, CMABULK_EVENT_POOL_ADDED, 1);
	g_assert_null(event_queue_peek(&queue));
	event_queue_set_mask(&queue, EVERYTHING);
	add_many(&queue, 1000);
	event_queue_set_mask(&queue, 0);
	g_assert_null(event_queue_peek(&queue));
}

/* --- Signals --------------------------------------------------------------------------------- */

static void talk_begin_with(struct talk *talk, void (*signals)(sd_bus *bus), uint64_t mask)
{
	struct script script;

	script_init(&script);
	script.tells_at = "Reload";
	script.signals = signals;
	talk_begin(talk, &script);
	g_assert_cmpint(cmabulk_connection_set_event_mask(talk->connection, mask), ==, 0);
}

static void reload(struct talk *talk)
{
	g_assert_cmpint(cmabulk_connection_reload(talk->connection), ==, 0);
}

/* The next one is of this type and pool; it stays the caller's. */
static struct cmabulk_event *next(struct talk *talk, const char *type, const char *pool)
{
	struct cmabulk_event *event = NULL;

	g_assert_cmpint(cmabulk_connection_next_event(talk->connection, &event), ==, 1);
	g_assert_cmpstr(cmabulk_event_get_type_name(event), ==, type);
	g_assert_cmpstr(cmabulk_event_get_pool(event), ==, pool);
	return event;
}

static void expect_next(struct talk *talk, const char *type, const char *pool)
{
	cmabulk_event_unref(next(talk, type, pool));
}

static void expect_none(struct talk *talk)
{
	struct cmabulk_event *event = UNTOUCHED;

	g_assert_cmpint(cmabulk_connection_next_event(talk->connection, &event), ==, 0);
	g_assert_true(event == UNTOUCHED);
}

static void send_released(sd_bus *bus, uint64_t id)
{
	impostor_signal(bus, IMPOSTOR_NAME, PATH, MANAGER, "BufferReleased", "stt", "video", id,
			UINT64_C(77));
}

static void send_one_of_each(sd_bus *bus)
{
	send_released(bus, 30);
	impostor_signal(bus, IMPOSTOR_NAME, PATH, MANAGER, "MemoryPressure", "sst", "video",
			"critical", UINT64_C(65536));
	impostor_signal(bus, IMPOSTOR_NAME, PATH, MANAGER, "MemoryPressure", "sst", "video",
			"desperate", UINT64_MAX);
	impostor_signal(bus, IMPOSTOR_NAME, PATH, OBJECTS, "InterfacesAdded", "oa{sa{sv}}",
			PATH "/pool/a_2dx", 2, "org.cmabulk1.Later", 0, "org.cmabulk1.Pool", 1,
			"Name", "s", "whatever");
	impostor_signal(bus, IMPOSTOR_NAME, PATH, OBJECTS, "InterfacesRemoved", "oas",
			PATH "/pool/video", 2, "org.cmabulk1.Later", "org.cmabulk1.Pool");
}

static void expect_one_of_each(struct talk *talk)
{
	struct cmabulk_event *event = next(talk, "buffer-released", "video");

	g_assert_cmpint(cmabulk_event_get_type(event), ==, CMABULK_EVENT_BUFFER_RELEASED);
	g_assert_cmpuint(cmabulk_event_get_buffer_id(event), ==, 30);
	g_assert_cmpuint(cmabulk_event_get_inode(event), ==, 77);
	g_assert_cmpuint(cmabulk_event_get_bytes(event), ==, 0);
	cmabulk_event_unref(event);
	event = next(talk, "memory-pressure", "video");
	g_assert_cmpint(cmabulk_event_get_level(event), ==, CMABULK_EVENT_LEVEL_CRITICAL);
	g_assert_cmpuint(cmabulk_event_get_bytes(event), ==, 65536);
	g_assert_cmpuint(cmabulk_event_get_buffer_id(event), ==, 0);
	cmabulk_event_unref(event);
	event = next(talk, "memory-pressure", "video");
	g_assert_cmpint(cmabulk_event_get_level(event), ==, CMABULK_EVENT_LEVEL_UNKNOWN);
	g_assert_cmpuint(cmabulk_event_get_bytes(event), ==, UINT64_MAX);
	g_assert_true(cmabulk_event_ref(event) == event);
	cmabulk_event_unref(event);
	g_assert_null(cmabulk_event_unref(event));
	expect_next(talk, "pool-added", "a-x");
	expect_next(talk, "pool-removed", "video");
	expect_none(talk);
}

static void told_during_a_call(void)
{
	uint64_t usec = 1;
	struct talk talk;

	talk_begin_with(&talk, send_one_of_each, EVERYTHING);
	expect_none(&talk);
	reload(&talk);
	g_assert_cmpint(cmabulk_connection_get_timeout_usec(talk.connection, &usec), ==, 0);
	g_assert_cmpuint(usec, ==, 0);
	expect_one_of_each(&talk);
	g_assert_cmpint(cmabulk_connection_get_timeout_usec(talk.connection, &usec), ==, 0);
	g_assert_cmpuint(usec, ==, UINT64_MAX);
	talk_end(&talk);
}

/* Waits as an application does that has nothing else to wait for. */
static void wait_and_process(struct talk *talk)
{
	struct pollfd polled;
	uint64_t usec;
	int r;

	polled.fd = cmabulk_connection_get_fd(talk->connection);
	g_assert_cmpint(polled.fd, >=, 0);
	r = cmabulk_connection_get_events(talk->connection);
	g_assert_cmpint(r, >, 0);
	polled.events = (short)r;
	g_assert_cmpint(cmabulk_connection_get_timeout_usec(talk->connection, &usec), ==, 0);
	g_assert_cmpint(poll(&polled, 1, usec == 0 ? 0 : 20000), >=, 0);
	g_assert_true(usec == 0 || polled.revents != 0);
	do
		r = cmabulk_connection_process(talk->connection);
	while (r > 0);
	g_assert_cmpint(r, ==, 0);
}

static void told_in_a_loop(void)
{
	struct cmabulk_event *event = NULL;
	struct script script;
	struct talk talk;

	script_init(&script);
	script.tells_at = "Reload";
	script.tells_later = true;
	script.signals = send_one_of_each;
	talk_begin(&talk, &script);
	g_assert_cmpint(cmabulk_connection_set_event_mask(talk.connection,
							  CMABULK_EVENT_POOL_REMOVED),
			==, 0);
	reload(&talk);
	while (cmabulk_connection_next_event(talk.connection, &event) == 0)
		wait_and_process(&talk);
	g_assert_cmpstr(cmabulk_event_get_type_name(event), ==, "pool-removed");
	cmabulk_event_unref(event);
	expect_none(&talk);
	talk_end(&talk);
}

static void who_asks_for_none_has_none(void)
{
	uint64_t usec;
	struct talk talk;

	talk_begin_with(&talk, send_one_of_each, 0);
	reload(&talk);
	expect_none(&talk);
	g_assert_cmpint(cmabulk_connection_set_event_mask(talk.connection, EVERYTHING), ==, 0);
	reload(&talk);
	g_assert_cmpint(cmabulk_connection_set_event_mask(talk.connection, 0), ==, 0);
	expect_none(&talk);
	reload(&talk);
	expect_none(&talk);
	g_assert_cmpint(cmabulk_connection_get_timeout_usec(talk.connection, &usec), ==, 0);
	g_assert_cmpuint(usec, >, 0);
	talk_end(&talk);
}

static void send_lies(sd_bus *bus)
{
	static const char *const names[] = { "", ".", "../../etc/passwd", "a b",
					     "0123456789012345678901234567890123456789" };
	static const char *const paths[] = { "/",
					     PATH,
					     PATH "/pool",
					     PATH "/pool/video/more",
					     PATH "/pool/_2e_2e_2fetc",
					     PATH "/account/video" };
	const char *from = IMPOSTOR_NAME;

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		impostor_signal(bus, from, PATH, MANAGER, "BufferReleased", "stt", names[i],
				UINT64_C(1), UINT64_C(2));
		impostor_signal(bus, from, PATH, MANAGER, "MemoryPressure", "sst", names[i],
				"moderate", UINT64_C(2));
	}
	for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
		impostor_signal(bus, from, PATH, OBJECTS, "InterfacesAdded", "oa{sa{sv}}", paths[i],
				1, "org.cmabulk1.Pool", 0);
		impostor_signal(bus, from, PATH, OBJECTS, "InterfacesRemoved", "oas", paths[i], 1,
				"org.cmabulk1.Pool");
	}
	impostor_signal(bus, from, PATH, MANAGER, "BufferReleased", "");
	impostor_signal(bus, from, PATH, MANAGER, "BufferReleased", "st", "video", UINT64_C(1));
	impostor_signal(bus, from, PATH, MANAGER, "BufferReleased", "suu", "video", 1, 2);
	impostor_signal(bus, from, PATH, MANAGER, "BufferReleased", "stts", "video", UINT64_C(1),
			UINT64_C(2), "more");
	impostor_signal(bus, from, PATH, MANAGER, "MemoryPressure", "stt", "video", UINT64_C(1),
			UINT64_C(2));
	impostor_signal(bus, from, PATH, MANAGER, "MemoryPressure", "v", "s", "video");
	impostor_signal(bus, from, PATH, MANAGER, "Nonsense", "stt", "video", UINT64_C(1),
			UINT64_C(2));
	impostor_signal(bus, from, PATH, OBJECTS, "InterfacesAdded", "oa{sa{sv}}",
			PATH "/pool/video", 1, "org.cmabulk1.Portal", 0);
	impostor_signal(bus, from, PATH, OBJECTS, "InterfacesAdded", "s", "video");
	impostor_signal(bus, from, PATH, OBJECTS, "InterfacesRemoved", "oas", PATH "/pool/video",
			0);
	impostor_signal(bus, from, PATH, OBJECTS, "InterfacesRemoved", "oas", PATH "/pool/video", 1,
			"org.cmabulk1.Portal");
	/* By another, or by who is no daemon any more. */
	impostor_signal(bus, ":1.66", PATH, MANAGER, "BufferReleased", "stt", "video", UINT64_C(1),
			UINT64_C(2));
	impostor_signal(bus, ":1.66", PATH, MANAGER, "MemoryPressure", "sst", "video", "critical",
			UINT64_C(2));
	impostor_signal(bus, ":1.66", PATH, OBJECTS, "InterfacesRemoved", "oas", PATH "/pool/video",
			1, "org.cmabulk1.Pool");
	impostor_signal(bus, NULL, PATH, MANAGER, "BufferReleased", "stt", "video", UINT64_C(1),
			UINT64_C(2));
	impostor_signal(bus, ":1.66", "/org/freedesktop/DBus", BUS, "NameOwnerChanged", "sss",
			"org.cmabulk1", IMPOSTOR_NAME, ":1.66");
	impostor_signal(bus, BUS, "/org/freedesktop/DBus", BUS, "NameOwnerChanged", "ss",
			"org.cmabulk1", ":1.66");
	impostor_signal(bus, BUS, "/org/freedesktop/DBus", BUS, "NameOwnerChanged", "sss",
			"org.cmabulk2", IMPOSTOR_NAME, "");
	/* None of it has shaken it. */
	send_released(bus, 5);
}

static void lies_are_passed_over(void)
{
	struct talk talk;

	talk_begin_with(&talk, send_lies, EVERYTHING);
	reload(&talk);
	expect_next(&talk, "buffer-released", "video");
	expect_none(&talk);
	/* A daemon that came would have been noticed. */
	g_assert_cmpint(cmabulk_connection_wait(talk.connection, 0), ==, 0);
	talk_end(&talk);
}

#define FLOOD 20000

static void send_flood(sd_bus *bus)
{
	for (uint64_t i = 0; i < FLOOD; i++)
		send_released(bus, i);
}

static void a_flood_is_counted(void)
{
	struct cmabulk_event *event = NULL;
	struct talk talk;

	talk_begin_with(&talk, send_flood, EVERYTHING);
	reload(&talk);
	for (uint64_t i = 0; i < EVENT_QUEUE_SIZE - 1; i++) {
		event = next(&talk, "buffer-released", "video");
		g_assert_cmpuint(cmabulk_event_get_buffer_id(event), ==, i);
		cmabulk_event_unref(event);
	}
	event = next(&talk, "lost", "");
	g_assert_cmpuint(cmabulk_event_get_n_lost(event), ==, FLOOD - (EVENT_QUEUE_SIZE - 1));
	cmabulk_event_unref(event);
	expect_none(&talk);
	talk_end(&talk);
}

/* Who floods does not keep the application from its other work. */
static void a_flood_has_turns(void)
{
	struct cmabulk_call *call CLEANUP(cmabulk_call_unrefp) = NULL;
	struct script script;
	struct talk talk;

	script_init(&script);
	script.tells_at = "Reload";
	script.tells_later = true;
	script.signals = send_flood;
	talk_begin(&talk, &script);
	g_assert_cmpint(cmabulk_connection_set_event_mask(talk.connection, EVERYTHING), ==, 0);
	reload(&talk);
	/* It hears of this one when it has sent all, or all that there is room for. */
	g_assert_cmpint(cmabulk_connection_start_allocate(talk.connection, talk.request, &call), ==,
			0);
	talk_expect_event(&talk, "Allocate l1");
	g_assert_cmpint(cmabulk_connection_process(talk.connection), ==, 1);
	expect_next(&talk, "buffer-released", "video");
	g_assert_cmpint(cmabulk_call_is_done(call), ==, 0);
	/* Until the last of it was sent. */
	while (!cmabulk_call_is_done(call))
		wait_and_process(&talk);
	talk_end(&talk);
}

static void send_owner(sd_bus *bus, const char *before, const char *after)
{
	impostor_signal(bus, BUS, "/org/freedesktop/DBus", BUS, "NameOwnerChanged", "sss",
			"org.cmabulk1", before, after);
}

static void send_restarts(sd_bus *bus)
{
	send_owner(bus, IMPOSTOR_NAME, "");
	send_released(bus, 1);
	send_owner(bus, "", ":1.9");
	send_released(bus, 2);
	impostor_signal(bus, ":1.9", PATH, MANAGER, "BufferReleased", "stt", "other", UINT64_C(3),
			UINT64_C(4));
	/* At once. */
	send_owner(bus, ":1.9", IMPOSTOR_NAME);
	send_released(bus, 5);
}

static void a_restart_is_told(void)
{
	struct talk talk;

	talk_begin_with(&talk, send_restarts, EVERYTHING);
	reload(&talk);
	expect_next(&talk, "daemon-gone", "");
	expect_next(&talk, "daemon-back", "");
	expect_next(&talk, "buffer-released", "other");
	expect_next(&talk, "daemon-gone", "");
	expect_next(&talk, "daemon-back", "");
	expect_next(&talk, "buffer-released", "video");
	expect_none(&talk);
	/* Who waits is told, too. */
	g_assert_cmpint(cmabulk_connection_wait(talk.connection, 0), ==, 1);
	g_assert_cmpint(cmabulk_connection_wait(talk.connection, 0), ==, 0);
	talk_end(&talk);
}

/* Longer than a name can be, and none at all: who has it is not believed. */
static void send_nobodies(sd_bus *bus)
{
	char name[400] = ":1.";

	memset(name + 3, '9', sizeof(name) - 4);
	name[sizeof(name) - 1] = '\0';
	send_owner(bus, IMPOSTOR_NAME, name);
	send_released(bus, 1);
	send_owner(bus, name, IMPOSTOR_NAME);
	send_released(bus, 2);
}

static void a_name_without_end_is_nobody(void)
{
	struct talk talk;

	talk_begin_with(&talk, send_nobodies, EVERYTHING);
	reload(&talk);
	expect_next(&talk, "daemon-gone", "");
	expect_next(&talk, "daemon-back", "");
	expect_next(&talk, "daemon-gone", "");
	expect_next(&talk, "daemon-back", "");
	expect_next(&talk, "buffer-released", "video");
	expect_none(&talk);
	talk_end(&talk);
}

static void send_no_name(sd_bus *bus)
{
	send_owner(bus, IMPOSTOR_NAME, "no name");
}

/* It cannot be asked to ask for memory. */
static void who_cannot_be_introduced_is_told(void)
{
	struct talk talk;

	talk_begin_with(&talk, send_no_name, CMABULK_EVENT_MEMORY_PRESSURE);
	reload(&talk);
	expect_next(&talk, "lost", "");
	expect_none(&talk);
	talk_end(&talk);
}

static void refuse_introduction(struct talk *talk, const char *error_name)
{
	struct script script;

	script_init(&script);
	script.refused = "ListPools";
	script.error_name = error_name;
	script.error_message = "not you";
	talk_begin(talk, &script);
	g_assert_cmpint(cmabulk_connection_set_event_mask(talk->connection, EVERYTHING), ==, 0);
	/* What comes after the answer to it. */
	reload(talk);
}

static void a_refused_introduction_is_told(void)
{
	struct cmabulk_event *event;
	struct talk talk;

	refuse_introduction(&talk, "org.cmabulk1.Error.NotAuthorized");
	event = next(&talk, "lost", "");
	g_assert_cmpuint(cmabulk_event_get_n_lost(event), ==, 1);
	cmabulk_event_unref(event);
	expect_none(&talk);
	talk_end(&talk);
	/* That it goes is told otherwise. */
	refuse_introduction(&talk, "org.freedesktop.DBus.Error.NameHasNoOwner");
	expect_none(&talk);
	talk_end(&talk);
}

static void masks_are_checked(void)
{
	struct talk talk;

	talk_begin_with(&talk, send_one_of_each, EVERYTHING);
	g_assert_cmpint(cmabulk_connection_set_event_mask(talk.connection, 128), ==, -EINVAL);
	g_assert_cmpint(cmabulk_connection_set_event_mask(talk.connection, UINT64_MAX), ==,
			-EINVAL);
	/* It is as it was. */
	reload(&talk);
	expect_one_of_each(&talk);
	talk_end(&talk);
}

static void a_refused_mask_changes_nothing(void)
{
	struct script script;
	struct talk talk;

	script_init(&script);
	script.refused = "AddMatch";
	script.error_name = "org.freedesktop.DBus.Error.LimitsExceeded";
	script.error_message = "too many";
	script.tells_at = "Reload";
	script.signals = send_one_of_each;
	talk_begin(&talk, &script);
	g_assert_cmpint(cmabulk_connection_set_event_mask(talk.connection, EVERYTHING), ==,
			-ENOBUFS);
	reload(&talk);
	expect_none(&talk);
	talk_end(&talk);
}

static void what_was_heard_is_heard_when_more_is_refused(void)
{
	struct script script;
	struct talk talk;

	script_init(&script);
	script.refused = "AddMatch";
	/* Of the daemon's coming and going, and of the buffers. */
	script.served_before = 2;
	script.error_name = "org.freedesktop.DBus.Error.LimitsExceeded";
	script.error_message = "too many";
	script.tells_at = "Reload";
	script.signals = send_one_of_each;
	talk_begin(&talk, &script);
	g_assert_cmpint(cmabulk_connection_set_event_mask(talk.connection,
							  CMABULK_EVENT_BUFFER_RELEASED),
			==, 0);
	g_assert_cmpint(cmabulk_connection_set_event_mask(talk.connection,
							  CMABULK_EVENT_POOL_ADDED),
			==, -ENOBUFS);
	reload(&talk);
	expect_next(&talk, "buffer-released", "video");
	expect_none(&talk);
	talk_end(&talk);
}

/* By the bus, which stays: not when it is asked who the daemon is, but when it is asked to tell. */
static void expect_not_told(const char *error_name, int error)
{
	struct script script;
	struct talk talk;

	script_init(&script);
	script.refused = "AddMatch";
	script.error_name = error_name;
	script.error_message = "this is why";
	talk_begin(&talk, &script);
	g_assert_cmpint(cmabulk_connection_set_event_mask(talk.connection, EVERYTHING), ==, error);
	g_assert_cmpstr(cmabulk_connection_get_error_message(talk.connection), ==, "this is why");
	g_assert_cmpint(cmabulk_connection_wait(talk.connection, 0), ==, error);
	reload(&talk);
	talk_end(&talk);
}

static void who_may_not_listen_is_told_why(void)
{
	struct script script;
	struct talk talk;

	expect_not_told("org.freedesktop.DBus.Error.AccessDenied", -EACCES);
	expect_not_told("org.freedesktop.DBus.Error.LimitsExceeded", -ENOBUFS);
	expect_not_told("org.freedesktop.DBus.Error.NoReply", -ETIMEDOUT);
	expect_not_told("org.freedesktop.DBus.Error.NoMemory", -ENOMEM);
	expect_not_told("org.freedesktop.DBus.Error.MatchRuleInvalid", -EPROTO);
	/* Unlike a bus that is not there any more. */
	script_init(&script);
	script.dies_at = "AddMatch";
	talk_begin(&talk, &script);
	g_assert_cmpint(cmabulk_connection_set_event_mask(talk.connection, EVERYTHING), ==,
			-ENOTCONN);
	g_assert_cmpint(cmabulk_connection_reload(talk.connection), ==, -ENOTCONN);
	talk_end(&talk);
}

static void a_lost_bus_ends_the_loop(void)
{
	uint64_t usec = 1;
	struct script script;
	struct talk talk;
	int r;

	script_init(&script);
	script.dies_at = "Reload";
	talk_begin(&talk, &script);
	g_assert_cmpint(cmabulk_connection_set_event_mask(talk.connection, EVERYTHING), ==, 0);
	g_assert_cmpint(cmabulk_connection_reload(talk.connection), ==, -ENOTCONN);
	do
		r = cmabulk_connection_process(talk.connection);
	while (r >= 0);
	g_assert_cmpint(r, ==, -ENOTCONN);
	g_assert_cmpint(cmabulk_connection_get_fd(talk.connection), ==, -ENOTCONN);
	g_assert_cmpint(cmabulk_connection_get_events(talk.connection), ==, -ENOTCONN);
	g_assert_cmpint(cmabulk_connection_get_timeout_usec(talk.connection, &usec), ==, -ENOTCONN);
	g_assert_cmpuint(usec, ==, 1);
	expect_none(&talk);
	talk_end(&talk);
}

static int use_in_child(struct cmabulk_connection *connection)
{
	struct cmabulk_event *event = UNTOUCHED;
	uint64_t usec = 1;
	bool is_right = cmabulk_connection_set_event_mask(connection, 1) == -ECHILD &&
			cmabulk_connection_get_fd(connection) == -ECHILD &&
			cmabulk_connection_get_events(connection) == -ECHILD &&
			cmabulk_connection_get_timeout_usec(connection, &usec) == -ECHILD &&
			usec == 1 && cmabulk_connection_process(connection) == -ECHILD &&
			cmabulk_connection_next_event(connection, &event) == -ECHILD &&
			event == UNTOUCHED;

	cmabulk_connection_unref(connection);
	return is_right ? 0 : 1;
}

static void a_child_is_told_nothing(void)
{
	struct talk talk;
	int status;
	pid_t child;

	talk_begin_with(&talk, send_one_of_each, EVERYTHING);
	reload(&talk);
	child = fork();
	g_assert_cmpint(child, >=, 0);
	if (child == 0)
		_exit(use_in_child(talk.connection));
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	g_assert_cmpint(status, ==, 0);
	/* Nothing was said over the parent's connection. */
	expect_one_of_each(&talk);
	reload(&talk);
	expect_one_of_each(&talk);
	talk_end(&talk);
}

void add_events(void)
{
	g_test_add_func("/event/kept-in-order", kept_in_order);
	g_test_add_func("/event/what-is-not-wanted-is-not-kept", what_is_not_wanted_is_not_kept);
	g_test_add_func("/event/too-many-are-counted", too_many_are_counted);
	g_test_add_func("/event/lost-is-where-the-gap-is", lost_is_where_the_gap_is);
	g_test_add_func("/event/a-new-mask-drops-the-rest", a_new_mask_drops_the_rest);
	g_test_add_func("/event/told-during-a-call", told_during_a_call);
	g_test_add_func("/event/told-in-a-loop", told_in_a_loop);
	g_test_add_func("/event/who-asks-for-none-has-none", who_asks_for_none_has_none);
	g_test_add_func("/event/lies-are-passed-over", lies_are_passed_over);
	g_test_add_func("/event/a-flood-is-counted", a_flood_is_counted);
	g_test_add_func("/event/a-flood-has-turns", a_flood_has_turns);
	g_test_add_func("/event/a-restart-is-told", a_restart_is_told);
	g_test_add_func("/event/a-name-without-end-is-nobody", a_name_without_end_is_nobody);
	g_test_add_func("/event/who-cannot-be-introduced-is-told",
			who_cannot_be_introduced_is_told);
	g_test_add_func("/event/a-refused-introduction-is-told", a_refused_introduction_is_told);
	g_test_add_func("/event/masks-are-checked", masks_are_checked);
	g_test_add_func("/event/a-refused-mask-changes-nothing", a_refused_mask_changes_nothing);
	g_test_add_func("/event/what-was-heard-is-heard-when-more-is-refused",
			what_was_heard_is_heard_when_more_is_refused);
	g_test_add_func("/event/who-may-not-listen-is-told-why", who_may_not_listen_is_told_why);
	g_test_add_func("/event/a-lost-bus-ends-the-loop", a_lost_bus_ends_the_loop);
	g_test_add_func("/event/a-child-is-told-nothing", a_child_is_told_nothing);
}
