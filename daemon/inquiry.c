// SPDX-License-Identifier: LGPL-2.1-or-later
/* Calls that take a while, or have to wait for a moment. */
#include "bus.h"
#include "clock.h"
#include "inquiry.h"

/*
 * They are looked at when nothing else is left to do, all calls that came by then were read, and so all
 * users are known who want a turn. While that does not end, one of them in so long.
 */
#define LEISURE_PRIORITY (SD_EVENT_PRIORITY_NORMAL + 20)
#define BUSY_PRIORITY	 (SD_EVENT_PRIORITY_NORMAL - 10)
#define BUSY_NS		 (100 * USEC_PER_MSEC * NSEC_PER_USEC)

struct inquiry {
	struct client *client;
	sd_bus_message *call;
	client_since_function function;
	uint64_t since_ns;
	uint64_t when_ns;
	bool is_first;
};

struct inquiries {
	GQueue turns; /* struct user that has some, whoever is next first */
	sd_event_source *run; /* defer */
	sd_event_source *timer;
};

static void inquiry_free(struct inquiry *inquiry)
{
	sd_bus_message_unref(inquiry->call);
	g_free(inquiry);
}

/* --- Turns ----------------------------------------------------------------------------------- */

static uint64_t when_of(const struct user *user)
{
	return ((const struct inquiry *)user->inquiries.head->data)->when_ns;
}

static uint64_t next_when(const struct inquiries *inquiries)
{
	uint64_t when = UINT64_MAX;

	for (const GList *link = inquiries->turns.head; link; link = link->next)
		when = MIN(when, when_of(link->data));
	return when;
}

