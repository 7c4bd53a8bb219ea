// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A simulated pool: buffers are sealed memfds, the area is bookkeeping (sim-area.c). For
 * developing applications without module or root: it says what the module would say, and
 * holds no memory of any device.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <glib.h>

#include "backend.h"
#include "sim-area.h"
#include "sim-books.h"
#include "sim-release.h"

#define AREA_NAME    "simulated"
#define MEMFD_PREFIX "cmabulk-sim:"
#define NSEC_PER_SEC UINT64_C(1000000000)

/* Linux 6.3; what it asks for is the rule on some systems. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif

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
	bool is_over; /* freed by its owner */
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

static struct sim *to_sim(struct backend *backend)
{
	return (struct sim *)backend;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

static void lock(struct sim *sim)
{
	pthread_mutex_lock(&sim->lock);
}

static void unlock(struct sim *sim)
{
	pthread_mutex_unlock(&sim->lock);
}

static void destroy(struct sim *sim)
{
	sim_books_destroy(&sim->books);
	sim_area_destroy(&sim->area);
	g_clear_pointer(&sim->watched, g_hash_table_unref);
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

	unlock(sim);
	if (is_last)
		destroy(sim);
}

/* The loop tells what is in the books by now. */
static void wake_loop(struct sim *sim)
{
	if (sim->books.events.length > 0)
		eventfd_write(sim->wake, 1);
}

/*
 * The pool
 */

static int sim_query(struct backend *backend, struct cmabulk_query *ret)
{
	struct sim *sim = to_sim(backend);

	lock(sim);
	*ret = (struct cmabulk_query){
		.size = sizeof(*ret),
		.abi_version = CMABULK_ABI_VERSION,
		.page_size = (uint32_t)sim->page_size,
		.pageblock_order = sim->area.pageblock_order,
		.max_order = sim->max_order,
		.pages = sim->area.pages,
		.free_pages = sim->area.pages - sim->area.taken_pages,
		.states = sim->books.states,
		.buffers = sim->books.buffers,
		.reservations = sim->books.reservations,
		.sequence = sim->books.sequence,
		.area = AREA_NAME,
	};
	unlock(sim);
	g_strlcpy(ret->name, backend->name, sizeof(ret->name));
	return 0;
}

static int sim_survey(struct backend *backend, struct cmabulk_survey *ret)
{
	struct sim *sim = to_sim(backend);

	lock(sim);
	sim_area_survey(&sim->area, ret);
	unlock(sim);
	return 0;
}

static int sim_snapshot(struct backend *backend, struct backend_snapshot *ret)
{
	struct sim *sim = to_sim(backend);
	int r;

	lock(sim);
	r = sim_books_snapshot(&sim->books, ret);
	unlock(sim);
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
	lock(sim);
	sim->references++;
	sim_books_add(&sim->books, reservation->object);
	unlock(sim);
	*ret_id = reservation->object->info.id;
	*ret = reservation;
	return 0;
}

static void give_back(struct sim *sim, const struct sim_object *object)
{
	for (uint64_t i = 0; i < object->info.chunks; i++)
		sim_area_release(&sim->area, object->chunks[i], object->info.order);
}

static void sim_close(struct backend_reservation *reservation)
{
	struct sim *sim;

	if (!reservation)
		return;
	sim = reservation->sim;
	lock(sim);
	give_back(sim, reservation->object);
	sim_books_end(&sim->books, reservation->object);
	wake_loop(sim);
	sim_object_free(reservation->object);
	free(reservation);
	unlock_and_unref(sim);
}

/*
 * Filling
 */

struct fill_run {
	struct backend_reservation *reservation;
	struct cmabulk_fill *fill;
	struct sim_scan scan;
	uint64_t start_ns;
	uint64_t deadline_ns; /* UINT64_MAX: none */
};

/* Between ranges: must it end? */
static int check_fill(const struct fill_run *run)
{
	if (run->reservation->sim->is_over)
		return -ENODEV;
	if (run->reservation->is_interrupted)
		return -EINTR;
	return now_ns() >= run->deadline_ns ? -ETIME : 0;
}

/* Unlocks while it waits, as long as moving so many pageblocks takes. Only an interruption ends it early. */
static int move(const struct fill_run *run, uint64_t pageblocks)
{
	struct sim *sim = run->reservation->sim;
	uint64_t end = now_ns() + pageblocks * sim->move_ns;
	const struct timespec until = {
		.tv_sec = (time_t)(end / NSEC_PER_SEC),
		.tv_nsec = (long)(end % NSEC_PER_SEC),
	};

	while (!run->reservation->is_interrupted && !sim->is_over && now_ns() < end)
		pthread_cond_timedwait(&sim->changed, &sim->lock, &until);
	if (sim->is_over)
		return -ENODEV;
	return run->reservation->is_interrupted ? -EINTR : 0;
}

static int fill_range(struct fill_run *run, uint64_t range)
{
	struct sim_object *object = run->reservation->object;
	struct cmabulk_report *report = &run->fill->report;
	struct sim *sim = run->reservation->sim;
	uint64_t cost = sim_scan_cost(&run->scan, &sim->area, range);
	uint64_t start = now_ns();
	uint64_t got = 0;
	int r = 0;

	report->ranges_planned++;
	if (cost > 0 && sim->move_ns > 0)
		r = move(run, cost);
	if (r >= 0)
		got = sim_scan_claim(&run->scan, &sim->area, range,
				     run->fill->nr_requests - run->fill->nr_allocated,
				     object->chunks + object->info.chunks, report);
	sim_books_filled(&sim->books, object, got);
	run->fill->nr_allocated += got;
	report->claim_ns += now_ns() - start;
	return r;
}

static int fill_ranges(struct fill_run *run)
{
	const struct cmabulk_fill *fill = run->fill;
	uint64_t range;
	int r;

	while (fill->nr_allocated < fill->nr_requests) {
		r = check_fill(run);
		if (r < 0)
			return r;
		if (!sim_scan_next(&run->scan, &run->reservation->sim->area, &range))
			return -EBUSY;
		r = fill_range(run, range);
		if (r < 0)
			return r;
	}
	return 0;
}

static void report_survey(struct fill_run *run)
{
	struct cmabulk_report *report = &run->fill->report;
	struct cmabulk_survey survey;

	sim_area_survey(&run->reservation->sim->area, &survey);
	report->blocks_surveyed = survey.blocks;
	report->blocks_free = survey.blocks_free;
	report->blocks_movable = survey.blocks_movable;
	report->blocks_suspect = survey.blocks_suspect;
	report->blocks_taken = survey.blocks_taken;
	report->survey_ns = now_ns() - run->start_ns;
}

static int run_fill(struct fill_run *run)
{
	const struct sim *sim = run->reservation->sim;
	const struct sim_object *object = run->reservation->object;
	struct cmabulk_fill *fill = run->fill;
	/* An interruption is the next fill's, even one that has nothing to do. */
	int r = run->reservation->is_interrupted ? -EINTR : 0;

	sim_scan_init(&run->scan, &sim->area, object->info.order, object->info.align, fill->effort);
	report_survey(run);
	if (r >= 0)
		r = sim_object_reserve(run->reservation->object, fill->nr_requests);
	if (r >= 0)
		r = fill_ranges(run);
	if (r < 0)
		sim_scan_report_skipped(&run->scan, &sim->area, fill->nr_allocated, &fill->report);
	fill->report.total_ns = now_ns() - run->start_ns;
	return r;
}

static int check_count(const struct backend_reservation *reservation, uint64_t chunks)
{
	unsigned int order = reservation->object->info.order;

	if (chunks > UINT64_MAX >> order)
		return -EOVERFLOW;
	return chunks > reservation->sim->area.pages >> order ? -E2BIG : 0;
}

/* What refuses it, with nothing written. */
static int refuse_fill(const struct backend_reservation *reservation,
		       const struct cmabulk_fill *fill)
{
	const struct sim *sim = reservation->sim;
	const struct cmabulk_buffer_info *info = &reservation->object->info;
	int r;

	if (fill->effort > CMABULK_EFFORT_HARD)
		return -EINVAL;
	if (fill->budget_ns > INT64_MAX)
		return -EOVERFLOW;
	r = check_count(reservation, fill->nr_requests);
	if (r < 0)
		return r;
	if (reservation->is_filling)
		return -EALREADY;
	return fill->nr_requests > (sim->area.pages >> info->order) - info->chunks ? -E2BIG : 0;
}

static int sim_fill(struct backend_reservation *reservation, struct cmabulk_fill *fill)
{
	struct fill_run run = { .reservation = reservation, .fill = fill, .start_ns = now_ns() };
	struct sim *sim = reservation->sim;
	int r;

	lock(sim);
	r = refuse_fill(reservation, fill);
	if (r < 0) {
		unlock(sim);
		return r;
	}
	fill->nr_allocated = 0;
	fill->report = (struct cmabulk_report){ 0 };
	run.deadline_ns = fill->budget_ns ? run.start_ns + fill->budget_ns : UINT64_MAX;
	reservation->is_filling = true;
	r = sim->is_over ? -ENODEV : run_fill(&run);
	fill->total = reservation->object->info.chunks;
	reservation->is_filling = false;
	reservation->is_interrupted = false;
	unlock(sim);
	return r;
}

static void sim_interrupt(struct backend_reservation *reservation)
{
	struct sim *sim = reservation->sim;

	lock(sim);
	reservation->is_interrupted = true;
	pthread_cond_broadcast(&sim->changed);
	unlock(sim);
}

/*
 * Buffers
 */

static int create_memfd(const char *name, uint64_t size, int *ret, uint64_t *ret_inode)
{
	char full_name[sizeof(MEMFD_PREFIX) + CMABULK_BUFFER_NAME_LEN];
	struct stat status;
	int memfd;
	int r = 0;

	g_strlcpy(full_name, MEMFD_PREFIX, sizeof(full_name));
	g_strlcat(full_name, name, sizeof(full_name));
	memfd = memfd_create(full_name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	if (memfd < 0 && errno == EINVAL)
		memfd = memfd_create(full_name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (memfd < 0)
		return -errno;
	/* Its size is a promise, as a dma-buf's is. No memory is taken before it is used. */
	if (ftruncate(memfd, (off_t)size) < 0 ||
	    fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0 ||
	    fstat(memfd, &status) < 0)
		r = -errno;
	if (r < 0) {
		close(memfd);
		return r;
	}
	*ret = memfd;
	*ret_inode = status.st_ino;
	return 0;
}

/* The point of no return: takes nothing that can fail after the watch. */
static int commit_export(struct backend_reservation *reservation, struct sim_object *buffer,
			 uint64_t chunks, int memfd)
{
	struct sim *sim = reservation->sim;
	int watch;

	if (sim->is_over)
		return -ENODEV;
	if (reservation->object->info.chunks < chunks)
		return -ENODATA;
	/* Under the lock: see on_overflow(). */
	watch = sim_release_watch(sim->release, memfd);
	if (watch < 0)
		return watch;
	g_hash_table_insert(sim->watched, GINT_TO_POINTER(watch), buffer);
	sim_books_export(&sim->books, reservation->object, buffer, chunks);
	wake_loop(sim);
	return 0;
}

static int export_object(struct backend_reservation *reservation, uint64_t chunks, const char *name,
			 struct sim_object *buffer, int *ret_memfd)
{
	const struct cmabulk_buffer_info *info = &reservation->object->info;
	struct sim *sim = reservation->sim;
	uint64_t inode = 0;
	int memfd = -1;
	int r;

	buffer->info.reservation = info->id;
	g_strlcpy(buffer->info.name, name, sizeof(buffer->info.name));
	r = sim_object_reserve(buffer, chunks);
	if (r >= 0)
		r = create_memfd(name, chunks * (sim->page_size << info->order), &memfd, &inode);
	if (r < 0)
		return r;
	buffer->info.inode = inode;
	lock(sim);
	r = commit_export(reservation, buffer, chunks, memfd);
	unlock(sim);
	if (r < 0) {
		close(memfd);
		return r;
	}
	*ret_memfd = memfd;
	return 0;
}

static int sim_export(struct backend_reservation *reservation, uint64_t chunks, const char *name,
		      struct backend_buffer *ret)
{
	const struct cmabulk_buffer_info *info = &reservation->object->info;
	struct backend_buffer exported;
	struct sim_object *buffer;
	int r = check_count(reservation, chunks);

	if (chunks == 0 || strlen(name) >= sizeof(info->name))
		return -EINVAL;
	if (r < 0)
		return r;
	buffer = sim_object_new(CMABULK_OBJECT_BUFFER, info->order, info->align, &info->owner);
	if (!buffer)
		return -ENOMEM;
	/* Once it is in the books, it can end at any time. */
	exported.id = buffer->info.id;
	r = export_object(reservation, chunks, name, buffer, &exported.fd);
	if (r < 0) {
		sim_object_free(buffer);
		return r;
	}
	/* Not yet, as long as nobody closed its descriptor. */
	exported.inode = buffer->info.inode;
	*ret = exported;
	return 0;
}

static void end_buffer(struct sim *sim, struct sim_object *buffer)
{
	give_back(sim, buffer);
	sim_books_end(&sim->books, buffer);
	wake_loop(sim);
	sim_object_free(buffer);
}

static void on_released(void *userdata, int watch)
{
	struct sim *sim = userdata;
	struct sim_object *buffer;

	lock(sim);
	buffer = g_hash_table_lookup(sim->watched, GINT_TO_POINTER(watch));
	/* After an overflow it can be known already. */
	if (buffer) {
		g_hash_table_remove(sim->watched, GINT_TO_POINTER(watch));
		end_buffer(sim, buffer);
	}
	unlock(sim);
}

/* Under the lock, so that no buffer is made that the list does not know yet. */
static void on_overflow(void *userdata)
{
	g_autoptr(GHashTable) live = NULL;
	struct sim *sim = userdata;
	GHashTableIter iterator;
	gpointer buffer;
	gpointer watch;

	lock(sim);
	if (sim_release_list(sim->release, &live) >= 0) {
		g_hash_table_iter_init(&iterator, sim->watched);
		while (g_hash_table_iter_next(&iterator, &watch, &buffer))
			if (!g_hash_table_contains(live, watch)) {
				g_hash_table_iter_remove(&iterator);
				end_buffer(sim, buffer);
			}
	}
	unlock(sim);
}

static const struct sim_release_listener release_listener = {
	.released = on_released,
	.overflow = on_overflow,
};

/*
 * Events
 */

static struct sim_event *next_event(struct sim *sim)
{
	struct sim_event *event;

	lock(sim);
	event = sim->is_over ? NULL : sim_books_next_event(&sim->books);
	unlock(sim);
	return event;
}

static int on_wake(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct sim *sim = userdata;
	struct sim_event *event;
	eventfd_t count;

	eventfd_read(fd, &count);
	/* The listener may free the pool. */
	lock(sim);
	sim->references++;
	unlock(sim);
	while ((event = next_event(sim))) {
		sim->backend.listener->event(sim->backend.userdata, event->command, event->sequence,
					     event->id, event->inode, event->pages);
		g_free(event);
	}
	lock(sim);
	unlock_and_unref(sim);
	return 0;
}

/*
 * Making and ending
 */

static void sim_free(struct backend *backend)
{
	struct sim *sim = to_sim(backend);

	sim->wake_source = sd_event_source_disable_unref(sim->wake_source);
	lock(sim);
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
	return sim_release_new(event, &release_listener, sim, &sim->release);
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
