/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Two allocates side by side on one connection, in a loop with nothing else to do. */
#include <cmabulk.h>
#include <err.h>
#include <poll.h>
#include <stdio.h>

#define CLEAN(type) __attribute__((cleanup(cmabulk_##type##_unrefp))) struct cmabulk_##type *

static struct cmabulk_call *start(struct cmabulk_connection *connection, unsigned int buffers)
{
	CLEAN(request) request = NULL;
	struct cmabulk_call *call = NULL;

	if (cmabulk_request_new(&request) < 0 || cmabulk_request_set_count(request, 64) < 0 ||
	    cmabulk_request_set_buffers(request, buffers) < 0)
		errx(1, "bad request");
	if (cmabulk_connection_start_allocate(connection, request, &call) < 0)
		errx(1, "%s", cmabulk_connection_get_error_message(connection));
	return call;
}

/* Once a second at least, as neither deadline is nearer; loop.c shows how to wait for just as long as it takes. */
static void turn(struct cmabulk_connection *connection)
{
	struct pollfd polled = { .fd = cmabulk_connection_get_fd(connection) };
	int events = cmabulk_connection_get_events(connection);
	uint64_t usec;

	if (polled.fd < 0 || events < 0 ||
	    cmabulk_connection_get_timeout_usec(connection, &usec) < 0)
		errx(1, "%s", cmabulk_connection_get_error_message(connection));
	polled.events = (short)events;
	if (poll(&polled, 1, usec == 0 ? 0 : 1000) >= 0 &&
	    cmabulk_connection_process(connection) < 0)
		errx(1, "%s", cmabulk_connection_get_error_message(connection));
}

static void finish(struct cmabulk_call *call)
{
	CLEAN(allocation) allocation = NULL;
	int r = cmabulk_call_finish(call, &allocation);

	if (r < 0)
		errx(1, "%s", cmabulk_call_get_error_message(call));
	printf("%s: %u buffers\n", cmabulk_allocation_get_status_name(allocation),
	       cmabulk_allocation_get_n_buffers(allocation));
}

int main(void)
{
	CLEAN(connection) connection = NULL;
	CLEAN(call) first = NULL;
	CLEAN(call) second = NULL;
	int r = cmabulk_connection_open(&connection);

	if (r < 0)
		errx(1, "%s; %s", cmabulk_error_get_message(r), cmabulk_error_get_hint(r));
	first = start(connection, 4);
	second = start(connection, 20);
	while (!cmabulk_call_is_done(first) || !cmabulk_call_is_done(second))
		turn(connection);
	finish(first);
	finish(second);
	return 0;
}
