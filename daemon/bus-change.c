// SPDX-License-Identifier: LGPL-2.1-or-later
/* Signals to everybody: InterfacesAdded, InterfacesRemoved and PropertiesChanged of pools. */
#include <string.h>

#include "bus-change.h"
#include "bus.h"
#include "clock.h"
#include "delivery.h"
#include "log.h"

/* What changes in that time is one signal. */
#define INTERVAL_USEC (500 * USEC_PER_MSEC)

/*
 * Who has a match and reads nothing has the bus keep all signals, on our account, until it takes nothing from us any
 * more at 127 MiB: the daemon then has to connect anew. No ping finds one that never called. So after as many
 * bytes of signals on one connection, which takes a day of nothing but changes, they become rare.
 */
#define FREQUENT_BYTES	   (UINT64_C(32) << 20)
#define RARE_INTERVAL_USEC (10 * USEC_PER_SEC)

/* About what a signal takes, and a property in it. */
#define BYTES_PER_SIGNAL   UINT64_C(256)
#define BYTES_PER_PROPERTY UINT64_C(32)

enum property {
	FREE,
	RESERVED,
	EXPORTED,
	DRAINING,
	BUFFERS,
	RESERVATIONS,
	PENDING,
	GUARANTEE_AT_RISK,
	N_PROPERTIES,
};

/* Those of org.cmabulk1.Pool that emit; all others never change, or the device would have to be asked. */
static const char *const names[N_PROPERTIES] = {
	[FREE] = "Free",	 [RESERVED] = "Reserved",
	[EXPORTED] = "Exported", [DRAINING] = "Draining",
	[BUFFERS] = "Buffers",	 [RESERVATIONS] = "Reservations",
	[PENDING] = "Pending",	 [GUARANTEE_AT_RISK] = "GuaranteeAtRisk",
};

struct values {
	uint64_t of[N_PROPERTIES];
};

struct bus_changes {
	struct manager *manager;
	sd_event_source *timer;
	bool is_waiting;
	GHashTable *told; /* struct pool -> struct values: what was told last */
	uint64_t sent; /* bytes, on this connection */
};

/* As the books have it: nobody is asked. */
static void collect(struct pool *pool, struct values *ret)
{
	const struct broker *broker = pool_get_broker(pool);
	struct broker_books books;

	broker_get_books(broker, &books);
	*ret = (struct values){
		.of = {
			[FREE] = pool_get_query(pool)->free_pages,
			[RESERVED] = books.states.reserved,
			[EXPORTED] = books.states.exported,
			[DRAINING] = books.states.draining,
			[BUFFERS] = books.buffers,
			[RESERVATIONS] = books.reservations,
			[PENDING] = broker_get_pending(broker),
			[GUARANTEE_AT_RISK] = broker_get_uncovered(broker) > 0,
		},
	};
}

static void wait_on(struct bus_changes *changes)
{
	uint64_t usec = changes->sent > FREQUENT_BYTES ? RARE_INTERVAL_USEC : INTERVAL_USEC;

	if (changes->is_waiting)
		return;
	changes->is_waiting = sd_event_source_set_time_relative(changes->timer, usec) >= 0 &&
			      sd_event_source_set_enabled(changes->timer, SD_EVENT_ONESHOT) >= 0;
}

static void count(struct bus_changes *changes, uint64_t bytes)
{
	changes->sent += bytes;
	delivery_watch_bus(changes->manager->delivery);
}

/* Of @before, what is otherwise @now; NULL after the last. */
static unsigned int find_changed(const struct values *before, const struct values *now,
				 char *ret[N_PROPERTIES + 1])
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < N_PROPERTIES; i++)
		if (before->of[i] != now->of[i])
			ret[n++] = (char *)names[i];
	ret[n] = NULL;
	return n;
}

static void tell_changed(struct bus_changes *changes, struct pool *pool, struct values *told)
{
	g_autofree char *path = NULL;
	char *changed[N_PROPERTIES + 1];
	struct values now;
	unsigned int n;
	int r;

	collect(pool, &now);
	n = find_changed(told, &now, changed);
	if (n == 0)
		return;
	path = bus_pool_format_path(pool);
	r = sd_bus_emit_properties_changed_strv(changes->manager->bus, path, BUS_POOL, changed);
	if (r < 0) {
		log_warning("pool %s: nobody can be told of its changes: %s", pool_get_name(pool),
			    strerror(-r));
		return;
	}
	*told = now;
	count(changes, BYTES_PER_SIGNAL + n * BYTES_PER_PROPERTY);
}

static int on_timer(sd_event_source *source, uint64_t time_usec, void *userdata)
{
	struct bus_changes *changes = userdata;
	GHashTableIter iterator;
	void *pool, *told;

	changes->is_waiting = false;
	if (!bus_takes_signals(changes->manager)) {
		wait_on(changes);
		return 0;
	}
	g_hash_table_iter_init(&iterator, changes->told);
	while (g_hash_table_iter_next(&iterator, &pool, &told))
		tell_changed(changes, pool, told);
	return 0;
}

struct bus_changes *bus_changes_new(struct manager *manager)
{
	struct bus_changes *changes = g_new0(struct bus_changes, 1);

	changes->manager = manager;
	changes->told = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	if (sd_event_add_time(manager->event, &changes->timer, CLOCK_MONOTONIC, 0, 1, on_timer,
			      changes) < 0 ||
	    sd_event_source_set_enabled(changes->timer, SD_EVENT_OFF) < 0)
		return bus_changes_free(changes);
	return changes;
}

struct bus_changes *bus_changes_free(struct bus_changes *changes)
{
	if (!changes)
		return NULL;
	sd_event_source_disable_unref(changes->timer);
	g_hash_table_unref(changes->told);
	g_free(changes);
	return NULL;
}

void bus_changes_connected(struct bus_changes *changes)
{
	changes->sent = 0;
}

void bus_changes_add(struct bus_changes *changes, struct pool *pool)
{
	struct values *told = g_new(struct values, 1);
	g_autofree char *path = bus_pool_format_path(pool);

	collect(pool, told);
	g_hash_table_insert(changes->told, pool, told);
	if (bus_takes_signals(changes->manager) &&
	    sd_bus_emit_object_added(changes->manager->bus, path) >= 0)
		count(changes, BYTES_PER_SIGNAL * 4);
}

void bus_changes_remove(struct bus_changes *changes, struct pool *pool)
{
	g_autofree char *path = bus_pool_format_path(pool);

	g_hash_table_remove(changes->told, pool);
	if (bus_takes_signals(changes->manager) &&
	    sd_bus_emit_object_removed(changes->manager->bus, path) >= 0)
		count(changes, BYTES_PER_SIGNAL);
}

void bus_changes_look(struct bus_changes *changes, struct pool *pool)
{
	if (g_hash_table_contains(changes->told, pool))
		wait_on(changes);
}
