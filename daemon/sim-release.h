/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Learns when the last reference to a memfd is gone, without having one.
 *
 * A memfd's inode has no link, so the kernel sends IN_DELETE_SELF when its dentry goes, which
 * every open description of the file holds: descriptors in any process, duplicates, descriptors
 * in flight in a socket, mappings, O_PATH descriptors. What does not hold the file, only pages
 * of it, goes unnoticed: a udmabuf made from it, or pages spliced or pinned by some other
 * means. The pages are the kernel's to account for then; a simulated pool has none.
 *
 * Watches count against fs.inotify.max_user_watches, and instances (one per pool) against
 * fs.inotify.max_user_instances, of the daemon's user.
 */
#ifndef CMABULKD_SIM_RELEASE_H
#define CMABULKD_SIM_RELEASE_H

#include <glib.h>
#include <systemd/sd-event.h>

struct sim_release;

/* Called on the loop, never from inside a call. */
struct sim_release_listener {
	void (*released)(void *userdata, int watch);
	/* Some releases were missed: sim_release_list() tells what still lives. */
	void (*overflow)(void *userdata);
};

int sim_release_new(sd_event *event, const struct sim_release_listener *listener, void *userdata,
		    struct sim_release **ret);
/* Takes NULL. */
struct sim_release *sim_release_free(struct sim_release *release);

/* Any thread. The watch's number, for which released() will be called; or negative errno. */
int sim_release_watch(struct sim_release *release, int memfd);
/* One thread at a time. All watches that live, as a set of GINT_TO_POINTER(). -EIO */
int sim_release_list(struct sim_release *release, GHashTable **ret);

#endif
