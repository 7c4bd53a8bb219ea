// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The connection to the bus: made, lost, made anew. After the start nothing here
 * waits for an answer: a bus that is stuck must not stop the loop. Nor does one that
 * lets nobody in end the daemon, which alone knows for whom it keeps what is not fetched yet.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "authority.h"
#include "bus-change.h"
#include "bus.h"
#include "delivery.h"
#include "errors.h"
#include "journal.h"
#include "log.h"

/* Much more than is ever under way; a client's calls wait in the bus meanwhile. */
#define WRITE_QUEUE_MAX 4096

/* A pool, with all that is said of it, in what GetManagedObjects returns; and what the manager has. */
#define BYTES_PER_OBJECT UINT64_C(2048)

/* --- What every message passes --------------------------------------------------------------- */

/* What a call names, the error that there is no such thing does, too. */
static uint64_t bytes_of_names(sd_bus_message *call, bool has_arguments)
{
	const char *path = sd_bus_message_get_path(call);
	uint64_t bytes = path ? strlen(path) : 0;
	const char *name;

	while (has_arguments && sd_bus_message_read(call, "s", &name) > 0)
		bytes += strlen(name);
	sd_bus_message_rewind(call, true);
	return bytes;
}

static uint64_t bytes_of_reply(const struct manager *manager, sd_bus_message *call)
{
	bool is_property =
		sd_bus_message_is_method_call(call, "org.freedesktop.DBus.Properties", NULL) > 0;
	uint64_t bytes = READER_BYTES_REPLY + bytes_of_names(call, is_property);

	if (sd_bus_message_is_method_call(call, "org.freedesktop.DBus.Introspectable", NULL))
		return bytes + READER_BYTES_INTROSPECT;
	if (sd_bus_message_is_method_call(call, "org.freedesktop.DBus.ObjectManager", NULL))
		return bytes + (manager->pools->len + 1) * BYTES_PER_OBJECT;
	/* The properties of the manager have what is wrong with the configuration. */
	if (is_property && g_strcmp0(sd_bus_message_get_path(call), BUS_PATH_MANAGER) == 0)
		bytes += manager->problems.bytes;
	return bytes;
}

bool bus_refuse_behind(struct client *client, sd_bus_message *call)
{
	bool is_far;

	if (!reader_is_behind(client, &is_far))
		return false;
	/* It may not have been pinged when that was due, as there were too many unanswered. */
	reader_ping(client);
	/* Errors lie unread too. What gets no answer the bus bounds by itself: 128 calls a peer. */
	if (is_far)
		return true;
	reader_charge(client, READER_BYTES_REPLY);
	sd_bus_reply_method_errorf(
		call, SD_BUS_ERROR_LIMITS_EXCEEDED,
		"too much was sent to this connection, or others of its user, that is not known to "
		"have been read: read, and answer org.freedesktop.DBus.Peer.Ping");
	return true;
}

static bool is_of_use_unanswered(sd_bus_message *call)
{
	return sd_bus_message_is_method_call(call, BUS_MANAGER, "Cancel") ||
	       sd_bus_message_is_method_call(call, BUS_MANAGER, "Reload") ||
	       sd_bus_message_is_method_call(call, BUS_MANAGER, "SetAccount") ||
	       sd_bus_message_is_method_call(call, BUS_MANAGER, "UnsetAccount") ||
	       sd_bus_message_is_method_call(call, BUS_ALLOCATION, "Release");
}

/*
 * Before it is known whose the sender's name is, and that ours is ours. Not when this has just been started: then who
 * had it started is the first to ask, and hears of it before we hear that the name is ours.
 */
static int refuse_connecting(struct manager *manager, sd_bus_message *call)
{
	uint64_t queued = 0;

	if (sd_bus_get_n_queued_write(manager->bus, &queued) >= 0 && queued <= WRITE_QUEUE_MAX)
		sd_bus_reply_method_errorf(call, CMABULK_ERROR_RESTARTING,
					   "cmabulkd connects to the bus anew; ask again");
	return 1;
}

