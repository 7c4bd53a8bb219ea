/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A connection of the library to the impostor, and a request for 20 chunks in 20 buffers. */
#ifndef TESTS_LIBRARY_TALK_H
#define TESTS_LIBRARY_TALK_H

#include "cmabulk.h"
#include "impostor.h"

/* What an output holds that a failed call must leave alone. */
#define UNTOUCHED ((void *)1)

struct talk {
	struct impostor impostor;
	struct cmabulk_connection *connection;
	struct cmabulk_request *request;
};

void talk_begin(struct talk *talk, const struct script *script);
void talk_end(struct talk *talk);
/* The next call that the impostor got. */
void talk_expect_event(struct talk *talk, const char *expected);
/* Allocate fails with it, and leaves no descriptor behind. */
void talk_expect_error(struct talk *talk, int error);
/* Of this process, in which nothing else opens files. */
unsigned int talk_count_descriptors(void);

#endif
