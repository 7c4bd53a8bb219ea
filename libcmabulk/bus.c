// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The connection to the daemon, and calls of it. There is no thread: whatever
 * else arrives (pings, release signals) is handled while a call waits.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "bus-call.h"
#include "bus.h"
#include "bus-backend.h"
#include "dbus/errors.h"

/* Errors that are not in the table: how a service cannot be started begins in one of these ways. */
static const char *const activation_errors[] = {
	"org.freedesktop.DBus.Error.Spawn.",
	"org.freedesktop.systemd1.",
};

int bus_error_to_errno(const char *name)
{
#define CMABULK_ERROR_ENTRY(symbol, error_name, error, retryable) { error_name, error },
	static const struct {
		const char *name;
		int error;
	} errors[] = { CMABULK_ERRORS(CMABULK_ERROR_ENTRY) };
#undef CMABULK_ERROR_ENTRY

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (strcmp(errors[i].name, name) == 0)
			return -errors[i].error;
	for (size_t i = 0; i < ARRAY_SIZE(activation_errors); i++)
		if (strncmp(activation_errors[i], name, strlen(activation_errors[i])) == 0)
			return -EHOSTUNREACH;
	return -EPROTO;
}

int bus_refuse(struct cmabulk_connection *connection, int r)
{
	if (r == -ENOMEM)
		return r;
	connection_explain(connection,
			   "the daemon's answer makes no sense to this version of the library");
	return -EPROTO;
}

int bus_lost(struct cmabulk_connection *connection, int r)
{
	switch (r) {
	case -ENOMEM:
	case -ECHILD:
	case -ENOBUFS:
	case -EMFILE:
		return r;
	default:
		connection_explain(connection, "the connection to the bus was lost");
		return -ENOTCONN;
	}
}

int bus_new_call(struct cmabulk_connection *connection, const char *destination, const char *path,
		 const char *interface, const char *member, sd_bus_message **ret)
{
	int r = sd_bus_message_new_method_call(connection->bus->connection, ret,
					       destination ? destination : BUS_SERVICE, path,
					       interface, member);

	return r < 0 ? bus_lost(connection, r) : 0;
}

/* The reply is kept for whoever waits; NULL until then. */
static int keep_reply(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	sd_bus_message **ret = userdata;

	(void)error;
	*ret = sd_bus_message_ref(reply);
	return 1;
}

void bus_drain(struct bus *bus)
{
	uint64_t count;

	if (read(bus->wakeup, &count, sizeof(count)) < 0)
		return;
}

/* Blocks until something arrives, somebody wakes us, or @deadline_ns. */
static int wait_for_bus(struct cmabulk_connection *connection, uint64_t deadline_ns)
{
	struct bus *bus = connection->bus;
	struct pollfd polled[] = {
		{ .fd = sd_bus_get_fd(bus->connection), .events = POLLIN },
		{ .fd = bus->wakeup, .events = POLLIN },
	};
	uint64_t now = now_ns(CLOCK_MONOTONIC);
	uint64_t calls_ns = bus_calls_deadline_ns(connection);
	uint64_t bus_usec;
	struct timespec timeout;
	int r = sd_bus_get_events(bus->connection);

	if (r < 0)
		return r;
	polled[0].events = (short)r;
	if (sd_bus_get_timeout(bus->connection, &bus_usec) > 0 &&
	    bus_usec < deadline_ns / NSEC_PER_USEC)
		deadline_ns = bus_usec * NSEC_PER_USEC;
	if (calls_ns < deadline_ns)
		deadline_ns = calls_ns;
	if (deadline_ns <= now)
		return 0;
	timeout.tv_sec = (time_t)((deadline_ns - now) / NSEC_PER_SEC);
	timeout.tv_nsec = (long)((deadline_ns - now) % NSEC_PER_SEC);
	r = ppoll(polled, ARRAY_SIZE(polled), deadline_ns == UINT64_MAX ? NULL : &timeout, NULL);
	if (r < 0 && errno != EINTR)
		return -errno;
	if (polled[1].revents)
		bus_drain(bus);
	return 0;
}

int bus_process(struct cmabulk_connection *connection, uint64_t deadline_ns)
{
	int r = sd_bus_process(connection->bus->connection, NULL);

	/* One that has just ended is what is waited for, maybe. */
	if (bus_calls_run(connection) || r > 0)
		return 1;
	if (r == 0)
		r = wait_for_bus(connection, deadline_ns);
	return r < 0 ? bus_lost(connection, r) : 0;
}

static int wait_for_reply(struct cmabulk_connection *connection, uint64_t timeout_ns,
			  sd_bus_message *const *reply)
{
	uint64_t deadline_ns = now_ns(CLOCK_MONOTONIC) + timeout_ns;

	for (;;) {
		int r = sd_bus_process(connection->bus->connection, NULL);

		if (*reply)
			return 0;
		if (r < 0)
			return bus_lost(connection, r);
		/* Every time: who sends and sends must not make us forget. */
		bus_calls_run(connection);
		if (now_ns(CLOCK_MONOTONIC) >= deadline_ns) {
			connection_explain(connection, "the daemon did not answer in time");
			return -ETIMEDOUT;
		}
		if (r == 0)
			r = wait_for_bus(connection, deadline_ns);
		if (r < 0)
			return bus_lost(connection, r);
	}
}

