// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * In the journal's native protocol, as sd_journal_sendv() waits for a journal that reads nothing, and the loop would wait
 * with it.
 */
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <glib.h>

#include "log-journal.h"

/* Of messages, which have at most some kilobytes each: those of a minute of much trouble. */
#define KEPT_MAX    256
#define RETRY_USEC  (100 * 1000ULL)
#define CLOSE_TRIES 10
#define CLOSE_USEC  (50 * 1000)
/* As libsystemd asks for; the kernel gives what net.core.wmem_max lets it. */
#define SEND_BUFFER (8 << 20)

static const struct sockaddr_un address = {
	.sun_family = AF_UNIX,
	.sun_path = "/run/systemd/journal/socket",
};

/* Not connected: a journal that starts anew may bind another socket there. */
static int journal = -1;
static GQueue kept = G_QUEUE_INIT;
/* Messages that there was no room for since all that were kept were sent. */
static unsigned int n_lost;
static sd_event_source *timer;

int log_journal_open(void)
{
	int size = SEND_BUFFER;

	journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (journal < 0)
		return -errno;
	(void)setsockopt(journal, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return 0;
}

/* A value of several lines comes with its length in front, in 64 bits of little endian. */
static void add_field(GString *message, const char *field)
{
	size_t name = strcspn(field, "=");
	const char *value = field + name + 1;
	uint64_t length;

	if (!strchr(value, '\n')) {
		g_string_append_printf(message, "%s\n", field);
		return;
	}
	length = htole64(strlen(value));
	g_string_append_len(message, field, (gssize)name);
	g_string_append_c(message, '\n');
	g_string_append_len(message, (const char *)&length, sizeof(length));
	g_string_append_printf(message, "%s\n", value);
}

static GString *message_of(const char *const *fields, size_t n_fields)
{
	GString *message = g_string_new(NULL);

	for (size_t i = 0; i < n_fields; i++)
		add_field(message, fields[i]);
	return message;
}

/* True also of one that no socket takes, however empty: those that follow must not wait for that. */
static bool send_now(const GString *message)
{
	if (sendto(journal, message->str, message->len, MSG_NOSIGNAL,
		   (const struct sockaddr *)&address, sizeof(address)) >= 0)
		return true;
	if (errno != EMSGSIZE)
		return false;
	n_lost++;
	return true;
}

/* What there was no room for came after all that was kept, and before all that follows. */
static bool tell_lost(void)
{
	char text[128];
	const char *const fields[] = { text, "PRIORITY=4", "SYSLOG_IDENTIFIER=cmabulkd" };
	g_autoptr(GString) message = NULL;

	snprintf(text, sizeof(text),
		 "MESSAGE=the journal did not take the %u messages before this one", n_lost);
	message = message_of(fields, G_N_ELEMENTS(fields));
	return send_now(message);
}

static bool send_kept(void)
{
	GString *message;

	while ((message = g_queue_peek_head(&kept))) {
		if (!send_now(message))
			return false;
		g_string_free(g_queue_pop_head(&kept), true);
	}
	if (n_lost > 0 && !tell_lost())
		return false;
	n_lost = 0;
	return true;
}

static void send_later(void)
{
	if (!timer)
		return;
	(void)sd_event_source_set_time_relative(timer, RETRY_USEC);
	(void)sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	if (!send_kept())
		send_later();
	return 0;
}

int log_journal_attach(sd_event *event)
{
	/* What was said before may wait already; if not, it finds nothing to do. */
	return sd_event_add_time_relative(event, &timer, CLOCK_MONOTONIC, RETRY_USEC, 0, on_time,
					  NULL);
}

void log_journal_detach(void)
{
	timer = sd_event_source_unref(timer);
}

static void keep(GString *message)
{
	if (n_lost > 0 || g_queue_get_length(&kept) == KEPT_MAX) {
		n_lost++;
		g_string_free(message, true);
	} else {
		g_queue_push_tail(&kept, message);
	}
	send_later();
}

void log_journal_send(const char *const *fields, size_t n_fields)
{
	GString *message = message_of(fields, n_fields);

	if (send_kept() && send_now(message))
		g_string_free(message, true);
	else
		keep(message);
}

void log_journal_close(void)
{
	for (int i = 0; i < CLOSE_TRIES && !send_kept(); i++)
		usleep(CLOSE_USEC);
}
