/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which pools there are: the devices of the module's class, and how they come and go.
 * The event loop's thread only.
 */
#ifndef CMABULKD_UDEV_H
#define CMABULKD_UDEV_H

#include <systemd/sd-event.h>

/* The module's class: /dev/cmabulk/NAME is a device NAME of it. */
#define UDEV_SUBSYSTEM "cmabulk"

/* Called on the loop, never from inside a call here; may stop it. */
struct udev_listener {
	/*
	 * Those that are there at the beginning, too; and again one that was told before, as whoever had the
	 * name may have gone since, unheard.
	 */
	void (*added)(void *userdata, const char *name);
	/* Of each that was added once. */
	void (*removed)(void *userdata, const char *name);
};

struct udev_watch;

int udev_watch_start(sd_event *event, const char *subsystem, const struct udev_listener *listener,
		     void *userdata, struct udev_watch **ret);
/* Takes NULL. */
struct udev_watch *udev_watch_stop(struct udev_watch *source);

#endif
