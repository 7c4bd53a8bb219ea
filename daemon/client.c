// SPDX-License-Identifier: LGPL-2.1-or-later
/* A D-Bus peer: who it is. */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <systemd/sd-login.h>

#include "allocation.h"
#include "authority.h"
#include "bus.h"
#include "client.h"
#include "delivery.h"
#include "errors.h"
#include "inquiry.h"
#include "journal.h"
#include "log.h"
#include "manager.h"
#include "preparation.h"

#define DBUS_NAME      "org.freedesktop.DBus"
#define DBUS_PATH      "/org/freedesktop/DBus"
#define DBUS_INTERFACE "org.freedesktop.DBus"

struct waiting_call {
	sd_bus_message *call;
	client_function function;
};

static void waiting_call_free(struct waiting_call *waiting)
{
	sd_bus_message_unref(waiting->call);
	g_free(waiting);
}

/* --- Users ----------------------------------------------------------------------------------- */

static struct user *user_get(struct manager *manager, uid_t uid)
{
	struct user *user = g_hash_table_lookup(manager->users, GUINT_TO_POINTER(uid));

	if (!user) {
		user = g_new0(struct user, 1);
		user->uid = uid;
		g_queue_init(&user->inquiries);
		g_hash_table_insert(manager->users, GUINT_TO_POINTER(uid), user);
	}
	user->n_clients++;
	return user;
}

static void user_put(struct manager *manager, struct user *user)
{
	if (--user->n_clients > 0)
		return;
	g_hash_table_remove(manager->users, GUINT_TO_POINTER(user->uid));
	g_free(user);
}

/* --- Units ----------------------------------------------------------------------------------- */

static bool is_alive(int pidfd)
{
	struct pollfd poll_fd = { .fd = pidfd, .events = POLLIN };

	return poll(&poll_fd, 1, 0) == 0;
}

/* A process number may be another's by now: at least it is the same user's. */
static bool belongs_to(pid_t pid, uid_t uid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d", (int)pid);
	struct stat status;

	return stat(path, &status) == 0 && status.st_uid == uid;
}

/* What runs for a user, in a login session or the user's own service manager, is no system unit. */
static char *read_system_unit(pid_t pid)
{
	char *unit = NULL;
	char *result;
	uid_t owner;

	if (sd_pid_get_owner_uid(pid, &owner) >= 0 || sd_pid_get_unit(pid, &unit) < 0)
		return NULL;
	result = g_str_has_suffix(unit, ".service") ? g_strdup(unit) : NULL;
	free(unit);
	return result;
}

static char *find_system_unit(pid_t pid, uid_t uid)
{
	g_autofree char *unit = NULL;
	int pidfd;

	if (pid <= 0)
		return NULL;
	pidfd = pidfd_open(pid, 0);
	if (pidfd < 0)
		return NULL;
	unit = read_system_unit(pid);
	if (!belongs_to(pid, uid) || !is_alive(pidfd))
		g_clear_pointer(&unit, g_free);
	close(pidfd);
	return g_steal_pointer(&unit);
}

/* --- Credentials ----------------------------------------------------------------------------- */

struct credentials {
	bool has_uid;
	uint32_t uid;
	uint32_t pid;
	gid_t *gids;
	size_t n_gids;
};

static int read_groups(sd_bus_message *message, struct credentials *ret)
{
	const void *groups;
	size_t size;
	int r = sd_bus_message_enter_container(message, 'v', "au");

	if (r >= 0)
		r = sd_bus_message_read_array(message, 'u', &groups, &size);
	if (r < 0)
		return r;
	g_free(ret->gids);
	ret->gids = g_memdup2(groups, size);
	ret->n_gids = size / sizeof(gid_t);
	return sd_bus_message_exit_container(message);
}

static int read_credential(sd_bus_message *message, struct credentials *ret)
{
	const char *key;
	int r = sd_bus_message_read(message, "s", &key);

	if (r < 0)
		return r;
	if (strcmp(key, "UnixUserID") == 0) {
		ret->has_uid = true;
		return sd_bus_message_read(message, "v", "u", &ret->uid);
	}
	if (strcmp(key, "ProcessID") == 0)
		return sd_bus_message_read(message, "v", "u", &ret->pid);
	if (strcmp(key, "UnixGroupIDs") == 0)
		return read_groups(message, ret);
	return sd_bus_message_skip(message, "v");
}

static int read_credentials(sd_bus_message *message, struct credentials *ret)
{
	int r = sd_bus_message_enter_container(message, 'a', "{sv}");

	while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
		r = read_credential(message, ret);
		if (r >= 0)
			r = sd_bus_message_exit_container(message);
	}
	if (r < 0)
		return r;
	return ret->has_uid ? 0 : -ENODATA;
}

static void client_become_known(struct client *client, const struct credentials *credentials)
{
	client->user = user_get(client->manager, credentials->uid);
	client->user->unread += reader_get_unread(&client->reader);
	client->pid = (pid_t)credentials->pid;
	client->gids = credentials->gids;
	client->n_gids = credentials->n_gids;
	if (!client->manager->options->is_user)
		client->unit = find_system_unit(client->pid, credentials->uid);
	client->is_known = true;
}