static void inquiries_wake(struct inquiries *inquiries)
{
	uint64_t now = clock_now_ns();
	uint64_t when = next_when(inquiries);

	if (when == UINT64_MAX) {
		sd_event_source_set_enabled(inquiries->run, SD_EVENT_OFF);
		sd_event_source_set_enabled(inquiries->timer, SD_EVENT_OFF);
		return;
	}
	sd_event_source_set_enabled(inquiries->run, when <= now ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
	sd_event_source_set_time(inquiries->timer,
				 (when <= now ? now + BUSY_NS : when) / NSEC_PER_USEC + 1);
	sd_event_source_set_enabled(inquiries->timer, SD_EVENT_ONESHOT);
}

/* Of the next user who has one that is due; NULL: there is none. */
static struct inquiry *inquiries_take(struct inquiries *inquiries, uint64_t now)
{
	for (unsigned int count = inquiries->turns.length; count > 0; count--) {
		struct user *user = g_queue_pop_head(&inquiries->turns);
		struct inquiry *inquiry = NULL;

		if (when_of(user) <= now)
			inquiry = g_queue_pop_head(&user->inquiries);
		if (!g_queue_is_empty(&user->inquiries))
			g_queue_push_tail(&inquiries->turns, user);
		if (inquiry)
			return inquiry;
	}
	return NULL;
}

static void inquiry_run(struct inquiry *inquiry)
{
	/* What it was sent since it asked counts, too. */
	if (!bus_refuse_behind(inquiry->client, inquiry->call))
		client_run_since(inquiry->client, inquiry->call, inquiry->function,
				 inquiry->since_ns);
}

static void inquiries_run(struct inquiries *inquiries)
{
	struct inquiry *inquiry = inquiries_take(inquiries, clock_now_ns());

	if (inquiry) {
		inquiry_run(inquiry);
		inquiry_free(inquiry);
	}
	inquiries_wake(inquiries);
}

static int on_run(sd_event_source *source, void *userdata)
{
	inquiries_run(userdata);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t time_usec, void *userdata)
{
	inquiries_run(userdata);
	return 0;
}

/* --- What others ask of it ------------------------------------------------------------------- */

static struct inquiry *inquiry_new(struct client *client, sd_bus_message *call,
				   client_since_function function, uint64_t since_ns,
				   uint64_t when_ns)
{
	struct inquiry *inquiry = g_new(struct inquiry, 1);

	*inquiry = (struct inquiry){
		.client = client,
		.call = sd_bus_message_ref(call),
		.function = function,
		.since_ns = since_ns,
		.when_ns = when_ns,
	};
	return inquiry;
}

/* Before @sibling of the user's; NULL: behind all of them. */
static int inquiry_insert(struct inquiry *inquiry, GList *sibling)
{
	struct inquiries *inquiries = inquiry->client->manager->inquiries;
	struct user *user = inquiry->client->user;

	if (g_queue_is_empty(&user->inquiries))
		g_queue_push_tail(&inquiries->turns, user);
	g_queue_insert_before(&user->inquiries, sibling, inquiry);
	/* One that is due already has set the time of the next. */
	if (sd_event_source_get_enabled(inquiries->run, NULL) <= 0)
		inquiries_wake(inquiries);
	return 1;
}

int inquiry_put(struct client *client, sd_bus_message *call, client_since_function function,
		uint64_t since_ns, uint64_t when_ns)
{
	return inquiry_insert(inquiry_new(client, call, function, since_ns, when_ns), NULL);
}

int inquiry_put_first(struct client *client, sd_bus_message *call, client_since_function function,
		      uint64_t since_ns, uint64_t when_ns)
{
	struct inquiry *inquiry = inquiry_new(client, call, function, since_ns, when_ns);
	GList *link = client->user->inquiries.head;

	inquiry->is_first = true;
	while (link && ((const struct inquiry *)link->data)->is_first)
		link = link->next;
	return inquiry_insert(inquiry, link);
}

/* Some of @user's were taken out, whosever turn it is. */
static void inquiries_taken(struct inquiries *inquiries, struct user *user)
{
	if (g_queue_is_empty(&user->inquiries))
		g_queue_remove(&inquiries->turns, user);
	inquiries_wake(inquiries);
}

sd_bus_message *inquiry_take(struct client *client, const char *token, uint64_t *ret_since_ns)
{
	GQueue *queue = &client->user->inquiries;

	for (GList *link = queue->head; link; link = link->next) {
		struct inquiry *inquiry = link->data;
		sd_bus_message *call;

		if (inquiry->client != client || !bus_request_is(inquiry->call, token))
			continue;
		call = sd_bus_message_ref(inquiry->call);
		*ret_since_ns = inquiry->since_ns;
		g_queue_delete_link(queue, link);
		inquiry_free(inquiry);
		inquiries_taken(client->manager->inquiries, client->user);
		return call;
	}
	return NULL;
}

void inquiries_stop(struct inquiries *inquiries)
{
	struct inquiry *inquiry;

	while ((inquiry = inquiries_take(inquiries, UINT64_MAX))) {
		client_run_since(inquiry->client, inquiry->call, client_refuse_restarting,
				 inquiry->since_ns);
		inquiry_free(inquiry);
	}
	inquiries_wake(inquiries);
}

void inquiry_forget_client(struct inquiries *inquiries, struct client *client)
{
	GQueue *queue = &client->user->inquiries;
	GList *next;

	if (g_queue_is_empty(queue))
		return;
	for (GList *link = queue->head; link; link = next) {
		struct inquiry *inquiry = link->data;

		next = link->next;
		if (inquiry->client != client)
			continue;
		g_queue_delete_link(queue, link);
		inquiry_free(inquiry);
	}
	inquiries_taken(inquiries, client->user);
}

struct inquiries *inquiries_new(struct manager *manager)
{
	struct inquiries *inquiries = g_new0(struct inquiries, 1);

	g_queue_init(&inquiries->turns);
	if (sd_event_add_defer(manager->event, &inquiries->run, on_run, inquiries) < 0 ||
	    sd_event_source_set_priority(inquiries->run, LEISURE_PRIORITY) < 0 ||
	    sd_event_source_set_enabled(inquiries->run, SD_EVENT_OFF) < 0 ||
	    sd_event_add_time(manager->event, &inquiries->timer, CLOCK_MONOTONIC, 0, 1, on_timer,
			      inquiries) < 0 ||
	    sd_event_source_set_priority(inquiries->timer, BUSY_PRIORITY) < 0 ||
	    sd_event_source_set_enabled(inquiries->timer, SD_EVENT_OFF) < 0)
		return inquiries_free(inquiries);
	return inquiries;
}

/* All clients are gone. */
struct inquiries *inquiries_free(struct inquiries *inquiries)
{
	if (!inquiries)
		return NULL;
	sd_event_source_disable_unref(inquiries->run);
	sd_event_source_disable_unref(inquiries->timer);
	g_free(inquiries);
	return NULL;
}
