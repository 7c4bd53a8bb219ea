// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One pool: carries out what its broker decides. Facts (events, ends of fills, new
 * asks) only wake it; all decisions are taken in pool_run(), at the top of the loop, so that nobody
 * is called from inside a call.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "journal.h"
#include "log.h"
#include "pool-state.h"

/* After a snapshot failed (no memory): nothing is decided on books that may be wrong. */
#define RESYNC_RETRY_USEC (100 * USEC_PER_MSEC)

/* While clients keep the loop busy, decisions are taken so late. */
#define BUSY_PRIORITY (SD_EVENT_PRIORITY_NORMAL - 10)
#define BUSY_USEC     (50 * USEC_PER_MSEC)

/* Of what other users of the area give back no event tells: how often to look while somebody waits. */
#define LOOK_FREE_NS (250 * USEC_PER_MSEC * NSEC_PER_USEC)

void pool_wake(struct pool *pool)
{
	sd_event_source_set_enabled(pool->run, SD_EVENT_ONESHOT);
	if (sd_event_source_get_enabled(pool->busy, NULL) > 0)
		return;
	sd_event_source_set_time(pool->busy, clock_now_usec() + BUSY_USEC);
	sd_event_source_set_enabled(pool->busy, SD_EVENT_ONESHOT);
}

/* --- What the backend tells ------------------------------------------------------------------ */

static void on_event(void *userdata, enum cmabulk_genl_command command, uint64_t sequence,
		     uint64_t id, uint64_t inode, uint64_t pages)
{
	struct pool *pool = userdata;
	uint64_t cookie = 0;
	int r = broker_event(pool->broker, command, sequence, id, pages, &cookie);

	/* A gap, or a buffer of somebody else's: only a snapshot says whose. */
	if (r == -EL2HLT || r == 1)
		pool->is_lost = true;
	if (r >= 0 && command == CMABULK_CMD_RELEASED)
		pool_tell_released(pool, id);
	pool_books_changed(pool);
	pool_wake(pool);
}

static void on_lost(void *userdata)
{
	struct pool *pool = userdata;

	pool->is_lost = true;
	pool_wake(pool);
}

/* The listener hears of it in pool_run(). */
void pool_mark_gone(struct pool *pool)
{
	if (pool->is_gone)
		return;
	pool->is_gone = true;
	log_notice("pool %s is gone", pool_get_name(pool));
	broker_gone(pool->broker);
	pool_wake(pool);
}

static void on_gone(void *userdata)
{
	pool_mark_gone(userdata);
}

static const struct backend_listener backend_listener = { on_event, on_lost, on_gone };

static void on_filled(void *userdata, int result, const struct cmabulk_fill *fill,
		      uint64_t elapsed_ns)
{
	struct pool *pool = userdata;
	struct pool_request *request = pool->filling;

	pool->filling = NULL;
	pool_books_changed(pool);
	broker_filled(pool->broker, request->request, result, fill, elapsed_ns, clock_now_ns());
	pool_wake(pool);
}

/* --- What the broker decides ----------------------------------------------------------------- */

static void carry_out_fill(struct pool *pool, const struct broker_action *action)
{
	struct pool_request *request = broker_request_get_userdata(action->request);
	struct cmabulk_fill nothing = { 0 };
	int r = pool_request_reserve(pool, request);

	if (r >= 0)
		r = worker_fill(pool->worker, request->reservation, action->effort, action->chunks,
				action->budget_ns);
	if (r >= 0) {
		pool->filling = request;
		return;
	}
	pool_request_warn(pool, request, "a fill cannot start: %s", strerror(-r));
	nothing.effort = action->effort;
	nothing.nr_requests = action->chunks;
	broker_filled(pool->broker, action->request, r, &nothing, 0, clock_now_ns());
}

static void tell_finished(const struct pool *pool, const struct pool_request *request,
			  struct pool_outcome *outcome)
{
	if (broker_request_get_ask(request->request)->is_ahead)
		pool->listener->ahead_ended(request->userdata);
	else
		pool->listener->finished(request->userdata, outcome);
}

