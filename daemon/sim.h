/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the parts of the simulated backend share: a pool and its lock. Each part is in
 * a file of its own: backend-sim.c has the table, sim-fill.c the efforts, sim-buffer.c
 * the memfds; what they do to area and books is in sim-area.c and sim-books.c.
 */
#ifndef CMABULKD_SIM_H
#define CMABULKD_SIM_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "backend.h"
#include "sim-area.h"
#include "sim-books.h"
#include "sim-release.h"

struct sim {
	struct backend backend;
	uint64_t page_size;
	uint64_t move_ns;
	unsigned int max_order;
	/* The loop's. */
	sd_event_source *wake_source;
	struct sim_release *release;

	pthread_mutex_t lock; /* all that follows, and what is embedded in reservations */
	pthread_cond_t changed; /* a fill was interrupted, or all of them are to end */
	unsigned int references; /* the owner's, one per reservation, the dispatch that runs */
	bool is_over; /* freed by its owner, or unplugged */
	int wake; /* eventfd: there are events to tell */
	struct sim_area area;
	struct sim_books books;
	GHashTable *watched; /* watch to buffer */
};

struct backend_reservation {
	struct sim *sim;
	struct sim_object *object;
	bool is_filling;
	bool is_interrupted; /* the fill that runs, or the next */
};

/* backend-sim.c */
void sim_lock(struct sim *sim);
void sim_unlock(struct sim *sim);
/* The loop tells what is in the books by now; with the lock. */
void sim_wake_loop(struct sim *sim);
/* Gives the pages of what ends back to the area; with the lock. */
void sim_give_back(struct sim *sim, const struct sim_object *object);
/* -EOVERFLOW, -E2BIG: there cannot be so many chunks. */
int sim_check_count(const struct backend_reservation *reservation, uint64_t chunks);

/* sim-fill.c */
int sim_fill(struct backend_reservation *reservation, struct cmabulk_fill *fill);
void sim_interrupt(struct backend_reservation *reservation);

/* sim-buffer.c */
int sim_export(struct backend_reservation *reservation, uint64_t chunks, const char *name,
	       struct backend_buffer *ret);
/* For sim_release_new(); userdata is the pool. */
extern const struct sim_release_listener sim_buffer_listener;

#endif
