// SPDX-License-Identifier: LGPL-2.1-or-later
/* How file descriptors get to clients. */
#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>

#include "allocation.h"
#include "bus.h"
#include "clock.h"
#include "delivery-state.h"
#include "log.h"
#include "manager.h"

/* How often it is looked whether replies are read, while some are not; and whether there is room. */
#define TICK_USEC	  (200 * USEC_PER_MSEC)
#define TICK_WAITING_USEC (20 * USEC_PER_MSEC)
/* So long a reply waits for room for all it could carry; those who read make some in less. */
#define ROOM_USEC	  (50 * USEC_PER_MSEC)
/* What the bus has taken and not answered for so long it may have lost. */
#define PING_AGAIN_USEC	  (2 * USEC_PER_SEC)

/* --- Parcels --------------------------------------------------------------------------------- */

void delivery_wake(struct delivery *delivery)
{
	sd_event_source_set_enabled(delivery->run, SD_EVENT_ONESHOT);
}

bool delivery_is_sent(const struct parcel *parcel)
{
	return parcel->is_sent;
}

/* Nothing of it is under way any more. */
static void parcel_end(struct delivery *delivery, struct parcel *parcel)
{
	struct user *user = parcel->client->user;

	if (delivery_is_sent(parcel)) {
		g_queue_unlink(&delivery->unconfirmed, &parcel->link);
		delivery->unconfirmed_fds -= parcel->n_fds;
		user->unconfirmed = NULL;
	} else {
		g_queue_unlink(&delivery->waiting, &parcel->link);
	}
}

/* @parcel is no more afterwards. */
static void parcel_confirmed(struct delivery *delivery, struct parcel *parcel)
{
	struct allocation *allocation = parcel->allocation;
	struct user *user = parcel->client->user;

	parcel_end(delivery, parcel);
	if (user->offender == parcel->client)
		user->offender = NULL;
	g_free(parcel);
	if (allocation)
		allocation_confirmed(allocation);
}

static void parcel_undeliverable(struct delivery *delivery, struct parcel *parcel,
				 const char *reason)
{
	struct allocation *allocation = parcel->allocation;

	parcel_end(delivery, parcel);
	g_free(parcel);
	allocation_undeliverable(allocation, reason);
}

/* The one place where fds are sent. */
static int send_fds(struct delivery *delivery, struct client *client, sd_bus_message *message,
		    unsigned int n_fds)
{
	if (n_fds > DELIVERY_FDS_MAX || client->user->unconfirmed ||
	    delivery->unconfirmed_fds + n_fds > DELIVERY_UNCONFIRMED_FDS_MAX)
		return -E2BIG;
	return sd_bus_send(delivery->manager->bus, message, NULL);
}

static int parcel_send(struct delivery *delivery, struct parcel *parcel, unsigned int room)
{
	struct client *client = parcel->client;
	sd_bus_message *message = NULL;
	uint64_t bytes = 0;
	int r = allocation_compose(parcel->allocation, room, &message, &parcel->n_fds,
				   &parcel->serial, &bytes);

	if (r >= 0)
		r = send_fds(delivery, client, message, parcel->n_fds);
	sd_bus_message_unref(message);
	if (r < 0)
		return r;
	parcel->is_sent = true;
	g_queue_unlink(&delivery->waiting, &parcel->link);
	g_queue_push_tail_link(&delivery->unconfirmed, &parcel->link);
	delivery->unconfirmed_fds += parcel->n_fds;
	client->user->unconfirmed = parcel;
	parcel->since_usec = clock_now_usec();
	reader_charge(client, bytes);
	parcel->sent_bytes = client->reader.sent;
	reader_ping(client);
	allocation_sent(parcel->allocation);
	return 0;
}

/*
 * How many fds it may carry now, 0: none. While replies lie unread the others share what is left, so
 * that a few users that do not read cannot keep all others waiting.
 */
