// SPDX-License-Identifier: LGPL-2.1-or-later
/* A pool of the module: its device, and its events. See cmabulk(4). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib.h>

#include "backend.h"
#include "netlink.h"
#include "order.h"

#define DEVICE_DIRECTORY "/dev/cmabulk"

/* Objects that may appear between counting and listing them without another round. */
#define SNAPSHOT_SLACK 16
/* More than a kernel can hold, so that a number gone mad allocates nothing mad. */
#define SNAPSHOT_LIMIT (UINT32_C(1) << 24)

struct kmod {
	struct backend backend;
	int device;
	struct netlink_subscription *subscription;
	struct event_order order;
	/* The loop's. */
	bool has_told; /* an event, since it was opened */
	bool is_gone;
	bool is_over; /* another pool has the name now */
};

struct backend_reservation {
	int fd;
	pthread_mutex_t lock; /* all that follows */
	bool is_filling;
	bool is_interrupted; /* the fill that comes next */
	uint64_t held; /* chunks, as FILL and EXPORT say */
};

static struct kmod *to_kmod(struct backend *backend)
{
	return (struct kmod *)backend;
}

static int call(int fd, unsigned long request, void *argument)
{
	if (ioctl(fd, request, argument) >= 0)
		return 0;
	/* A node that is not the module's. */
	return errno == ENOTTY ? -EPROTO : -errno;
}

/*
 * The device
 */

static int kmod_query(struct backend *backend, struct cmabulk_query *ret)
{
	struct cmabulk_query query = { .size = sizeof(query) };
	int r = call(to_kmod(backend)->device, CMABULK_IOC_QUERY, &query);

	if (r < 0)
		return r;
	query.name[sizeof(query.name) - 1] = '\0';
	query.area[sizeof(query.area) - 1] = '\0';
	*ret = query;
	return 0;
}

static int kmod_survey(struct backend *backend, struct cmabulk_survey *ret)
{
	struct cmabulk_survey survey = { .size = sizeof(survey) };
	int r = call(to_kmod(backend)->device, CMABULK_IOC_SURVEY, &survey);

	if (r < 0)
		return r;
	*ret = survey;
	return 0;
}

