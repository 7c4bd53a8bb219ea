// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the system knows of a device that somebody names. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <glib.h>
#include <libudev.h>

#include "clock.h"
#include "udev-device.h"

#define DEV_DIRECTORY "/dev"
#define DEVICES_PATH  "/sys/devices/"
#define DATABASE_PATH "/run/udev/data"

/*
 * The node's number, whatever it is called. In /dev itself: what is mounted below it, as /dev/shm, is full of
 * what users put there, and only looking at that may take as long as they like.
 */
static int read_number(const char *path, struct stat *ret)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS,
	};
	int directory = open(DEV_DIRECTORY, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int node, r;

	if (directory < 0)
		return -errno;
	node = (int)syscall(SYS_openat2, directory, path + strlen(DEV_DIRECTORY "/"), &how,
			    sizeof(how));
	r = node < 0 ? -errno : 0;
	if (r >= 0 && fstat(node, ret) < 0)
		r = -errno;
	if (node >= 0)
		close(node);
	close(directory);
	return r;
}

/*
 * Where it is in /sys/devices, by its links alone: nothing of the device is read, whatever it is called. NULL: there is
 * none; buses, classes and drivers, which are something like devices to udev, are elsewhere.
 */

static char *resolve(const char *format, ...) __attribute__((format(printf, 1, 2)));

static char *resolve(const char *format, ...)
{
	g_autofree char *path = NULL;
	char *resolved;
	va_list arguments;

	va_start(arguments, format);
	path = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	resolved = realpath(path, NULL);
	if (resolved && g_str_has_prefix(resolved, DEVICES_PATH))
		return resolved;
	free(resolved);
	return NULL;
}

static char *find_by_node(const char *path)
{
	struct stat status = { 0 };

	if (read_number(path, &status) < 0 || !(S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)))
		return NULL;
	return resolve("/sys/dev/%s/%u:%u", S_ISBLK(status.st_mode) ? "block" : "char",
		       major(status.st_rdev), minor(status.st_rdev));
}

static char *find_by_name(const struct device_text *text)
{
	char *path = resolve("/sys/bus/%s/devices/%s", text->subsystem, text->sysname);

	return path ? path : resolve("/sys/class/%s/%s", text->subsystem, text->sysname);
}

static char *find(const struct device_text *text)
{
	switch (text->form) {
	case DEVICE_NODE:
		return find_by_node(text->text);
	case DEVICE_SYSPATH:
		return resolve("%s", text->text);
	case DEVICE_SYSNAME:
		return find_by_name(text);
	case DEVICE_NAME:
		break;
	}
	return NULL;
}

static char **copy_links(struct udev_device *device)
{
	GPtrArray *links = g_ptr_array_new();
	struct udev_list_entry *entry;

	udev_list_entry_foreach(entry, udev_device_get_devlinks_list_entry(device))
	{
		g_ptr_array_add(links, g_strdup(udev_list_entry_get_name(entry)));
	}
	g_ptr_array_add(links, NULL);
	return (char **)g_ptr_array_free(links, FALSE);
}

static void read_facts(struct udev_device *device, struct device_facts *ret)
{
	*ret = (struct device_facts){
		.node = g_strdup(udev_device_get_devnode(device)),
		.links = copy_links(device),
		.syspath = g_strdup(udev_device_get_syspath(device)),
		.subsystem = g_strdup(udev_device_get_subsystem(device)),
		.sysname = g_strdup(udev_device_get_sysname(device)),
		.pools = g_strdup(udev_device_get_property_value(device, UDEV_POOLS_PROPERTY)),
	};
}

/* The driver is asked for some of it. */
static int read_device(const char *syspath, struct device_facts *ret)
{
	struct udev *udev = udev_new();
	struct udev_device *device;
	int r = -ENODEV;

	if (!udev)
		return -ENOMEM;
	device = udev_device_new_from_syspath(udev, syspath);
	if (device) {
		read_facts(device, ret);
		r = 0;
	}
	udev_device_unref(device);
	udev_unref(udev);
	return r;
}

/* Each record that udevd writes is another file. Of two in one tick of the clock it may be the first. */
static uint64_t read_version(void)
{
	struct stat status;

	if (stat(DATABASE_PATH, &status) < 0)
		return 0;
	return (uint64_t)status.st_mtim.tv_sec * NSEC_PER_SEC + (uint64_t)status.st_mtim.tv_nsec;
}

static int look_up(struct device_cache *cache, const char *syspath, uint64_t now_usec,
		   struct device_facts *ret)
{
	uint64_t version = read_version();
	int r;

	if (device_cache_find(cache, syspath, version, now_usec, ret))
		return 0;
	r = read_device(syspath, ret);
	if (r >= 0)
		device_cache_put(cache, ret, version, now_usec);
	return r;
}

int udev_device_find(struct device_cache *cache, const struct device_text *text, uint64_t now_usec,
		     struct device_facts *ret)
{
	char *syspath = find(text);
	struct device_facts facts;
	int r = syspath ? look_up(cache, syspath, now_usec, &facts) : -ENODEV;

	free(syspath);
	if (r < 0)
		return r;
	/* Of a bus and a class of one name it may be the other one's. */
	if (text->form == DEVICE_SYSNAME && g_strcmp0(facts.subsystem, text->subsystem) != 0) {
		device_facts_clear(&facts);
		return -ENODEV;
	}
	*ret = facts;
	return 0;
}
