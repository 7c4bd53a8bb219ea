// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the daemon tells the administrator. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <systemd/sd-journal.h>

#include "log.h"

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
	to_journal = leads_to_journal();
	to_terminal = isatty(STDERR_FILENO);
}

void log_line(int priority, const char *format, ...)
{
	char text[2048];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (to_journal) {
		sd_journal_print(priority, "%s", text);
		return;
	}
	/* Whoever collects standard error knows systemd's prefixes; a person has no use for them. */
	if (to_terminal)
		fprintf(stderr, "cmabulkd: %s\n", text);
	else
		fprintf(stderr, "<%d>cmabulkd: %s\n", priority, text);
}
