// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a connection was told: made when it is read, then only looked at. */
#include "event.h"

int event_new(const struct event_record *record, struct cmabulk_event **ret)
{
	struct cmabulk_event *event = malloc(sizeof(*event));

	if (!event)
		return -ENOMEM;
	event->references = 1;
	event->record = *record;
	*ret = event;
	return 0;
}

static void event_destroy(struct cmabulk_event *event)
{
	free(event);
}

DEFINE_REFERENCE(cmabulk_event, event_destroy)

enum cmabulk_event_level event_parse_level(const char *text)
{
	if (strcmp(text, "moderate") == 0)
		return CMABULK_EVENT_LEVEL_MODERATE;
	return strcmp(text, "critical") == 0 ? CMABULK_EVENT_LEVEL_CRITICAL :
					       CMABULK_EVENT_LEVEL_UNKNOWN;
}

EXPORT enum cmabulk_event_type cmabulk_event_get_type(const struct cmabulk_event *event)
{
	return event->record.type;
}

EXPORT const char *cmabulk_event_get_type_name(const struct cmabulk_event *event)
{
	switch (event->record.type) {
	case CMABULK_EVENT_LOST:
		return "lost";
	case CMABULK_EVENT_BUFFER_RELEASED:
		return "buffer-released";
	case CMABULK_EVENT_MEMORY_PRESSURE:
		return "memory-pressure";
	case CMABULK_EVENT_POOL_ADDED:
		return "pool-added";
	case CMABULK_EVENT_POOL_REMOVED:
		return "pool-removed";
	case CMABULK_EVENT_DAEMON_GONE:
		return "daemon-gone";
	case CMABULK_EVENT_DAEMON_BACK:
		return "daemon-back";
	default:
		return "unknown";
	}
}

EXPORT const char *cmabulk_event_get_pool(const struct cmabulk_event *event)
{
	return event->record.pool;
}

EXPORT uint64_t cmabulk_event_get_buffer_id(const struct cmabulk_event *event)
{
	return event->record.buffer_id;
}

EXPORT uint64_t cmabulk_event_get_inode(const struct cmabulk_event *event)
{
	return event->record.inode;
}

EXPORT enum cmabulk_event_level cmabulk_event_get_level(const struct cmabulk_event *event)
{
	return event->record.level;
}

EXPORT uint64_t cmabulk_event_get_bytes(const struct cmabulk_event *event)
{
	return event->record.bytes;
}

EXPORT uint64_t cmabulk_event_get_n_lost(const struct cmabulk_event *event)
{
	return event->record.n_lost;
}
