// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a client gets for one Allocate. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "allocation-state.h"
#include "asker.h"
#include "bus.h"
#include "clock.h"
#include "delivery.h"
#include "errors.h"
#include "journal.h"
#include "log.h"
#include "manager.h"
#include "refusal.h"
#include "report.h"

char *allocation_format_path(const char *sender, const char *token)
{
	char *path = g_strdup_printf(BUS_PATH_ALLOCATION "/%s/%s", sender + 1, token);

	return g_strdelimit(path, ".", '_');
}

void allocation_ask_clear(struct allocation_ask *ask)
{
	route_clear(&ask->route);
}

/* --- The end --------------------------------------------------------------------------------- */

static void close_buffers(struct allocation *allocation, unsigned int first, unsigned int count)
{
	for (unsigned int i = first; i < first + count; i++) {
		struct pool_buffer *buffer = &allocation->report.buffers[i];

		if (buffer->fd >= 0)
			close(buffer->fd);
		buffer->fd = -1;
	}
}

static void close_all(struct allocation *allocation)
{
	close_buffers(allocation, 0, allocation->report.n_buffers);
}

static bool has_buffers_left(const struct allocation *allocation)
{
	for (unsigned int i = 0; i < allocation->report.n_buffers; i++)
		if (allocation->report.buffers[i].fd >= 0)
			return true;
	return false;
}

void allocation_free(struct allocation *allocation)
{
	struct client *client = allocation->client;

	if (allocation->request)
		pool_abandon(allocation->pool, allocation->request);
	if (allocation->parcel)
		delivery_withdraw(client->manager->delivery, allocation->parcel);
	close_all(allocation);
	g_hash_table_remove(client->allocations, allocation->token);
	sd_event_source_disable_unref(allocation->timer);
	sd_bus_message_unref(allocation->call);
	g_free(allocation->report.buffers);
	report_steps_clear(&allocation->report.steps);
	route_clear(&allocation->route);
	g_free(allocation->path);
	g_free(allocation->token);
	g_free(allocation);
}

void allocation_free_all(struct client *client)
{
	g_autoptr(GList) allocations = g_hash_table_get_values(client->allocations);

	for (GList *allocation = allocations; allocation; allocation = allocation->next)
		allocation_free(allocation->data);
	asker_forget_client(client);
}

/* --- Returning ------------------------------------------------------------------------------- */

static int reply_nothing(struct client *client, const struct report *report, sd_bus_message *call,
			 const char *path)
{
	sd_bus_message *reply = NULL;
	int r = report_compose(report, call, path, 0, &reply);

	if (r >= 0)
		r = delivery_append_fds(reply, NULL, 0);
	if (r >= 0)
		r = delivery_reply(client, reply, report_get_bytes(report));
	if (r < 0)
		client_warning(client, "%s gets no answer: %s", client->name, strerror(-r));
	sd_bus_message_unref(reply);
	return r;
}

/* Nothing of it is kept; the report says why. */
static void return_nothing(struct allocation *allocation)
{
	/* Nobody hears of the end of what nobody heard of. */
	asker_remove(allocation->client, allocation->owner.cookie);
	close_all(allocation);
	allocation->report.granted = 0;
	allocation->report.n_buffers = 0;
	reply_nothing(allocation->client, &allocation->report, allocation->call, allocation->path);
	allocation_free(allocation);
}

static int append_buffers(const struct allocation *allocation, sd_bus_message *reply,
			  unsigned int first, unsigned int count)
{
	int fds[DELIVERY_FDS_MAX];

	for (unsigned int i = 0; i < count; i++)
		fds[i] = allocation->report.buffers[first + i].fd;
	return delivery_append_fds(reply, fds, count);
}

/* Buffers from the one that was asked for that are there, no more than @room. */
static unsigned int count_deliverable(const struct allocation *allocation, unsigned int room)
{
	const struct report *report = &allocation->report;
	unsigned int first = allocation->offered_first;
	unsigned int count = 0;

	while (count < room && first + count < report->n_buffers &&
	       report->buffers[first + count].fd >= 0)
		count++;
	return count;
}

static int compose_allocate(const struct allocation *allocation, unsigned int count,
			    uint64_t serial, sd_bus_message **ret)
{
	int r = report_compose(&allocation->report, allocation->call, allocation->path, serial,
			       ret);

	return r < 0 ? r : append_buffers(allocation, *ret, 0, count);
}

