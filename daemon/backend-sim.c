// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A simulated pool: buffers are sealed memfds, the area is bookkeeping (sim-area.c). For
 * developing applications without module or root: it says what the module would say, and
 * holds no memory of any device.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <glib.h>

#include "sim.h"

#define AREA_NAME "simulated"

static struct sim *to_sim(struct backend *backend)
{
	return (struct sim *)backend;
}

void sim_lock(struct sim *sim)
{
	pthread_mutex_lock(&sim->lock);
}

void sim_unlock(struct sim *sim)
{
	pthread_mutex_unlock(&sim->lock);
}

static void destroy(struct sim *sim)
{
	sim_books_destroy(&sim->books);
	sim_area_destroy(&sim->area);
	g_hash_table_unref(sim->watched);
	if (sim->wake >= 0)
		close(sim->wake);
	pthread_cond_destroy(&sim->changed);
	pthread_mutex_destroy(&sim->lock);
	free(sim);
}

/* Takes the lock, and the caller's reference. */
static void unlock_and_unref(struct sim *sim)
{
	bool is_last = --sim->references == 0;

	sim_unlock(sim);
	if (is_last)
		destroy(sim);
}

void sim_wake_loop(struct sim *sim)
{
	if (sim->books.events.length > 0)
		eventfd_write(sim->wake, 1);
}

/*
 * The pool
 */

static int check_plugged(const struct sim *sim)
{
	return sim->is_over ? -ENODEV : 0;
}

static void query(const struct sim *sim, struct cmabulk_query *ret)
{
	*ret = (struct cmabulk_query){
		.size = sizeof(*ret),
		.abi_version = CMABULK_ABI_VERSION,
		.page_size = (uint32_t)sim->page_size,
		.block_order = sim->area.pageblock_order,
		.max_order = sim->max_order,
		.pages = sim->area.pages,
		.free_pages = sim->area.pages - sim->area.taken_pages,
		.states = sim->books.states,
		.buffers = sim->books.buffers,
		.reservations = sim->books.reservations,
		.sequence = sim->books.sequence,
		.area = AREA_NAME,
	};
	g_strlcpy(ret->name, sim->backend.name, sizeof(ret->name));
}

static int sim_query(struct backend *backend, struct cmabulk_query *ret)
{
	struct sim *sim = to_sim(backend);
	int r;

	sim_lock(sim);
	r = check_plugged(sim);
	if (r >= 0)
		query(sim, ret);
	sim_unlock(sim);
	return r;
}

static int sim_survey(struct backend *backend, struct cmabulk_survey *ret)
{
	struct sim *sim = to_sim(backend);
	int r;

	sim_lock(sim);
	r = check_plugged(sim);
	if (r >= 0)
		sim_area_survey(&sim->area, ret);
	sim_unlock(sim);
	return r;
}

static int sim_snapshot(struct backend *backend, struct backend_snapshot *ret)
{
	struct sim *sim = to_sim(backend);
	int r;

	sim_lock(sim);
	r = check_plugged(sim);
	if (r >= 0)
		r = sim_books_snapshot(&sim->books, ret);
	sim_unlock(sim);
	return r;
}

/*
 * Reservations
 */

static bool owner_is_valid(const struct cmabulk_owner *owner)
{
	return memchr(owner->account, '\0', sizeof(owner->account)) &&
	       memchr(owner->label, '\0', sizeof(owner->label));
}

static int sim_reserve(struct backend *backend, const struct cmabulk_owner *owner,
		       unsigned int order, unsigned int align, struct backend_reservation **ret,
		       uint64_t *ret_id)
{
	struct backend_reservation *reservation;
	struct sim *sim = to_sim(backend);

	if (!owner_is_valid(owner) || order > sim->max_order || align > sim->max_order)
		return -EINVAL;
	reservation = calloc(1, sizeof(*reservation));
	if (!reservation)
		return -ENOMEM;
	reservation->sim = sim;
	reservation->object = sim_object_new(CMABULK_OBJECT_RESERVATION, order, align, owner);
	if (!reservation->object) {
		free(reservation);
		return -ENOMEM;
	}
	sim_lock(sim);
	sim->references++;
	sim_books_add(&sim->books, reservation->object);
	sim_unlock(sim);
	*ret_id = reservation->object->info.id;
	*ret = reservation;
	return 0;
}

