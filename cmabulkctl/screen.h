/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The terminal as a screen of one's own, with keys that come at once. What it
 * was like before it is again whenever the program ends, stops, or dies.
 */
#ifndef CMABULKCTL_SCREEN_H
#define CMABULKCTL_SCREEN_H

#include <stdbool.h>

/* Can there be one? Not where standard output is a file, nor on a terminal that only prints. */
bool screen_is_possible(void);

/* 0 or a negative errno; -EIO, here and below: the terminal is gone, or others', and nobody could make this go on. */
int screen_begin(void);
void screen_end(void);

/* Columns and rows as they are now. */
void screen_get_size(unsigned int *ret_columns, unsigned int *ret_rows);

/* To poll for POLLIN: then the picture is wrong, by another size or after a stop. */
int screen_get_fd(void);
/* Takes note of that: 1 if it is so, 0 or a negative errno else; waits for nothing. */
int screen_process(void);

#define SCREEN_STRONG '\001'
/*
 * Shows these lines, as many as the screen has and none longer; those that
 * begin with SCREEN_STRONG stand out. 0 or a negative errno.
 */
int screen_show(const char *text);

/* Is standard input a terminal, too? */
bool screen_has_keys(void);
/* The next key, 0 when there is none now, or a negative errno when there will be none any more. */
int screen_read_key(void);

#endif
