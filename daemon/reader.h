/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a client was sent, and how much of it it is known to have read. What nobody
 * reads the bus keeps, on our account: at 127 MiB of it, or 64 fds, it takes no more from us for anybody.
 */
#ifndef CMABULKD_READER_H
#define CMABULKD_READER_H

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-bus.h>

struct client;
struct manager;

/* About what a reply takes in the bus. */
#define READER_BYTES_REPLY	UINT64_C(1024)
#define READER_BYTES_INTROSPECT UINT64_C(16384)

/*
 * Pings have numbers below this one, at random. The bus takes an answer from whoever was called, read
 * or not: only who has read the ping knows its number.
 */
#define READER_PING_COOKIES (UINT64_C(1) << 31)

struct reader {
	uint64_t sent; /* bytes, more or less, ever */
	uint64_t read; /* of those: before the last sign of reading */
	uint64_t pinged; /* sent, when the ping was that is under way */
	bool is_denied; /* the bus does not let us ping it: that was said */
	sd_bus_slot *ping; /* org.freedesktop.DBus.Peer.Ping, one at a time */
};

static inline uint64_t reader_get_unread(const struct reader *reader)
{
	return reader->sent - reader->read;
}

/* Something is sent to it. It is pinged when much was. */
void reader_charge(struct client *client, uint64_t bytes);
/* Whether it, or its user, has so much to read that it gets no more; and not even errors. */
bool reader_is_behind(const struct client *client, bool *ret_far);
/* It has read all that was sent when @sent was. */
void reader_confirm(struct client *client, uint64_t sent);
/* Ping it for a reply with fds; if a ping is under way, again when that was answered. */
void reader_ping(struct client *client);
/* Forget what is under way: the client is gone, or the connection. */
void reader_done(struct client *client);

#endif