static unsigned int parcel_get_room(const struct delivery *delivery, const struct parcel *parcel,
				    uint64_t now)
{
	const struct user *user = parcel->client->user;
	unsigned int left = DELIVERY_UNCONFIRMED_FDS_MAX - delivery->unconfirmed_fds;
	unsigned int share = left == 0 ? 0 : MAX(1, left / 3);

	if (user->unconfirmed || user_is_penalised(user))
		return 0;
	if (left >= 2 * DELIVERY_FDS_MAX || parcel->n_fds <= share)
		return DELIVERY_FDS_MAX;
	return now - parcel->since_usec < ROOM_USEC ? 0 : share;
}

static void delivery_send_waiting(struct delivery *delivery)
{
	uint64_t now = clock_now_usec();
	GList *next;

	for (GList *link = delivery->waiting.head; link; link = next) {
		struct parcel *parcel = link->data;
		unsigned int room = parcel_get_room(delivery, parcel, now);

		next = link->next;
		/* Also what became ready after its user left something unread. */
		if (user_is_penalised(parcel->client->user))
			parcel_undeliverable(delivery, parcel,
					     "an earlier reply to the same user was not read; "
					     "the chunks were given back");
		else if (room > 0 && parcel_send(delivery, parcel, room) < 0)
			parcel_undeliverable(delivery, parcel, "the bus does not take the reply");
	}
}

/* --- A bus that takes nothing any more ------------------------------------------------------- */

static int on_self_pong(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct delivery *delivery = userdata;

	delivery->self_ping = sd_bus_slot_unref(delivery->self_ping);
	stall_answered(&delivery->stall, clock_now_usec() - delivery->self_ping_usec);
	return 1;
}

/* Bytes that it has not taken; 0 where nobody knows. */
static uint64_t bus_get_left(sd_bus *bus)
{
	int in_socket = 0;

	if (ioctl(sd_bus_get_fd(bus), SIOCOUTQ, &in_socket) < 0 || in_socket < 0)
		return 0;
	return (uint64_t)in_socket;
}

static bool bus_took_all(sd_bus *bus)
{
	uint64_t queued = 0;

	if (!bus)
		return true;
	sd_bus_get_n_queued_write(bus, &queued);
	return queued == 0 && bus_get_left(bus) == 0;
}

/* Without a timeout: that would come as an answer, and tell of a stuck bus that it is not. */
static int delivery_call_self(struct delivery *delivery, sd_bus *bus, const char *name)
{
	sd_bus_message *ping = NULL;
	int r = sd_bus_message_new_method_call(bus, &ping, name, "/", "org.freedesktop.DBus.Peer",
					       "Ping");

	if (r >= 0)
		r = sd_bus_call_async(bus, &delivery->self_ping, ping, on_self_pong, delivery,
				      UINT64_MAX);
	sd_bus_message_unref(ping);
	return r;
}

/* What self_ping_usec says is when the last one was sent. */
static void delivery_send_self_ping(struct delivery *delivery)
{
	sd_bus *bus = delivery->manager->bus;
	const char *name;

	/* Of a connection that is being made the name would be waited for, however long that takes. */
	if (sd_bus_is_ready(bus) <= 0 || sd_bus_get_unique_name(bus, &name) < 0)
		return;
	delivery->self_ping = sd_bus_slot_unref(delivery->self_ping);
	if (delivery_call_self(delivery, bus, name) < 0)
		return;
	delivery->self_ping_usec = clock_now_usec();
	stall_begin(&delivery->stall, delivery->self_ping_usec);
}

static void delivery_look_at_bus(struct delivery *delivery)
{
	struct stall *stall = &delivery->stall;

	if (!stall_look(stall, bus_get_left(delivery->manager->bus), clock_now_usec()))
		return;
	if (bus_is_connecting_anew(delivery->manager)) {
		stall_give_up(stall);
		bus_attempt_failed(delivery->manager, "it takes nothing");
		return;
	}
	log_warning("the bus has taken nothing for %u s, connecting anew",
		    (unsigned int)(stall->limit_usec / USEC_PER_SEC));
	stall_give_up(stall);
	bus_reconnect(delivery->manager, 0);
}

