// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the system knows of a device that somebody names. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <glib.h>
#include <libudev.h>

#include "udev-device.h"

#define DEV_DIRECTORY "/dev"
#define DEVICES_PATH  "/sys/devices/"

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

static struct udev_device *find_by_node(struct udev *udev, const char *path)
{
	struct stat status = { 0 };

	if (read_number(path, &status) < 0 || !(S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)))
		return NULL;
	return udev_device_new_from_devnum(udev, S_ISBLK(status.st_mode) ? 'b' : 'c',
					   status.st_rdev);
}

static struct udev_device *find(struct udev *udev, const struct device_text *text)
{
	switch (text->form) {
	case DEVICE_NODE:
		return find_by_node(udev, text->text);
	case DEVICE_SYSPATH:
		return udev_device_new_from_syspath(udev, text->text);
	case DEVICE_SYSNAME:
		return udev_device_new_from_subsystem_sysname(udev, text->subsystem, text->sysname);
	case DEVICE_NAME:
		break;
	}
	return NULL;
}

/* Buses, classes and drivers are something like devices to udev. */
static bool is_device(struct udev_device *device, const struct device_text *text)
{
	if (!g_str_has_prefix(udev_device_get_syspath(device), DEVICES_PATH))
		return false;
	return text->form != DEVICE_SYSNAME ||
	       g_strcmp0(udev_device_get_subsystem(device), text->subsystem) == 0;
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

int udev_device_find(const struct device_text *text, struct device_facts *ret)
{
	struct udev *udev = udev_new();
	struct udev_device *device;
	int r = -ENODEV;

	if (!udev)
		return -ENOMEM;
	device = find(udev, text);
	if (device && is_device(device, text)) {
		read_facts(device, ret);
		r = 0;
	}
	udev_device_unref(device);
	udev_unref(udev);
	return r;
}
