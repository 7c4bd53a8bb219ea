/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The books of a simulated pool: what lives, and the numbered events that tell of
 * every change. The counterpart of the module's books.c. Not locked: the pool's lock
 * is held for every call.
 */
#ifndef CMABULKD_SIM_BOOKS_H
#define CMABULKD_SIM_BOOKS_H

#include <linux/cmabulk.h>
#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "backend.h"

/* What owns pages: a reservation or a buffer. */
struct sim_object {
	struct cmabulk_buffer_info info; /* but for its age */
	uint64_t born_ns;
	uint64_t *chunks; /* first pages, info.chunks of them */
	uint64_t capacity;
	GList link; /* in sim_books.objects, oldest first */
};

struct sim_event {
	enum cmabulk_genl_command command;
	uint64_t sequence;
	uint64_t id;
	uint64_t inode;
	uint64_t pages;
};

struct sim_books {
	GQueue objects;
	struct cmabulk_states states;
	uint64_t buffers;
	uint64_t reservations;
	uint64_t sequence;
	bool has_snapshot; /* events from then on are told */
	GQueue events; /* struct sim_event, to be told */
};

void sim_books_init(struct sim_books *books);
/* Frees what is still listed. */
void sim_books_destroy(struct sim_books *books);

/* Not listed yet. */
struct sim_object *sim_object_new(enum cmabulk_object kind, unsigned int order, unsigned int align,
				  const struct cmabulk_owner *owner);
void sim_object_free(struct sim_object *object);
/* Room for so many chunks more; -ENOMEM. */
int sim_object_reserve(struct sim_object *object, uint64_t chunks);

void sim_books_add(struct sim_books *books, struct sim_object *object);
/* Its newest @chunks were just written behind the others. */
void sim_books_filled(struct sim_books *books, struct sim_object *object, uint64_t chunks);
/* Lists @buffer, which has room, with the oldest @chunks of @reservation. */
void sim_books_export(struct sim_books *books, struct sim_object *reservation,
		      struct sim_object *buffer, uint64_t chunks);
/* Its pages are back in the area; the caller frees it. */
void sim_books_end(struct sim_books *books, struct sim_object *object);

/* -ENOMEM */
int sim_books_snapshot(struct sim_books *books, struct backend_snapshot *ret);
/* The oldest that was not told, to be freed; NULL. */
struct sim_event *sim_books_next_event(struct sim_books *books);

#endif