/* Whoever does not read what it is sent gets no more, also of what the library answers by itself. */
static int on_message(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct manager *manager = userdata;
	const char *sender = sd_bus_message_get_sender(message);
	const char *own = NULL;
	uint8_t type = 0;
	struct client *client;
	uint64_t queued = 0;

	sd_bus_message_get_type(message, &type);
	if (type != SD_BUS_MESSAGE_METHOD_CALL || !sender || sender[0] != ':')
		return 0;
	if (sd_bus_get_unique_name(manager->bus, &own) >= 0 && strcmp(own, sender) == 0)
		return 0;
	if (bus_is_connecting_anew(manager))
		return refuse_connecting(manager, message);
	if (!sd_bus_message_get_expect_reply(message))
		return is_of_use_unanswered(message) ? 0 : 1;
	/* The bus may be stuck with nothing else under way than the answer to this. */
	delivery_watch_bus(manager->delivery);
	client = client_get(manager, sender);
	if (!client)
		return 0;
	if (sd_bus_get_n_queued_write(manager->bus, &queued) >= 0 && queued > WRITE_QUEUE_MAX)
		return 1;
	if (bus_refuse_behind(client, message))
		return 1;
	reader_charge(client, bytes_of_reply(manager, message));
	return 0;
}

static int on_name_lost(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	const char *name;

	if (sd_bus_message_read(message, "s", &name) >= 0)
		client_lost(userdata, name);
	return 0;
}

/* --- Attempts -------------------------------------------------------------------------------- */

bool bus_is_connecting_anew(const struct manager *manager)
{
	return manager->has_name && !manager->is_on_bus;
}

/* It may fail in more than one way. */
void bus_attempt_failed(struct manager *manager, const char *reason)
{
	bool is_first;
	uint64_t delay;

	if (manager->is_stopping || sd_event_source_get_enabled(manager->reconnect, NULL) > 0)
		return;
	delay = attempts_failed(&manager->attempts, &is_first);
	if (is_first) {
		log_warning("the bus lets nobody connect anew: %s; it is tried until it does",
			    reason);
		manager_tell_status(manager, "");
	}
	bus_reconnect(manager, delay);
}

static void bus_attempt_succeeded(struct manager *manager)
{
	manager->is_on_bus = true;
	if (!attempts_succeeded(&manager->attempts))
		return;
	log_notice("connected to the bus again");
	manager_tell_status(manager, "");
}

bool bus_has_ended(sd_bus_message *answer)
{
	return sd_bus_error_get_errno(sd_bus_message_get_error(answer)) == ETIMEDOUT;
}

/* --- The name -------------------------------------------------------------------------------- */

/* Answers of RequestName. */
enum { NAME_OWNER = 1, NAME_QUEUED = 2 };

static int bus_ask_process(struct manager *manager, const char *name,
			   sd_bus_message_handler_t handler)
{
	sd_bus_message *question = NULL;
	int r = sd_bus_message_new_method_call(manager->bus, &question, "org.freedesktop.DBus",
					       "/org/freedesktop/DBus", "org.freedesktop.DBus",
					       "GetConnectionUnixProcessID");

	if (r >= 0)
		r = sd_bus_message_append(question, "s", name);
	if (r >= 0)
		r = sd_bus_call_async(manager->bus, NULL, question, handler, manager, 0);
	sd_bus_message_unref(question);
	return r;
}

static void bus_name_is_taken(struct manager *manager)
{
	log_with_id(LOG_ERR, JOURNAL_ID_NO_NAME,
		    "somebody else is %s on the bus: another cmabulkd runs", BUS_NAME);
	manager_stop(manager, 1);
}

static int on_own_process(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct manager *manager = userdata;

	if (sd_bus_message_read(message, "u", &manager->own_pid) < 0)
		manager->own_pid = 0;
	return 1;
}