/* Goes to the bus and back; the answer says that all before it was taken. */
static void delivery_ping_self(struct delivery *delivery)
{
	uint64_t age = clock_now_usec() - delivery->self_ping_usec;
	bool is_lost = age >= PING_AGAIN_USEC && bus_took_all(delivery->manager->bus);

	/*
	 * A bus that took the ping is slow, and so may be we, or it got stuck when it had taken it:
	 * whether it takes another one tells.
	 */
	if (is_lost || (!delivery->self_ping && age >= TICK_USEC))
		delivery_send_self_ping(delivery);
	else if (delivery->self_ping)
		delivery_look_at_bus(delivery);
}

/* Again, where no ping is under way: none could be sent then, or the bus refused it. */
static void delivery_ping_unconfirmed(struct delivery *delivery)
{
	for (GList *link = delivery->unconfirmed.head; link; link = link->next)
		reader_ping(((struct parcel *)link->data)->client);
}

/* --- The loop -------------------------------------------------------------------------------- */

static bool somebody_reads(const struct delivery *delivery)
{
	GHashTableIter iterator;
	gpointer user;

	g_hash_table_iter_init(&iterator, delivery->manager->users);
	while (g_hash_table_iter_next(&iterator, NULL, &user))
		if (((struct user *)user)->n_pings > 0)
			return true;
	return false;
}

/* Something is to be sent, or read, or taken by the bus. */
static bool is_anything_under_way(struct delivery *delivery)
{
	return !g_queue_is_empty(&delivery->waiting) || !g_queue_is_empty(&delivery->unconfirmed) ||
	       !g_queue_is_empty(&delivery->held) || somebody_reads(delivery) ||
	       !bus_took_all(delivery->manager->bus);
}

static void delivery_set_tick(struct delivery *delivery)
{
	bool is_waiting = !g_queue_is_empty(&delivery->waiting);
	uint64_t time = clock_now_usec() + (is_waiting ? TICK_WAITING_USEC : TICK_USEC);
	uint64_t set;

	if (!delivery->self_ping && !is_anything_under_way(delivery)) {
		sd_event_source_set_enabled(delivery->tick, SD_EVENT_OFF);
		return;
	}
	/* Whatever happens meanwhile does not put it off: it could be put off for ever. */
	if (sd_event_source_get_enabled(delivery->tick, NULL) > 0 &&
	    sd_event_source_get_time(delivery->tick, &set) >= 0 && set <= time)
		return;
	sd_event_source_set_time(delivery->tick, time);
	sd_event_source_set_enabled(delivery->tick, SD_EVENT_ONESHOT);
}

/* Something changed: on the next turn of the loop. */
static int on_run(sd_event_source *source, void *userdata)
{
	struct delivery *delivery = userdata;

	delivery_send_waiting(delivery);
	held_run(delivery);
	delivery_set_tick(delivery);
	return 0;
}

/* Time went by. */
static int on_tick(sd_event_source *source, uint64_t time_usec, void *userdata)
{
	struct delivery *delivery = userdata;

	delivery_ping_unconfirmed(delivery);
	offender_look(delivery);
	if (delivery->self_ping || is_anything_under_way(delivery))
		delivery_ping_self(delivery);
	delivery_wake(delivery);
	return 0;
}

/* --- What others ask of it ------------------------------------------------------------------- */

int delivery_reply(struct client *client, sd_bus_message *message, uint64_t bytes)
{
	int r = sd_bus_send(client->manager->bus, message, NULL);

	if (r >= 0)
		reader_charge(client, bytes);
	return r;
}

uint64_t delivery_new_serial(void)
{
	uint64_t serial = 0;

	while (serial == 0)
		if (getrandom(&serial, sizeof(serial), 0) < 0)
			serial = clock_now_ns();
	return serial;
}

int delivery_append_fds(sd_bus_message *message, const int *fds, unsigned int count)
{
	int r;

	if (count > DELIVERY_FDS_MAX)
		return -E2BIG;
	r = sd_bus_message_open_container(message, 'a', "h");
	for (unsigned int i = 0; i < count && r >= 0; i++)
		r = sd_bus_message_append_basic(message, 'h', &fds[i]);
	return r < 0 ? r : sd_bus_message_close_container(message);
}

