// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which pools there are: the module's, as their devices come and go, or simulated ones. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "allocation.h"
#include "asker.h"
#include "bus-change.h"
#include "journal.h"
#include "log.h"
#include "manager-pool.h"
#include "preparation.h"
#include "text.h"
#include "udev.h"

static void on_buffer_released(struct pool *pool, uint64_t id, uint64_t inode, uint64_t cookie,
			       void *userdata)
{
	asker_tell_released(userdata, pool, id, inode, cookie);
}

void manager_check_pools(struct manager *manager)
{
	problems_set_pools(&manager->problems, manager->pools, manager->config->accounts);
}

/* Its name may come again before its last request ended. */
static void retire_pool(struct manager *manager, struct pool *pool)
{
	if (!g_ptr_array_find(manager->pools, pool, NULL))
		return;
	bus_changes_remove(manager->changes, pool);
	g_ptr_array_remove(manager->pools, pool);
	g_ptr_array_add(manager->leaving, pool);
	manager_check_pools(manager);
}

static void on_buffer_outlived(struct pool *pool, uint64_t cookie, void *userdata)
{
	asker_forget_buffer(userdata, cookie);
}

static void on_pool_warned(struct pool *pool, const char *account, const char *sentence,
			   void *userdata)
{
	struct manager *manager = userdata;

	journal_warning(manager->journal, account, pool_get_name(pool), sentence);
}

static void on_pool_changed(struct pool *pool, void *userdata)
{
	bus_changes_look(((struct manager *)userdata)->changes, pool);
}

static void on_pool_gone(struct pool *pool, void *userdata)
{
	retire_pool(userdata, pool);
}

static void on_pool_ended(struct pool *pool, void *userdata)
{
	struct manager *manager = userdata;

	sd_event_source_set_enabled(manager->reap, SD_EVENT_ONESHOT);
}

static bool on_asked_back(struct pool *pool, const char *account, uint64_t bytes,
			  enum broker_pressure pressure, void *userdata)
{
	return asker_tell_pressure(userdata, pool, account, bytes, pressure);
}

static const struct pool_listener pool_listener = {
	.finished = allocation_finished,
	.ahead_ended = preparation_ended,
	.asked_back = on_asked_back,
	.warned = on_pool_warned,
	.released = on_buffer_released,
	.outlived = on_buffer_outlived,
	.changed = on_pool_changed,
	.gone = on_pool_gone,
	.ended = on_pool_ended,
};

int manager_on_reap(sd_event_source *source, void *userdata)
{
	struct manager *manager = userdata;

	for (unsigned int i = manager->leaving->len; i-- > 0;) {
		struct pool *pool = g_ptr_array_index(manager->leaving, i);

		if (!pool_has_ended(pool))
			continue;
		g_ptr_array_remove_index(manager->leaving, i);
		pool_free(pool);
	}
	return 0;
}

static int compare_names(gconstpointer one, gconstpointer other)
{
	return strcmp(pool_get_name(*(struct pool *const *)one),
		      pool_get_name(*(struct pool *const *)other));
}

/* What the configuration says of it, besides the accounts. */
void manager_configure_pool(const struct config *config, struct pool *pool)
{
	struct retry retry;

	config_pools_get_retry(config->pools, pool_get_name(pool), &retry);
	pool_set_retry(pool, &retry);
}

static void add_pool(struct manager *manager, struct pool *pool)
{
	const struct cmabulk_query *query = pool_get_query(pool);
	char size[TEXT_SIZE_MAX];

	manager_configure_pool(manager->config, pool);
	g_ptr_array_add(manager->pools, pool);
	g_ptr_array_sort(manager->pools, compare_names);
	bus_changes_add(manager->changes, pool);
	log_info("pool %s: %s%s", pool_get_name(pool),
		 text_size(size, query->pages * query->page_size),
		 strcmp(pool_get_kind(pool), "sim") == 0 ? ", simulated: no memory of any device" :
							   "");
	manager_check_pools(manager);
}

