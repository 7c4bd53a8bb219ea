// SPDX-License-Identifier: LGPL-2.1-or-later
/* All there is of a daemon: its pools, clients and configuration. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "allocation.h"
#include "asker.h"
#include "bus-change.h"
#include "bus.h"
#include "clock.h"
#include "delivery.h"
#include "device-cache.h"
#include "inquiry.h"
#include "journal.h"
#include "log.h"
#include "manager.h"
#include "preparation.h"
#include "text.h"
#include "udev.h"

/* What is still to be sent at the end has so long. */
#define STOP_USEC (1 * USEC_PER_SEC)

/* --- Pools ----------------------------------------------------------------------------------- */

static void on_buffer_released(struct pool *pool, uint64_t id, uint64_t inode, uint64_t cookie,
			       void *userdata)
{
	asker_tell_released(userdata, pool, id, inode, cookie);
}

static void check_pools(struct manager *manager)
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
	check_pools(manager);
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
	.released = on_buffer_released,
	.changed = on_pool_changed,
	.gone = on_pool_gone,
	.ended = on_pool_ended,
};

static int on_reap(sd_event_source *source, void *userdata)
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
static void configure_pool(const struct config *config, struct pool *pool)
{
	struct retry retry;

	config_pools_get_retry(config->pools, pool_get_name(pool), &retry);
	pool_set_retry(pool, &retry);
}

