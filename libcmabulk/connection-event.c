// SPDX-License-Identifier: LGPL-2.1-or-later
/* A connection in an application's own loop: what to poll, and what it was told meanwhile. */
#include "connection.h"
#include "event-queue.h"

#define EVENTS_ALL                                                                            \
	(CMABULK_EVENT_LOST | CMABULK_EVENT_BUFFER_RELEASED | CMABULK_EVENT_MEMORY_PRESSURE | \
	 CMABULK_EVENT_POOL_ADDED | CMABULK_EVENT_POOL_REMOVED | CMABULK_EVENT_DAEMON_GONE |  \
	 CMABULK_EVENT_DAEMON_BACK)

static int begin_with_loop(struct cmabulk_connection *connection)
{
	int r = connection_begin(connection);

	if (r < 0 || connection->backend->loop)
		return r;
	connection_explain(connection, "events are the daemon's: in direct mode there are none, "
				       "and nothing to poll");
	return -EOPNOTSUPP;
}

/* The queue is made when something is wanted for the first time: most connections never need it. */
static int set_event_mask(struct cmabulk_connection *connection, uint64_t mask)
{
	int r;

	if (mask & ~(uint64_t)EVENTS_ALL) {
		connection_explain(connection,
				   "the mask has events that this library does not know");
		return -EINVAL;
	}
	if (!connection->events)
		connection->events = calloc(1, sizeof(*connection->events));
	if (!connection->events)
		return -ENOMEM;
	r = connection->backend->loop->set_event_mask(connection, mask);
	if (r >= 0)
		event_queue_set_mask(connection->events, mask);
	return r;
}

EXPORT int cmabulk_connection_set_event_mask(struct cmabulk_connection *connection, uint64_t mask)
{
	int r = begin_with_loop(connection);

	return connection_end(connection, r < 0 ? r : set_event_mask(connection, mask));
}

EXPORT int cmabulk_connection_get_fd(struct cmabulk_connection *connection)
{
	int r = begin_with_loop(connection);

	return connection_end(connection,
			      r < 0 ? r : connection->backend->loop->get_fd(connection));
}

EXPORT int cmabulk_connection_get_events(struct cmabulk_connection *connection)
{
	int r = begin_with_loop(connection);

	return connection_end(connection,
			      r < 0 ? r : connection->backend->loop->get_events(connection));
}

static bool has_events(const struct cmabulk_connection *connection)
{
	return connection->events && event_queue_peek(connection->events);
}

EXPORT int cmabulk_connection_get_timeout_usec(struct cmabulk_connection *connection, uint64_t *ret)
{
	uint64_t usec = 0;
	int r = begin_with_loop(connection);

	/* What came during a call makes no descriptor ready any more. */
	if (r >= 0 && !has_events(connection))
		r = connection->backend->loop->get_timeout_usec(connection, &usec);
	if (r >= 0)
		*ret = usec;
	return connection_end(connection, r);
}

EXPORT int cmabulk_connection_process(struct cmabulk_connection *connection)
{
	int r = begin_with_loop(connection);

	return connection_end(connection,
			      r < 0 ? r : connection->backend->loop->process(connection));
}

static int next_event(struct cmabulk_connection *connection, struct cmabulk_event **ret)
{
	int r;

	if (!has_events(connection))
		return 0;
	r = event_new(event_queue_peek(connection->events), ret);
	if (r < 0)
		return r;
	event_queue_drop(connection->events);
	return 1;
}

EXPORT int cmabulk_connection_next_event(struct cmabulk_connection *connection,
					 struct cmabulk_event **ret)
{
	int r = begin_with_loop(connection);

	return connection_end(connection, r < 0 ? r : next_event(connection, ret));
}
