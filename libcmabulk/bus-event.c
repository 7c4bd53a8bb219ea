// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the daemon tells, put into the connection's queue. A signal that makes no sense is passed over: nobody
 * waits for it.
 */
#include "bus-backend.h"
#include "bus-dictionary.h"
#include "bus.h"
#include "event-queue.h"
#include "text.h"

#define POOLS_PATH "/org/cmabulk1/pool"

#define MANAGER_SIGNALS                                                  \
	"type='signal',sender='" BUS_SERVICE "',path='" BUS_MANAGER_PATH \
	"',interface='" BUS_MANAGER_INTERFACE "'"
#define OBJECT_SIGNALS                                                   \
	"type='signal',sender='" BUS_SERVICE "',path='" BUS_MANAGER_PATH \
	"',interface='org.freedesktop.DBus.ObjectManager'"

#define ASKED_EVENTS (CMABULK_EVENT_BUFFER_RELEASED | CMABULK_EVENT_MEMORY_PRESSURE)
#define POOL_EVENTS  (CMABULK_EVENT_POOL_ADDED | CMABULK_EVENT_POOL_REMOVED)

/* A match by a well-known name lets everybody pass who sends to us alone. */
static bool is_from_daemon(const struct cmabulk_connection *connection, sd_bus_message *message)
{
	const char *sender = sd_bus_message_get_sender(message);

	return sender && *sender && strcmp(sender, connection->bus->owner) == 0;
}

static int set_pool(struct event_record *record, const char *name)
{
	if (!text_is_pool_name(name))
		return -EPROTO;
	strcpy(record->pool, name);
	return 0;
}

static int read_released(sd_bus_message *message, struct event_record *record)
{
	const char *pool;
	int r = bus_read_result(
		sd_bus_message_read(message, "stt", &pool, &record->buffer_id, &record->inode));

	record->type = CMABULK_EVENT_BUFFER_RELEASED;
	return r < 0 ? r : set_pool(record, pool);
}

static int read_pressure(sd_bus_message *message, struct event_record *record)
{
	const char *pool, *level;
	int r = bus_read_result(sd_bus_message_read(message, "sst", &pool, &level, &record->bytes));

	if (r < 0)
		return r;
	record->type = CMABULK_EVENT_MEMORY_PRESSURE;
	record->level = event_parse_level(level);
	return set_pool(record, pool);
}

/* By the path alone: what the pool is like may be asked. */
static int read_path(sd_bus_message *message, struct event_record *record)
{
	char *name CLEANUP(freep) = NULL;
	const char *path;
	int r = bus_read_result(sd_bus_message_read(message, "o", &path));

	if (r < 0)
		return r;
	r = sd_bus_path_decode(path, POOLS_PATH, &name);
	if (r <= 0)
		return r == -ENOMEM ? r : -EPROTO;
	return set_pool(record, name);
}

static int look_for_pool(sd_bus_message *message, void *userdata)
{
	bool *is_pool = userdata;
	const char *interface;
	int r = bus_read_result(sd_bus_message_read_basic(message, 's', &interface));

	if (r >= 0 && strcmp(interface, BUS_POOL_INTERFACE) == 0)
		*is_pool = true;
	return r;
}

static int look_and_skip(sd_bus_message *message, void *userdata)
{
	int r = look_for_pool(message, userdata);

	return r < 0 ? r : bus_read_result(sd_bus_message_skip(message, "a{sv}"));
}

static int read_added(sd_bus_message *message, struct event_record *record)
{
	bool is_pool = false;
	int r = read_path(message, record);

	record->type = CMABULK_EVENT_POOL_ADDED;
	if (r >= 0)
		r = bus_read_array(message, "{sa{sv}}", look_and_skip, &is_pool);
	return r < 0 || is_pool ? r : -EPROTO;
}

static int read_removed(sd_bus_message *message, struct event_record *record)
{
	bool is_pool = false;
	int r = read_path(message, record);

	record->type = CMABULK_EVENT_POOL_REMOVED;
	if (r >= 0)
		r = bus_read_array(message, "s", look_for_pool, &is_pool);
	return r < 0 || is_pool ? r : -EPROTO;
}

static const struct {
	const char *member;
	const char *signature;
	int (*read)(sd_bus_message *message, struct event_record *record);
} signals[] = {
	{ "BufferReleased", "stt", read_released },
	{ "MemoryPressure", "sst", read_pressure },
	{ "InterfacesAdded", "oa{sa{sv}}", read_added },
	{ "InterfacesRemoved", "oas", read_removed },
};