void sim_give_back(struct sim *sim, const struct sim_object *object)
{
	for (uint64_t i = 0; i < object->info.chunks; i++)
		sim_area_release(&sim->area, object->chunks[i], object->info.order);
}

int sim_check_count(const struct backend_reservation *reservation, uint64_t chunks)
{
	unsigned int order = reservation->object->info.order;

	if (chunks > UINT64_MAX >> order)
		return -EOVERFLOW;
	return chunks > reservation->sim->area.pages >> order ? -E2BIG : 0;
}

static void sim_close(struct backend_reservation *reservation)
{
	struct sim *sim;

	if (!reservation)
		return;
	sim = reservation->sim;
	sim_lock(sim);
	sim_give_back(sim, reservation->object);
	sim_books_end(&sim->books, reservation->object);
	sim_wake_loop(sim);
	sim_object_free(reservation->object);
	free(reservation);
	unlock_and_unref(sim);
}

/*
 * Events
 */

static struct sim_event *next_event(struct sim *sim)
{
	struct sim_event *event;

	sim_lock(sim);
	event = sim->is_over ? NULL : sim_books_next_event(&sim->books);
	sim_unlock(sim);
	return event;
}

static int on_wake(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct sim *sim = userdata;
	struct sim_event *event;
	eventfd_t count;

	eventfd_read(fd, &count);
	/* The listener may free the pool. */
	sim_lock(sim);
	sim->references++;
	sim_unlock(sim);
	while ((event = next_event(sim))) {
		sim->backend.listener->event(sim->backend.userdata, event->command, event->sequence,
					     event->id, event->inode, event->pages);
		g_free(event);
	}
	sim_lock(sim);
	unlock_and_unref(sim);
	return 0;
}

/*
 * Making and ending
 */

void backend_sim_unplug(struct backend *backend)
{
	struct sim *sim = to_sim(backend);

	sim_lock(sim);
	sim->is_over = true;
	pthread_cond_broadcast(&sim->changed);
	sim_unlock(sim);
	backend->listener->gone(backend->userdata);
}

static void sim_free(struct backend *backend)
{
	struct sim *sim = to_sim(backend);

	sim->wake_source = sd_event_source_disable_unref(sim->wake_source);
	sim_lock(sim);
	sim->is_over = true;
	/* Buffers live on; nobody asks when they end. */
	sim->release = sim_release_free(sim->release);
	pthread_cond_broadcast(&sim->changed);
	unlock_and_unref(sim);
}

static const struct backend_ops sim_ops = {
	.kind = "sim",
	.query = sim_query,
	.survey = sim_survey,
	.snapshot = sim_snapshot,
	.reserve = sim_reserve,
	.fill = sim_fill,
	.interrupt = sim_interrupt,
	.export = sim_export,
	.close = sim_close,
	.free = sim_free,
};

static void init_changed(struct sim *sim)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&sim->changed, &attributes);
	pthread_condattr_destroy(&attributes);
}

static int open_sim(struct sim *sim, const struct sim_options *options, sd_event *event)
{
	int r = sim_area_init(&sim->area, options, sim->page_size);

	if (r < 0)
		return r;
	sim->max_order = (unsigned int)g_bit_storage(sim->area.pages) - 1;
	sim->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (sim->wake < 0)
		return -errno;
	r = sd_event_add_io(event, &sim->wake_source, sim->wake, EPOLLIN, on_wake, sim);
	if (r < 0)
		return r;
	sd_event_source_set_description(sim->wake_source, "sim");
	return sim_release_new(event, &sim_buffer_listener, sim, &sim->release);
}

int backend_sim_new(const struct sim_options *options, sd_event *event,
		    const struct backend_listener *listener, void *userdata, struct backend **ret)
{
	struct sim *sim = calloc(1, sizeof(*sim));
	int r;

	if (!sim)
		return -ENOMEM;
	sim->backend = (struct backend){
		.ops = &sim_ops,
		.listener = listener,
		.userdata = userdata,
	};
	g_strlcpy(sim->backend.name, options->name, sizeof(sim->backend.name));
	sim->page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	sim->move_ns = options->move_ns;
	sim->references = 1;
	sim->wake = -1;
	pthread_mutex_init(&sim->lock, NULL);
	init_changed(sim);
	sim_books_init(&sim->books);
	sim->watched = g_hash_table_new(NULL, NULL);
	r = open_sim(sim, options, event);
	if (r < 0) {
		sim_free(&sim->backend);
		return r;
	}
	*ret = &sim->backend;
	return 0;
}
