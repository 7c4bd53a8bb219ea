/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A line on a terminal while an answer takes its time, from a thread of its own: for
 * calls that wait, of which a program has one. What is over sooner than half a second shows
 * nothing. An allocation, which can be cancelled, has watch.h.
 */
#ifndef CMABULKCTL_PATIENCE_H
#define CMABULKCTL_PATIENCE_H

/* @what, which has to live so long, is being done. */
void patience_begin(const char *what);
/* Wipes the line out: before anything else is written. Without a beginning it does nothing. */
void patience_end(void);

#endif
