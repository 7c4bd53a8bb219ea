/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Becoming a command that inherits buffers, as sd_listen_fds(3) expects them. */
#ifndef CMABULKCTL_HAND_OVER_H
#define CMABULKCTL_HAND_OVER_H

#include "cli.h"

/* Does not return when it succeeds; else an exit code, after complaining. */
int hand_over(const struct cmabulk_allocation *allocation, char **command);

/*
 * Puts descriptors at 3 and up, in their order and not close-on-exec; closes
 * what was there. The old ones stay open, for exec to close. @fds is changed.
 * 0 or a negative errno.
 */
int hand_over_descriptors(int *fds, unsigned int count);

#endif