int bus_check_reply(struct cmabulk_connection *connection, sd_bus_message *reply)
{
	const sd_bus_error *error = sd_bus_message_get_error(reply);

	if (!error)
		return 0;
	/* Then sd-bus replies to itself. */
	if (sd_bus_is_open(connection->bus->connection) <= 0)
		return bus_lost(connection, -ENOTCONN);
	/* Of an object that is not there sd-bus says but its path: the library's own sentence says what that means. */
	if (error->message && *error->message &&
	    strcmp(error->name, CMABULK_ERROR_UNKNOWN_OBJECT) != 0)
		connection_explain(connection, error->message);
	return bus_error_to_errno(error->name);
}

int bus_check_manager_reply(struct cmabulk_connection *connection, sd_bus_message *reply)
{
	int r = bus_check_reply(connection, reply);

	if (r == -ENODEV && sd_bus_message_is_method_error(reply, CMABULK_ERROR_UNKNOWN_OBJECT) > 0)
		return -EPROTO;
	return r;
}

static int check_reply_to(struct cmabulk_connection *connection, sd_bus_message *call,
			  sd_bus_message *reply)
{
	if (strcmp(sd_bus_message_get_path(call), BUS_MANAGER_PATH) == 0)
		return bus_check_manager_reply(connection, reply);
	return bus_check_reply(connection, reply);
}

int bus_call(struct cmabulk_connection *connection, sd_bus_message *call,
	     sd_bus_message **ret_reply)
{
	sd_bus_message *reply CLEANUP(bus_message_unrefp) = NULL;
	sd_bus_slot *slot = NULL;
	int r = sd_bus_call_async(connection->bus->connection, &slot, call, keep_reply, &reply,
				  UINT64_MAX);

	if (r < 0)
		return bus_lost(connection, r);
	r = wait_for_reply(connection,
			   connection->bus->is_interactive ? BUS_PERSON_TIMEOUT_NS :
							     BUS_CALL_TIMEOUT_NS,
			   &reply);
	sd_bus_slot_unref(slot);
	if (r >= 0)
		r = check_reply_to(connection, call, reply);
	if (r < 0)
		return r;
	*ret_reply = TAKE(reply);
	return 0;
}

static int keep_listening(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	struct cmabulk_connection *connection = userdata;

	return keep_reply(reply, &connection->bus->listening, error);
}

/* Not sd_bus_add_match(), which waits by itself: a signal ends that, and of an error it keeps the number alone. */
int bus_listen(struct cmabulk_connection *connection, const char *rule,
	       sd_bus_message_handler_t handler, sd_bus_slot **ret)
{
	struct bus *bus = connection->bus;
	sd_bus_slot *slot = NULL;
	int r = sd_bus_add_match_async(bus->connection, &slot, rule, handler, keep_listening,
				       connection);

	if (r < 0)
		return bus_lost(connection, r);
	r = wait_for_reply(connection, BUS_CALL_TIMEOUT_NS, &bus->listening);
	if (r >= 0)
		r = bus_check_reply(connection, bus->listening);
	bus->listening = sd_bus_message_unref(bus->listening);
	if (r < 0)
		sd_bus_slot_unref(slot);
	else
		*ret = slot;
	return r;
}

void bus_send(struct cmabulk_connection *connection, sd_bus_message *call)
{
	sd_bus_message_set_expect_reply(call, false);
	sd_bus_send(connection->bus->connection, call, NULL);
}

int bus_call_manager(struct cmabulk_connection *connection, const char *member,
		     sd_bus_message **ret_reply)
{
	sd_bus_message *call CLEANUP(bus_message_unrefp) = NULL;
	int r = bus_new_call(connection, NULL, BUS_MANAGER_PATH, BUS_MANAGER_INTERFACE, member,
			     &call);

	return r < 0 ? r : bus_call(connection, call, ret_reply);
}

static int reload(struct cmabulk_connection *connection)
{
	sd_bus_message *reply CLEANUP(bus_message_unrefp) = NULL;

	return bus_call_manager(connection, "Reload", &reply);
}

static int set_allow_interactive_authorization(struct cmabulk_connection *connection,
					       bool is_allowed)
{
	int r = sd_bus_set_allow_interactive_authorization(connection->bus->connection, is_allowed);

	if (r < 0)
		return bus_lost(connection, r);
	connection->bus->is_interactive = is_allowed;
	return 0;
}

/*
 * A child may only let go: the socket is its parent's, and no good-bye may go over it. From systemd 254 on
 * sd-bus does nothing at all in a child, and would leave it open: so its number gets another file, of which
 * it does not matter whether it is closed.
 */