static int compose_fetch(const struct allocation *allocation, unsigned int count, uint64_t serial,
			 sd_bus_message **ret)
{
	int r = sd_bus_message_new_method_return(allocation->call, ret);

	if (r >= 0)
		r = append_buffers(allocation, *ret, allocation->offered_first, count);
	return r < 0 ? r : sd_bus_message_append(*ret, "t", serial);
}

int allocation_compose(struct allocation *allocation, unsigned int room, sd_bus_message **ret,
		       unsigned int *ret_count, uint64_t *ret_serial, uint64_t *ret_bytes)
{
	unsigned int count = count_deliverable(allocation, room);
	uint64_t serial = delivery_new_serial();
	sd_bus_message *reply = NULL;
	int r = allocation->has_returned ? compose_fetch(allocation, count, serial, &reply) :
					   compose_allocate(allocation, count, serial, &reply);

	if (r < 0) {
		sd_bus_message_unref(reply);
		return r;
	}
	allocation->offered_count = count;
	allocation->last_serial = serial;
	*ret = reply;
	*ret_count = count;
	*ret_serial = serial;
	*ret_bytes = allocation->has_returned ? READER_BYTES_REPLY :
						report_get_bytes(&allocation->report);
	return 0;
}

static void offer(struct allocation *allocation, unsigned int first)
{
	struct client *client = allocation->client;

	allocation->offered_first = first;
	allocation->parcel = delivery_offer(client->manager->delivery, client,
					    count_deliverable(allocation, DELIVERY_FDS_MAX),
					    allocation);
}

static void keep_outcome(struct allocation *allocation, struct pool_outcome *outcome)
{
	struct report *report = &allocation->report;

	report->status = outcome->status;
	report->error = outcome->error;
	report->cause = outcome->cause;
	report->claimed = outcome->claimed;
	report->granted = outcome->granted;
	report->ahead = outcome->ahead;
	report->queued_ns = outcome->queued_ns;
	report->elapsed_ns = outcome->elapsed_ns;
	report_steps_add(&report->steps, report->pool, outcome->steps, outcome->n_steps);
	report->buffers =
		g_memdup2(outcome->buffers, outcome->n_buffers * sizeof(*outcome->buffers));
	report->n_buffers = outcome->n_buffers;
	for (unsigned int i = 0; i < outcome->n_buffers; i++)
		outcome->buffers[i].fd = -1;
}

/* Its pool went before it got anything there. */
static bool is_stranded(const struct pool_outcome *outcome)
{
	return outcome->error == -ENODEV && outcome->n_buffers == 0;
}

void allocation_finished(void *userdata, struct pool_outcome *outcome)
{
	struct allocation *allocation = userdata;

	allocation->request = NULL;
	if (is_stranded(outcome) && allocation_move(allocation, outcome))
		return;
	allocation->pool = NULL;
	keep_outcome(allocation, outcome);
	journal_ended(allocation->client->manager->journal, allocation->account,
		      &allocation->report);
	asker_add(allocation->client, allocation->owner.cookie, allocation->report.n_buffers);
	if (allocation->report.n_buffers > 0)
		offer(allocation, 0);
	else
		return_nothing(allocation);
}

/* --- What delivery tells --------------------------------------------------------------------- */

static uint64_t bytes_left(const struct allocation *allocation)
{
	const struct report *report = &allocation->report;
	uint64_t chunks = 0;

	for (unsigned int i = 0; i < report->n_buffers; i++)
		if (report->buffers[i].fd >= 0)
			chunks += report->buffers[i].chunks;
	return (chunks << report->order) * report->page_size;
}

static uint64_t get_fetch_end(const struct manager *manager)
{
	uint64_t timeout = manager->config->fetch_timeout_usec;

	return timeout >= UINT64_MAX / 2 ? UINT64_MAX : clock_now_usec() + timeout;
}

static int on_fetch_timeout(sd_event_source *source, uint64_t time_usec, void *userdata)
{
	struct allocation *allocation = userdata;
	const struct manager *manager = allocation->client->manager;

	/* Nobody can fetch now: the time begins anew. */
	if (!manager->is_on_bus) {
		sd_event_source_set_time(source, get_fetch_end(manager));
		sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
		return 0;
	}
	journal_not_fetched(manager->journal, allocation->account, allocation->report.pool,
			    bytes_left(allocation));
	if (allocation->call)
		sd_bus_reply_method_errorf(allocation->call, CMABULK_ERROR_NO_SUCH_ALLOCATION,
					   "%s was not fetched in time and given back",
					   allocation->path);
	allocation_free(allocation);
	return 0;
}

