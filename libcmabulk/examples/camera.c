/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A camera's queue of 25 frame buffers in a GLib main loop, as V4L2 has it: empty frames are queued to the driver,
 * full ones are taken out, shown, and queued again. When others need memory, frames that are not being shown are given
 * back; a second later, and again every second, it tries to get them again. Ends when standard input does.
 *
 * A driver of V4L2 holds a dma-buf as long as it is queued, and some until VIDIOC_STREAMOFF: there, give back frames
 * when they come out of VIDIOC_DQBUF, instead of queueing them again.
 */
#include "glib-source.h"

#include <err.h>
#include <glib-unix.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CLEAN(type) __attribute__((cleanup(cmabulk_##type##_unrefp))) struct cmabulk_##type *

#define FRAMES		 25
#define FRAMES_NEEDED	 4
#define FRAMES_SHOWN	 3
#define CHUNKS_IN_FRAME	 16
#define CAPTURE_INTERVAL 20
#define RETRY_INTERVAL	 1000
#define RETRY_TIMEOUT	 UINT64_C(100000)

struct frame {
	struct cmabulk_buffer *buffer;
	void *address;
};

struct camera {
	struct cmabulk_connection *connection;
	struct cmabulk_call *call;
	GMainLoop *loop;
	GQueue queued;
	GQueue shown;
	guint retry;
	guint introduction;
	guint64 n_captured;
};

/* --- Frames --------------------------------------------------------------------------------------- */

static struct frame *frame_new(struct cmabulk_buffer *buffer)
{
	struct frame *frame = g_new0(struct frame, 1);
	int r = cmabulk_buffer_map(buffer, CMABULK_BUFFER_READ_WRITE, &frame->address);

	if (r < 0)
		errx(1, "cannot map a frame: %s", cmabulk_error_get_message(r));
	frame->buffer = cmabulk_buffer_ref(buffer);
	return frame;
}

/* The last reference: its memory goes back to the pool now, as nobody else has it. */
static void frame_free(struct frame *frame)
{
	cmabulk_buffer_unmap(frame->buffer, frame->address);
	cmabulk_buffer_unref(frame->buffer);
	g_free(frame);
}

/* Instead of a sensor, the processor writes a picture. */
static void frame_fill(struct frame *frame, int color)
{
	if (cmabulk_buffer_begin_cpu_access(frame->buffer, CMABULK_BUFFER_WRITE) < 0)
		errx(1, "cannot write to a frame");
	memset(frame->address, color, (size_t)cmabulk_buffer_get_size(frame->buffer));
	cmabulk_buffer_end_cpu_access(frame->buffer, CMABULK_BUFFER_WRITE);
}

/* --- The queue ------------------------------------------------------------------------------------ */

static guint n_frames(const struct camera *camera)
{
	return camera->queued.length + camera->shown.length;
}

/* A picture is ready: VIDIOC_DQBUF, and VIDIOC_QBUF for the one that was shown longest. */
static gboolean capture(gpointer data)
{
	struct camera *camera = data;
	struct frame *frame = g_queue_pop_head(&camera->queued);

	if (frame) {
		frame_fill(frame, (int)(camera->n_captured & 0xff));
		if (!camera->n_captured++)
			printf("the first picture\n");
		g_queue_push_tail(&camera->shown, frame);
	}
	if (camera->shown.length > FRAMES_SHOWN)
		g_queue_push_tail(&camera->queued, g_queue_pop_head(&camera->shown));
	return G_SOURCE_CONTINUE;
}

/* --- Its memory ----------------------------------------------------------------------------------- */

static struct cmabulk_request *new_request(guint frames)
{
	struct cmabulk_request *request = NULL;

	if (cmabulk_request_new(&request) < 0 || cmabulk_request_set_order(request, 4) < 0 ||
	    cmabulk_request_set_count(request, (uint64_t)frames * CHUNKS_IN_FRAME) < 0 ||
	    cmabulk_request_set_buffers(request, frames) < 0 ||
	    cmabulk_request_set_label(request, "camera") < 0)
		errx(1, "bad request");
	return request;
}

/* As many frames as are missing. It can do without: so it waits for nobody. */
static gboolean get_missing(gpointer data)
{
	struct camera *camera = data;
	CLEAN(request) request = NULL;

	if (camera->call)
		return G_SOURCE_CONTINUE;
	if (n_frames(camera) >= FRAMES) {
		camera->retry = 0;
		return G_SOURCE_REMOVE;
	}
	request = new_request(FRAMES - n_frames(camera));
	if (n_frames(camera) >= FRAMES_NEEDED &&
	    (cmabulk_request_set_timeout(request, RETRY_TIMEOUT) < 0 ||
	     cmabulk_request_set_effort(request, CMABULK_REQUEST_EFFORT_FAST) < 0))
		errx(1, "bad request");
	/* When it cannot even begin, as without a daemon, it tries again. */
	if (cmabulk_connection_start_allocate(camera->connection, request, &camera->call) < 0)
		g_debug("%s", cmabulk_connection_get_error_message(camera->connection));
	return G_SOURCE_CONTINUE;
}

static void retry_later(struct camera *camera)
{
	if (!camera->retry)
		camera->retry = g_timeout_add(RETRY_INTERVAL, get_missing, camera);
}

