// SPDX-License-Identifier: LGPL-2.1-or-later
/* A bus and a daemon in place of libsystemd's; who is replaced is in meson.build. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "answer.h"
#include "stand_in.h"

/* The one that is not only replaced. */
#undef sd_bus_start
int sd_bus_start(sd_bus *bus);
int stand_in_start(sd_bus *bus);

/* More than a connection listens to. */
#define LISTENERS 4

static struct listener {
	const char *rule; /* NULL: none */
	sd_bus_message_handler_t handler;
	void *userdata;
} listeners[LISTENERS];

static struct input *input;
static sd_bus *connected;
static int peer = -1;

void stand_in_answer(struct input *answers)
{
	input = answers;
}

/* It never gets anywhere: messages have to be of one. */
int stand_in_start(sd_bus *bus)
{
	int ends[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends));
	must(sd_bus_set_fd(bus, ends[0], ends[0]));
	must(sd_bus_negotiate_fds(bus, true));
	must(sd_bus_start(bus));
	peer = ends[1];
	connected = bus;
	return 0;
}

void stand_in_end(void)
{
	for (size_t i = 0; i < LISTENERS; i++)
		check(!listeners[i].rule, "who closed does not listen any more");
	close(peer);
	connected = NULL;
}

int sd_bus_set_bus_client(sd_bus *bus, int is_client)
{
	(void)bus;
	(void)is_client;
	return 0;
}

int sd_bus_can_send(sd_bus *bus, char type)
{
	(void)bus;
	(void)type;
	return 1;
}

int sd_bus_is_open(sd_bus *bus)
{
	(void)bus;
	return 1;
}

/* All was answered when it was asked. */
int sd_bus_process(sd_bus *bus, sd_bus_message **ret)
{
	(void)bus;
	(void)ret;
	return 0;
}

int sd_bus_send(sd_bus *bus, sd_bus_message *message, uint64_t *ret_cookie)
{
	(void)bus;
	(void)message;
	(void)ret_cookie;
	return 0;
}

int sd_bus_call_async(sd_bus *bus, sd_bus_slot **ret_slot, sd_bus_message *call,
		      sd_bus_message_handler_t callback, void *userdata, uint64_t usec)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply;

	(void)bus;
	(void)usec;
	must(sd_bus_message_seal(call, 1, 0));
	reply = answer_call(call, input);
	callback(reply, userdata, &error);
	sd_bus_message_unref(reply);
	if (ret_slot)
		*ret_slot = NULL;
	return 0;
}

/* What the bus says of it. */
static void answer_listener(sd_bus *bus, sd_bus_message_handler_t callback, void *userdata)
{
	sd_bus_message *call;

	must(sd_bus_message_new_method_call(bus, &call, "org.freedesktop.DBus",
					    "/org/freedesktop/DBus", "org.freedesktop.DBus",
					    "AddMatch"));
	sd_bus_call_async(bus, NULL, call, callback, userdata, 0);
	sd_bus_message_unref(call);
}

int sd_bus_add_match_async(sd_bus *bus, sd_bus_slot **ret_slot, const char *rule,
			   sd_bus_message_handler_t handler, sd_bus_message_handler_t callback,
			   void *userdata)
{
	struct listener *listener = listeners;

	while (listener->rule)
		check(++listener < listeners + LISTENERS, "nobody listens twice");
	*listener = (struct listener){ rule, handler, userdata };
	*ret_slot = (sd_bus_slot *)listener;
	answer_listener(bus, callback, userdata);
	return 0;
}

sd_bus_slot *sd_bus_slot_unref(sd_bus_slot *slot)
{
	struct listener *listener = (struct listener *)slot;

	if (listener)
		*listener = (struct listener){ 0 };
	return NULL;
}

/* As the bus matches: by the interface. */
static bool is_heard(const struct listener *listener, sd_bus_message *message)
{
	const char *interface = sd_bus_message_get_interface(message);
	const char *found = listener->rule ? strstr(listener->rule, "interface='") : NULL;

	if (!found)
		return false;
	found += strlen("interface='");
	return strncmp(found, interface, strlen(interface)) == 0 &&
	       found[strlen(interface)] == '\'';
}

void stand_in_tell(void)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *message = answer_signal(connected, input);

	for (size_t i = 0; i < LISTENERS; i++) {
		if (!is_heard(&listeners[i], message))
			continue;
		must(sd_bus_message_rewind(message, 1));
		listeners[i].handler(message, listeners[i].userdata, &error);
	}
	sd_bus_message_unref(message);
}
