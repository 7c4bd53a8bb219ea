/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file of the daemon's own: written as a whole or not at all. */
#ifndef CMABULKD_CONFIG_STATE_H
#define CMABULKD_CONFIG_STATE_H

#include <stddef.h>

/*
 * Makes the directory if it is not there, and puts a file of that name in it, in place of one that is. It is on
 * the disk when this returns. 0 or negative errno: then what was there is untouched.
 */
int config_state_write(const char *directory, const char *name, const char *text, size_t size);

#endif
