/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the verb accounts does when it is to change one. */
#ifndef CMABULKCTL_ACCOUNTS_CHANGE_H
#define CMABULKCTL_ACCOUNTS_CHANGE_H

#include "cli.h"

/* @argv: a name, and KEY=VALUE, one or more; a NULL after the last. They return an exit code. */
int accounts_set(const struct context *context, int argc, char **argv, bool is_persistent);
/* @argv: a name. */
int accounts_unset(const struct context *context, int argc, char **argv);

#endif