/* Nobody: it is ours by now. Not known: it is taken for ours. */
static int on_owner_process(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct manager *manager = userdata;
	uint32_t pid = 0;

	if (bus_has_ended(message))
		bus_attempt_failed(manager, "it does not say who has the name");
	else if (manager->own_pid && sd_bus_message_read(message, "u", &pid) >= 0 &&
		 pid != manager->own_pid)
		bus_name_is_taken(manager);
	else
		bus_attempt_succeeded(manager);
	return 1;
}

/*
 * Somebody has it before us: a connection of ours that the bus has not seen end, or another cmabulkd. Who we are is
 * asked as well, as the bus may not see processes as we do.
 */
static void bus_ask_owner(struct manager *manager)
{
	const char *own;
	int r = sd_bus_get_unique_name(manager->bus, &own);

	if (r >= 0)
		r = bus_ask_process(manager, own, on_own_process);
	if (r >= 0)
		r = bus_ask_process(manager, BUS_NAME, on_owner_process);
	if (r < 0)
		bus_attempt_failed(manager, strerror(-r));
}

static int on_name_requested(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct manager *manager = userdata;
	const sd_bus_error *problem = sd_bus_message_get_error(message);
	uint32_t result = 0;

	if (bus_is_connecting_anew(manager) && bus_has_ended(message)) {
		bus_attempt_failed(manager, problem->message ?: problem->name);
		return 1;
	}
	if (problem) {
		log_with_id(LOG_ERR, JOURNAL_ID_NO_NAME, "user %u cannot be %s on the bus: %s%s",
			    getuid(), BUS_NAME, problem->message,
			    sd_bus_error_has_name(problem, SD_BUS_ERROR_ACCESS_DENIED) ?
				    "; org.cmabulk1.conf says who may" :
				    "");
		manager_stop(manager, 1);
		return 1;
	}
	if (sd_bus_message_read(message, "u", &result) >= 0 && result == NAME_QUEUED &&
	    bus_is_connecting_anew(manager)) {
		bus_ask_owner(manager);
		return 1;
	}
	if (result != NAME_OWNER) {
		bus_name_is_taken(manager);
		return 1;
	}
	if (!manager->has_name)
		manager_tell_status(manager, "READY=1\n");
	manager->has_name = true;
	bus_attempt_succeeded(manager);
	return 1;
}

/* --- Connecting ------------------------------------------------------------------------------ */

static int bus_open_address(const char *address, sd_bus **ret)
{
	sd_bus *bus = NULL;
	int r = sd_bus_new(&bus);

	if (r >= 0)
		r = sd_bus_set_address(bus, address);
	if (r >= 0)
		r = sd_bus_set_bus_client(bus, true);
	if (r >= 0)
		r = sd_bus_set_description(bus, "cmabulkd");
	if (r >= 0)
		r = sd_bus_start(bus);
	if (r < 0) {
		sd_bus_unref(bus);
		return r;
	}
	*ret = bus;
	return 0;
}

static int bus_open(const struct manager_options *options, sd_bus **ret)
{
	if (options->bus_address)
		return bus_open_address(options->bus_address, ret);
	if (options->is_user)
		return sd_bus_open_user_with_description(ret, "cmabulkd");
	return sd_bus_open_system_with_description(ret, "cmabulkd");
}

static int on_disconnected(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct manager *manager = userdata;

	if (bus_is_connecting_anew(manager)) {
		bus_attempt_failed(manager, "the connection ended before it was there");
		return 0;
	}
	log_error("the bus closed the connection");
	manager_stop(manager, 1);
	return 0;
}

/* All names that leave, in one match: each name alone would cost one of 512. */
static int bus_add_matches(struct manager *manager)
{
	int r = sd_bus_add_filter(manager->bus, NULL, on_message, manager);

	if (r >= 0)
		r = sd_bus_match_signal_async(manager->bus, NULL, "org.freedesktop.DBus.Local",
					      NULL, "org.freedesktop.DBus.Local", "Disconnected",
					      on_disconnected, NULL, manager);
	if (r < 0)
		return r;
	return sd_bus_add_match_async(manager->bus, NULL,
				      "type='signal',sender='org.freedesktop.DBus',"
				      "path='/org/freedesktop/DBus',"
				      "interface='org.freedesktop.DBus',"
				      "member='NameOwnerChanged',arg2=''",
				      on_name_lost, NULL, manager);
}

