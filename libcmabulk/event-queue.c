// SPDX-License-Identifier: LGPL-2.1-or-later
/* Events that nobody has read yet, so many at most. Pure. */
#include "event-queue.h"

static struct event_record *record_at(struct event_queue *queue, unsigned int index)
{
	return &queue->records[(queue->first + index) % EVENT_QUEUE_SIZE];
}

/* That something was lost is to be known as long as anything is wanted. */
static bool is_wanted(const struct event_queue *queue, enum cmabulk_event_type type)
{
	return queue->mask != 0 && (type == CMABULK_EVENT_LOST || (queue->mask & type));
}

void event_queue_set_mask(struct event_queue *queue, uint64_t mask)
{
	unsigned int kept = 0;

	queue->mask = mask;
	for (unsigned int i = 0; i < queue->count; i++)
		if (is_wanted(queue, record_at(queue, i)->type))
			*record_at(queue, kept++) = *record_at(queue, i);
	queue->count = kept;
}

/* Behind what is queued, where the gap is. */
static void count_lost(struct event_queue *queue)
{
	struct event_record *last = record_at(queue, queue->count - 1);

	if (last->type != CMABULK_EVENT_LOST) {
		last = record_at(queue, queue->count++);
		*last = (struct event_record){ .type = CMABULK_EVENT_LOST };
	}
	last->n_lost++;
}

void event_queue_add(struct event_queue *queue, const struct event_record *record)
{
	if (!is_wanted(queue, record->type))
		return;
	if (queue->count >= EVENT_QUEUE_SIZE - 1)
		count_lost(queue);
	else
		*record_at(queue, queue->count++) = *record;
}

const struct event_record *event_queue_peek(const struct event_queue *queue)
{
	return queue->count > 0 ? &queue->records[queue->first] : NULL;
}

void event_queue_drop(struct event_queue *queue)
{
	queue->first = (queue->first + 1) % EVENT_QUEUE_SIZE;
	queue->count--;
}
