// SPDX-License-Identifier: LGPL-2.1-or-later
/* Learns by inotify when the last reference to a memfd is gone. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sim-release.h"

struct sim_release {
	int inotify;
	FILE *list; /* open all the time: there may be no descriptor left when it is needed */
	sd_event_source *source;
	const struct sim_release_listener *listener;
	void *userdata;
	unsigned int references; /* the owner's, and the dispatch that runs */
	bool is_freed;
};

static void tell(struct sim_release *release, const struct inotify_event *event)
{
	/* IN_IGNORED follows every one: the watch went with the inode. */
	if (event->mask & IN_DELETE_SELF)
		release->listener->released(release->userdata, event->wd);
	else if (event->mask & IN_Q_OVERFLOW)
		release->listener->overflow(release->userdata);
}

static void release_unref(struct sim_release *release)
{
	if (--release->references > 0)
		return;
	sd_event_source_disable_unref(release->source);
	if (release->list)
		fclose(release->list);
	if (release->inotify >= 0)
		close(release->inotify);
	free(release);
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	struct sim_release *release = userdata;
	ssize_t size = read(fd, buffer, sizeof(buffer));

	/* The listener may free it. */
	release->references++;
	for (ssize_t at = 0; at < size && !release->is_freed;) {
		const struct inotify_event *event = (const void *)&buffer[at];

		at += (ssize_t)(sizeof(*event) + event->len);
		tell(release, event);
	}
	release_unref(release);
	return 0;
}

int sim_release_watch(struct sim_release *release, int memfd)
{
	char path[sizeof("/proc/self/fd/") + 10];
	int watch;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd);
	watch = inotify_add_watch(release->inotify, path, IN_DELETE_SELF);
	if (watch >= 0)
		return watch;
	/* max_user_watches: no space of any device is short. */
	return errno == ENOSPC ? -ENOMEM : -errno;
}

int sim_release_list(struct sim_release *release, GHashTable **ret)
{
	g_autoptr(GHashTable) watches = g_hash_table_new(NULL, NULL);
	unsigned int watch;
	char *line = NULL;
	size_t size = 0;
	int r;

	rewind(release->list);
	while (getline(&line, &size, release->list) >= 0)
		if (sscanf(line, "inotify wd:%x ", &watch) == 1)
			g_hash_table_add(watches, GINT_TO_POINTER((int)watch));
	r = ferror(release->list) ? -EIO : 0;
	free(line);
	if (r >= 0)
		*ret = g_steal_pointer(&watches);
	return r;
}

static int open_list(struct sim_release *release)
{
	char path[sizeof("/proc/self/fdinfo/") + 10];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", release->inotify);
	release->list = fopen(path, "re");
	return release->list ? 0 : -errno;
}

/* Better now than with the first buffer: without /proc, for one. */
static int probe(struct sim_release *release)
{
	int memfd = memfd_create("cmabulk-sim-probe", MFD_CLOEXEC);
	int watch;

	if (memfd < 0)
		return -errno;
	watch = sim_release_watch(release, memfd);
	if (watch >= 0)
		inotify_rm_watch(release->inotify, watch);
	close(memfd);
	return watch < 0 ? watch : 0;
}

int sim_release_new(sd_event *event, const struct sim_release_listener *listener, void *userdata,
		    struct sim_release **ret)
{
	struct sim_release *release = calloc(1, sizeof(*release));
	int r;

	if (!release)
		return -ENOMEM;
	release->references = 1;
	release->listener = listener;
	release->userdata = userdata;
	release->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	r = release->inotify < 0 ? -errno : probe(release);
	if (r >= 0)
		r = open_list(release);
	if (r >= 0)
		r = sd_event_add_io(event, &release->source, release->inotify, EPOLLIN, on_readable,
				    release);
	if (r < 0) {
		sim_release_free(release);
		return r;
	}
	sd_event_source_set_description(release->source, "sim-release");
	*ret = release;
	return 0;
}

struct sim_release *sim_release_free(struct sim_release *release)
{
	if (!release)
		return NULL;
	release->is_freed = true;
	sd_event_source_set_enabled(release->source, SD_EVENT_OFF);
	release_unref(release);
	return NULL;
}
