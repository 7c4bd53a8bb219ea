// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which pools there are, and how they come and go. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <glib.h>
#include <libudev.h>

#include "udev.h"

/*
 * Exists while a udevd serves this system: libudev itself looks there, see
 * udev_monitor_new_from_netlink().
 */
#define UDEV_CONTROL "/run/udev/control"

struct udev_watch {
	struct udev *udev;
	struct udev_monitor *monitor;
	sd_event_source *source;
	sd_event_source *first; /* the first enumeration */
	char *subsystem;
	bool has_udevd;
	const struct udev_listener *listener;
	void *userdata;
	GHashTable *names; /* of what is there, as was told */
	unsigned int references; /* the owner's, and the callback that runs */
	bool is_stopped;
};

static void source_unref(struct udev_watch *source)
{
	if (--source->references > 0)
		return;
	sd_event_source_disable_unref(source->first);
	sd_event_source_disable_unref(source->source);
	udev_monitor_unref(source->monitor);
	udev_unref(source->udev);
	g_hash_table_unref(source->names);
	g_free(source->subsystem);
	g_free(source);
}

/*
 * Telling
 */

/* Also of what was told before: a namesake may have taken its place since, unheard. */
static void tell_added(struct udev_watch *source, const char *name)
{
	if (source->is_stopped)
		return;
	g_hash_table_add(source->names, g_strdup(name));
	source->listener->added(source->userdata, name);
}

static void tell_removed(struct udev_watch *source, const char *name)
{
	/* By value: it can be the table's own. */
	g_autofree char *copy = g_strdup(name);

	if (source->is_stopped || !g_hash_table_remove(source->names, copy))
		return;
	source->listener->removed(source->userdata, copy);
}

/*
 * Names of all there are now. With a udevd only what it is done with: before, the node may
 * change hands.
 */
static GHashTable *enumerate(struct udev_watch *source)
{
	GHashTable *names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	struct udev_enumerate *found = udev_enumerate_new(source->udev);
	struct udev_list_entry *entry;

	if (!found)
		return names;
	udev_enumerate_add_match_subsystem(found, source->subsystem);
	if (source->has_udevd)
		udev_enumerate_add_match_is_initialized(found);
	udev_enumerate_scan_devices(found);
	udev_list_entry_foreach(entry, udev_enumerate_get_list_entry(found))
	{
		const char *path = udev_list_entry_get_name(entry);
		struct udev_device *device = udev_device_new_from_syspath(source->udev, path);

		/* It may be gone since. */
		if (device)
			g_hash_table_add(names, g_strdup(udev_device_get_sysname(device)));
		udev_device_unref(device);
	}
	udev_enumerate_unref(found);
	return names;
}

static GPtrArray *missing_in(GHashTable *names, GHashTable *others)
{
	GPtrArray *missing = g_ptr_array_new_with_free_func(g_free);
	GHashTableIter iterator;
	gpointer name;

	g_hash_table_iter_init(&iterator, names);
	while (g_hash_table_iter_next(&iterator, &name, NULL))
		if (!g_hash_table_contains(others, name))
			g_ptr_array_add(missing, g_strdup(name));
	return missing;
}

/* Tell what went since the last time, and all that is there, whatever the monitor did or did not say. */
static void scan(struct udev_watch *source)
{
	g_autoptr(GHashTable) now = enumerate(source);
	g_autoptr(GPtrArray) gone = missing_in(source->names, now);
	GHashTableIter iterator;
	gpointer name;

	for (guint i = 0; i < gone->len; i++)
		tell_removed(source, gone->pdata[i]);
	g_hash_table_iter_init(&iterator, now);
	while (g_hash_table_iter_next(&iterator, &name, NULL))
		tell_added(source, name);
}

static void tell(struct udev_watch *source, struct udev_device *device)
{
	const char *action = udev_device_get_action(device);
	const char *name = udev_device_get_sysname(device);

	if (!action || !name)
		return;
	/* Any action but one says that it is there; the first may have been missed. */
	if (strcmp(action, "remove") == 0)
		tell_removed(source, name);
	else
		tell_added(source, name);
}

/*
 * The loop
 */

static int on_first(sd_event_source *event_source, void *userdata)
{
	struct udev_watch *source = userdata;

	source->references++;
	scan(source);
	source_unref(source);
	return 0;
}

static int on_readable(sd_event_source *event_source, int fd, uint32_t events, void *userdata)
{
	struct udev_watch *source = userdata;
	struct udev_device *device;

	source->references++;
	errno = 0;
	device = udev_monitor_receive_device(source->monitor);
	if (device)
		tell(source, device);
	else if (errno == ENOBUFS)
		scan(source);
	udev_device_unref(device);
	source_unref(source);
	return 0;
}

/*
 * "udev" sends what udevd is done with: the node has its owner by then. Where no udevd runs
 * nobody sends there, and libudev does not even listen; the kernel tells in any case, and
 * devtmpfs made the node before.
 */
static int listen_to(struct udev_watch *source)
{
	int r;

	source->has_udevd = access(UDEV_CONTROL, F_OK) == 0;
	source->monitor =
		udev_monitor_new_from_netlink(source->udev, source->has_udevd ? "udev" : "kernel");
	if (!source->monitor)
		return errno > 0 ? -errno : -ENOMEM;
	r = udev_monitor_filter_add_match_subsystem_devtype(source->monitor, source->subsystem,
							    NULL);
	if (r >= 0)
		r = udev_monitor_enable_receiving(source->monitor);
	return r;
}

static int start(struct udev_watch *source, sd_event *event)
{
	int r;

	source->udev = udev_new();
	if (!source->udev)
		return -ENOMEM;
	/* Before the first enumeration, so that nothing comes unseen between them. */
	r = listen_to(source);
	if (r >= 0)
		r = sd_event_add_io(event, &source->source, udev_monitor_get_fd(source->monitor),
				    EPOLLIN, on_readable, source);
	if (r >= 0)
		r = sd_event_add_defer(event, &source->first, on_first, source);
	if (r < 0)
		return r;
	sd_event_source_set_description(source->source, "udev");
	sd_event_source_set_description(source->first, "udev-first");
	return 0;
}

int udev_watch_start(sd_event *event, const char *subsystem, const struct udev_listener *listener,
		     void *userdata, struct udev_watch **ret)
{
	struct udev_watch *source = g_new0(struct udev_watch, 1);
	int r;

	source->references = 1;
	source->subsystem = g_strdup(subsystem);
	source->listener = listener;
	source->userdata = userdata;
	source->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	r = start(source, event);
	if (r < 0) {
		source_unref(source);
		return r;
	}
	*ret = source;
	return 0;
}

struct udev_watch *udev_watch_stop(struct udev_watch *source)
{
	if (!source)
		return NULL;
	source->is_stopped = true;
	sd_event_source_set_enabled(source->source, SD_EVENT_OFF);
	sd_event_source_set_enabled(source->first, SD_EVENT_OFF);
	source_unref(source);
	return NULL;
}
