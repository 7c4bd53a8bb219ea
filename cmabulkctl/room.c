// SPDX-License-Identifier: LGPL-2.1-or-later
/* Whether a request would find room in a pool, by what a survey saw. Pure. */
#include <stdio.h>

#include "room.h"
#include "size.h"

static const char *describe_wanted(char text[ROOM_TEXT], const struct room *room, uint64_t wanted)
{
	char size[SIZE_TEXT];

	if (wanted == ROOM_REFERENCE_BYTES)
		return ROOM_REFERENCE_NAME;
	snprintf(text, ROOM_TEXT, "all that this user may have (%s)",
		 size_format(size, room->maximum));
	return text;
}

/* A clause about what is wanted, which has no room as it is. */
static void describe_shortage(char text[ROOM_TEXT], const struct room *room, const char *name,
			      uint64_t wanted)
{
	char size[SIZE_TEXT];
	uint64_t movable = room->free + room->movable;

	if (wanted > room->size)
		snprintf(text, ROOM_TEXT, "too small for %s", name);
	else if (wanted <= movable)
		snprintf(text, ROOM_TEXT, "%s would fit when %s was moved", name,
			 size_format(size, wanted - room->free));
	else if (wanted <= movable + room->suspect)
		snprintf(text, ROOM_TEXT, "%s would fit only if %s that is suspect moved, too",
			 name, size_format(size, wanted - movable));
	else
		snprintf(text, ROOM_TEXT, "%s would come short by %s now", name,
			 size_format(size, wanted - movable - room->suspect));
}

const char *room_describe(char text[ROOM_TEXT], const struct room *room)
{
	uint64_t wanted = room->maximum < ROOM_REFERENCE_BYTES ? room->maximum :
								 ROOM_REFERENCE_BYTES;
	char buffer[ROOM_TEXT];
	const char *name = describe_wanted(buffer, room, wanted);

	if (wanted <= room->free)
		snprintf(text, ROOM_TEXT, "%s would fit as it is", name);
	else
		describe_shortage(text, room, name, wanted);
	return text;
}