static void set_fetch_timer(struct allocation *allocation)
{
	const struct manager *manager = allocation->client->manager;

	allocation->timer = sd_event_source_disable_unref(allocation->timer);
	if (has_buffers_left(allocation) &&
	    sd_event_add_time(manager->event, &allocation->timer, CLOCK_MONOTONIC,
			      get_fetch_end(manager), 0, on_fetch_timeout, allocation) < 0)
		log_warning("no timer for what is not fetched of %s", allocation->path);
}

void allocation_sent(struct allocation *allocation)
{
	close_buffers(allocation, allocation->offered_first, allocation->offered_count);
	allocation->call = sd_bus_message_unref(allocation->call);
	allocation->has_returned = true;
	set_fetch_timer(allocation);
}

void allocation_confirmed(struct allocation *allocation)
{
	allocation->parcel = NULL;
	if (!has_buffers_left(allocation))
		allocation_free(allocation);
}

void allocation_undeliverable(struct allocation *allocation, const char *reason)
{
	allocation->parcel = NULL;
	if (!allocation->has_returned) {
		allocation->report.reason = reason;
		allocation->report.status = BROKER_TIMED_OUT;
		allocation->report.error = -ETIME;
		allocation->report.cause = BROKER_CAUSE_INTERRUPTED;
		allocation->report.granted = 0;
		journal_ended(allocation->client->manager->journal, allocation->account,
			      &allocation->report);
		return_nothing(allocation);
		return;
	}
	sd_bus_reply_method_errorf(allocation->call, CMABULK_ERROR_UNCONFIRMED,
				   "nothing can be fetched now: %s", reason);
	allocation->call = sd_bus_message_unref(allocation->call);
}

/* --- What the client asks for ---------------------------------------------------------------- */

int allocation_cancel(struct allocation *allocation)
{
	if (allocation->has_returned)
		return -ESRCH;
	if (allocation->request) {
		pool_cancel(allocation->pool, allocation->request);
		return 0;
	}
	delivery_withdraw(allocation->client->manager->delivery, allocation->parcel);
	allocation->parcel = NULL;
	allocation->report.status = BROKER_CANCELLED;
	allocation->report.error = -ECANCELED;
	allocation->report.cause = BROKER_CAUSE_INTERRUPTED;
	return_nothing(allocation);
	return 0;
}

static int check_fetch(const struct allocation *allocation, uint32_t first, sd_bus_error *error)
{
	const struct report *report = &allocation->report;

	if (!allocation->has_returned)
		return sd_bus_error_setf(error, CMABULK_ERROR_NO_SUCH_ALLOCATION,
					 "the Allocate of %s has not returned yet",
					 allocation->path);
	if (first >= report->n_buffers)
		return sd_bus_error_setf(
			error, CMABULK_ERROR_INVALID_ARGUMENT,
			"there is no buffer %u in %s, which has %u, counted from 0", first,
			allocation->path, report->n_buffers);
	if (report->buffers[first].fd < 0)
		return sd_bus_error_setf(error, CMABULK_ERROR_INVALID_ARGUMENT,
					 "buffer %u of %s was delivered before", first,
					 allocation->path);
	return 0;
}

int allocation_fetch(struct allocation *allocation, sd_bus_message *call, uint32_t first,
		     sd_bus_error *error)
{
	int r = check_fetch(allocation, first, error);

	if (r < 0)
		return r;
	if (allocation->parcel)
		return sd_bus_error_setf(error, CMABULK_ERROR_UNCONFIRMED,
					 "another Fetch of %s waits for its reply",
					 allocation->path);
	r = bus_keep_call(call, &allocation->call);
	if (r < 0)
		return r;
	offer(allocation, first);
	return 1;
}

int allocation_release(struct allocation *allocation, sd_bus_error *error)
{
	if (!allocation->has_returned)
		return sd_bus_error_setf(error, CMABULK_ERROR_NO_SUCH_ALLOCATION,
					 "the Allocate of %s has not returned yet: use Cancel",
					 allocation->path);
	if (allocation->call)
		sd_bus_reply_method_errorf(allocation->call, CMABULK_ERROR_NO_SUCH_ALLOCATION,
					   "%s was released before this Fetch", allocation->path);
	allocation_free(allocation);
	return 0;
}

