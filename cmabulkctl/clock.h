/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The clock that nobody sets, for what takes how long. */
#ifndef CMABULKCTL_CLOCK_H
#define CMABULKCTL_CLOCK_H

#include <stdint.h>

/* In microseconds, as the library counts its deadlines. */
uint64_t clock_now_usec(void);

#endif
