/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine that does without the kernel patches, on the very area that all others are measured on. */
#include <errno.h>
#include <glib.h>
#include <unistd.h>

#include "contender.h"
#include "lib/machine.h"
#include "lib/pool.h"

#define CONTROL "/sys/class/cmabulk/"

/* The daemon gives the old one up when it hears of its end; until then its name and area are in use. */
static void add_pool(const char *pool)
{
	gint64 deadline = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND;
	int ret;

	while ((ret = machine_try_write(CONTROL "add", pool)) == -EEXIST) {
		g_assert_cmpint(g_get_monotonic_time(), <, deadline);
		g_usleep(1000);
	}
	g_assert_cmpint(ret, ==, 0);
}

static void replace_pool(const char *place)
{
	g_autofree char *pool = g_strconcat(POOL_MEDIA ":", place, NULL);
	struct outcome unused;

	machine_write(CONTROL "remove", POOL_MEDIA);
	add_pool(pool);
	/* The daemon has opened the new one when it answers: it is not to do that while we measure. */
	run_ping(NULL, NULL, NULL, &unused);
}

void run_fill_stock(const struct contender *contender, struct scene *scene, const struct task *task,
		    struct outcome *ret)
{
	g_autofree char *place =
		g_strdup_printf("%" G_GUINT64_FORMAT "K@0x%" G_GINT64_MODIFIER "x",
				scene->area.pages * (guint64)sysconf(_SC_PAGESIZE) / 1024,
				scene->area.base * (guint64)sysconf(_SC_PAGESIZE));

	replace_pool(place);
	run_fill(contender, scene, task, ret);
	replace_pool(scene->area.name);
}
