// SPDX-License-Identifier: LGPL-2.1-or-later
/* The connection to the daemon in an application's own loop: what to poll, and what to do then. Nothing waits. */
#include <poll.h>
#include <sys/epoll.h>

#include "bus-backend.h"
#include "bus-call.h"
#include "bus.h"

/* Messages at a time: whoever sends and sends must not keep the application from its other work. */
#define PROCESSED_AT_ONCE 64

static int watch_descriptor(int loop, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events };

	return epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) < 0 ? errno_result() : 0;
}

/* The bus, and the eventfd by which somebody else cancels. */
static int make_loop(struct bus *bus)
{
	int loop CLEANUP(close_fdp) = epoll_create1(EPOLL_CLOEXEC);
	int r = loop < 0 ? errno_result() : watch_descriptor(loop, bus->wakeup, EPOLLIN);

	if (r >= 0)
		r = watch_descriptor(loop, sd_bus_get_fd(bus->connection), EPOLLIN);
	if (r >= 0)
		bus->loop = take_fd(&loop);
	return r;
}

static int bus_get_fd(struct cmabulk_connection *connection)
{
	struct bus *bus = connection->bus;
	int r = sd_bus_get_fd(bus->connection);

	if (r < 0)
		return bus_lost(connection, r);
	r = bus->loop < 0 ? make_loop(bus) : 0;
	return r < 0 ? r : bus->loop;
}

/*
 * What the bus is polled for changes with what is to be sent. The application polls for the same each time, and so
 * need not ask again: whatever it does in a turn of its loop updates this.
 */
static int update_loop(struct bus *bus)
{
	int r = bus->loop < 0 ? 0 : sd_bus_get_events(bus->connection);
	/* The bits of poll() and of epoll are the same. */
	struct epoll_event event = { .events = (uint32_t)r };

	if (r < 0 || bus->loop < 0)
		return r;
	r = epoll_ctl(bus->loop, EPOLL_CTL_MOD, sd_bus_get_fd(bus->connection), &event);
	return r < 0 ? errno_result() : 0;
}

static int bus_get_events(struct cmabulk_connection *connection)
{
	int fd = bus_get_fd(connection);
	int r = fd < 0 ? 0 : update_loop(connection->bus);

	if (fd < 0)
		return fd;
	return r < 0 ? bus_lost(connection, r) : POLLIN;
}

static int bus_get_timeout_usec(struct cmabulk_connection *connection, uint64_t *ret)
{
	uint64_t calls_ns = bus_calls_deadline_ns(connection);
	uint64_t usec;
	int r = sd_bus_get_timeout(connection->bus->connection, &usec);

	if (r >= 0)
		r = update_loop(connection->bus);
	if (r < 0)
		return bus_lost(connection, r);
	/* Rounded up: who comes too early would come again and again. */
	if (calls_ns != UINT64_MAX && calls_ns / NSEC_PER_USEC < usec)
		usec = calls_ns == 0 ? 0 : calls_ns / NSEC_PER_USEC + 1;
	*ret = connection->bus->has_ended_call ? 0 : usec;
	return 0;
}

static int bus_process_some(struct cmabulk_connection *connection)
{
	struct bus *bus = connection->bus;
	int r = 1;

	bus_drain(bus);
	for (unsigned int i = 0; r > 0 && i < PROCESSED_AT_ONCE; i++)
		r = sd_bus_process(bus->connection, NULL);
	bus_calls_run(connection);
	bus->has_ended_call = false;
	if (r >= 0 && update_loop(bus) < 0)
		r = -ENOTCONN;
	return r < 0 ? bus_lost(connection, r) : r;
}

const struct backend_loop bus_loop = {
	.set_event_mask = bus_set_event_mask,
	.get_fd = bus_get_fd,
	.get_events = bus_get_events,
	.get_timeout_usec = bus_get_timeout_usec,
	.process = bus_process_some,
};
