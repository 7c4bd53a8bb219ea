/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the daemon tells the administrator: to the journal when standard error leads
 * there, else to standard error, a line each.
 */
#ifndef CMABULKD_LOG_H
#define CMABULKD_LOG_H

#include <stddef.h>
#include <syslog.h>

#include <systemd/sd-event.h>

/* Looks where standard error leads; once, at start-up. The last thing of all is to close it, as the journal may be slow. */
void log_open(void);
void log_close(void);

/* While there is a loop, it gets rid of what the journal does not take at once. The event loop is borrowed in between. */
int log_attach(sd_event *event);
void log_detach(void);

void log_line(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same, with what the journal knows such messages by; see journal.h. */
void log_with_id(int priority, const char *id, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define LOG_FIELDS_MAX 16

/* The same, with fields "NAME=VALUE" for the journal, which standard error has no place for. */
void log_with_fields(int priority, const char *const *fields, size_t n_fields, const char *format,
		     ...) __attribute__((format(printf, 4, 5)));

#define log_error(...)	 log_line(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_notice(...)	 log_line(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)	 log_line(LOG_INFO, __VA_ARGS__)

#endif
