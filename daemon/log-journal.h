/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages to the journal, for log.c. Nobody waits for a journal that takes none now, be it stuck, away or flooded by
 * others: the message is kept meanwhile, with some of those that follow, and what is too much is counted.
 */
#ifndef CMABULKD_LOG_JOURNAL_H
#define CMABULKD_LOG_JOURNAL_H

#include <stddef.h>

#include <systemd/sd-event.h>

/* Once, before the first message. A negative errno: there is no socket to be had. */
int log_journal_open(void);

/* From now on what is kept is sent by a timer; until then, and after the other, with the next message. */
int log_journal_attach(sd_event *event);
void log_journal_detach(void);

/* One message of these fields, "NAME=VALUE" each. */
void log_journal_send(const char *const *fields, size_t n_fields);

/* Tries for half a second to get rid of what is kept. */
void log_journal_close(void);

#endif