static void carry_out_finish(struct pool *pool, struct pool_request *request)
{
	struct broker_request *ended = request->request;
	struct pool_outcome outcome = {
		.status = broker_request_get_status(ended),
		.error = broker_request_get_error(ended),
		.cause = broker_request_get_cause(ended),
		.claimed = broker_request_get_claimed(ended),
		.queued_ns = broker_request_get_queued_ns(ended),
		.elapsed_ns = clock_now_ns() - request->start_ns,
	};

	outcome.ahead = broker_request_get_ahead(ended);
	outcome.steps = broker_request_get_steps(ended, &outcome.n_steps);
	if (broker_request_is_kept(ended) && !request->is_abandoned)
		pool_export(pool, request, &outcome);
	/* What is left goes back before anybody is told, who might ask again at once. */
	pool_request_give_back(pool, request);
	if (!request->is_abandoned)
		tell_finished(pool, request, &outcome);
	pool_outcome_close(&outcome);
	g_free(outcome.buffers);
	pool_request_free(pool, request);
}

static void ask_back(struct pool *pool, const struct broker_action *action)
{
	if (!pool->listener->asked_back(pool, action->account, action->bytes, action->pressure,
					pool->userdata))
		broker_not_heard(pool->broker, action->bytes);
}

static void carry_out(struct pool *pool, const struct broker_action *action)
{
	struct pool_request *request = broker_request_get_userdata(action->request);

	switch (action->type) {
	case BROKER_NOTHING:
		break;
	case BROKER_FILL:
		carry_out_fill(pool, action);
		break;
	case BROKER_INTERRUPT:
		pool_ops(pool)->interrupt(request->reservation);
		break;
	case BROKER_GIVE_BACK:
		pool_request_give_back(pool, request);
		break;
	case BROKER_FINISH:
		carry_out_finish(pool, request);
		break;
	case BROKER_ASK_BACK:
		ask_back(pool, action);
		break;
	}
}

static void pool_set_timer(struct pool *pool, uint64_t time_ns)
{
	if (time_ns == UINT64_MAX) {
		sd_event_source_set_enabled(pool->timer, SD_EVENT_OFF);
		return;
	}
	/* Rounded up: a timer that is early would only be set again. */
	sd_event_source_set_time(pool->timer, time_ns / NSEC_PER_USEC + 1);
	sd_event_source_set_enabled(pool->timer, SD_EVENT_ONESHOT);
}

static int pool_reload(struct pool *pool)
{
	uint64_t begin = clock_now_ns();
	int r = pool_load(pool);

	/* Also when it failed: whoever wants it would have that as often as he likes. */
	pace_loaded(&pool->pace, begin, clock_now_ns());
	if (r >= 0)
		broker_count_resync(pool->broker);
	return r;
}

/* Said once, until they can be. */
static void pool_cannot_load(struct pool *pool, int r)
{
	uint64_t retry = clock_now_ns() + RESYNC_RETRY_USEC * NSEC_PER_USEC;

	if (!pool->is_unreadable)
		log_warning("pool %s: its books cannot be read: %s", pool_get_name(pool),
			    strerror(-r));
	pool->is_unreadable = true;
	pool_set_timer(pool, MAX(pool->pace.next_ns, retry));
}

/* Whether the books are to be trusted. If not, decisions wait for when they are. */
static bool pool_settle(struct pool *pool)
{
	int r;

	if (!pool->is_lost || pool->is_gone)
		return true;
	if (!pace_is_due(&pool->pace, clock_now_ns())) {
		pool_set_timer(pool, pool->pace.next_ns);
		return false;
	}
	r = pool_reload(pool);
	if (r >= 0)
		return true;
	if (r == -ENODEV) {
		pool_mark_gone(pool);
		return true;
	}
	pool_cannot_load(pool, r);
	return false;
}

/* Facts that were found in the middle of something else. */
static void pool_tell(struct pool *pool)
{
	pool_tell_missing(pool);
	if (!pool->is_gone || pool->has_told_gone)
		return;
	pool->has_told_gone = true;
	pool->listener->gone(pool, pool->userdata);
}