/* The frames keep the buffers, so that each can be given back alone. */
static void finish(struct camera *camera)
{
	CLEAN(allocation) allocation = NULL;
	struct cmabulk_buffer *buffer;
	int r = cmabulk_call_finish(camera->call, &allocation);

	/* That it may not have more is no reason to end, as long as it has what it needs. */
	if (r < 0 && !cmabulk_error_is_retryable(r) && n_frames(camera) < FRAMES_NEEDED)
		errx(1, "%s", cmabulk_call_get_error_message(camera->call));
	if (r < 0)
		g_debug("%s", cmabulk_call_get_error_message(camera->call));
	camera->call = cmabulk_call_unref(camera->call);
	if (r == CMABULK_ALLOCATION_COMPLETE) {
		for (unsigned int i = 0; (buffer = cmabulk_allocation_get_buffer(allocation, i));
		     i++)
			g_queue_push_tail(&camera->queued, frame_new(buffer));
		printf("%u frames\n", n_frames(camera));
	}
	retry_later(camera);
}

static void give_back(struct camera *camera, uint64_t bytes)
{
	guint given = 0;
	uint64_t size = 0;

	while (size < bytes && camera->queued.length && n_frames(camera) > FRAMES_NEEDED) {
		struct frame *frame = g_queue_pop_tail(&camera->queued);

		size += cmabulk_buffer_get_size(frame->buffer);
		frame_free(frame);
		given++;
	}
	printf("gave back %u frames, %u are left\n", given, n_frames(camera));
	retry_later(camera);
}

/* --- What happens --------------------------------------------------------------------------------- */

/* The daemon asks those to give back who called it: so it is called, until it answers. No picture is taken meanwhile. */
static gboolean introduce(gpointer data)
{
	struct camera *camera = data;
	struct cmabulk_pool **pools = NULL;

	if (cmabulk_connection_list_pools(camera->connection, &pools) < 0)
		return G_SOURCE_CONTINUE;
	cmabulk_pool_array_free(pools);
	camera->introduction = 0;
	return G_SOURCE_REMOVE;
}

static void handle(struct camera *camera, const struct cmabulk_event *event)
{
	switch (cmabulk_event_get_type(event)) {
	case CMABULK_EVENT_MEMORY_PRESSURE:
		give_back(camera, cmabulk_event_get_bytes(event));
		break;
	case CMABULK_EVENT_DAEMON_GONE:
		printf("the daemon is gone, %u frames stay\n", n_frames(camera));
		break;
	case CMABULK_EVENT_DAEMON_BACK:
		printf("the daemon is back\n");
		retry_later(camera);
		break;
	case CMABULK_EVENT_LOST:
		/* What it was, nobody knows: the daemon may be another, and not know who this is. */
		if (!camera->introduction && introduce(camera) == G_SOURCE_CONTINUE)
			camera->introduction = g_timeout_add(RETRY_INTERVAL, introduce, camera);
		retry_later(camera);
		break;
	default:
		break;
	}
}

static gboolean something_arrived(struct cmabulk_connection *connection, int error, gpointer data)
{
	struct camera *camera = data;

	for (;;) {
		CLEAN(event) event = NULL;

		if (cmabulk_connection_next_event(connection, &event) <= 0)
			break;
		handle(camera, event);
	}
	if (camera->call && cmabulk_call_is_done(camera->call))
		finish(camera);
	if (error < 0)
		errx(1, "%s", cmabulk_error_get_message(error));
	return G_SOURCE_CONTINUE;
}

static gboolean standard_input_ended(gint fd, GIOCondition condition, gpointer data)
{
	struct camera *camera = data;

	(void)condition;
	if (read(fd, &(char){ 0 }, 1) > 0)
		return G_SOURCE_CONTINUE;
	g_main_loop_quit(camera->loop);
	return G_SOURCE_REMOVE;
}

static void attach(struct camera *camera)
{
	GSource *source = connection_source_new(camera->connection);

	if (!source)
		errx(1, "the frames come from the daemon alone");
	g_source_set_callback(source, G_SOURCE_FUNC(something_arrived), camera, NULL);
	g_source_attach(source, NULL);
	g_source_unref(source);
	g_timeout_add(CAPTURE_INTERVAL, capture, camera);
	g_unix_fd_add(STDIN_FILENO, G_IO_IN | G_IO_HUP, standard_input_ended, camera);
}

static void drop(struct camera *camera)
{
	struct frame *frame;

	while ((frame = g_queue_pop_head(&camera->queued)) ||
	       (frame = g_queue_pop_head(&camera->shown)))
		frame_free(frame);
	cmabulk_call_unref(camera->call);
	cmabulk_connection_unref(camera->connection);
	g_main_loop_unref(camera->loop);
}

int main(void)
{
	struct camera camera = { .queued = G_QUEUE_INIT, .shown = G_QUEUE_INIT };
	int r = cmabulk_connection_open(&camera.connection);

	if (r < 0)
		errx(1, "%s; %s", cmabulk_error_get_message(r), cmabulk_error_get_hint(r));
	setlinebuf(stdout);
	camera.loop = g_main_loop_new(NULL, FALSE);
	attach(&camera);
	if (cmabulk_connection_set_event_mask(
		    camera.connection, CMABULK_EVENT_MEMORY_PRESSURE | CMABULK_EVENT_DAEMON_GONE |
					       CMABULK_EVENT_DAEMON_BACK) < 0)
		errx(1, "%s", cmabulk_connection_get_error_message(camera.connection));
	get_missing(&camera);
	retry_later(&camera);
	g_main_loop_run(camera.loop);
	printf("%" G_GUINT64_FORMAT " pictures\n", camera.n_captured);
	drop(&camera);
	return 0;
}
