// SPDX-License-Identifier: LGPL-2.1-or-later
/* Discovery, on a class that every machine has: "mem", with /dev/null in it. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "udev.h"

#define CLASS		 "mem"
#define CLASS_DIRECTORY	 "/sys/class/" CLASS
#define DEVICE		 "null"
/* Of which one test tells that it is gone: another than what tests beside it look for. */
#define DISTURBED_DEVICE "full"

struct watcher {
	sd_event *loop;
	struct udev_watch *watch;
	const char *device; /* the one that is counted */
	unsigned int added;
	unsigned int removed;
	unsigned int others;
	bool stops;
};

static void on_added(void *userdata, const char *name)
{
	struct watcher *watcher = userdata;

	if (strcmp(name, watcher->device) == 0)
		watcher->added++;
	else
		watcher->others++;
	if (watcher->stops)
		watcher->watch = udev_watch_stop(watcher->watch);
}

static void on_removed(void *userdata, const char *name)
{
	struct watcher *watcher = userdata;

	if (strcmp(name, watcher->device) == 0)
		watcher->removed++;
}

static const struct udev_listener listener = { .added = on_added, .removed = on_removed };

static bool begin(struct watcher *watcher, const char *subsystem)
{
	*watcher = (struct watcher){ .device = DEVICE };
	if (access(CLASS_DIRECTORY, F_OK) < 0) {
		g_test_skip("there is no " CLASS_DIRECTORY);
		return false;
	}
	g_assert_cmpint(sd_event_new(&watcher->loop), >=, 0);
	g_assert_cmpint(udev_watch_start(watcher->loop, subsystem, &listener, watcher,
					 &watcher->watch),
			==, 0);
	/* Not from inside the call. */
	g_assert_cmpuint(watcher->added + watcher->others, ==, 0);
	return true;
}

static void end(struct watcher *watcher)
{
	udev_watch_stop(watcher->watch);
	sd_event_unref(watcher->loop);
}

static void settle(struct watcher *watcher)
{
	int r;

	while ((r = sd_event_run(watcher->loop, 0)) > 0)
		;
	g_assert_cmpint(r, ==, 0);
}

static void what_is_there_is_told(void)
{
	struct watcher watcher;

	if (!begin(&watcher, CLASS))
		return;
	while (watcher.added == 0)
		loop_once(watcher.loop);
	settle(&watcher);
	g_assert_cmpuint(watcher.added, ==, 1);
	g_assert_cmpuint(watcher.others, >, 0);
	g_assert_cmpuint(watcher.removed, ==, 0);
	end(&watcher);
}

static void nothing_is_there(void)
{
	struct watcher watcher;

	if (!begin(&watcher, "no-such-class"))
		return;
	settle(&watcher);
	g_assert_cmpuint(watcher.added + watcher.others, ==, 0);
	end(&watcher);
}

static void a_listener_may_stop_it(void)
{
	struct watcher watcher;

	if (!begin(&watcher, CLASS))
		return;
	watcher.stops = true;
	while (watcher.watch)
		loop_once(watcher.loop);
	settle(&watcher);
	g_assert_cmpuint(watcher.added + watcher.others, ==, 1);
	end(&watcher);
}

static bool send_event(const char *action)
{
	int file = open(CLASS_DIRECTORY "/" DISTURBED_DEVICE "/uevent", O_WRONLY | O_CLOEXEC);
	bool is_sent;

	if (file < 0)
		return false;
	is_sent = write(file, action, strlen(action)) == (ssize_t)strlen(action);
	close(file);
	return is_sent;
}

/* Events of the kernel's own kind, which root can ask for; nothing happens to the device. */
static void events_are_told(void)
{
	struct watcher watcher;

	if (access("/run/udev/control", F_OK) == 0) {
		g_test_skip("a udevd would believe it");
		return;
	}
	if (!begin(&watcher, CLASS))
		return;
	watcher.device = DISTURBED_DEVICE;
	while (watcher.added == 0)
		loop_once(watcher.loop);
	if (!send_event("change")) {
		g_test_skip("only root can send events");
		end(&watcher);
		return;
	}
	/* Any action tells that it is there, again, as it may be another by now. */
	while (watcher.added == 1)
		loop_once(watcher.loop);
	send_event("remove");
	while (watcher.removed == 0)
		loop_once(watcher.loop);
	send_event("remove");
	send_event("add");
	while (watcher.added == 2)
		loop_once(watcher.loop);
	settle(&watcher);
	g_assert_cmpuint(watcher.added, ==, 3);
	g_assert_cmpuint(watcher.removed, ==, 1);
	end(&watcher);
}

void add_udev_tests(void)
{
	g_test_add_func("/udev/what-is-there-is-told", what_is_there_is_told);
	g_test_add_func("/udev/nothing-is-there", nothing_is_there);
	g_test_add_func("/udev/a-listener-may-stop-it", a_listener_may_stop_it);
	g_test_add_func("/udev/events-are-told", events_are_told);
}