static void pool_end(struct pool *pool)
{
	if (!pool->is_gone || pool->has_ended || !g_queue_is_empty(&pool->requests))
		return;
	pool->has_ended = true;
	pool->listener->ended(pool, pool->userdata);
}

/* Said once, and once more when it is over. */
static void pool_watch_guarantees(struct pool *pool)
{
	uint64_t pages = broker_get_uncovered(pool->broker);

	if (pool->is_gone || pool->is_at_risk == (pages > 0))
		return;
	pool->is_at_risk = pages > 0;
	journal_guarantee(pool_get_name(pool), pages * pool->query.page_size);
}

static uint64_t next_look_at_free(const struct pool *pool)
{
	if (pool->is_gone || pool->filling || !broker_get_pending(pool->broker))
		return UINT64_MAX;
	return clock_now_ns() + LOOK_FREE_NS;
}

static void pool_run(struct pool *pool)
{
	struct broker_action action;

	sd_event_source_set_enabled(pool->run, SD_EVENT_OFF);
	sd_event_source_set_enabled(pool->busy, SD_EVENT_OFF);
	if (!pool_settle(pool))
		return;
	pool_tell(pool);
	do {
		if (pool->is_query_stale && !pool->is_gone)
			pool_refresh_query(pool);
		broker_next(pool->broker, clock_now_ns(), &action);
		if (action.type != BROKER_NOTHING)
			carry_out(pool, &action);
	} while (action.type != BROKER_NOTHING);
	pool_set_timer(pool, MIN(broker_wakeup(pool->broker), next_look_at_free(pool)));
	pool_watch_guarantees(pool);
	pool->listener->changed(pool, pool->userdata);
	pool_tell(pool);
	pool_end(pool);
}

static int on_run(sd_event_source *source, void *userdata)
{
	pool_run(userdata);
	return 0;
}

static int on_busy(sd_event_source *source, uint64_t time_usec, void *userdata)
{
	pool_run(userdata);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t time_usec, void *userdata)
{
	struct pool *pool = userdata;

	pool->is_query_stale = true;
	pool_run(pool);
	return 0;
}

/* --- Making and unmaking --------------------------------------------------------------------- */

struct pool *pool_free(struct pool *pool)
{
	struct pool_request *request;

	if (!pool)
		return NULL;
	worker_free(pool->worker);
	while ((request = g_queue_peek_head(&pool->requests)))
		pool_request_free(pool, request);
	if (pool->broker)
		broker_free(pool->broker);
	if (pool->backend)
		pool_ops(pool)->free(pool->backend);
	pool_forget_live(pool);
	free(pool->snapshot.entries);
	sd_event_source_disable_unref(pool->run);
	sd_event_source_disable_unref(pool->busy);
	sd_event_source_disable_unref(pool->timer);
	g_free(pool);
	return NULL;
}

