// SPDX-License-Identifier: LGPL-2.1-or-later
/* Calls for more, of clients that may not have read what they were sent before. */
#include <inttypes.h>

#include "bus.h"
#include "clock.h"
#include "delivery-state.h"
#include "errors.h"
#include "manager.h"

/*
 * A call of who has not yet confirmed is held for so long: who asks for several things in one breath
 * reads the replies one by one.
 */
#define HOLD_USEC (5 * USEC_PER_SEC)

struct held_call {
	struct client *client;
	sd_bus_message *call;
	struct delivery_hold hold;
	uint64_t since_usec;
};

static void held_call_free(struct held_call *held)
{
	sd_bus_message_unref(held->call);
	g_free(held);
}

static bool client_is_blocked(const struct client *client)
{
	const struct user *user = client->user;

	return user_is_penalised(user) ||
	       (user->unconfirmed && user->unconfirmed->client == client);
}

static int refuse_unconfirmed(const struct client *client, sd_bus_error *error)
{
	if (user_is_penalised(client->user))
		return sd_bus_error_setf(
			error, CMABULK_ERROR_UNCONFIRMED,
			"a reply with buffers to %s, also of user %u, has not been read; user %u "
			"gets no more until it is, or that connection is closed",
			client->user->offender->name, client->user->uid, client->user->uid);
	return sd_bus_error_setf(
		error, CMABULK_ERROR_UNCONFIRMED,
		"the last reply with buffers was not confirmed: answer the daemon's "
		"org.freedesktop.DBus.Peer.Ping, or name serial %" PRIu64
		" in Fetch or Release, then ask again",
		client->user->unconfirmed->serial);
}

int delivery_check(struct client *client, sd_bus_message *call, const struct delivery_hold *hold,
		   sd_bus_error *error)
{
	struct delivery *delivery = client->manager->delivery;
	struct held_call *held;

	if (!client_is_blocked(client))
		return 0;
	if (user_is_penalised(client->user))
		return refuse_unconfirmed(client, error);
	held = g_new0(struct held_call, 1);
	held->client = client;
	held->call = sd_bus_message_ref(call);
	held->hold = *hold;
	held->since_usec = clock_now_usec();
	g_queue_push_tail(&delivery->held, held);
	delivery_wake(delivery);
	return 1;
}

static int refuse_held(struct client *client, sd_bus_message *call, uint64_t since_ns,
		       sd_bus_error *error)
{
	return refuse_unconfirmed(client, error);
}

/* NULL: it is held on. */
static client_since_function held_call_next(const struct held_call *held, uint64_t now_usec)
{
	if (!client_is_blocked(held->client))
		return held->hold.function;
	if (now_usec >= held->hold.deadline_ns / NSEC_PER_USEC)
		return held->hold.late;
	return now_usec - held->since_usec < HOLD_USEC ? NULL : refuse_held;
}

void held_run(struct delivery *delivery)
{
	uint64_t now = clock_now_usec();
	unsigned int count = delivery->held.length;

	/* A call that runs may be held again: at the tail. */
	while (count-- > 0) {
		struct held_call *held = g_queue_pop_head(&delivery->held);
		client_since_function function = held_call_next(held, now);

		if (!function) {
			g_queue_push_tail(&delivery->held, held);
			continue;
		}
		client_run_since(held->client, held->call, function, held->hold.since_ns);
		held_call_free(held);
	}
}

sd_bus_message *delivery_take_held(struct client *client, const char *token, uint64_t *ret_since_ns)
{
	GQueue *queue = &client->manager->delivery->held;

	for (GList *link = queue->head; link; link = link->next) {
		struct held_call *held = link->data;
		sd_bus_message *call;

		if (held->client != client || !bus_request_is(held->call, token))
			continue;
		call = sd_bus_message_ref(held->call);
		*ret_since_ns = held->hold.since_ns;
		g_queue_delete_link(queue, link);
		held_call_free(held);
		return call;
	}
	return NULL;
}

void delivery_stop(struct delivery *delivery)
{
	struct held_call *held;

	while ((held = g_queue_pop_head(&delivery->held))) {
		client_run_since(held->client, held->call, client_refuse_restarting,
				 held->hold.since_ns);
		held_call_free(held);
	}
}

void held_forget_client(struct delivery *delivery, const struct client *client)
{
	GList *next;

	for (GList *link = delivery->held.head; link; link = next) {
		struct held_call *held = link->data;

		next = link->next;
		if (held->client != client)
			continue;
		g_queue_delete_link(&delivery->held, link);
		held_call_free(held);
	}
}

void held_clear(struct delivery *delivery)
{
	g_queue_clear_full(&delivery->held, (GDestroyNotify)held_call_free);
}
