/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What loop.c does, in a loop of sd-event(3): allocates without waiting, lets go, and hears when the memory is back. */
#include <cmabulk.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-event.h>
#include <time.h>

#define CLEAN(type) __attribute__((cleanup(cmabulk_##type##_unrefp))) struct cmabulk_##type *

#define BUFFERS 4

struct application {
	struct cmabulk_connection *connection;
	struct cmabulk_call *call;
	sd_event *loop;
	sd_event_source *deadline;
	int n_released;
};

/* From a callback: ends the loop, and this is why. */
static int stop(struct application *application, int error, const char *message)
{
	warnx("%s", message);
	return sd_event_exit(application->loop, error < 0 ? error : -EIO);
}

/* Nothing is the application's any more, so that all of it will be told to be back. */
static int let_go(struct application *application)
{
	CLEAN(allocation) allocation = NULL;
	int r = cmabulk_call_finish(application->call, &allocation);

	if (r < 0)
		return stop(application, r, cmabulk_call_get_error_message(application->call));
	if (r > 0)
		return stop(application, 0, cmabulk_allocation_get_reason(allocation));
	printf("%u buffers\n", cmabulk_allocation_get_n_buffers(allocation));
	application->call = cmabulk_call_unref(application->call);
	return 0;
}

static int read_events(struct application *application)
{
	int r;

	for (;;) {
		CLEAN(event) event = NULL;

		r = cmabulk_connection_next_event(application->connection, &event);
		if (r <= 0)
			return r;
		if (cmabulk_event_get_type(event) != CMABULK_EVENT_BUFFER_RELEASED)
			return stop(application, 0, cmabulk_event_get_type_name(event));
		application->n_released++;
	}
}

static int process(struct application *application)
{
	int r = cmabulk_connection_process(application->connection);

	if (r >= 0)
		r = read_events(application);
	if (r < 0)
		return stop(application, r,
			    cmabulk_connection_get_error_message(application->connection));
	if (application->call && cmabulk_call_is_done(application->call))
		return let_go(application);
	if (application->n_released == BUFFERS)
		return sd_event_exit(application->loop, 0);
	return 0;
}

static int when_ready(sd_event_source *source, int fd, uint32_t events, void *application)
{
	(void)source, (void)fd, (void)events;
	return process(application);
}

static int when_late(sd_event_source *source, uint64_t usec, void *application)
{
	(void)source, (void)usec;
	return process(application);
}

/* Before each turn: for what to poll and until when, as it is now. The bits of epoll(7) are those of poll(2). */
static int before_polling(sd_event_source *source, void *userdata)
{
	struct application *application = userdata;
	struct cmabulk_connection *connection = application->connection;
	int events = cmabulk_connection_get_events(connection);
	uint64_t usec;
	int r = events;

	if (r >= 0)
		r = cmabulk_connection_get_timeout_usec(connection, &usec);
	/* An error that is returned only disables the source: the loop would wait for ever. */
	if (r < 0)
		return stop(application, r, cmabulk_connection_get_error_message(connection));
	r = sd_event_source_set_io_events(source, (uint32_t)events);
	if (r >= 0)
		r = sd_event_source_set_time(application->deadline, usec);
	if (r >= 0)
		r = sd_event_source_set_enabled(application->deadline, SD_EVENT_ONESHOT);
	return r < 0 ? stop(application, r, strerror(-r)) : 0;
}

/* The loop keeps the source of the descriptor; that of the deadline is set before each turn, and so kept here. */
static int attach(struct application *application)
{
	sd_event_source *ready;
	int fd = cmabulk_connection_get_fd(application->connection);
	int r;

	if (fd < 0)
		return fd;
	r = sd_event_add_io(application->loop, &ready, fd, 0, when_ready, application);
	if (r < 0)
		return r;
	r = sd_event_source_set_prepare(ready, before_polling);
	if (r >= 0)
		r = sd_event_source_set_floating(ready, 1);
	sd_event_source_unref(ready);
	if (r < 0)
		return r;
	return sd_event_add_time(application->loop, &application->deadline, CLOCK_MONOTONIC,
				 UINT64_MAX, 1, when_late, application);
}

static void start(struct application *application)
{
	struct cmabulk_connection *connection = application->connection;
	CLEAN(request) request = NULL;

	if (cmabulk_request_new(&request) < 0 || cmabulk_request_set_order(request, 4) < 0 ||
	    cmabulk_request_set_count(request, 64) < 0 ||
	    cmabulk_request_set_buffers(request, BUFFERS) < 0)
		errx(1, "bad request");
	if (cmabulk_connection_set_event_mask(connection, CMABULK_EVENT_BUFFER_RELEASED |
								  CMABULK_EVENT_DAEMON_GONE) < 0 ||
	    cmabulk_connection_start_allocate(connection, request, &application->call) < 0)
		errx(1, "%s", cmabulk_connection_get_error_message(connection));
}

int main(void)
{
	struct application application = { 0 };
	int r = cmabulk_connection_open(&application.connection);

	if (r < 0)
		errx(1, "%s; %s", cmabulk_error_get_message(r), cmabulk_error_get_hint(r));
	start(&application);
	r = sd_event_new(&application.loop);
	if (r >= 0)
		r = attach(&application);
	if (r >= 0)
		r = sd_event_loop(application.loop);
	sd_event_source_unref(application.deadline);
	sd_event_unref(application.loop);
	cmabulk_call_unref(application.call);
	cmabulk_connection_unref(application.connection);
	if (r < 0)
		errx(1, "the loop ended: %s", strerror(-r));
	return printf("%d are back\n", application.n_released) < 0;
}
