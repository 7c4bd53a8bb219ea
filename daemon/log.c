// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the daemon tells the administrator. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log-journal.h"
#include "log.h"

#define TEXT_MAX 2048

static bool to_journal;
static bool to_terminal;

/* systemd names the journal's socket by device and inode, for programs to compare. */
static bool leads_to_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat status;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device &&
	       status.st_ino == inode;
}

void log_open(void)
{
	to_journal = leads_to_journal() && log_journal_open() >= 0;
	to_terminal = isatty(STDERR_FILENO);
}

int log_attach(sd_event *event)
{
	return to_journal ? log_journal_attach(event) : 0;
}

void log_detach(void)
{
	log_journal_detach();
}

void log_close(void)
{
	if (to_journal)
		log_journal_close();
}

static void print_text(int priority, const char *text)
{
	/* Whoever collects standard error knows systemd's prefixes; a person has no use for them. */
	if (to_terminal)
		fprintf(stderr, "cmabulkd: %s\n", text);
	else
		fprintf(stderr, "<%d>cmabulkd: %s\n", priority, text);
}

static void send_text(int priority, const char *text, const char *const *fields, size_t n_fields)
{
	char message[TEXT_MAX + 16], level[32];
	const char *all[LOG_FIELDS_MAX + 3];
	size_t count = 0;

	snprintf(message, sizeof(message), "MESSAGE=%s", text);
	snprintf(level, sizeof(level), "PRIORITY=%d", priority);
	all[count++] = message;
	all[count++] = level;
	all[count++] = "SYSLOG_IDENTIFIER=cmabulkd";
	for (size_t i = 0; i < n_fields && i < LOG_FIELDS_MAX; i++)
		all[count++] = fields[i];
	log_journal_send(all, count);
}

static void log_text(int priority, const char *const *fields, size_t n_fields, const char *format,
		     va_list arguments)
{
	char text[TEXT_MAX];

	vsnprintf(text, sizeof(text), format, arguments);
	if (to_journal)
		send_text(priority, text, fields, n_fields);
	else
		print_text(priority, text);
}

void log_line(int priority, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_text(priority, NULL, 0, format, arguments);
	va_end(arguments);
}

void log_with_id(int priority, const char *id, const char *format, ...)
{
	char field[64];
	const char *const fields[] = { field };
	va_list arguments;

	snprintf(field, sizeof(field), "MESSAGE_ID=%s", id);
	va_start(arguments, format);
	log_text(priority, fields, 1, format, arguments);
	va_end(arguments);
}

void log_with_fields(int priority, const char *const *fields, size_t n_fields, const char *format,
		     ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_text(priority, fields, n_fields, format, arguments);
	va_end(arguments);
}