static void say_unusable(const char *name, int r)
{
	switch (r) {
	case -EACCES:
		log_with_id(LOG_ERR, JOURNAL_ID_POOL_UNUSABLE,
			    "pool %s cannot be used: %s; only root, or whoever /dev/cmabulk/%s "
			    "belongs to, may, and this is user %u",
			    name, strerror(-r), name, getuid());
		break;
	case -EPERM:
		/* DeviceAllow= is looked up once: no owner of the device helps. */
		log_with_id(LOG_ERR, JOURNAL_ID_POOL_UNUSABLE,
			    "pool %s cannot be used: %s; the unit was started before the module "
			    "was there: restart cmabulkd",
			    name, strerror(-r));
		break;
	default:
		log_with_id(LOG_ERR, JOURNAL_ID_POOL_UNUSABLE, "pool %s cannot be used: %s", name,
			    strerror(-r));
		break;
	}
}

static void on_device_added(void *userdata, const char *name)
{
	struct manager *manager = userdata;
	struct pool *pool = manager_find_pool(manager, name);
	int r;

	/* One of the same name, whose going we have not heard of yet? */
	if (pool && !pool_check_gone(pool))
		return;
	if (pool)
		retire_pool(manager, pool);
	r = pool_open_kmod(manager->event, name, manager->config->accounts, &pool_listener, manager,
			   &pool);
	if (r < 0) {
		say_unusable(name, r);
		return;
	}
	add_pool(manager, pool);
}

/* Its backend hears of it too; whichever is first. */
static void on_device_removed(void *userdata, const char *name)
{
	struct pool *pool = manager_find_pool(userdata, name);

	if (pool && pool_check_gone(pool))
		retire_pool(userdata, pool);
}

static const struct udev_listener udev_listener = { on_device_added, on_device_removed };

static int open_simulated(struct manager *manager, const struct sim_options *options)
{
	struct pool *pool;
	int r = pool_open_sim(manager->event, options, manager->config->accounts, &pool_listener,
			      manager, &pool);

	if (r < 0) {
		log_error("pool %s cannot be simulated: %s", options->name, strerror(-r));
		return r;
	}
	add_pool(manager, pool);
	return 0;
}

static int open_all_simulated(struct manager *manager)
{
	const GArray *simulate = manager->options->simulate;
	int r = 0;

	for (unsigned int i = 0; i < simulate->len && r >= 0; i++)
		r = open_simulated(manager, &g_array_index(simulate, struct sim_options, i));
	return r;
}

bool manager_has_removable(const struct manager_options *options)
{
	for (unsigned int i = 0; i < options->simulate->len; i++)
		if (g_array_index(options->simulate, struct sim_options, i).is_removable)
			return true;
	return false;
}

static void plug_or_unplug(struct manager *manager, const struct sim_options *options)
{
	struct pool *pool = manager_find_pool(manager, options->name);

	if (!pool)
		open_simulated(manager, options);
	else if (!pool_is_gone(pool))
		pool_unplug(pool);
}

/* The removable pools come and go, all at once. */
int manager_on_plug_signal(sd_event_source *source, const struct signalfd_siginfo *signal,
			   void *userdata)
{
	struct manager *manager = userdata;
	const GArray *simulate = manager->options->simulate;

	for (unsigned int i = 0; i < simulate->len; i++) {
		const struct sim_options *options = &g_array_index(simulate, struct sim_options, i);

		if (options->is_removable)
			plug_or_unplug(manager, options);
	}
	return 0;
}

int manager_open_pools(struct manager *manager)
{
	int r;

	if (manager->options->simulate->len > 0)
		return open_all_simulated(manager);
	r = udev_watch_start(manager->event, UDEV_SUBSYSTEM, &udev_listener, manager,
			     &manager->watch);
	if (r < 0)
		log_error("cannot watch for pools: %s", strerror(-r));
	return r;
}

struct pool *manager_find_pool(const struct manager *manager, const char *name)
{
	for (unsigned int i = 0; i < manager->pools->len; i++) {
		struct pool *pool = g_ptr_array_index(manager->pools, i);

		if (strcmp(pool_get_name(pool), name) == 0)
			return pool;
	}
	return NULL;
}

bool manager_is_simulated(const struct manager *manager)
{
	return manager->options->simulate->len > 0;
}

static void free_all(GPtrArray *pools)
{
	for (unsigned int i = 0; i < pools->len; i++)
		pool_free(g_ptr_array_index(pools, i));
	g_ptr_array_unref(pools);
}

void manager_free_pools(struct manager *manager)
{
	udev_watch_stop(manager->watch);
	free_all(manager->pools);
	free_all(manager->leaving);
}