struct parcel *delivery_offer(struct delivery *delivery, struct client *client, unsigned int n_fds,
			      struct allocation *allocation)
{
	struct parcel *parcel = g_new0(struct parcel, 1);

	parcel->client = client;
	parcel->allocation = allocation;
	parcel->n_fds = n_fds;
	parcel->since_usec = clock_now_usec();
	parcel->link.data = parcel;
	g_queue_push_tail_link(&delivery->waiting, &parcel->link);
	delivery_wake(delivery);
	return parcel;
}

void delivery_withdraw(struct delivery *delivery, struct parcel *parcel)
{
	parcel->allocation = NULL;
	if (delivery_is_sent(parcel))
		return;
	parcel_end(delivery, parcel);
	g_free(parcel);
}

void delivery_watch_bus(struct delivery *delivery)
{
	delivery_wake(delivery);
}

bool delivery_confirm(struct client *client, uint64_t serial)
{
	struct parcel *parcel = client->user->unconfirmed;

	if (!parcel || parcel->client != client || parcel->serial != serial)
		return false;
	reader_confirm(client, parcel->sent_bytes);
	return true;
}

void delivery_read(struct delivery *delivery, struct client *client)
{
	struct parcel *parcel = client->user ? client->user->unconfirmed : NULL;

	if (!client->user)
		return;
	if (parcel && parcel->client == client && parcel->sent_bytes <= client->reader.read)
		parcel_confirmed(delivery, parcel);
	else if (!parcel && client->user->offender == client)
		client->user->offender = NULL;
	delivery_wake(delivery);
}

bool delivery_wants_ping(const struct client *client)
{
	return client->user->unconfirmed && client->user->unconfirmed->client == client;
}

void delivery_forget_client(struct delivery *delivery, struct client *client)
{
	held_forget_client(delivery, client);
	if (!client->user)
		return;
	if (delivery_wants_ping(client)) {
		struct parcel *parcel = client->user->unconfirmed;

		parcel_end(delivery, parcel);
		g_free(parcel);
	}
	if (client->user->offender == client)
		client->user->offender = NULL;
	/* Its user's other clients may have their turn now. */
	delivery_wake(delivery);
}

/* What was sent no longer counts against us; who did not read it is still to be known to read. */
void delivery_reconnected(struct delivery *delivery)
{
	GHashTableIter iterator;
	gpointer client;
	struct parcel *parcel;

	delivery->self_ping = sd_bus_slot_unref(delivery->self_ping);
	held_clear(delivery);
	while ((parcel = g_queue_peek_head(&delivery->unconfirmed))) {
		struct allocation *allocation = parcel->allocation;

		parcel_end(delivery, parcel);
		g_free(parcel);
		if (allocation)
			allocation_confirmed(allocation);
	}
	g_hash_table_iter_init(&iterator, delivery->manager->clients);
	while (g_hash_table_iter_next(&iterator, NULL, &client))
		reader_done(client);
}

struct delivery *delivery_new(struct manager *manager)
{
	struct delivery *delivery = g_new0(struct delivery, 1);

	delivery->manager = manager;
	g_queue_init(&delivery->waiting);
	g_queue_init(&delivery->unconfirmed);
	g_queue_init(&delivery->held);
	stall_init(&delivery->stall);
	if (sd_event_add_defer(manager->event, &delivery->run, on_run, delivery) < 0 ||
	    sd_event_source_set_enabled(delivery->run, SD_EVENT_OFF) < 0 ||
	    sd_event_add_time(manager->event, &delivery->tick, CLOCK_MONOTONIC, 0, 1, on_tick,
			      delivery) < 0 ||
	    sd_event_source_set_enabled(delivery->tick, SD_EVENT_OFF) < 0)
		return delivery_free(delivery);
	return delivery;
}

struct delivery *delivery_free(struct delivery *delivery)
{
	if (!delivery)
		return NULL;
	sd_bus_slot_unref(delivery->self_ping);
	held_clear(delivery);
	sd_event_source_disable_unref(delivery->run);
	sd_event_source_disable_unref(delivery->tick);
	g_free(delivery);
	return NULL;
}