/* What cannot be read for want of memory is not passed over: it happened. */
static void keep(struct event_queue *queue, int r, struct event_record *record)
{
	if (r == -ENOMEM)
		*record = (struct event_record){ .type = CMABULK_EVENT_LOST, .n_lost = 1 };
	if (r >= 0 || r == -ENOMEM)
		event_queue_add(queue, record);
}

static int on_signal(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct cmabulk_connection *connection = userdata;
	const char *member = sd_bus_message_get_member(message);

	(void)error;
	if (!is_from_daemon(connection, message))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		struct event_record record = { 0 };

		if (strcmp(signals[i].member, member) == 0 &&
		    sd_bus_message_has_signature(message, signals[i].signature) > 0)
			keep(connection->events, signals[i].read(message, &record), &record);
	}
	return 0;
}

static void lose_one(struct cmabulk_connection *connection)
{
	const struct event_record lost = { .type = CMABULK_EVENT_LOST, .n_lost = 1 };

	event_queue_add(connection->events, &lost);
}

/* That a daemon is gone is told anyhow, and the next one is introduced to, too. */
static bool is_refusal(int r)
{
	return r != -EHOSTUNREACH && r != -ETIMEDOUT && r != -ERESTART && r != -ENOTCONN;
}

/* Who does not want to know us will not ask us for memory. */
static int on_introduced(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
	const sd_bus_error *error = sd_bus_message_get_error(reply);

	(void)ret_error;
	if (error && is_refusal(bus_error_to_errno(error->name)))
		lose_one(userdata);
	return 1;
}

/*
 * Only who called the daemon is asked for memory. Nobody waits for the reply, but there has to be one: a call without
 * makes nobody known. By the name of the one that is there: one that is gone again is not started for this.
 */
static int introduce(struct cmabulk_connection *connection)
{
	sd_bus_message *call CLEANUP(bus_message_unrefp) = NULL;
	const char *owner = connection->bus->owner;
	int r;

	if (!*owner)
		return 0;
	r = bus_new_call(connection, owner, BUS_MANAGER_PATH, BUS_MANAGER_INTERFACE, "ListPools",
			 &call);
	if (r < 0)
		return r;
	r = sd_bus_call_async(connection->bus->connection, NULL, call, on_introduced, connection,
			      0);
	return r < 0 ? bus_lost(connection, r) : 0;
}

void bus_event_owner_changed(struct cmabulk_connection *connection, bool was_there, bool is_there)
{
	const struct event_record gone = { .type = CMABULK_EVENT_DAEMON_GONE };
	const struct event_record back = { .type = CMABULK_EVENT_DAEMON_BACK };

	if (!connection->events)
		return;
	if (was_there)
		event_queue_add(connection->events, &gone);
	if (is_there)
		event_queue_add(connection->events, &back);
	/* Who looks at everything again calls the daemon, and is known to it. */
	if (is_there && (connection->events->mask & CMABULK_EVENT_MEMORY_PRESSURE) &&
	    introduce(connection) < 0)
		lose_one(connection);
}

/* Listens by @rule, if that is wanted and not so yet. */
static int add_match(struct cmabulk_connection *connection, bool is_wanted, const char *rule,
		     sd_bus_slot **slot)
{
	return is_wanted && !*slot ? bus_listen(connection, rule, on_signal, slot) : 0;
}

int bus_set_event_mask(struct cmabulk_connection *connection, uint64_t mask)
{
	struct bus *bus = connection->bus;
	bool is_new = (mask & ~connection->events->mask & CMABULK_EVENT_MEMORY_PRESSURE) != 0;
	int r = mask != 0 ? bus_watch(connection) : 0;

	if (r >= 0)
		r = add_match(connection, (mask & ASKED_EVENTS) != 0, MANAGER_SIGNALS,
			      &bus->asked_signals);
	if (r >= 0)
		r = add_match(connection, (mask & POOL_EVENTS) != 0, OBJECT_SIGNALS,
			      &bus->object_signals);
	if (r >= 0 && is_new)
		r = introduce(connection);
	/* What was added is only heard for nothing, until the next mask. */
	if (r < 0)
		return r;
	if (!(mask & ASKED_EVENTS))
		bus->asked_signals = sd_bus_slot_unref(bus->asked_signals);
	if (!(mask & POOL_EVENTS))
		bus->object_signals = sd_bus_slot_unref(bus->object_signals);
	return 0;
}
