/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text that somebody else chose, as it may go to a terminal. */
#ifndef CMABULKCTL_PRINTABLE_H
#define CMABULKCTL_PRINTABLE_H

/*
 * In place, a question mark for whatever is no sign of this locale, controls a
 * terminal, or turns the direction of writing.
 */
void printable_make(char *text);

#endif
