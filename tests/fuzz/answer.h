/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a daemon answers to each method, and what it tells on its own; as true as the input has it. */
#ifndef TESTS_FUZZ_ANSWER_H
#define TESTS_FUZZ_ANSWER_H

#include "lie.h"

#define ANSWER_DAEMON ":1.8"
#define ANSWER_POOL   "video"

/* To a sealed call; sealed as well. */
sd_bus_message *answer_call(sd_bus_message *call, struct input *input);

/* One signal, of whichever kind, by whomever. */
sd_bus_message *answer_signal(sd_bus *bus, struct input *input);

#endif
