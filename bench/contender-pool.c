/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The module's ioctls, and what uses them: the library and the daemon. */
#include <cmabulk.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/cmabulk.h>
#include <linux/dma-buf.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "contender.h"
#include "lib/books.h"
#include "lib/machine.h"
#include "lib/pool.h"

/* Round trips, of which the median is taken. */
#define PINGS 51

/* Waits until all of it is zero, helping with that. */
static void wait_until_zero(int buffer)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };
	int ret;

	do
		ret = pool_ioctl(buffer, DMA_BUF_IOCTL_SYNC, &sync);
	while (ret == -EAGAIN || ret == -EINTR);
	g_assert_cmpint(ret, ==, 0);
	sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW;
	g_assert_cmpint(pool_ioctl(buffer, DMA_BUF_IOCTL_SYNC, &sync), ==, 0);
}

static void close_pool(int pool)
{
	books_settled(pool);
	close(pool);
}

/* Adds what a FILL says of itself. */
static void add_report(struct outcome *outcome, const struct cmabulk_report *report)
{
	outcome->ranges += report->ranges_tried;
	outcome->survey += report->survey_ns;
	outcome->plan += report->plan_ns;
	outcome->drain += report->drain_ns;
	outcome->claim += report->claim_ns;
}

/* FILL of one effort; then all in one buffer, to see when it is zero. */
static void fill_within(const struct contender *contender, const struct task *task, guint64 budget,
			struct outcome *ret)
{
	int pool = pool_open(POOL_MEDIA), reservation, buffer;
	struct cmabulk_fill fill;
	guint64 migrated;
	gint64 start;

	reservation = reservation_new(pool, task->order, 0);
	migrated = migrated_pages();
	start = machine_now();
	ret->error = reservation_fill(reservation, (enum cmabulk_effort)contender->detail,
				      task->wanted, budget, &fill);
	outcome_owned(ret, start, migrated);
	ret->got = fill.nr_allocated;
	ret->fill = ret->own;
	ret->budget = budget;
	add_report(ret, &fill.report);
	start = machine_now();
	if (ret->got) {
		buffer = reservation_export(reservation, ret->got, O_RDWR | O_CLOEXEC, "bench",
					    NULL);
		g_assert_cmpint(buffer, >=, 0);
		wait_until_zero(buffer);
		close(buffer);
	}
	ret->ready = ret->own + (guint64)(machine_now() - start);
	close(reservation);
	close_pool(pool);
}

void run_fill(const struct contender *contender, struct scene *scene, const struct task *task,
	      struct outcome *ret)
{
	fill_within(contender, task, 0, ret);
}

void run_fill_in_time(const struct contender *contender, struct scene *scene,
		      const struct task *task, struct outcome *ret)
{
	fill_within(contender, task, task->budget, ret);
}

/* With rising effort, as the library does. */
static void fill_all(int reservation, guint64 wanted, struct outcome *ret)
{
	struct cmabulk_fill fill;

	for (int effort = CMABULK_EFFORT_FAST; effort <= CMABULK_EFFORT_HARD; effort++) {
		gint64 start = machine_now();

		ret->error = reservation_fill(reservation, (enum cmabulk_effort)effort,
					      wanted - ret->got, 0, &fill);
		ret->fill += (guint64)(machine_now() - start);
		add_report(ret, &fill.report);
		ret->got = fill.total;
		if (ret->error != -EBUSY)
			return;
	}
}

/* RESERVE, FILL, EXPORT; returns how many buffers were made. */
static guint make_buffers(int pool, const struct task *task, int *buffers, struct outcome *ret)
{
	int reservation = reservation_new(pool, task->order, 0);
	guint made = 0;

	fill_all(reservation, task->wanted, ret);
	for (guint64 left = ret->got; left; made++) {
		guint64 share = left / (task->buffers - made);

		buffers[made] = reservation_export(reservation, MAX(share, 1), O_RDWR | O_CLOEXEC,
						   "bench", NULL);
		g_assert_cmpint(buffers[made], >=, 0);
		left -= MAX(share, 1);
	}
	close(reservation);
	return made;
}

void run_total(const struct contender *contender, struct scene *scene, const struct task *task,
	       struct outcome *ret)
{
	g_autofree int *buffers = g_new(int, task->buffers);
	int pool = pool_open(POOL_MEDIA);
	guint64 migrated = migrated_pages();
	gint64 start = machine_now();
	guint made = make_buffers(pool, task, buffers, ret);

	/* One clock, as zeroing goes on all the time; what was moved takes long to read. */
	ret->own = (guint64)(machine_now() - start);
	for (guint i = 0; i < made; i++)
		wait_until_zero(buffers[i]);
	ret->ready = (guint64)(machine_now() - start);
	ret->migrated = migrated_pages() - migrated;
	while (made)
		close(buffers[--made]);
	close_pool(pool);
}

