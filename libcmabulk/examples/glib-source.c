/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "glib-source.h"

struct connection_source {
	GSource source;
	struct cmabulk_connection *connection;
	GPollFD polled;
};

/* For what to poll and until when, as it is now: both are of GLib's clock and GLib's bits. */
static gboolean prepare(GSource *source, gint *timeout)
{
	struct connection_source *self = (struct connection_source *)source;
	int events = cmabulk_connection_get_events(self->connection);
	uint64_t usec;

	*timeout = -1;
	if (events < 0 || cmabulk_connection_get_timeout_usec(self->connection, &usec) < 0)
		return TRUE; /* processing says why */
	self->polled.events = (gushort)events;
	g_source_set_ready_time(source, usec > G_MAXINT64 ? -1 : (gint64)usec);
	return FALSE;
}

/* GLib itself looks at the time. */
static gboolean check(GSource *source)
{
	return ((struct connection_source *)source)->polled.revents != 0;
}

static gboolean dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
	struct connection_source *self = (struct connection_source *)source;
	connection_function function = (connection_function)(void (*)(void))callback;
	int r = cmabulk_connection_process(self->connection);

	if (!function || !function(self->connection, r < 0 ? r : 0, data) || r < 0)
		return G_SOURCE_REMOVE;
	return G_SOURCE_CONTINUE;
}

static void finalize(GSource *source)
{
	cmabulk_connection_unref(((struct connection_source *)source)->connection);
}

static GSourceFuncs functions = {
	.prepare = prepare,
	.check = check,
	.dispatch = dispatch,
	.finalize = finalize,
};

GSource *connection_source_new(struct cmabulk_connection *connection)
{
	struct connection_source *self;
	GSource *source;
	int fd = cmabulk_connection_get_fd(connection);

	if (fd < 0)
		return NULL;
	source = g_source_new(&functions, sizeof(*self));
	g_source_set_static_name(source, "cmabulk");
	self = (struct connection_source *)source;
	self->connection = cmabulk_connection_ref(connection);
	self->polled.fd = fd;
	g_source_add_poll(source, &self->polled);
	return source;
}
