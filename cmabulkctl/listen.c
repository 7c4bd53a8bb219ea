// SPDX-License-Identifier: LGPL-2.1-or-later
/* Hearing of the daemon and its pools, when they come and go. */
#include <errno.h>
#include <poll.h>
#include <time.h>

#include "cli.h"
#include "listen.h"

#define USEC_PER_MSEC	  UINT64_C(1000)
/* Times: in each, the library takes so many messages at most. */
#define PROCESSED_AT_ONCE 16
/* Then it looks whether the time is over. */
#define POLL_MAX_MSEC	  60000

static uint64_t now_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

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

static int poll_until(struct cmabulk_connection *connection, uint64_t deadline_usec)
{
	struct pollfd polled = { .fd = cmabulk_connection_get_fd(connection) };
	int events = polled.fd < 0 ? polled.fd : cmabulk_connection_get_events(connection);
	uint64_t now = now_usec();
	uint64_t msec;
	uint64_t usec;
	int r = events < 0 ? events : cmabulk_connection_get_timeout_usec(connection, &usec);

	if (r < 0)
		return r;
	if (usec > deadline_usec)
		usec = deadline_usec;
	/* Rounded up: what is too early would be asked again and again. */
	msec = usec > now ? (usec - now + USEC_PER_MSEC - 1) / USEC_PER_MSEC : 0;
	polled.events = (short)events;
	if (poll(&polled, 1, msec > POLL_MAX_MSEC ? POLL_MAX_MSEC : (int)msec) < 0 &&
	    errno != EINTR)
		return -errno;
	return 0;
}

int listen_wait(struct cmabulk_connection *connection, uint64_t timeout_usec, struct heard *heard)
{
	uint64_t now = now_usec();
	uint64_t deadline_usec = timeout_usec > UINT64_MAX - now ? UINT64_MAX : now + timeout_usec;
	int r = listen_look(connection, heard);

	while (r >= 0 && !heard->daemon && !heard->pools && now_usec() < deadline_usec) {
		r = poll_until(connection, deadline_usec);
		if (r >= 0)
			r = listen_look(connection, heard);
	}
	return r;
}