static int pool_add_sources(struct pool *pool, sd_event *event)
{
	int r = sd_event_add_defer(event, &pool->run, on_run, pool);

	if (r >= 0)
		r = sd_event_source_set_enabled(pool->run, SD_EVENT_OFF);
	/* After all that came by I/O: decisions are taken on all facts there are. */
	if (r >= 0)
		r = sd_event_source_set_priority(pool->run, SD_EVENT_PRIORITY_NORMAL + 10);
	if (r >= 0)
		r = sd_event_add_time(event, &pool->busy, CLOCK_MONOTONIC, 0, 1, on_busy, pool);
	if (r >= 0)
		r = sd_event_source_set_enabled(pool->busy, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_source_set_priority(pool->busy, BUSY_PRIORITY);
	if (r >= 0)
		r = sd_event_add_time(event, &pool->timer, CLOCK_MONOTONIC, 0, 1, on_timer, pool);
	if (r >= 0)
		r = sd_event_source_set_enabled(pool->timer, SD_EVENT_OFF);
	return r;
}

/* The backend is open. */
static int pool_begin(struct pool *pool, sd_event *event, struct account_rules *rules)
{
	struct broker_geometry geometry;
	int r = pool_ops(pool)->query(pool->backend, &pool->query);

	if (r < 0)
		return r;
	g_strlcpy(geometry.name, pool_get_name(pool), sizeof(geometry.name));
	geometry.pages = pool->query.pages;
	geometry.page_size = pool->query.page_size;
	geometry.min_order = pool->query.order_per_bit;
	geometry.max_order = pool->query.max_order;
	pool->broker = broker_new(&geometry, rules);
	r = pool_load(pool);
	if (r < 0)
		return r;
	pool_refresh_query(pool);
	return worker_new(event, pool_ops(pool), on_filled, pool, &pool->worker);
}

static struct pool *pool_new(sd_event *event, const struct pool_listener *listener, void *userdata)
{
	struct pool *pool = g_new0(struct pool, 1);

	pool->listener = listener;
	pool->userdata = userdata;
	g_queue_init(&pool->requests);
	g_queue_init(&pool->missing);
	pool->live = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
	if (pool_add_sources(pool, event) < 0)
		return pool_free(pool);
	return pool;
}

static int pool_finish_open(struct pool *pool, sd_event *event, struct account_rules *rules,
			    int result, struct pool **ret)
{
	int r = result;

	if (r >= 0)
		r = pool_begin(pool, event, rules);
	if (r < 0) {
		pool_free(pool);
		return r;
	}
	*ret = pool;
	return 0;
}

int pool_open_kmod(sd_event *event, const char *name, struct account_rules *rules,
		   const struct pool_listener *listener, void *userdata, struct pool **ret)
{
	struct pool *pool = pool_new(event, listener, userdata);

	if (!pool)
		return -ENOMEM;
	return pool_finish_open(
		pool, event, rules,
		backend_kmod_open(name, event, &backend_listener, pool, &pool->backend), ret);
}

int pool_open_sim(sd_event *event, const struct sim_options *options, struct account_rules *rules,
		  const struct pool_listener *listener, void *userdata, struct pool **ret)
{
	struct pool *pool = pool_new(event, listener, userdata);

	if (!pool)
		return -ENOMEM;
	return pool_finish_open(
		pool, event, rules,
		backend_sim_new(options, event, &backend_listener, pool, &pool->backend), ret);
}

void pool_unplug(struct pool *pool)
{
	backend_sim_unplug(pool->backend);
}

/* --- What others ask of it ------------------------------------------------------------------- */

const char *pool_get_name(const struct pool *pool)
{
	return pool->backend->name;
}

const char *pool_get_kind(const struct pool *pool)
{
	return pool_ops(pool)->kind;
}

void *pool_get_userdata(const struct pool *pool)
{
	return pool->userdata;
}

bool pool_is_gone(const struct pool *pool)
{
	return pool->is_gone;
}

bool pool_has_ended(const struct pool *pool)
{
	return pool->has_ended;
}

bool pool_check_gone(struct pool *pool)
{
	if (!pool->is_gone)
		pool_refresh_query(pool);
	return pool->is_gone;
}

const struct cmabulk_query *pool_get_query(const struct pool *pool)
{
	return &pool->query;
}

uint64_t pool_get_cached_pages(struct pool *pool)
{
	/* What was there goes soon, and no event tells. */
	if (pool->query.states.cached && !pool->is_gone)
		pool_refresh_query(pool);
	return pool->query.states.cached;
}

bool pool_is_guarantee_at_risk(struct pool *pool)
{
	/* Of what other users of the area do, no event tells. */
	if (broker_has_guarantees(pool->broker) && !pool->is_gone) {
		pool_refresh_query(pool);
		/* Who waits may have his turn now. */
		pool_wake(pool);
	}
	return broker_get_uncovered(pool->broker) > 0;
}

struct broker *pool_get_broker(struct pool *pool)
{
	return pool->broker;
}

void pool_set_rules(struct pool *pool, struct account_rules *rules)
{
	broker_set_rules(pool->broker, rules);
	pool_wake(pool);
}

void pool_set_retry(struct pool *pool, const struct retry *retry)
{
	broker_set_retry(pool->broker, retry);
}