static void reply_error(sd_bus_message *call, int r, sd_bus_error *error)
{
	if (r < 0 || sd_bus_error_is_set(error))
		sd_bus_reply_method_errno(call, r, error);
	sd_bus_error_free(error);
}

static void run(struct client *client, sd_bus_message *call, client_function function)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;

	reply_error(call, function(client, call, &error), &error);
}

static void client_run_waiting(struct client *client)
{
	struct waiting_call *waiting;

	while ((waiting = g_queue_pop_head(&client->calls))) {
		run(client, waiting->call, waiting->function);
		waiting_call_free(waiting);
	}
}

/* It may live and wait: a reply to one that left goes nowhere. */
static void client_refuse_waiting(struct client *client, const char *reason)
{
	struct waiting_call *waiting;

	while ((waiting = g_queue_pop_head(&client->calls))) {
		sd_bus_reply_method_errorf(waiting->call, CMABULK_ERROR_TIMEOUT,
					   "the bus does not say who %s is: %s; ask again",
					   client->name, reason);
		waiting_call_free(waiting);
	}
}

/* Without them it is nobody: its next call asks for them again. */
static void client_stays_unknown(struct client *client, const char *reason)
{
	client_refuse_waiting(client, reason);
	client_lost(client->manager, client->name);
}

static int on_credentials(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct client *client = userdata;
	struct credentials credentials = { 0 };
	int r;

	client->asking = sd_bus_slot_unref(client->asking);
	/* It has left, and the signal that says so is on its way; or the bus was too slow. */
	if (sd_bus_message_is_method_error(message, NULL)) {
		const sd_bus_error *problem = sd_bus_message_get_error(message);

		/* A sentence need not come with it. */
		client_stays_unknown(client, problem->message ?: problem->name);
		return 1;
	}
	r = read_credentials(message, &credentials);
	if (r < 0) {
		log_warning("the bus does not say who %s is: %s", client->name, strerror(-r));
		g_free(credentials.gids);
		client_stays_unknown(client, strerror(-r));
		return 1;
	}
	client_become_known(client, &credentials);
	client_run_waiting(client);
	return 1;
}

static int client_ask(struct client *client)
{
	return sd_bus_call_method_async(client->manager->bus, &client->asking, DBUS_NAME, DBUS_PATH,
					DBUS_INTERFACE, "GetConnectionCredentials", on_credentials,
					client, "s", client->name);
}

/* --- Clients --------------------------------------------------------------------------------- */

static void client_free(struct client *client)
{
	sd_bus_slot_unref(client->asking);
	g_queue_clear_full(&client->calls, (GDestroyNotify)waiting_call_free);
	allocation_free_all(client);
	preparation_forget_client(client);
	if (client->manager->delivery)
		delivery_forget_client(client->manager->delivery, client);
	reader_done(client);
	if (client->user && client->manager->inquiries)
		inquiry_forget_client(client->manager->inquiries, client);
	if (client->manager->authority)
		authority_forget_client(client->manager->authority, client);
	if (client->user)
		user_put(client->manager, client->user);
	g_hash_table_unref(client->allocations);
	g_hash_table_unref(client->preparations);
	g_free(client->gids);
	g_free(client->unit);
	g_free(client->name);
	g_free(client);
}

struct client *client_get(struct manager *manager, const char *name)
{
	struct client *client = g_hash_table_lookup(manager->clients, name);

	if (client)
		return client;
	client = g_new0(struct client, 1);
	client->manager = manager;
	client->name = g_strdup(name);
	client->allocations = g_hash_table_new(g_str_hash, g_str_equal);
	client->preparations = g_hash_table_new(g_str_hash, g_str_equal);
	g_queue_init(&client->calls);
	if (client_ask(client) < 0) {
		client_free(client);
		return NULL;
	}
	g_hash_table_insert(manager->clients, client->name, client);
	return client;
}

void client_run_since(struct client *client, sd_bus_message *call, client_since_function function,
		      uint64_t since_ns)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	int r = sd_bus_message_rewind(call, true);

	if (r >= 0)
		r = function(client, call, since_ns, &error);
	reply_error(call, r, &error);
}

int client_call(struct manager *manager, sd_bus_message *call, client_function function,
		sd_bus_error *error)
{
	struct client *client = client_get(manager, sd_bus_message_get_sender(call));
	struct waiting_call *waiting;

	if (!client)
		return -ENOBUFS;
	if (client->is_known)
		return function(client, call, error);
	/* The bus bounds how many calls a peer has open; one that wants no reply is not counted. */
	if (!sd_bus_message_get_expect_reply(call))
		return 1;
	waiting = g_new0(struct waiting_call, 1);
	waiting->call = sd_bus_message_ref(call);
	waiting->function = function;
	g_queue_push_tail(&client->calls, waiting);
	return 1;
}