/* Nothing more is said to it. */
static void bus_is_wrong(struct manager *manager, const char *sentence)
{
	log_error("%s", sentence);
	sd_bus_close(manager->bus);
	manager_stop(manager, 1);
}

/* On another bus the unique names of our clients are, or will be, somebody else's. */
static int on_bus_id(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct manager *manager = userdata;
	const char *id;

	/* Then that is said elsewhere. */
	if (bus_has_ended(message))
		return 1;
	if (sd_bus_message_is_method_error(message, NULL) ||
	    sd_bus_message_read(message, "s", &id) < 0)
		bus_is_wrong(manager, "the bus does not say which one it is");
	else if (!manager->bus_id)
		manager->bus_id = g_strdup(id);
	else if (strcmp(id, manager->bus_id) != 0)
		bus_is_wrong(manager, "the bus is not the one that was connected to before: "
				      "nobody's buffers are known on it");
	return 1;
}

/*
 * Asked before anything else, and without a timeout: the answer comes before that we have the name.
 *
 * The numbers of messages are a count, which everybody who gets a reply sees. From here on it goes
 * on above those that the pings have.
 */
static int bus_ask_id(struct manager *manager)
{
	sd_bus *bus = manager->bus;
	sd_bus_message *first = NULL;
	int r = sd_bus_message_new_method_call(bus, &first, "org.freedesktop.DBus",
					       "/org/freedesktop/DBus", "org.freedesktop.DBus",
					       "GetId");

	if (r >= 0)
		r = sd_bus_message_seal(first, READER_PING_COOKIES, UINT64_MAX);
	if (r >= 0)
		r = sd_bus_call_async(bus, NULL, first, on_bus_id, manager, UINT64_MAX);
	sd_bus_message_unref(first);
	return r;
}

static int bus_begin(struct manager *manager)
{
	int r = bus_ask_id(manager);

	bus_changes_connected(manager->changes);
	if (r >= 0)
		r = bus_add_matches(manager);
	if (r >= 0)
		r = bus_manager_add(manager);
	if (r >= 0)
		r = sd_bus_add_object_manager(manager->bus, NULL, BUS_PATH_MANAGER);
	if (r >= 0)
		r = bus_pool_add(manager);
	if (r >= 0)
		r = bus_account_add(manager);
	if (r >= 0)
		r = bus_allocation_add(manager);
	if (r >= 0)
		r = sd_bus_attach_event(manager->bus, manager->event, SD_EVENT_PRIORITY_NORMAL);
	if (r < 0)
		return r;
	/* The bus may hold the name for a connection that we gave up: then it comes when that ends. */
	return sd_bus_request_name_async(manager->bus, NULL, BUS_NAME,
					 manager->has_name ? SD_BUS_NAME_QUEUE : 0,
					 on_name_requested, manager);
}

int bus_connect(struct manager *manager)
{
	int r = bus_open(manager->options, &manager->bus);

	if (r >= 0)
		r = bus_begin(manager);
	return r;
}

void bus_disconnect(struct manager *manager)
{
	if (!manager->bus)
		return;
	sd_bus_detach_event(manager->bus);
	/* Without flushing: that would wait for a bus that may never take it. */
	sd_bus_close(manager->bus);
	manager->bus = sd_bus_unref(manager->bus);
}

static void stop_allocations(struct manager *manager)
{
	g_autoptr(GList) clients = g_hash_table_get_values(manager->clients);

	for (GList *link = clients; link; link = link->next) {
		struct client *client = link->data;
		g_autoptr(GList) allocations = g_hash_table_get_values(client->allocations);

		for (GList *allocation = allocations; allocation; allocation = allocation->next)
			allocation_stop(allocation->data, false);
	}
}

