// SPDX-License-Identifier: LGPL-2.1-or-later
/* The books of a simulated pool: what lives, and numbered events. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim-books.h"

#define NSEC_PER_SEC UINT64_C(1000000000)

static uint64_t boottime_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

void sim_books_init(struct sim_books *books)
{
	*books = (struct sim_books){ 0 };
	g_queue_init(&books->objects);
	g_queue_init(&books->events);
	/* That the pool was added, as with the module. */
	books->sequence = 1;
}

static void forget_events(struct sim_books *books)
{
	g_queue_clear_full(&books->events, g_free);
}

void sim_books_destroy(struct sim_books *books)
{
	GList *link;

	forget_events(books);
	while ((link = g_queue_pop_head_link(&books->objects)))
		sim_object_free(link->data);
}

struct sim_object *sim_object_new(enum cmabulk_object kind, unsigned int order, unsigned int align,
				  const struct cmabulk_owner *owner)
{
	/* Of all pools, and never used twice. */
	static _Atomic uint64_t newest_id;
	struct sim_object *object = calloc(1, sizeof(*object));

	if (!object)
		return NULL;
	object->info = (struct cmabulk_buffer_info){
		.id = ++newest_id,
		.object = kind,
		.state = kind == CMABULK_OBJECT_BUFFER ? CMABULK_STATE_EXPORTED :
							 CMABULK_STATE_RESERVED,
		.order = order,
		.align = MAX(order, align),
		.owner = *owner,
	};
	object->link.data = object;
	return object;
}

void sim_object_free(struct sim_object *object)
{
	if (!object)
		return;
	free(object->chunks);
	free(object);
}

int sim_object_reserve(struct sim_object *object, uint64_t chunks)
{
	uint64_t needed = object->info.chunks + chunks;
	uint64_t *grown;

	if (needed <= object->capacity)
		return 0;
	grown = reallocarray(object->chunks, needed, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	object->chunks = grown;
	object->capacity = needed;
	return 0;
}

/* Of the pages of such an object. */
static __u64 *state_count(struct sim_books *books, const struct sim_object *object)
{
	return object->info.object == CMABULK_OBJECT_BUFFER ? &books->states.exported :
							      &books->states.reserved;
}

static uint64_t *object_count(struct sim_books *books, const struct sim_object *object)
{
	return object->info.object == CMABULK_OBJECT_BUFFER ? &books->buffers :
							      &books->reservations;
}

static void set_chunks(struct sim_books *books, struct sim_object *object, uint64_t chunks)
{
	__u64 *count = state_count(books, object);

	*count -= object->info.pages;
	object->info.chunks = chunks;
	object->info.pages = chunks << object->info.order;
	*count += object->info.pages;
}

static void tell(struct sim_books *books, enum cmabulk_genl_command command,
		 const struct sim_object *object, uint64_t pages)
{
	struct sim_event *event;

	books->sequence++;
	/* Nobody was promised what comes before the first snapshot. */
	if (!books->has_snapshot)
		return;
	event = g_new0(struct sim_event, 1);
	event->command = command;
	event->sequence = books->sequence;
	event->id = object->info.id;
	event->inode = object->info.inode;
	event->pages = pages;
	g_queue_push_tail(&books->events, event);
}

void sim_books_add(struct sim_books *books, struct sim_object *object)
{
	object->born_ns = boottime_ns();
	g_queue_push_tail_link(&books->objects, &object->link);
	++*object_count(books, object);
}

void sim_books_filled(struct sim_books *books, struct sim_object *object, uint64_t chunks)
{
	set_chunks(books, object, object->info.chunks + chunks);
}

void sim_books_export(struct sim_books *books, struct sim_object *reservation,
		      struct sim_object *buffer, uint64_t chunks)
{
	uint64_t left = reservation->info.chunks - chunks;

	memcpy(buffer->chunks, reservation->chunks, chunks * sizeof(*buffer->chunks));
	memmove(reservation->chunks, reservation->chunks + chunks,
		left * sizeof(*reservation->chunks));
	set_chunks(books, reservation, left);
	sim_books_add(books, buffer);
	set_chunks(books, buffer, chunks);
	tell(books, CMABULK_CMD_EXPORTED, buffer, buffer->info.pages);
}

void sim_books_end(struct sim_books *books, struct sim_object *object)
{
	bool is_buffer = object->info.object == CMABULK_OBJECT_BUFFER;
	uint64_t pages = object->info.pages;

	set_chunks(books, object, 0);
	g_queue_unlink(&books->objects, &object->link);
	--*object_count(books, object);
	tell(books, is_buffer ? CMABULK_CMD_RELEASED : CMABULK_CMD_DROPPED, object, pages);
}

int sim_books_snapshot(struct sim_books *books, struct backend_snapshot *ret)
{
	struct backend_snapshot snapshot = {
		.count = books->objects.length,
		.sequence = books->sequence,
		.states = books->states,
	};
	uint64_t now = boottime_ns();
	size_t index = 0;

	snapshot.entries = calloc(snapshot.count + 1, sizeof(*snapshot.entries));
	if (!snapshot.entries)
		return -ENOMEM;
	for (GList *link = books->objects.head; link; link = link->next) {
		const struct sim_object *object = link->data;

		snapshot.entries[index] = object->info;
		snapshot.entries[index++].age_ns = now - object->born_ns;
	}
	/* It includes them. */
	forget_events(books);
	books->has_snapshot = true;
	*ret = snapshot;
	return 0;
}

struct sim_event *sim_books_next_event(struct sim_books *books)
{
	return g_queue_pop_head(&books->events);
}
