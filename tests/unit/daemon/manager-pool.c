// SPDX-License-Identifier: LGPL-2.1-or-later
/* A simulated pool as the daemon has it: when its books are loaded anew, and what is forgotten when it goes. */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <glib.h>

#include "asker.h"
#include "bus-change.h"
#include "clock.h"
#include "counters.h"
#include "delivery.h"
#include "journal.h"
#include "log.h"
#include "manager-pool.h"
#include "pool-state.h"
#include "preparation.h"

/* For what cannot take long, on the slowest of machines. */
#define PATIENCE_USEC UINT64_C(60000000)

#define COOKIE	  77
#define N_BUFFERS 5

/* --- The rest of the daemon, as far as it is asked ------------------------------------------- */

static int fds[N_BUFFERS];
static unsigned int n_fds;
static unsigned int n_finished;
static unsigned int n_warnings;
static unsigned int n_lines; /* in the log, that are no news but trouble */

/* Who asked takes them. */
void allocation_finished(void *userdata, struct pool_outcome *outcome)
{
	n_finished++;
	for (; n_fds < outcome->n_buffers; n_fds++) {
		fds[n_fds] = outcome->buffers[n_fds].fd;
		outcome->buffers[n_fds].fd = -1;
	}
}

void preparation_ended(void *userdata)
{
	g_assert_not_reached();
}

void bus_changes_add(struct bus_changes *changes, struct pool *pool)
{
}

void bus_changes_remove(struct bus_changes *changes, struct pool *pool)
{
}

void bus_changes_look(struct bus_changes *changes, struct pool *pool)
{
}

void problems_set_pools(struct problems *problems, const GPtrArray *pools,
			const struct account_rules *accounts)
{
}

void journal_warning(struct journal *journal, const char *account, const char *pool,
		     const char *sentence)
{
	g_assert_cmpstr(account, ==, "default:1000");
	g_assert_cmpstr(pool, ==, "main");
	g_assert_nonnull(strstr(sentence, "of account default:1000: only 0 of 5 buffers"));
	n_warnings++;
}

void journal_guarantee(const char *pool, uint64_t bytes)
{
	g_assert_not_reached();
}

void log_with_id(int priority, const char *id, const char *format, ...)
{
}

void log_line(int priority, const char *format, ...)
{
	if (priority < LOG_NOTICE)
		n_lines++;
}

/* --- The stage ------------------------------------------------------------------------------- */

struct stage {
	struct manager_options options;
	struct manager manager;
	struct client client;
};

static void add_pool(struct stage *stage)
{
	g_autofree char *problem = NULL;
	struct sim_options options;

	sim_options_parse("main=64M,removable=yes", &options, &problem);
	g_assert_cmpstr(problem, ==, NULL);
	stage->options.simulate = g_array_new(FALSE, TRUE, sizeof(struct sim_options));
	g_array_append_val(stage->options.simulate, options);
	g_assert_cmpint(manager_open_pools(&stage->manager), ==, 0);
}

static void stage_init(struct stage *stage)
{
	struct manager *manager = &stage->manager;
	GPtrArray *problems = NULL;

	n_finished = n_warnings = n_lines = 0;
	*stage = (struct stage){ .client = { .manager = manager } };
	manager->options = &stage->options;
	manager->runtime = config_runtime_new(NULL);
	manager->pools = g_ptr_array_new();
	manager->leaving = g_ptr_array_new();
	manager->askers = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
	g_assert_cmpint(config_load("/dev/null/none", "/dev/null/none.d", manager->runtime, NULL,
				    &manager->config, &problems),
			==, 0);
	g_assert_cmpint(sd_event_new(&manager->event), >=, 0);
	g_assert_cmpint(sd_event_add_defer(manager->event, &manager->reap, manager_on_reap,
					   manager),
			>=, 0);
	sd_event_source_set_enabled(manager->reap, SD_EVENT_OFF);
	add_pool(stage);
}

static void stage_clear(struct stage *stage)
{
	struct manager *manager = &stage->manager;

	g_assert_cmpuint(n_lines, ==, 0);
	manager_free_pools(manager);
	while (n_fds > 0)
		close(fds[--n_fds]);
	g_hash_table_unref(manager->askers);
	config_free(manager->config);
	config_runtime_free(manager->runtime);
	sd_event_source_unref(manager->reap);
	sd_event_unref(manager->event);
	g_array_unref(stage->options.simulate);
}

static void stage_run(struct stage *stage)
{
	g_assert_cmpint(sd_event_run(stage->manager.event, PATIENCE_USEC), >, 0);
}

static struct pool *stage_pool(const struct stage *stage)
{
	return g_ptr_array_index(stage->manager.pools, 0);
}

static void stage_ask(struct stage *stage)
{
	const struct identity identity = { .uid = 1000 };
	const struct cmabulk_owner owner = { .uid = 1000, .cookie = COOKIE };
	const struct broker_ask ask = {
		.chunks = N_BUFFERS,
		.minimum = N_BUFFERS,
		.buffers = N_BUFFERS,
		.effort = CMABULK_EFFORT_HARD,
		.deadline_ns = clock_now_ns() + 60 * NSEC_PER_SEC,
	};
	struct pool_request *request;
	struct broker_refusal refusal;

	g_assert_cmpint(pool_submit(stage_pool(stage),
				    account_rules_match(stage->manager.config->accounts, &identity),
				    &owner, &ask, clock_now_ns(), NULL, &request, &refusal),
			==, 0);
	while (n_finished == 0)
		stage_run(stage);
}

