// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Messages to the journal, in its native protocol. sd_journal_sendv() waits for a journal that reads nothing, and with
 * it would the loop; a message less is what harms nobody.
 */
#include <endian.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <glib.h>

#include "log-journal.h"

static const struct sockaddr_un address = {
	.sun_family = AF_UNIX,
	.sun_path = "/run/systemd/journal/socket",
};

/* Not connected: a journal that starts anew may bind another socket there. */
static int journal = -1;

void log_journal_open(void)
{
	journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
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

bool log_journal_send(const char *const *fields, size_t n_fields)
{
	g_autoptr(GString) message = g_string_new(NULL);

	for (size_t i = 0; i < n_fields; i++)
		add_field(message, fields[i]);
	return sendto(journal, message->str, message->len, MSG_NOSIGNAL,
		      (const struct sockaddr *)&address, sizeof(address)) >= 0;
}
