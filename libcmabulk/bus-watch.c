// SPDX-License-Identifier: LGPL-2.1-or-later
/* Whether the daemon is on the bus: heard of, not asked. */
#include "bus-backend.h"
#include "bus.h"

#define NAME_OWNER_CHANGED                                                              \
	"type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus'," \
	"path='/org/freedesktop/DBus',member='NameOwnerChanged',arg0='" BUS_SERVICE "'"

static int on_owner_changed(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct bus *bus = userdata;

	(void)message;
	(void)error;
	bus->has_owner_changed = true;
	return 0;
}

/* From now on, until the connection is closed. */
static int watch(struct cmabulk_connection *connection)
{
	struct bus *bus = connection->bus;
	int r;

	if (bus->is_watching)
		return 0;
	r = sd_bus_add_match(bus->connection, NULL, NAME_OWNER_CHANGED, on_owner_changed, bus);
	if (r < 0)
		return bus_lost(connection, r);
	bus->is_watching = true;
	return 0;
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
	int r = watch(connection);

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
