/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whom a daemon on the system's bus serves, in words. Pure. */
#ifndef CMABULKCTL_SERVED_H
#define CMABULKCTL_SERVED_H

#include "machine.h"

/* A clause, behind a sentence about who is served unasked: what becomes of others; static. */
const char *served_describe_polkit(enum machine_polkit polkit);

#endif
