/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tracefs: see tracing.h. */
#include "tracing.h"

#include <stdlib.h>
#include <string.h>

#include "machine.h"

#define TRACING "/sys/kernel/tracing/"

/* Per CPU; a FILL of a few thousand ranges fits. */
#define BUFFER_KIB "4096"

static void tracing_enable(const char *event, const char *value)
{
	g_autofree char *path = g_build_filename(TRACING "events", event, "enable", NULL);

	machine_write(path, value);
}

void tracing_start(const char *const *events)
{
	machine_write(TRACING "events/enable", "0");
	machine_write(TRACING "buffer_size_kb", BUFFER_KIB);
	/* The only clock that orders events of two CPUs without doubt. */
	machine_write(TRACING "trace_clock", "counter");
	machine_write(TRACING "trace", "0");
	for (; *events; events++)
		tracing_enable(*events, "1");
	machine_write(TRACING "tracing_on", "1");
}

char **tracing_take(void)
{
	g_autofree char *text = NULL;
	GStrvBuilder *builder;
	char **lines;

	machine_write(TRACING "tracing_on", "0");
	text = machine_read(TRACING "trace");
	machine_write(TRACING "trace", "0");
	machine_write(TRACING "tracing_on", "1");

	builder = g_strv_builder_new();
	lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line; line++)
		if (**line && **line != '#')
			g_strv_builder_add(builder, *line);
	g_strfreev(lines);
	lines = g_strv_builder_end(builder);
	g_strv_builder_unref(builder);
	return lines;
}

void tracing_stop(void)
{
	machine_write(TRACING "events/enable", "0");
}

/* A line: "  comm-PID   [CPU] flags  TIME: NAME: FIELDS"; comm may hold anything. */
const char *trace_line_fields(const char *line, const char *name)
{
	g_autofree char *needle = g_strconcat(": ", name, ": ", NULL);
	const char *found = strstr(line, needle);

	return found ? found + strlen(needle) : NULL;
}

static int trace_line_pid(const char *line)
{
	const char *bracket = strstr(line, " [");
	const char *dash;

	if (!bracket)
		return -1;
	for (dash = bracket; dash > line && *dash != '-'; dash--)
		;
	return atoi(dash + 1);
}

bool trace_line_is(const char *line, const char *name, int pid)
{
	return trace_line_fields(line, name) && (!pid || trace_line_pid(line) == pid);
}
