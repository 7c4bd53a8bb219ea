// SPDX-License-Identifier: LGPL-2.1-or-later
/* All there is of a daemon: its pools, clients and configuration. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "allocation.h"
#include "authority.h"
#include "bus-change.h"
#include "bus.h"
#include "clock.h"
#include "delivery.h"
#include "device-cache.h"
#include "inquiry.h"
#include "journal.h"
#include "log.h"
#include "manager-pool.h"
#include "manager.h"
#include "preparation.h"

/* What is still to be sent at the end has so long. */
#define STOP_USEC (1 * USEC_PER_SEC)

/* --- Configuration --------------------------------------------------------------------------- */

static void take_config(struct manager *manager, struct config *config)
{
	for (unsigned int i = 0; i < manager->pools->len; i++) {
		pool_set_rules(g_ptr_array_index(manager->pools, i), config->accounts);
		manager_configure_pool(config, g_ptr_array_index(manager->pools, i));
	}
	config_free(manager->config);
	manager->config = config;
	manager_check_pools(manager);
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
		manager_check_pools(manager);
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

void manager_tell_status(const struct manager *manager, const char *notices)
{
	if (manager->attempts.delay_usec > 0)
		sd_notifyf(false, "%sSTATUS=Waiting for the bus", notices);
	else
		sd_notifyf(false, "%sSTATUS=Serving %u pools", notices, manager->pools->len);
}

void manager_reload(struct manager *manager)
{
	sd_notifyf(false,
		   "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\nSTATUS=Reading the configuration",
		   clock_now_usec());
	load_config(manager);
	/* Before it has its name it never was. */
	manager_tell_status(manager, manager->has_name ? "READY=1\n" : "");
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
	authority_stop(manager->authority);
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
		log_with_id(LOG_NOTICE, JOURNAL_ID_NO_POOL,
			    "there is no pool yet: is the module loaded, with pools=?");
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
	if (r >= 0 && manager_has_removable(manager->options))
		r = sd_event_add_signal(manager->event, NULL, SIGUSR1, manager_on_plug_signal,
					manager);
	if (r >= 0)
		r = add_defer(manager, manager_on_reap, SD_EVENT_PRIORITY_IDLE, SD_EVENT_OFF,
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
	if (manager_has_removable(options))
		sigaddset(&signals, SIGUSR1);
	return sigprocmask(SIG_BLOCK, &signals, NULL) < 0 ? -errno : 0;
}

int manager_run(struct manager *manager)
{
	int r = load_config(manager);

	if (r >= 0)
		r = manager_open_pools(manager);
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

uint64_t manager_new_cookie(struct manager *manager)
{
	return manager->next_cookie++;
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
	manager->authority = authority_new(manager);
	manager->next_cookie = first_cookie();
	r = block_signals(options);
	if (r >= 0)
		r = sd_event_new(&manager->event);
	if (r >= 0)
		r = log_attach(manager->event);
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

struct manager *manager_free(struct manager *manager)
{
	if (!manager)
		return NULL;
	client_free_all(manager);
	inquiries_free(manager->inquiries);
	authority_free(manager->authority);
	delivery_free(manager->delivery);
	bus_disconnect(manager);
	manager_free_pools(manager);
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
	log_detach();
	sd_event_unref(manager->event);
	g_free(manager->bus_id);
	g_free(manager);
	return NULL;
}
