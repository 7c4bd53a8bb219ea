/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A bus and a daemon in place of libsystemd's: the sources are compiled with names of its functions
 * defined as those of stand_in.c, so that a call is answered at once, by what the input says.
 */
#ifndef TESTS_FUZZ_STAND_IN_H
#define TESTS_FUZZ_STAND_IN_H

#include "lie.h"

/* It answers by this from now on. */
void stand_in_answer(struct input *input);

/* It tells something, to whoever listens to that. */
void stand_in_tell(void);

/* Nobody is connected any more. */
void stand_in_end(void);

#endif
