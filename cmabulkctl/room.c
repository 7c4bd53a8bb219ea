// SPDX-License-Identifier: LGPL-2.1-or-later
/* Whether a request would find room in a pool, by what a survey saw. Pure. */
#include <stdio.h>

#include "room.h"
#include "size.h"

/* So much memory, in words. */
#define NAME_TEXT  128
#define AHEAD_TEXT 64

static const char *describe_wanted(char text[NAME_TEXT], const struct room *room, uint64_t wanted)
{
	char size[SIZE_TEXT];

	if (wanted == ROOM_REFERENCE_BYTES)
		return ROOM_REFERENCE_NAME;
	snprintf(text, NAME_TEXT, "all that account %s may still have (%s)", room->account,
		 size_format(size, room->rest));
	return text;
}

/* Whether the memory is there; what is guaranteed to others only who manages the daemon sees. */
static const char *describe_account(const struct room *room)
{
	return room->is_through_daemon ?
		       ", as far as the account and what others are guaranteed allow" :
		       "";
}

static const char *describe_ahead(char text[AHEAD_TEXT], const struct room *room)
{
	char size[SIZE_TEXT];

	*text = '\0';
	if (room->ahead > 0)
		snprintf(text, AHEAD_TEXT, "; %s more is cached or claimed ahead",
			 size_format(size, room->ahead));
	return text;
}

/* A clause about what is wanted, which has no room as it is. */
static void describe_shortage(char text[ROOM_TEXT], const struct room *room, const char *name,
			      uint64_t wanted)
{
	char size[SIZE_TEXT];
	char ahead[AHEAD_TEXT];
	uint64_t movable = room->free + room->movable;

	if (wanted > room->size)
		snprintf(text, ROOM_TEXT, "too small for %s", name);
	else if (wanted <= movable)
		snprintf(text, ROOM_TEXT, "%s would fit when up to %s was moved%s", name,
			 size_format(size, wanted - room->free), describe_account(room));
	else if (wanted <= movable + room->suspect)
		snprintf(text, ROOM_TEXT, "%s would fit only if %s that is suspect moved, too%s%s",
			 name, size_format(size, wanted - movable), describe_account(room),
			 describe_ahead(ahead, room));
	else
		snprintf(text, ROOM_TEXT, "%s would come short by %s now%s", name,
			 size_format(size, wanted - movable - room->suspect),
			 describe_ahead(ahead, room));
}

const char *room_describe(char text[ROOM_TEXT], const struct room *room)
{
	uint64_t wanted = room->rest < ROOM_REFERENCE_BYTES ? room->rest : ROOM_REFERENCE_BYTES;
	char buffer[NAME_TEXT];
	const char *name = describe_wanted(buffer, room, wanted);

	if (wanted == 0)
		snprintf(text, ROOM_TEXT, "account %s may have no more of it", room->account);
	else if (wanted <= room->free)
		snprintf(text, ROOM_TEXT, "%s would fit as it is%s", name, describe_account(room));
	else
		describe_shortage(text, room, name, wanted);
	return text;
}