static int on_reconnect(sd_event_source *source, uint64_t time_usec, void *userdata)
{
	struct manager *manager = userdata;
	int r;

	if (manager->is_stopping)
		return 0;
	manager->is_on_bus = false;
	stop_allocations(manager);
	delivery_reconnected(manager->delivery);
	authority_disconnected(manager->authority);
	client_disconnect_all(manager);
	bus_disconnect(manager);
	r = bus_connect(manager);
	if (r < 0) {
		bus_attempt_failed(manager, strerror(-r));
		return 0;
	}
	client_check_all(manager);
	delivery_ping_offenders(manager->delivery);
	return 0;
}

static int bus_set_reconnect(struct manager *manager, uint64_t delay_usec)
{
	int r;

	if (!manager->reconnect)
		return sd_event_add_time_relative(manager->event, &manager->reconnect,
						  CLOCK_MONOTONIC, delay_usec, 1, on_reconnect,
						  manager);
	r = sd_event_source_set_time_relative(manager->reconnect, delay_usec);
	return r < 0 ? r : sd_event_source_set_enabled(manager->reconnect, SD_EVENT_ONESHOT);
}

void bus_reconnect(struct manager *manager, uint64_t delay_usec)
{
	if (bus_set_reconnect(manager, delay_usec) < 0)
		manager_stop(manager, 1);
}

bool bus_takes_signals(const struct manager *manager)
{
	uint64_t queued = 0;

	return manager->is_on_bus && manager->bus && sd_bus_is_ready(manager->bus) > 0 &&
	       sd_bus_get_n_queued_write(manager->bus, &queued) >= 0 && queued <= WRITE_QUEUE_MAX;
}

/* --- Calls to reply to later ----------------------------------------------------------------- */

int bus_keep_call(sd_bus_message *call, sd_bus_message **ret)
{
	sd_bus_message *kept = NULL;
	uint64_t cookie;
	int r = sd_bus_message_get_cookie(call, &cookie);

	if (r >= 0)
		r = sd_bus_message_new_method_call(sd_bus_message_get_bus(call), &kept, NULL,
						   sd_bus_message_get_path(call),
						   sd_bus_message_get_interface(call),
						   sd_bus_message_get_member(call));
	if (r >= 0)
		r = sd_bus_message_set_expect_reply(kept, sd_bus_message_get_expect_reply(call));
	if (r >= 0)
		r = sd_bus_message_set_sender(kept, sd_bus_message_get_sender(call));
	/* It is never sent: sealed with the number of the original, which a reply refers to. */
	if (r >= 0)
		r = sd_bus_message_seal(kept, cookie, 0);
	if (r < 0) {
		sd_bus_message_unref(kept);
		return r;
	}
	*ret = kept;
	return 0;
}

/* --- Entries of a{sv} ------------------------------------------------------------------------ */

int bus_append_string(sd_bus_message *message, const char *key, const char *value)
{
	return sd_bus_message_append(message, "{sv}", key, "s", value);
}

int bus_append_u64(sd_bus_message *message, const char *key, uint64_t value)
{
	return sd_bus_message_append(message, "{sv}", key, "t", value);
}

int bus_append_u32(sd_bus_message *message, const char *key, uint32_t value)
{
	return sd_bus_message_append(message, "{sv}", key, "u", value);
}

int bus_append_i32(sd_bus_message *message, const char *key, int32_t value)
{
	return sd_bus_message_append(message, "{sv}", key, "i", value);
}

int bus_append_strings(sd_bus_message *message, const char *key, char **values)
{
	int r = 0;

	if (!values)
		return 0;
	r = sd_bus_message_open_container(message, 'e', "sv");
	if (r >= 0)
		r = sd_bus_message_append(message, "s", key);
	if (r >= 0)
		r = sd_bus_message_open_container(message, 'v', "as");
	if (r >= 0)
		r = sd_bus_message_append_strv(message, values);
	for (unsigned int i = 0; i < 2 && r >= 0; i++)
		r = sd_bus_message_close_container(message);
	return r;
}

int bus_append_bool(sd_bus_message *message, const char *key, bool value)
{
	return sd_bus_message_append(message, "{sv}", key, "b", (int)value);
}