bool allocation_is_last_serial(const struct allocation *allocation, uint64_t serial)
{
	return allocation->last_serial == serial;
}

void allocation_stop(struct allocation *allocation, bool with_error)
{
	if (allocation->has_returned && !with_error) {
		/* What was returned can still be fetched on the next connection. */
		if (allocation->parcel && !delivery_is_sent(allocation->parcel)) {
			delivery_withdraw(allocation->client->manager->delivery,
					  allocation->parcel);
			allocation->parcel = NULL;
			allocation->call = sd_bus_message_unref(allocation->call);
		}
		return;
	}
	if (with_error && allocation->call)
		sd_bus_reply_method_errorf(allocation->call, CMABULK_ERROR_RESTARTING,
					   "cmabulkd stops; ask again when it is back");
	allocation_free(allocation);
}

/* --- Admission ------------------------------------------------------------------------------- */

struct allocation *allocation_find_token(const struct client *client, const char *token)
{
	return g_hash_table_lookup(client->allocations, token);
}

struct allocation *allocation_find(const struct client *client, const char *path)
{
	const char *token = strrchr(path, '/');
	struct allocation *allocation = token ? allocation_find_token(client, token + 1) : NULL;

	return allocation && strcmp(allocation->path, path) == 0 ? allocation : NULL;
}

void allocation_fill_report(struct report *report, const struct pool *pool,
			    const struct broker_ask *ask)
{
	g_strlcpy(report->pool, pool_get_name(pool), sizeof(report->pool));
	report->kind = pool_get_kind(pool);
	report->order = ask->order;
	report->align = ask->align;
	report->page_size = pool_get_query(pool)->page_size;
	report->requested = ask->chunks;
}

int allocation_refuse(const struct client *client, const struct pool *pool,
		      const struct allocation_ask *ask, const struct broker_refusal *refusal,
		      int result, sd_bus_error *error)
{
	int r = refusal_set_error(refusal, result, pool, &ask->ask, error);

	if (sd_bus_error_is_set(error))
		journal_refused(client->manager->journal, pool, refusal, &ask->ask, error->message);
	return r;
}

void allocation_set_account(struct allocation *allocation, const struct account_rule *rule)
{
	account_rule_format(rule, allocation->client->user->uid, allocation->account);
}

int allocation_new(struct client *client, struct pool *pool, const struct account_rule *rule,
		   const struct allocation_ask *ask, sd_bus_message *call, sd_bus_error *error)
{
	struct allocation *allocation = g_new0(struct allocation, 1);
	struct broker_refusal refusal = { 0 };
	int r = bus_keep_call(call, &allocation->call);

	if (r < 0) {
		g_free(allocation);
		return r;
	}
	allocation->owner = client_make_owner(client, ask->label);
	r = pool_submit(pool, rule, &allocation->owner, &ask->ask, ask->since_ns, allocation,
			&allocation->request, &refusal);
	if (r < 0) {
		sd_bus_message_unref(allocation->call);
		g_free(allocation);
		return r == -ESTALE ? r : allocation_refuse(client, pool, ask, &refusal, r, error);
	}
	allocation->client = client;
	allocation_set_account(allocation, rule);
	allocation->pool = pool;
	allocation->ask = ask->ask;
	allocation->since_ns = ask->since_ns;
	route_copy(&ask->route, &allocation->route);
	allocation->token = g_strdup(ask->token);
	allocation->path = allocation_format_path(client->name, ask->token);
	allocation_fill_report(&allocation->report, pool, &ask->ask);
	g_hash_table_insert(client->allocations, allocation->token, allocation);
	return 1;
}

int allocation_return_nothing(struct client *client, const struct pool *pool,
			      const struct allocation_ask *ask, sd_bus_message *call,
			      enum broker_status status, int result, const char *reason)
{
	g_autofree char *path = allocation_format_path(client->name, ask->token);
	struct report report = {
		.status = status,
		.error = result,
		.cause = BROKER_CAUSE_INTERRUPTED,
		.reason = reason,
	};

	allocation_fill_report(&report, pool, &ask->ask);
	report.elapsed_ns = clock_now_ns() - ask->since_ns;
	report.queued_ns = report.elapsed_ns;
	return reply_nothing(client, &report, call, path);
}
