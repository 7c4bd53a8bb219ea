/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A connection in a GLib main loop: copy this and glib-source.c into an application. */
#ifndef GLIB_SOURCE_H
#define GLIB_SOURCE_H

#include <cmabulk.h>
#include <glib.h>

/**
 * @brief After what arrived was taken: read the events, look whether calls are done.
 * @param error 0, or the negative errno that the connection ended with.
 * @return G_SOURCE_CONTINUE or G_SOURCE_REMOVE.
 */
typedef gboolean (*connection_function)(struct cmabulk_connection *connection, int error,
					gpointer data);

/**
 * @brief Make a source of a connection to the daemon, which it keeps a reference to.
 * @return A new source without callback (see g_source_set_callback()); NULL when the connection has nothing to poll,
 *         as in direct mode.
 */
GSource *connection_source_new(struct cmabulk_connection *connection);

#endif
