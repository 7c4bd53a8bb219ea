/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a request would find room in a pool, by what a survey saw. Pure. */
#ifndef CMABULKCTL_ROOM_H
#define CMABULKCTL_ROOM_H

#include <stdbool.h>

#include <cmabulk.h>

#define ROOM_TEXT    384
/* The name of an account. */
#define ACCOUNT_TEXT 64

/* What secure video playback asks for: 4800 chunks of 64K. */
#define ROOM_REFERENCE_BYTES (UINT64_C(4800) << 16)
#define ROOM_REFERENCE_NAME  "the reference request of 4800x64K (300M)"

/* What a survey saw, in bytes. */
struct room {
	uint64_t size; /* of the pool */
	uint64_t free; /* in pageblocks that are free as a whole */
	uint64_t movable; /* and what is free in others */
	uint64_t suspect;
	uint64_t ahead; /* cached, or claimed and not handed out; whether for who asks, nobody knows */
	uint64_t rest; /* that the account may still have, UINT64_MAX when nothing limits it, or nobody knows */
	const char *account; /* the one that may have the least, where there is a rest */
	bool is_through_daemon; /* accounts, and what is guaranteed to others, have a say */
};

/*
 * A clause: what becomes of the reference request, or of all that the account may still have where that is
 * less. A survey is a hint, and so is this.
 */
const char *room_describe(char text[ROOM_TEXT], const struct room *room);

#endif