static void add_pool(struct manager *manager, struct pool *pool)
{
	const struct cmabulk_query *query = pool_get_query(pool);
	char size[TEXT_SIZE_MAX];

	configure_pool(manager->config, pool);
	g_ptr_array_add(manager->pools, pool);
	g_ptr_array_sort(manager->pools, compare_names);
	bus_changes_add(manager->changes, pool);
	log_info("pool %s: %s%s", pool_get_name(pool),
		 text_size(size, query->pages * query->page_size),
		 strcmp(pool_get_kind(pool), "sim") == 0 ? ", simulated: no memory of any device" :
							   "");
	check_pools(manager);
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
	if (r == -EACCES || r == -EPERM) {
		log_error("pool %s cannot be used: %s; only root, or whoever /dev/cmabulk/%s "
			  "belongs to, may, and this is user %u",
			  name, strerror(-r), name, getuid());
		return;
	}
	if (r < 0) {
		log_error("pool %s cannot be used: %s", name, strerror(-r));
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

static bool has_removable(const struct manager_options *options)
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
static int on_plug_signal(sd_event_source *source, const struct signalfd_siginfo *signal,
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

static int open_pools(struct manager *manager)
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

uint64_t manager_new_cookie(struct manager *manager)
{
	return manager->next_cookie++;
}

/* --- Configuration --------------------------------------------------------------------------- */

static void take_config(struct manager *manager, struct config *config)
{
	for (unsigned int i = 0; i < manager->pools->len; i++) {
		pool_set_rules(g_ptr_array_index(manager->pools, i), config->accounts);
		configure_pool(config, g_ptr_array_index(manager->pools, i));
	}
	config_free(manager->config);
	manager->config = config;
	check_pools(manager);
}

static int load_config(struct manager *manager)
{
	GPtrArray *problems = NULL;
	struct config *config = NULL;
	int r = config_load(manager->options->config_file, manager->options->config_directory,
			    manager->runtime, manager->config, &config, &problems);

	manager->is_config_old = r == -EBADMSG;
	if (r == -EBADMSG) {
		problems_set_files(&manager->problems, problems);
		g_ptr_array_unref(problems);
		check_pools(manager);
		log_warning("the previous configuration stays in force");
		return 0;
	}
	if (r < 0) {
		log_error("the configuration cannot be read: %s", strerror(-r));
		return r;
	}
	problems_set_files(&manager->problems, config->problems);
	take_config(manager, config);
	return 0;
}

/* Of struct guarantee_pool, whose names are the pools'. */
static GArray *list_pool_sizes(const struct manager *manager)
{
	GArray *sizes = g_array_new(FALSE, FALSE, sizeof(struct guarantee_pool));

	for (unsigned int i = 0; i < manager->pools->len; i++) {
		const struct pool *pool = g_ptr_array_index(manager->pools, i);
		const struct cmabulk_query *query = pool_get_query(pool);
		const struct guarantee_pool size = { pool_get_name(pool),
						     query->pages * query->page_size };

		g_array_append_val(sizes, size);
	}
	return sizes;
}

int manager_change_account(struct manager *manager, const struct config_change *change,
			   char **ret_problem)
{
	g_autoptr(GArray) pools = list_pool_sizes(manager);
	struct config *config = NULL;
	int r = config_change_apply(change, manager->config, pools, &manager->runtime, &config,
				    ret_problem);

	if (r < 0)
		return r;
	/* What is wrong with the files that did not parse is still to be mended. */
	if (!manager->is_config_old)
		problems_set_changed(&manager->problems, config->problems);
	take_config(manager, config);
	return 0;
}

void manager_reload(struct manager *manager)
{
	sd_notifyf(false,
		   "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\nSTATUS=Reading the configuration",
		   clock_now_usec());
	load_config(manager);
	sd_notifyf(false, "READY=1\nSTATUS=Serving %u pools", manager->pools->len);
}

/* --- The loop -------------------------------------------------------------------------------- */

static int on_stop_timer(sd_event_source *source, uint64_t time_usec, void *userdata)
{
	struct manager *manager = userdata;

	return sd_event_exit(manager->event, manager->exit_code);
}

/* Once nothing is left to be sent. */
static int on_stop_idle(sd_event_source *source, void *userdata)
{
	struct manager *manager = userdata;
	uint64_t queued = 0;

	if (manager->bus)
		sd_bus_get_n_queued_write(manager->bus, &queued);
	return queued > 0 ? 0 : sd_event_exit(manager->event, manager->exit_code);
}

/* Wherever they wait. */
static void stop_calls(struct manager *manager)
{
	g_autoptr(GList) clients = g_hash_table_get_values(manager->clients);

	delivery_stop(manager->delivery);
	inquiries_stop(manager->inquiries);
	for (GList *link = clients; link; link = link->next) {
		struct client *client = link->data;
		g_autoptr(GList) allocations = g_hash_table_get_values(client->allocations);

		for (GList *allocation = allocations; allocation; allocation = allocation->next)
			allocation_stop(allocation->data, true);
		client_stop(client);
	}
}

void manager_stop(struct manager *manager, int exit_code)
{
	int r;

	if (manager->is_stopping)
		return;
	manager->is_stopping = true;
	manager->exit_code = exit_code;
	sd_notify(false, "STOPPING=1\nSTATUS=Stopping");
	if (exit_code == 0)
		stop_calls(manager);
	r = sd_event_add_time_relative(manager->event, NULL, CLOCK_MONOTONIC, STOP_USEC, 0,
				       on_stop_timer, manager);
	if (r >= 0)
		r = sd_event_add_post(manager->event, NULL, on_stop_idle, manager);
	if (r < 0)
		sd_event_exit(manager->event, exit_code);
}

static int on_stop_signal(sd_event_source *source, const struct signalfd_siginfo *signal,
			  void *userdata)
{
	log_info("stopping");
	manager_stop(userdata, 0);
	return 0;
}

static int on_reload_signal(sd_event_source *source, const struct signalfd_siginfo *signal,
			    void *userdata)
{
	manager_reload(userdata);
	return 0;
}

/* Idle: the devices that are there at the start were heard of before. */
static int on_connect(sd_event_source *source, void *userdata)
{
	struct manager *manager = userdata;
	int r;

	if (manager->pools->len == 0)
		log_notice("there is no pool yet: is the module loaded, with pools=?");
	r = bus_connect(manager);
	if (r < 0) {
		log_error("cannot connect to the bus: %s", strerror(-r));
		manager_stop(manager, 1);
	}
	return 0;
}

static int add_defer(struct manager *manager, sd_event_handler_t handler, int64_t priority,
		     int enabled, sd_event_source **ret)
{
	int r = sd_event_add_defer(manager->event, ret, handler, manager);

	if (r >= 0)
		r = sd_event_source_set_priority(*ret, priority);
	return r < 0 ? r : sd_event_source_set_enabled(*ret, enabled);
}

static int add_sources(struct manager *manager)
{
	int r = sd_event_add_signal(manager->event, NULL, SIGTERM, on_stop_signal, manager);

	if (r >= 0)
		r = sd_event_add_signal(manager->event, NULL, SIGINT, on_stop_signal, manager);
	if (r >= 0)
		r = sd_event_add_signal(manager->event, NULL, SIGHUP, on_reload_signal, manager);
	if (r >= 0 && has_removable(manager->options))
		r = sd_event_add_signal(manager->event, NULL, SIGUSR1, on_plug_signal, manager);
	if (r >= 0)
		r = add_defer(manager, on_reap, SD_EVENT_PRIORITY_IDLE, SD_EVENT_OFF,
			      &manager->reap);
	if (r >= 0)
		r = add_defer(manager, on_connect, SD_EVENT_PRIORITY_IDLE, SD_EVENT_ONESHOT,
			      &manager->connect);
	return r < 0 ? r : sd_event_set_watchdog(manager->event, true);
}

/* Before any thread is there: all inherit it. */
static int block_signals(const struct manager_options *options)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	if (has_removable(options))
		sigaddset(&signals, SIGUSR1);
	return sigprocmask(SIG_BLOCK, &signals, NULL) < 0 ? -errno : 0;
}

int manager_run(struct manager *manager)
{
	int r = load_config(manager);

	if (r >= 0)
		r = open_pools(manager);
	if (r < 0)
		return 1;
	r = sd_event_loop(manager->event);
	if (r >= 0)
		return r;
	log_error("the event loop failed: %s", strerror(-r));
	return 1;
}

static uint64_t first_cookie(void)
{
	uint32_t run = 0;

	if (getrandom(&run, sizeof(run), 0) < 0)
		run = (uint32_t)clock_now_usec();
	return (uint64_t)run << 32 | 1;
}

int manager_new(const struct manager_options *options, struct manager **ret)
{
	struct manager *manager = g_new0(struct manager, 1);
	int r;

	manager->options = options;
	manager->runtime = config_runtime_new(options->state_directory);
	manager->pools = g_ptr_array_new();
	manager->leaving = g_ptr_array_new();
	manager->devices = device_cache_new();
	problems_init(&manager->problems);
	manager->clients = g_hash_table_new(g_str_hash, g_str_equal);
	manager->users = g_hash_table_new(NULL, NULL);
	manager->preparations = preparations_new();
	manager->askers = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
	manager->journal = journal_new(clock_now_ns);
	manager->next_cookie = first_cookie();
	r = block_signals(options);
	if (r >= 0)
		r = sd_event_new(&manager->event);
	if (r >= 0)
		r = add_sources(manager);
	if (r >= 0 && (!(manager->delivery = delivery_new(manager)) ||
		       !(manager->inquiries = inquiries_new(manager)) ||
		       !(manager->changes = bus_changes_new(manager))))
		r = -ENOMEM;
	if (r < 0) {
		log_error("cannot start: %s", strerror(-r));
		manager_free(manager);
		return r;
	}
	*ret = manager;
	return 0;
}

static void free_pools(GPtrArray *pools)
{
	for (unsigned int i = 0; i < pools->len; i++)
		pool_free(g_ptr_array_index(pools, i));
	g_ptr_array_unref(pools);
}

struct manager *manager_free(struct manager *manager)
{
	if (!manager)
		return NULL;
	client_free_all(manager);
	inquiries_free(manager->inquiries);
	delivery_free(manager->delivery);
	bus_disconnect(manager);
	udev_watch_stop(manager->watch);
	free_pools(manager->pools);
	free_pools(manager->leaving);
	device_cache_free(manager->devices);
	g_hash_table_unref(manager->preparations);
	bus_changes_free(manager->changes);
	g_hash_table_unref(manager->askers);
	g_hash_table_unref(manager->users);
	g_hash_table_unref(manager->clients);
	journal_free(manager->journal);
	problems_clear(&manager->problems);
	config_free(manager->config);
	config_runtime_free(manager->runtime);
	sd_event_source_unref(manager->reconnect);
	sd_event_source_unref(manager->reap);
	sd_event_source_unref(manager->connect);
	sd_event_unref(manager->event);
	g_free(manager);
	return NULL;
}