static void let_go_in_child(struct bus *bus)
{
	struct stat status;

	if (fstat(bus->socket, &status) == 0 && S_ISSOCK(status.st_mode) &&
	    status.st_ino == bus->socket_inode)
		dup3(bus->wakeup, bus->socket, O_CLOEXEC);
	sd_bus_unref(bus->connection);
}

static void bus_close(struct cmabulk_connection *connection)
{
	struct bus *bus = connection->bus;

	if (!bus)
		return;
	bus_calls_end(connection);
	if (connection->opener == getpid())
		sd_bus_close_unref(bus->connection);
	else
		let_go_in_child(bus);
	/* After that, so that they say nothing over it either. */
	sd_bus_slot_unref(bus->owner_changes);
	sd_bus_slot_unref(bus->asked_signals);
	sd_bus_slot_unref(bus->object_signals);
	close_fdp(&bus->loop);
	close_fdp(&bus->wakeup);
	free(bus);
}

static const struct backend bus_backend = {
	.mode = "bus",
	.get_pool = bus_get_pool,
	.list_pools = bus_list_pools,
	.list_buffers = bus_list_buffers,
	.survey_pool = bus_survey_pool,
	.list_device_pools = bus_list_device_pools,
	.list_accounts = bus_list_accounts,
	.get_counters = bus_get_counters,
	.wait = bus_wait,
	.set_account = bus_set_account,
	.unset_account = bus_unset_account,
	.get_daemon = bus_get_daemon,
	.reload = reload,
	.set_allow_interactive_authorization = set_allow_interactive_authorization,
	.prepare = bus_prepare,
	.allocate = bus_allocate,
	.start_allocate = bus_call_start,
	.loop = &bus_loop,
	.close = bus_close,
};

static int open_address(const char *address, sd_bus **ret)
{
	sd_bus *connection CLEANUP(sd_bus_unrefp) = NULL;
	int r = sd_bus_new(&connection);

	if (r >= 0)
		r = sd_bus_set_address(connection, address);
	if (r >= 0)
		r = sd_bus_set_bus_client(connection, true);
	if (r >= 0)
		r = sd_bus_start(connection);
	if (r >= 0)
		*ret = TAKE(connection);
	return r;
}

static int connect_to(const char *address, sd_bus **ret)
{
	if (strcmp(address, "system") == 0)
		return sd_bus_open_system(ret);
	if (strcmp(address, "user") == 0)
		return sd_bus_open_user(ret);
	/* Of what is no address at all, sd-bus says only that nobody listens there. */
	if (!strchr(address, ':'))
		return -EINVAL;
	return open_address(address, ret);
}

/* Why there is no way to a bus. */
static int open_error(int r)
{
	switch (r) {
	case -ENOMEM:
	case -EMFILE:
	case -ENFILE:
	case -EACCES:
	case -ENOBUFS:
		return r;
	case -EPERM:
		return -EACCES;
	case -EINVAL:
	case -EAFNOSUPPORT:
		return -EADDRNOTAVAIL;
	default:
		return -EHOSTUNREACH;
	}
}

static int bus_new(const char *address, struct bus **ret)
{
	struct bus *bus = calloc(1, sizeof(*bus));
	int r;

	if (!bus)
		return -ENOMEM;
	bus->loop = -1;
	bus->socket = -1;
	bus->wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = bus->wakeup < 0 ? -errno : connect_to(address, &bus->connection);
	if (r < 0) {
		close_fdp(&bus->wakeup);
		free(bus);
		return open_error(r);
	}
	*ret = bus;
	return 0;
}

/* A child is not told which it is. */
static void remember_socket(struct bus *bus)
{
	struct stat status;
	int fd = sd_bus_get_fd(bus->connection);

	if (fd < 0 || fstat(fd, &status) < 0)
		return;
	bus->socket = fd;
	bus->socket_inode = status.st_ino;
}

/* Speaks with the bus and the daemon for the first time. */
static int greet(struct cmabulk_connection *connection)
{
	struct cmabulk_daemon *daemon = NULL;
	int r;

	/* Waits until the bus has greeted, or a signal comes. */
	do
		r = sd_bus_can_send(connection->bus->connection, SD_BUS_TYPE_UNIX_FD);
	while (r == -EINTR);
	if (r < 0)
		return open_error(r);
	if (r == 0)
		return -EADDRNOTAVAIL;
	remember_socket(connection->bus);
	r = bus_get_daemon(connection, &daemon);
	cmabulk_daemon_unref(daemon);
	return r == -ENOTCONN ? -EHOSTUNREACH : r;
}

int bus_open(const char *address, struct cmabulk_connection **ret)
{
	struct cmabulk_connection *connection CLEANUP(cmabulk_connection_unrefp) = NULL;
	int r = connection_new(&bus_backend, &connection);

	if (r < 0)
		return r;
	r = bus_new(address, &connection->bus);
	if (r >= 0)
		r = greet(connection);
	if (r < 0)
		return r;
	*ret = TAKE(connection);
	return 0;
}
