/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages to the journal, for log.c. */
#ifndef CMABULKD_LOG_JOURNAL_H
#define CMABULKD_LOG_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

/* Once, before the first message. */
void log_journal_open(void);

/* One message of these fields, "NAME=VALUE" each. False: the journal does not take it now. */
bool log_journal_send(const char *const *fields, size_t n_fields);

#endif