/* One chunk at a time, zeroed, as the heap does it. */
void run_total_series(const struct contender *contender, struct scene *scene,
		      const struct task *task, struct outcome *ret)
{
	const struct task one = { .order = task->order, .wanted = 1, .buffers = 1 };
	int pool = pool_open(POOL_MEDIA), buffer;
	guint64 migrated = migrated_pages();
	gint64 start = machine_now();

	for (guint i = 0; i < task->calls && !ret->error; i++) {
		struct outcome outcome = { 0 };

		make_buffers(pool, &one, &buffer, &outcome);
		ret->error = outcome.error;
		ret->fill += outcome.fill;
		ret->ranges += outcome.ranges;
		if (outcome.error)
			break;
		ret->got++;
		wait_until_zero(buffer);
		close(buffer);
	}
	outcome_owned(ret, start, migrated);
	ret->ready = ret->own;
	close_pool(pool);
}

void run_release(const struct contender *contender, struct scene *scene, const struct task *task,
		 struct outcome *ret)
{
	g_autofree int *buffers = g_new(int, task->buffers);
	int pool = pool_open(POOL_MEDIA);
	guint made = make_buffers(pool, task, buffers, ret);
	gint64 start;

	for (guint i = 0; i < made; i++)
		wait_until_zero(buffers[i]);
	start = machine_now();
	while (made)
		close(buffers[--made]);
	ret->own = (guint64)(machine_now() - start);
	books_settled(pool);
	ret->ready = (guint64)(machine_now() - start);
	close(pool);
}

/* One connection for all runs: it is warm then. */
static struct cmabulk_connection *daemon_connection(void)
{
	static struct cmabulk_connection *connection;

	if (!connection && cmabulk_connection_open(&connection) < 0)
		g_error("no connection to cmabulkd");
	return connection;
}

static guint64 timeout_of(const struct task *task)
{
	return task->limit ? MAX(task->limit / 1000, 1) : CMABULK_REQUEST_TIMEOUT_INFINITE;
}

static struct cmabulk_request *daemon_request(const struct task *task)
{
	struct cmabulk_request *request;

	g_assert_cmpint(cmabulk_request_new(&request), ==, 0);
	g_assert_cmpint(cmabulk_request_set_pool(request, POOL_MEDIA), ==, 0);
	g_assert_cmpint(cmabulk_request_set_order(request, task->order), ==, 0);
	g_assert_cmpint(cmabulk_request_set_count(request, task->wanted), ==, 0);
	g_assert_cmpint(cmabulk_request_set_buffers(request, task->buffers), ==, 0);
	g_assert_cmpint(cmabulk_request_set_minimum(request, 1), ==, 0);
	g_assert_cmpint(cmabulk_request_set_timeout(request, timeout_of(task)), ==, 0);
	return request;
}

void run_daemon(const struct contender *contender, struct scene *scene, const struct task *task,
		struct outcome *ret)
{
	struct cmabulk_connection *connection = daemon_connection();
	struct cmabulk_request *request = daemon_request(task);
	struct cmabulk_allocation *allocation = NULL;
	struct cmabulk_buffer *buffer;
	int pool = pool_open(POOL_MEDIA), r;
	struct outcome unused;
	guint64 migrated;
	gint64 start;

	/* As warm as the round trips that it is compared with, which are made in a row. */
	run_ping(NULL, NULL, NULL, &unused);
	migrated = migrated_pages();
	start = machine_now();
	r = cmabulk_connection_allocate(connection, request, &allocation);
	ret->own = (guint64)(machine_now() - start);
	if (r < 0)
		g_error("allocating %" G_GUINT64_FORMAT " chunks through cmabulkd: %s",
			task->wanted, cmabulk_connection_get_error_message(connection));
	for (unsigned int i = 0; (buffer = cmabulk_allocation_get_buffer(allocation, i)); i++)
		wait_until_zero(cmabulk_buffer_get_fd(buffer));
	ret->ready = (guint64)(machine_now() - start);
	ret->migrated = migrated_pages() - migrated;
	ret->got = cmabulk_allocation_get_granted(allocation);
	ret->error = r ? -EBUSY : 0;
	cmabulk_allocation_unref(allocation);
	cmabulk_request_unref(request);
	close_pool(pool);
}

static int compare_times(const void *left, const void *right)
{
	const guint64 *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

void run_ping(const struct contender *contender, struct scene *scene, const struct task *task,
	      struct outcome *ret)
{
	static sd_bus *bus;
	guint64 times[PINGS];

	if (!bus)
		g_assert_cmpint(sd_bus_open_system(&bus), >=, 0);
	/* What the daemon asked meanwhile, to know that its answers are read. */
	while (sd_bus_process(bus, NULL) > 0)
		;
	for (int i = 0; i < PINGS; i++) {
		gint64 start = machine_now();

		g_assert_cmpint(sd_bus_call_method(bus, "org.cmabulk1", "/org/cmabulk1",
						   "org.freedesktop.DBus.Peer", "Ping", NULL, NULL,
						   NULL),
				>=, 0);
		times[i] = (guint64)(machine_now() - start);
	}
	qsort(times, PINGS, sizeof(times[0]), compare_times);
	ret->own = times[PINGS / 2];
	ret->ready = ret->own;
}
