// SPDX-License-Identifier: LGPL-2.1-or-later
/* Whether the daemon is on the bus: heard of, not asked. */
#include "bus-backend.h"
#include "bus.h"

#define NAME_OWNER_CHANGED                                                                        \
	"type='signal',sender='" BUS_OF_BUS "',interface='" BUS_OF_BUS "',path='" BUS_OF_BUS_PATH \
	"',member='NameOwnerChanged',arg0='" BUS_SERVICE "'"

/* @name "": nobody is. No name is longer than there is room: who has such a one is nobody to believe. */
static void set_owner(struct bus *bus, const char *name)
{
	strcpy(bus->owner, strlen(name) < sizeof(bus->owner) ? name : "");
}

static int on_owner_changed(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct cmabulk_connection *connection = userdata;
	const char *sender = sd_bus_message_get_sender(message);
	const char *name, *before, *after;

	(void)error;
	/* A match does not keep away who sends to us alone. */
	if (!sender || strcmp(sender, BUS_OF_BUS) != 0)
		return 0;
	if (sd_bus_message_has_signature(message, "sss") <= 0 ||
	    sd_bus_message_read(message, "sss", &name, &before, &after) <= 0)
		return 0;
	connection->bus->has_owner_changed = true;
	set_owner(connection->bus, after);
	bus_event_owner_changed(connection, *before, *after);
	return 0;
}

/* Who is it now? What is heard later is newer. */
static int find_owner(struct cmabulk_connection *connection)
{
	sd_bus_message *call CLEANUP(bus_message_unrefp) = NULL;
	sd_bus_message *reply CLEANUP(bus_message_unrefp) = NULL;
	const char *owner;
	int r = bus_new_call(connection, BUS_OF_BUS, BUS_OF_BUS_PATH, BUS_OF_BUS, "GetNameOwner",
			     &call);

	if (r >= 0)
		r = sd_bus_message_append(call, "s", BUS_SERVICE);
	if (r >= 0)
		r = bus_call(connection, call, &reply);
	if (r == -EHOSTUNREACH) {
		set_owner(connection->bus, "");
		return 0;
	}
	if (r < 0)
		return r;
	if (sd_bus_message_read(reply, "s", &owner) <= 0)
		return bus_refuse(connection, -EPROTO);
	set_owner(connection->bus, owner);
	return 0;
}

int bus_watch(struct cmabulk_connection *connection)
{
	struct bus *bus = connection->bus;
	int r = 0;

	if (bus->is_watching)
		return 0;
	if (!bus->owner_changes)
		r = bus_listen(connection, NAME_OWNER_CHANGED, on_owner_changed,
			       &bus->owner_changes);
	if (r >= 0)
		r = find_owner(connection);
	bus->is_watching = r >= 0;
	return r;
}

static uint64_t deadline_of(uint64_t timeout_usec)
{
	uint64_t now = now_ns(CLOCK_MONOTONIC);

	if (timeout_usec >= (UINT64_MAX - now) / NSEC_PER_USEC)
		return UINT64_MAX;
	return now + timeout_usec * NSEC_PER_USEC;
}

int bus_wait(struct cmabulk_connection *connection, uint64_t timeout_usec)
{
	uint64_t deadline_ns = deadline_of(timeout_usec);
	struct bus *bus = connection->bus;
	int r = bus_watch(connection);

	while (r >= 0 && !bus->has_owner_changed) {
		bool is_over = now_ns(CLOCK_MONOTONIC) >= deadline_ns;

		/* What came in time counts, though nobody has looked at it until now. */
		r = bus_process(connection, deadline_ns);
		if (r == 0 && is_over)
			return 0;
	}
	if (r < 0)
		return r;
	bus->has_owner_changed = false;
	return 1;
}
