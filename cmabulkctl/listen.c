// SPDX-License-Identifier: LGPL-2.1-or-later
/* Hearing of the daemon and its pools, when they come and go. */
#include <errno.h>
#include <poll.h>

#include "cli.h"
#include "clock.h"
#include "listen.h"

#define USEC_PER_MSEC	  UINT64_C(1000)
/* Times: in each, the library takes so many messages at most. */
#define PROCESSED_AT_ONCE 16
/* Then it looks whether the time is over. */
#define POLL_MAX_MSEC	  60000

int listen_begin(struct cmabulk_connection *connection)
{
	return cmabulk_connection_set_event_mask(
		connection, CMABULK_EVENT_POOL_ADDED | CMABULK_EVENT_POOL_REMOVED |
				    CMABULK_EVENT_DAEMON_GONE | CMABULK_EVENT_DAEMON_BACK);
}

static void hear(const struct cmabulk_event *event, struct heard *heard)
{
	switch (cmabulk_event_get_type(event)) {
	case CMABULK_EVENT_DAEMON_GONE:
	case CMABULK_EVENT_DAEMON_BACK:
		heard->daemon = true;
		break;
	case CMABULK_EVENT_LOST:
		heard->daemon = true;
		heard->pools = true;
		break;
	default:
		heard->pools = true;
		break;
	}
}

int listen_look(struct cmabulk_connection *connection, struct heard *heard)
{
	int r = 1;

	/* Whoever sends and sends must not keep it from looking at the time. */
	for (unsigned int i = 0; r > 0 && i < PROCESSED_AT_ONCE; i++)
		r = cmabulk_connection_process(connection);
	while (r >= 0) {
		struct cmabulk_event *event CLEANUP(cmabulk_event_unrefp) = NULL;

		r = cmabulk_connection_next_event(connection, &event);
		if (r == 0)
			break;
		if (r > 0)
			hear(event, heard);
	}
	return r;
}

/* What of the connection to poll for, and until when at most. */
static int ask_connection(struct cmabulk_connection *connection, struct pollfd *ret_polled,
			  uint64_t *ret_usec)
{
	int fd = cmabulk_connection_get_fd(connection);
	int events = fd < 0 ? fd : cmabulk_connection_get_events(connection);

	if (events < 0)
		return events;
	*ret_polled = (struct pollfd){ .fd = fd, .events = (short)events };
	return cmabulk_connection_get_timeout_usec(connection, ret_usec);
}

int listen_poll(struct cmabulk_connection *connection, uint64_t deadline_usec,
		struct pollfd *polled, size_t count)
{
	uint64_t usec = UINT64_MAX;
	uint64_t now;
	uint64_t msec;
	int r = 0;

	polled[0] = (struct pollfd){ .fd = -1 };
	if (connection)
		r = ask_connection(connection, &polled[0], &usec);
	if (r < 0)
		return r;
	if (usec > deadline_usec)
		usec = deadline_usec;
	now = clock_now_usec();
	/* Rounded up: what is too early would be asked again and again. */
	msec = usec > now ? (usec - now + USEC_PER_MSEC - 1) / USEC_PER_MSEC : 0;
	if (poll(polled, count, msec > POLL_MAX_MSEC ? POLL_MAX_MSEC : (int)msec) >= 0)
		return 0;
	r = -errno;
	for (size_t i = 0; i < count; i++)
		polled[i].revents = 0;
	return r == -EINTR ? 0 : r;
}

int listen_wait(struct cmabulk_connection *connection, uint64_t timeout_usec, struct heard *heard)
{
	uint64_t now = clock_now_usec();
	uint64_t deadline_usec = timeout_usec > UINT64_MAX - now ? UINT64_MAX : now + timeout_usec;
	struct pollfd polled;
	int r = listen_look(connection, heard);

	while (r >= 0 && !heard->daemon && !heard->pools && clock_now_usec() < deadline_usec) {
		r = listen_poll(connection, deadline_usec, &polled, 1);
		if (r >= 0)
			r = listen_look(connection, heard);
	}
	return r;
}
