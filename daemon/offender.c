// SPDX-License-Identifier: LGPL-2.1-or-later
/* Users that leave replies with file descriptors unread. */
#include "bus.h"
#include "clock.h"
#include "delivery-state.h"
#include "journal.h"
#include "manager.h"

/* Somebody waits for his turn for so long, while others' replies lie unread for longer. */
#define PRESSURE_WAIT_USEC   (1 * USEC_PER_SEC)
#define PRESSURE_UNREAD_USEC (2 * USEC_PER_SEC)

static void penalise(struct delivery *delivery, struct parcel *parcel)
{
	struct client *client = parcel->client;

	if (user_is_penalised(client->user))
		return;
	client->user->offender = client;
	client_warning(
		client,
		"%s of user %u does not read what it is sent: user %u gets no more buffers until "
		"it does",
		client->name, client->user->uid, client->user->uid);
	/* What waits for the same user ends. */
	delivery_wake(delivery);
}

static bool somebody_is_kept_waiting(const struct delivery *delivery, uint64_t now)
{
	for (GList *link = delivery->waiting.head; link; link = link->next) {
		const struct parcel *parcel = link->data;

		if (!parcel->client->user->unconfirmed &&
		    now - parcel->since_usec >= PRESSURE_WAIT_USEC)
			return true;
	}
	return false;
}

static void connect_anew(struct manager *manager, const struct client *offender)
{
	g_autofree char *sentence = g_strdup_printf(
		"unread replies of %s, of user %u, keep others from theirs, connecting anew",
		offender->name, offender->user->uid);

	journal_warning_to_all(manager->journal, sentence);
	bus_reconnect(manager, 0);
}

void offender_look(struct delivery *delivery)
{
	uint64_t now = clock_now_usec();
	bool is_pressing = somebody_is_kept_waiting(delivery, now);
	uint64_t limit = delivery->manager->config->fetch_timeout_usec;
	const struct client *offender = NULL;
	GList *next;

	if (is_pressing)
		limit = MIN(limit, PRESSURE_UNREAD_USEC);
	for (GList *link = delivery->unconfirmed.head; link; link = next) {
		struct parcel *parcel = link->data;

		next = link->next;
		if (now - parcel->since_usec < limit)
			continue;
		penalise(delivery, parcel);
		offender = parcel->client;
	}
	if (is_pressing && offender)
		connect_anew(delivery->manager, offender);
}

/* Whoever answers has read what came before, on whatever connection. */
void delivery_ping_offenders(struct delivery *delivery)
{
	GHashTableIter iterator;
	gpointer user;

	g_hash_table_iter_init(&iterator, delivery->manager->users);
	while (g_hash_table_iter_next(&iterator, NULL, &user)) {
		struct client *offender = ((struct user *)user)->offender;

		if (!offender)
			continue;
		reader_charge(offender, 1);
		reader_ping(offender);
	}
}
