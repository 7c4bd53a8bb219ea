// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a client was sent, and how much of it it is known to have read. */
#include <string.h>
#include <sys/random.h>

#include "client.h"
#include "delivery.h"
#include "manager.h"

/* A client that calls and reads is pinged now and then, and does not notice. */
#define PING_AFTER_BYTES  UINT64_C(65536)
/* One that never answers a ping, as those do that never dispatch, is good for some thousand calls. */
#define CLIENT_UNREAD_MAX UINT64_C(4194304)
/* Sixteen users of the worst kind can have this before the bus stops. */
#define USER_UNREAD_MAX	  UINT64_C(8388608)

/*
 * Of all clients together, and of a user's. The bus permits us 128 calls that nobody answers: the
 * rest is for what polkit is asked (AUTHORIZATION_QUESTIONS_MAX), and for our own.
 */
#define PINGS_MAX      80
#define USER_PINGS_MAX 16

/* A user takes no more than half of what is left, so that there is some for the next one. */
static bool may_ping(const struct client *client)
{
	unsigned int left = PINGS_MAX - client->manager->n_pings;

	return client->user->n_pings < MIN(USER_PINGS_MAX, (left + 1) / 2);
}

static void count_ping(struct client *client)
{
	client->user->n_pings++;
	client->manager->n_pings++;
}

static void uncount_ping(struct client *client)
{
	client->user->n_pings--;
	client->manager->n_pings--;
}

static int on_pong(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct client *client = userdata;
	struct reader *reader = &client->reader;
	const char *sender = sd_bus_message_get_sender(message);

	reader->ping = sd_bus_slot_unref(reader->ping);
	uncount_ping(client);
	/* The bus answers for those that leave or may not be called: that is no sign of reading. */
	if (!sender || strcmp(sender, client->name) != 0) {
		const sd_bus_error *reason = sd_bus_message_get_error(message);

		if (reason && strcmp(reason->name, SD_BUS_ERROR_ACCESS_DENIED) == 0 &&
		    !reader->is_denied) {
			reader->is_denied = true;
			client_warning(
				client,
				"the bus does not let us ping %s, is org.cmabulk1.conf installed? %s",
				client->name, reason->message);
		}
		return 1;
	}
	reader_confirm(client, reader->pinged);
	if (delivery_wants_ping(client) || reader_get_unread(reader) >= PING_AFTER_BYTES)
		reader_ping(client);
	return 1;
}

/* 0: there is none now. */
static uint64_t random_cookie(void)
{
	uint32_t cookie = 0;

	return getrandom(&cookie, sizeof(cookie), GRND_NONBLOCK) < 0 ? 0 :
								       cookie % READER_PING_COOKIES;
}

void reader_ping(struct client *client)
{
	struct reader *reader = &client->reader;
	uint64_t cookie = random_cookie();
	sd_bus_message *ping = NULL;

	if (reader->ping || !client->user || cookie == 0 || !may_ping(client))
		return;
	/* Without a timeout: the answer may come late, but nothing else says that it was read. */
	if (sd_bus_message_new_method_call(client->manager->bus, &ping, client->name, "/",
					   "org.freedesktop.DBus.Peer", "Ping") < 0 ||
	    sd_bus_message_set_auto_start(ping, false) < 0 ||
	    sd_bus_message_seal(ping, cookie, UINT64_MAX) < 0 ||
	    sd_bus_call_async(client->manager->bus, &reader->ping, ping, on_pong, client,
			      UINT64_MAX) < 0) {
		sd_bus_message_unref(ping);
		return;
	}
	sd_bus_message_unref(ping);
	reader->pinged = reader->sent;
	count_ping(client);
}

void reader_charge(struct client *client, uint64_t bytes)
{
	client->reader.sent += bytes;
	if (client->user)
		client->user->unread += bytes;
	if (reader_get_unread(&client->reader) >= PING_AFTER_BYTES)
		reader_ping(client);
}

bool reader_is_behind(const struct client *client, bool *ret_far)
{
	uint64_t unread = reader_get_unread(&client->reader);
	uint64_t of_user = client->user ? client->user->unread : unread;

	*ret_far = unread >= 2 * CLIENT_UNREAD_MAX || of_user >= 2 * USER_UNREAD_MAX;
	return unread >= CLIENT_UNREAD_MAX || of_user >= USER_UNREAD_MAX;
}

void reader_confirm(struct client *client, uint64_t sent)
{
	struct reader *reader = &client->reader;

	if (sent <= reader->read)
		return;
	if (client->user)
		client->user->unread -= sent - reader->read;
	reader->read = sent;
	delivery_read(client->manager->delivery, client);
}

void reader_done(struct client *client)
{
	struct reader *reader = &client->reader;

	if (reader->ping)
		uncount_ping(client);
	reader->ping = sd_bus_slot_unref(reader->ping);
	if (client->user)
		client->user->unread -= reader_get_unread(reader);
	reader->read = reader->sent;
}
