/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text that somebody else chose, as it may go to a terminal. */
#ifndef CMABULKCTL_PRINTABLE_H
#define CMABULKCTL_PRINTABLE_H

#include <stdio.h>

/*
 * In place, a question mark for whatever is no sign of this locale, controls a
 * terminal, or turns the direction of writing.
 */
void printable_make(char *text);

/*
 * A line of JSON, with the same signs as \u escapes: it means what it meant. Bytes that are
 * no UTF-8 become U+FFFD.
 */
void printable_write_json(const char *json, FILE *file);

#endif
