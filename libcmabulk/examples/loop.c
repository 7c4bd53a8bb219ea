/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A loop of an application's own: allocates without waiting, lets go, and hears when the memory is back. */
#include <cmabulk.h>
#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>

#define CLEAN(type) __attribute__((cleanup(cmabulk_##type##_unrefp))) struct cmabulk_##type *

#define BUFFERS 4

/* For poll(): milliseconds until a time of CLOCK_MONOTONIC, rounded up; -1 for ever. */
static int milliseconds_until(uint64_t usec)
{
	struct timespec now;
	uint64_t now_usec;

	if (usec == UINT64_MAX)
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &now);
	now_usec = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	if (usec <= now_usec)
		return 0;
	return usec - now_usec < UINT64_C(3600000000) ? (int)((usec - now_usec) / 1000) + 1 :
							3600000;
}

/* One turn: an application would poll its other descriptors here, too. */
static void turn(struct cmabulk_connection *connection)
{
	struct pollfd polled = { .fd = cmabulk_connection_get_fd(connection) };
	int events = cmabulk_connection_get_events(connection);
	uint64_t usec;

	if (polled.fd < 0 || events < 0 ||
	    cmabulk_connection_get_timeout_usec(connection, &usec) < 0)
		errx(1, "%s", cmabulk_connection_get_error_message(connection));
	polled.events = (short)events;
	if (poll(&polled, 1, milliseconds_until(usec)) >= 0 &&
	    cmabulk_connection_process(connection) < 0)
		errx(1, "%s", cmabulk_connection_get_error_message(connection));
}

/* How many buffers are told to be back. */
static int read_events(struct cmabulk_connection *connection)
{
	int released = 0;

	for (;;) {
		CLEAN(event) event = NULL;

		if (cmabulk_connection_next_event(connection, &event) <= 0)
			return released;
		if (cmabulk_event_get_type(event) == CMABULK_EVENT_BUFFER_RELEASED)
			released++;
		else
			errx(1, "%s: what was released, the next daemon does not know",
			     cmabulk_event_get_type_name(event));
	}
}

int main(void)
{
	CLEAN(connection) connection = NULL;
	CLEAN(request) request = NULL;
	CLEAN(call) call = NULL;
	CLEAN(allocation) allocation = NULL;
	int released = 0;
	int r = cmabulk_connection_open(&connection);

	if (r < 0)
		errx(1, "%s; %s", cmabulk_error_get_message(r), cmabulk_error_get_hint(r));
	if (cmabulk_request_new(&request) < 0 || cmabulk_request_set_order(request, 4) < 0 ||
	    cmabulk_request_set_count(request, 64) < 0 ||
	    cmabulk_request_set_buffers(request, BUFFERS) < 0)
		errx(1, "bad request");
	if (cmabulk_connection_set_event_mask(connection, CMABULK_EVENT_BUFFER_RELEASED |
								  CMABULK_EVENT_DAEMON_GONE) < 0 ||
	    cmabulk_connection_start_allocate(connection, request, &call) < 0)
		errx(1, "%s", cmabulk_connection_get_error_message(connection));
	while (!cmabulk_call_is_done(call))
		turn(connection);
	r = cmabulk_call_finish(call, &allocation);
	if (r < 0)
		errx(1, "%s", cmabulk_call_get_error_message(call));
	if (r > 0)
		errx(1, "%s; %s", cmabulk_allocation_get_reason(allocation),
		     cmabulk_allocation_get_hint(allocation));
	printf("%u buffers\n", cmabulk_allocation_get_n_buffers(allocation));
	call = cmabulk_call_unref(call);
	allocation = cmabulk_allocation_unref(allocation);
	while ((released += read_events(connection)) < BUFFERS)
		turn(connection);
	return printf("%d are back\n", released) < 0;
}