/* Buffers of the client's, of whose release it is to hear. */
static void stage_allocate(struct stage *stage)
{
	stage_ask(stage);
	g_assert_cmpuint(n_fds, ==, N_BUFFERS);
	asker_add(&stage->client, COOKIE, n_fds);
}

static void stage_unplug(struct stage *stage)
{
	manager_on_plug_signal(NULL, NULL, &stage->manager);
	while (stage->manager.pools->len + stage->manager.leaving->len > 0)
		stage_run(stage);
}

/* --- Tests ----------------------------------------------------------------------------------- */

/* Nobody tells of the end of what outlives its pool: who asked for it would be kept for ever. */
static void who_asked_is_forgotten_with_it(void)
{
	struct stage stage;

	stage_init(&stage);
	stage_allocate(&stage);
	g_assert_cmpuint(g_hash_table_size(stage.manager.askers), ==, 1);
	stage_unplug(&stage);
	g_assert_cmpuint(n_fds, ==, N_BUFFERS);
	g_assert_cmpuint(g_hash_table_size(stage.manager.askers), ==, 0);
	stage_clear(&stage);
}

/* Each of them by one way: some are let go of before it goes. */
static void who_asked_is_forgotten_once(void)
{
	struct stage stage;

	stage_init(&stage);
	stage_allocate(&stage);
	asker_add(&stage.client, COOKIE + 1, 1);
	close(fds[--n_fds]);
	while (g_hash_table_size(stage_pool(&stage)->live) == N_BUFFERS)
		stage_run(&stage);
	g_assert_cmpuint(g_hash_table_size(stage.manager.askers), ==, 2);
	stage_unplug(&stage);
	/* Whose buffers are in another pool. */
	g_assert_cmpuint(g_hash_table_size(stage.manager.askers), ==, 1);
	stage_clear(&stage);
}

/* As when somebody else makes buffers, one after the other. */
static void events_that_tell_too_little(struct stage *stage, uint64_t for_ns)
{
	const struct backend *backend = stage_pool(stage)->backend;
	uint64_t end = clock_now_ns() + for_ns;

	while (clock_now_ns() < end) {
		backend->listener->lost(backend->userdata);
		stage_run(stage);
	}
}

/* They cost the loop so much at most, and who waits for a decision has it nevertheless. */
static void its_books_are_not_loaded_all_the_time(void)
{
	uint64_t begin = clock_now_ns();
	struct stage stage;
	uint64_t resyncs;

	stage_init(&stage);
	events_that_tell_too_little(&stage, NSEC_PER_SEC);
	resyncs = broker_get_counters(pool_get_broker(stage_pool(&stage)))->resyncs;
	/* Nine until the delay is the longest, and that anew after each pause of this process. */
	g_assert_cmpuint(resyncs, <=, 9 * (1 + (clock_now_ns() - begin) / PACE_MAX_NS));
	g_assert_cmpuint(resyncs, >=, 2);
	stage_allocate(&stage);
	g_assert_false(stage_pool(&stage)->is_lost);
	stage_clear(&stage);
}

static unsigned int n_snapshots;

static int fail_snapshot(struct backend *backend, struct backend_snapshot *ret)
{
	n_snapshots++;
	return -ENOMEM;
}

/* A snapshot that fails costs no less than one that does not. */
static void what_cannot_be_loaded_is_not_tried_all_the_time(void)
{
	uint64_t begin = clock_now_ns();
	const struct backend_ops *ops;
	struct backend_ops failing;
	struct stage stage;

	stage_init(&stage);
	n_snapshots = 0;
	ops = stage_pool(&stage)->backend->ops;
	failing = *ops;
	failing.snapshot = fail_snapshot;
	stage_pool(&stage)->backend->ops = &failing;
	events_that_tell_too_little(&stage, NSEC_PER_SEC / 2);
	g_assert_cmpuint(n_snapshots, >=, 2);
	g_assert_cmpuint(n_snapshots, <=, 9 * (1 + (clock_now_ns() - begin) / PACE_MAX_NS));
	/* Each is not worth a line. */
	g_assert_cmpuint(n_lines, ==, 1);
	n_lines = 0;
	stage_pool(&stage)->backend->ops = ops;
	stage_allocate(&stage);
	g_assert_false(stage_pool(&stage)->is_unreadable);
	stage_clear(&stage);
}

/* Where messages about an account are bounded, not past that. */
static void whose_buffers_cannot_be_made_is_said(void)
{
	struct rlimit before, none;
	struct stage stage;

	stage_init(&stage);
	g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &before), ==, 0);
	none = before;
	none.rlim_cur = 0;
	g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &none), ==, 0);
	stage_ask(&stage);
	g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &before), ==, 0);
	g_assert_cmpuint(n_fds, ==, 0);
	g_assert_cmpuint(n_warnings, ==, 1);
	stage_clear(&stage);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/pool/who-asked-is-forgotten-with-it", who_asked_is_forgotten_with_it);
	g_test_add_func("/pool/who-asked-is-forgotten-once", who_asked_is_forgotten_once);
	g_test_add_func("/pool/its-books-are-not-loaded-all-the-time",
			its_books_are_not_loaded_all_the_time);
	g_test_add_func("/pool/what-cannot-be-loaded-is-not-tried-all-the-time",
			what_cannot_be_loaded_is_not_tried_all_the_time);
	g_test_add_func("/pool/whose-buffers-cannot-be-made-is-said",
			whose_buffers_cannot_be_made_is_said);
	return g_test_run();
}