int client_refuse_restarting(struct client *client, sd_bus_message *call, uint64_t since_ns,
			     sd_bus_error *error)
{
	return sd_bus_error_setf(error, CMABULK_ERROR_RESTARTING,
				 "cmabulkd stops; ask again when it is back");
}

void client_stop(struct client *client)
{
	struct waiting_call *waiting;

	while ((waiting = g_queue_pop_head(&client->calls))) {
		client_run_since(client, waiting->call, client_refuse_restarting, 0);
		waiting_call_free(waiting);
	}
}

sd_bus_message *client_take(struct client *client, const char *token)
{
	for (GList *link = client->calls.head; link; link = link->next) {
		struct waiting_call *waiting = link->data;
		sd_bus_message *call;

		if (!bus_request_is(waiting->call, token))
			continue;
		call = sd_bus_message_ref(waiting->call);
		g_queue_delete_link(&client->calls, link);
		waiting_call_free(waiting);
		return call;
	}
	return NULL;
}

void client_lost(struct manager *manager, const char *name)
{
	struct client *client = g_hash_table_lookup(manager->clients, name);

	if (!client)
		return;
	g_hash_table_remove(manager->clients, name);
	client_free(client);
}

void client_free_all(struct manager *manager)
{
	g_autoptr(GList) clients = g_hash_table_get_values(manager->clients);

	g_hash_table_remove_all(manager->clients);
	for (GList *client = clients; client; client = client->next)
		client_free(client->data);
}

static int on_has_owner(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct client *client = userdata;
	int has_owner = false;

	client->asking = sd_bus_slot_unref(client->asking);
	/* The next connection asks again. */
	if (bus_has_ended(message))
		return 1;
	if (sd_bus_message_is_method_error(message, NULL) ||
	    sd_bus_message_read(message, "b", &has_owner) < 0 || !has_owner)
		client_lost(client->manager, client->name);
	return 1;
}

/* Without a timeout: that a bus is slow says nothing of who is on it. */
static int client_ask_for_owner(struct client *client)
{
	sd_bus_message *question = NULL;
	int r = sd_bus_message_new_method_call(client->manager->bus, &question, DBUS_NAME,
					       DBUS_PATH, DBUS_INTERFACE, "NameHasOwner");

	if (r >= 0)
		r = sd_bus_message_append(question, "s", client->name);
	if (r >= 0)
		r = sd_bus_call_async(client->manager->bus, &client->asking, question, on_has_owner,
				      client, UINT64_MAX);
	sd_bus_message_unref(question);
	return r;
}

static void client_disconnect(struct client *client)
{
	client->grants = (struct authorization_grants){ 0 };
	client->asking = sd_bus_slot_unref(client->asking);
	g_queue_clear_full(&client->calls, (GDestroyNotify)waiting_call_free);
	if (client->user)
		inquiry_forget_client(client->manager->inquiries, client);
}

void client_disconnect_all(struct manager *manager)
{
	GHashTableIter iterator;
	gpointer client;

	g_hash_table_iter_init(&iterator, manager->clients);
	while (g_hash_table_iter_next(&iterator, NULL, &client))
		client_disconnect(client);
}

/* One that was not known yet had nothing here but calls. */
static void client_check(struct client *client)
{
	if (!client->is_known || client_ask_for_owner(client) < 0)
		client_lost(client->manager, client->name);
}

void client_check_all(struct manager *manager)
{
	g_autoptr(GList) clients = g_hash_table_get_values(manager->clients);

	for (GList *client = clients; client; client = client->next)
		client_check(client->data);
}

struct identity client_get_identity(const struct client *client)
{
	return (struct identity){
		.uid = client->user->uid,
		.gids = client->gids,
		.n_gids = client->n_gids,
		.unit = client->unit,
	};
}

const struct account_rule *client_get_rule(const struct client *client)
{
	struct identity identity = client_get_identity(client);

	return account_rules_match(client->manager->config->accounts, &identity);
}

void client_get_account(const struct client *client, char ret[CMABULK_ACCOUNT_LEN])
{
	account_rule_format(client_get_rule(client), client->user->uid, ret);
}

void client_warning(const struct client *client, const char *format, ...)
{
	char account[CMABULK_ACCOUNT_LEN];
	g_autofree char *sentence = NULL;
	va_list arguments;

	/* Then there is no account that it could be about, and what fails is an answer to nobody. */
	if (!client->is_known)
		return;
	va_start(arguments, format);
	sentence = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	client_get_account(client, account);
	journal_warning(client->manager->journal, account, NULL, sentence);
}

struct cmabulk_owner client_make_owner(const struct client *client, const char *label)
{
	struct cmabulk_owner owner = {
		.uid = client->user->uid,
		.pid = (uint32_t)client->pid,
		.cookie = manager_new_cookie(client->manager),
	};

	g_strlcpy(owner.label, label, sizeof(owner.label));
	return owner;
}
