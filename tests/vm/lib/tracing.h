/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kernel tracepoints through tracefs, as evidence of what a process was doing. */
#ifndef VM_TRACING_H
#define VM_TRACING_H

#include <glib.h>
#include <stdbool.h>

/* Enables these events ("group/name", NULL-terminated) and nothing else; clears what was there. */
void tracing_start(const char *const *events);
/* All lines since the start or the last take, oldest first; free with g_strfreev(). */
char **tracing_take(void);
void tracing_stop(void);

/* True when @line is the event "name" of the task @pid; any task when @pid is 0. */
bool trace_line_is(const char *line, const char *name, int pid);
/* The text after "name: ". */
const char *trace_line_fields(const char *line, const char *name);

#endif /* VM_TRACING_H */