/* -ENOSPC: more than *capacity, which then says how many. */
static int list_objects(int device, uint64_t *capacity, struct backend_snapshot *ret)
{
	g_autofree struct cmabulk_buffer_info *entries = NULL;
	struct cmabulk_buffers buffers = {
		.size = sizeof(buffers),
		.entry_size = sizeof(*entries),
		.capacity = (uint32_t)*capacity,
	};
	int r;

	entries = calloc(*capacity, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	buffers.entries = (uint64_t)(uintptr_t)entries;
	r = call(device, CMABULK_IOC_BUFFERS, &buffers);
	if (r == -ENOSPC)
		*capacity = MAX(buffers.count, *capacity);
	if (r < 0)
		return r;
	if (buffers.count > *capacity)
		return -EPROTO;
	*ret = (struct backend_snapshot){
		.entries = g_steal_pointer(&entries),
		.count = buffers.count,
		.sequence = buffers.sequence,
		.states = buffers.states,
	};
	return 0;
}

static int kmod_snapshot(struct backend *backend, struct backend_snapshot *ret)
{
	struct kmod *kmod = to_kmod(backend);
	struct backend_snapshot snapshot;
	uint64_t capacity = 0;
	int r;

	do {
		capacity += SNAPSHOT_SLACK;
		if (capacity > SNAPSHOT_LIMIT)
			return -EOVERFLOW;
		r = list_objects(kmod->device, &capacity, &snapshot);
	} while (r == -ENOSPC);
	if (r < 0)
		return r;
	event_order_snapshot(&kmod->order, snapshot.sequence);
	*ret = snapshot;
	return 0;
}

/*
 * Reservations
 */

static int kmod_reserve(struct backend *backend, const struct cmabulk_owner *owner,
			unsigned int order, unsigned int align, struct backend_reservation **ret,
			uint64_t *ret_id)
{
	g_autofree struct backend_reservation *reservation = calloc(1, sizeof(*reservation));
	struct cmabulk_reserve reserve = {
		.size = sizeof(reserve),
		.flags = O_CLOEXEC,
		.order = order,
		.align = align,
		.fd = -1,
		.owner = *owner,
	};
	int r;

	if (!reservation)
		return -ENOMEM;
	r = call(to_kmod(backend)->device, CMABULK_IOC_RESERVE, &reserve);
	if (r < 0)
		return r;
	reservation->fd = reserve.fd;
	pthread_mutex_init(&reservation->lock, NULL);
	*ret_id = reserve.id;
	*ret = g_steal_pointer(&reservation);
	return 0;
}

/* Returns whether it may begin: not when it was interrupted before. */
static bool begin_filling(struct backend_reservation *reservation, struct cmabulk_fill *fill)
{
	bool begins;

	pthread_mutex_lock(&reservation->lock);
	begins = !reservation->is_interrupted;
	reservation->is_interrupted = false;
	reservation->is_filling = begins;
	fill->total = reservation->held;
	pthread_mutex_unlock(&reservation->lock);
	return begins;
}

static void end_filling(struct backend_reservation *reservation, uint64_t added)
{
	pthread_mutex_lock(&reservation->lock);
	reservation->is_filling = false;
	reservation->held += added;
	pthread_mutex_unlock(&reservation->lock);
}

/* What FILL returns with its outputs filled in; all else writes nothing. */
static bool has_outputs(int result)
{
	switch (result) {
	case 0:
	case -EBUSY:
	case -EINTR:
	case -ENODEV:
	case -ENOMEM:
	case -ETIME:
		return true;
	default:
		return false;
	}
}

static int kmod_fill(struct backend_reservation *reservation, struct cmabulk_fill *fill)
{
	struct cmabulk_fill filled = {
		.size = sizeof(filled),
		.effort = fill->effort,
		.nr_requests = fill->nr_requests,
		.budget_ns = fill->budget_ns,
	};
	int r = -EINTR;

	if (begin_filling(reservation, &filled)) {
		uint64_t total = filled.total;

		r = call(reservation->fd, CMABULK_IOC_FILL, &filled);
		/*
		 * Refused before it was looked at: what the kernel may have written is no
		 * result.
		 */
		if (!has_outputs(r)) {
			filled.nr_allocated = 0;
			filled.total = total;
			filled.report = (struct cmabulk_report){ 0 };
		}
		end_filling(reservation, filled.nr_allocated);
	}
	*fill = filled;
	return r;
}

/*
 * Before a fill has reached the ioctl the flag stops it, after that INTERRUPT, which the kernel
 * remembers for a FILL about to begin. One that comes when there is none is for the next.
 */
static void kmod_interrupt(struct backend_reservation *reservation)
{
	pthread_mutex_lock(&reservation->lock);
	if (reservation->is_filling)
		/* -ENODEV: the pool is gone, and its fills with it. */
		ioctl(reservation->fd, CMABULK_IOC_INTERRUPT);
	else
		reservation->is_interrupted = true;
	pthread_mutex_unlock(&reservation->lock);
}

static int kmod_export(struct backend_reservation *reservation, uint64_t chunks, const char *name,
		       struct backend_buffer *ret)
{
	struct cmabulk_export export = {
		.size = sizeof(export),
		.nr_chunks = chunks,
		.fd_flags = O_RDWR | O_CLOEXEC,
		.fd = -1,
	};
	int r;

	if (g_strlcpy(export.name, name, sizeof(export.name)) >= sizeof(export.name))
		return -EINVAL;
	r = call(reservation->fd, CMABULK_IOC_EXPORT, &export);
	if (r < 0)
		return r;
	pthread_mutex_lock(&reservation->lock);
	reservation->held -= MIN(chunks, reservation->held);
	pthread_mutex_unlock(&reservation->lock);
	*ret = (struct backend_buffer){
		.fd = export.fd,
		.id = export.id,
		.inode = export.inode,
	};
	return 0;
}

static void kmod_close(struct backend_reservation *reservation)
{
	if (!reservation)
		return;
	close(reservation->fd);
	pthread_mutex_destroy(&reservation->lock);
	free(reservation);
}

/*
 * Events
 */

static void on_lost(void *userdata)
{
	struct kmod *kmod = userdata;

	/*
	 * Before the first snapshot nobody was promised any; once it is gone there is none to
	 * take.
	 */
	if (event_order_lost(&kmod->order) && !kmod->is_gone)
		kmod->backend.listener->lost(kmod->backend.userdata);
}

/*
 * A pool can have had a namesake, whose last events are still in the socket when it is opened;
 * all of those come before our POOL_ADDED. It is only ours to mourn when the device says so,
 * too.
 */
static bool is_ours(struct kmod *kmod, const struct netlink_event *event)
{
	struct cmabulk_query query;

	switch (event->command) {
	case CMABULK_CMD_POOL_ADDED:
		/* After our end this is the namesake's, and all that follows. */
		kmod->is_over = kmod->is_gone;
		return false;
	case CMABULK_CMD_POOL_REMOVED:
		return !kmod->is_gone && kmod_query(&kmod->backend, &query) == -ENODEV;
	default:
		return true;
	}
}

/* A call of the listener is the last that each path does: it may free the backend. */
static void on_event(void *userdata, const struct netlink_event *event)
{
	struct kmod *kmod = userdata;
	const struct backend_listener *listener = kmod->backend.listener;
	enum event_news news;

	if (kmod->is_over)
		return;
	if (event->command == CMABULK_CMD_POOL_ADDED && kmod->has_told && !kmod->is_gone) {
		/* That was the namesake's. */
		kmod->has_told = false;
		on_lost(kmod);
		return;
	}
	news = event_order_next(&kmod->order, event->sequence);
	if (!is_ours(kmod, event))
		return;
	if (event->command == CMABULK_CMD_POOL_REMOVED) {
		kmod->is_gone = true;
		listener->gone(kmod->backend.userdata);
	} else if (news == EVENT_NEW) {
		kmod->has_told = true;
		listener->event(kmod->backend.userdata, event->command, event->sequence, event->id,
				event->inode, event->pages);
	} else if (news == EVENT_GAP && !kmod->is_gone) {
		listener->lost(kmod->backend.userdata);
	}
}

static const struct netlink_listener netlink_listener = {
	.event = on_event,
	.lost = on_lost,
};

/*
 * Opening
 */

static void kmod_free(struct backend *backend)
{
	struct kmod *kmod = to_kmod(backend);

	netlink_unsubscribe(kmod->subscription);
	event_order_destroy(&kmod->order);
	if (kmod->device >= 0)
		close(kmod->device);
	free(kmod);
}

static const struct backend_ops kmod_ops = {
	.kind = "kmod",
	.query = kmod_query,
	.survey = kmod_survey,
	.snapshot = kmod_snapshot,
	.reserve = kmod_reserve,
	.fill = kmod_fill,
	.interrupt = kmod_interrupt,
	.export = kmod_export,
	.close = kmod_close,
	.free = kmod_free,
};

static int open_device(const char *name, int *ret)
{
	char path[sizeof(DEVICE_DIRECTORY "/") + CMABULK_POOL_NAME_LEN];
	struct stat status;
	int device;

	snprintf(path, sizeof(path), DEVICE_DIRECTORY "/%s", name);
	do {
		device = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
	} while (device < 0 && errno == EINTR);
	if (device < 0) {
		/* A node whose pool has just gone is as good as none. */
		if (errno == ENOENT || errno == ENOTDIR || errno == ENODEV)
			return -ENXIO;
		return -errno;
	}
	if (fstat(device, &status) < 0 || !S_ISCHR(status.st_mode)) {
		close(device);
		return -EPROTO;
	}
	*ret = device;
	return 0;
}

/* Is it what we know how to talk to, and under the name that its events carry? */
static int check_device(struct kmod *kmod)
{
	struct cmabulk_query query;
	int r = kmod_query(&kmod->backend, &query);

	if (r == -ENODEV)
		return -ENXIO;
	if (r < 0)
		return r;
	if (query.abi_version == 0 || query.page_size == 0 || query.pages == 0 ||
	    query.max_order >= 64 || query.order_per_bit > query.max_order ||
	    strcmp(query.name, kmod->backend.name) != 0)
		return -EPROTO;
	return 0;
}

static bool name_is_valid(const char *name)
{
	size_t length = strlen(name);

	return length > 0 && length < CMABULK_POOL_NAME_LEN && name[0] != '.' && !strchr(name, '/');
}

int backend_kmod_open(const char *name, sd_event *event, const struct backend_listener *listener,
		      void *userdata, struct backend **ret)
{
	struct kmod *kmod;
	int r;

	if (!name_is_valid(name))
		return -ENXIO;
	kmod = calloc(1, sizeof(*kmod));
	if (!kmod)
		return -ENOMEM;
	kmod->backend = (struct backend){
		.ops = &kmod_ops,
		.listener = listener,
		.userdata = userdata,
	};
	g_strlcpy(kmod->backend.name, name, sizeof(kmod->backend.name));
	event_order_init(&kmod->order);
	kmod->device = -1;
	r = open_device(name, &kmod->device);
	if (r >= 0)
		r = check_device(kmod);
	/* Before any snapshot can be taken: what comes after one is heard of for certain. */
	if (r >= 0)
		r = netlink_subscribe(event, name, &netlink_listener, kmod, &kmod->subscription);
	if (r < 0) {
		kmod_free(&kmod->backend);
		return r;
	}
	*ret = &kmod->backend;
	return 0;
}
