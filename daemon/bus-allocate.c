// SPDX-License-Identifier: LGPL-2.1-or-later
/* Allocate, Prepare and Cancel of org.cmabulk1.Manager: read, let in, and where they wait until then. */
#include <errno.h>

#include "access.h"
#include "authority.h"
#include "bus.h"
#include "clock.h"
#include "delivery.h"
#include "device.h"
#include "errors.h"
#include "inquiry.h"
#include "preparation.h"
#include "text.h"

/* --- Allocate -------------------------------------------------------------------------------- */

int bus_find_pool(const struct manager *manager, const char *name, struct pool **ret,
		  sd_bus_error *error)
{
	struct pool *pool = manager_find_pool(manager, name);
	char excerpt[TEXT_EXCERPT_MAX];

	if (!pool)
		return sd_bus_error_setf(error, CMABULK_ERROR_NO_SUCH_POOL,
					 "there is no pool '%s'; see ListPools",
					 text_excerpt(excerpt, name));
	if (pool_is_gone(pool))
		return sd_bus_error_setf(error, CMABULK_ERROR_POOL_GONE, "pool %s is going away",
					 pool_get_name(pool));
	*ret = pool;
	return 0;
}

/* The one that was named, if @rule may use it. */
static int find_named_pool(const struct manager *manager, const struct account_rule *rule,
			   const char *name, struct pool **ret, sd_bus_error *error)
{
	int r = bus_find_pool(manager, name, ret, error);

	if (r < 0 || !rule || account_rule_allows_pool(rule, pool_get_name(*ret)))
		return r;
	return sd_bus_error_setf(error, CMABULK_ERROR_NOT_AUTHORIZED,
				 "account %s may not use pool %s; have Pools= changed", rule->name,
				 pool_get_name(*ret));
}

static int no_such_pool(const struct manager *manager, const struct account_rule *rule,
			const struct allocation_ask *ask, sd_bus_error *error)
{
	const char *account = rule ? rule->name : "?";
	g_autofree char *pools = NULL;
	char excerpt[TEXT_EXCERPT_MAX];

	if (!ask->device)
		return sd_bus_error_setf(
			error, CMABULK_ERROR_NO_SUCH_POOL,
			"there is no pool with chunks of order %u that account %s may "
			"use, of %u pools",
			ask->ask.order, account, manager->pools->len);
	pools = g_strjoinv(", ", ask->route.pools);
	return sd_bus_error_setf(error, CMABULK_ERROR_NO_SUCH_POOL,
				 "device '%s' has no pool now with chunks of order %u that account "
				 "%s may use, of %s",
				 text_excerpt(excerpt, ask->device), ask->ask.order, account,
				 pools);
}

/* One that suits, if @rule may use it; NULL is for what comes to nothing. */
static int find_pool_for(const struct manager *manager, const struct account_rule *rule,
			 struct allocation_ask *ask, struct pool **ret, sd_bus_error *error)
{
	int r = 0;

	ask->route.is_fixed = ask->pool;
	if (ask->pool)
		return find_named_pool(manager, rule, ask->pool, ret, error);
	if (ask->device)
		r = route_find_device(manager, ask->device, &ask->route, error);
	if (r < 0)
		return r;
	*ret = route_choose(&ask->route, manager, rule, ask->ask.order, NULL);
	return *ret ? 0 : no_such_pool(manager, rule, ask, error);
}

static uint64_t deadline_of(const struct config *config, const struct account_rule *rule,
			    const struct allocation_ask *ask)
{
	uint64_t timeout = ask->timeout_usec == UINT64_MAX ? config->default_timeout_usec :
							     ask->timeout_usec;

	timeout = MIN(timeout, config->max_timeout_usec);
	if (rule->max_timeout_usec)
		timeout = MIN(timeout, rule->max_timeout_usec);
	if (timeout >= UINT64_MAX / NSEC_PER_USEC / 2)
		return UINT64_MAX;
	return ask->since_ns + timeout * NSEC_PER_USEC;
}

/* Of a call that was read before. */
static int return_nothing(struct client *client, sd_bus_message *call, uint64_t since_ns,
			  enum broker_status status, int result, const char *reason,
			  sd_bus_error *error)
{
	g_auto(AllocationAsk) ask = { .since_ns = since_ns };
	struct pool *pool = NULL;
	int r = bus_request_read(call, &ask, error);

	/* Who was not let in is not told which pools a device has. */
	if (!client->is_known || access_check_allocate(client, NULL) != 0)
		ask.device = NULL;
	if (r >= 0)
		r = find_pool_for(client->manager, NULL, &ask, &pool, error);
	return r < 0 ? r :
		       allocation_return_nothing(client, pool, &ask, call, status, result, reason);
}

static int return_cancelled(struct client *client, sd_bus_message *call, uint64_t since_ns,
			    sd_bus_error *error)
{
	/* Nothing was claimed for it, which is all that was to be. */
	if (bus_request_is_ahead(call))
		return sd_bus_reply_method_return(call, NULL);
	return return_nothing(client, call, since_ns, BROKER_CANCELLED, -ECANCELED, NULL, error);
}

static int return_timed_out(struct client *client, sd_bus_message *call, uint64_t since_ns,
			    sd_bus_error *error)
{
	return return_nothing(client, call, since_ns, BROKER_TIMED_OUT, -ETIME,
			      "the time was over before the last reply with buffers was confirmed",
			      error);
}

static int allocate_in_turn(struct client *client, sd_bus_message *call, uint64_t since_ns,
			    sd_bus_error *error);

int bus_look_error(const struct pool *pool, int r, sd_bus_error *error)
{
	return r == -ENODEV ? sd_bus_error_setf(error, CMABULK_ERROR_POOL_GONE, "pool %s went away",
						pool_get_name(pool)) :
			      r;
}

static int admit(struct client *client, struct pool *pool, sd_bus_message *call,
		 const struct allocation_ask *ask, sd_bus_error *error)
{
	int r = allocation_new(client, pool, client_get_rule(client), ask, call, error);

	return r == -ESTALE ? inquiry_put_first(client, call, allocate_in_turn, ask->since_ns, 0) :
			      r;
}

typedef int (*read_function)(sd_bus_message *call, struct allocation_ask *ret, sd_bus_error *error);

/* What is refused anyway is not kept while the authority thinks: a name may be as long as a message. */
static int check_names(const struct manager *manager, const struct allocation_ask *ask,
		       sd_bus_error *error)
{
	struct device_text text;
	struct pool *pool;

	if (ask->device && device_text_parse(ask->device, &text) < 0)
		return route_refuse_device(ask->device, error);
	return ask->pool ? bus_find_pool(manager, ask->pool, &pool, error) : 0;
}

static int ask_authority(struct client *client, sd_bus_message *call,
			 const struct allocation_ask *ask, client_since_function again,
			 sd_bus_error *error)
{
	const struct authority_ask question = {
		.action = AUTHORIZATION_ALLOCATE,
		.function = again,
		.since_ns = ask->since_ns,
	};
	int r = check_names(client->manager, ask, error);

	return r < 0 ? r : authority_ask(client, call, &question, error);
}

/*
 * Reads the call, and finds whether it may be made, and of which pool. Positive: the authority is asked, and @again runs
 * when it says yes.
 */
static int find_ask(struct client *client, sd_bus_message *call, read_function read_ask,
		    client_since_function again, struct allocation_ask *ask, struct pool **ret,
		    sd_bus_error *error)
{
	const struct account_rule *rule;
	bool is_asked;
	int r;

	if (client->manager->is_stopping)
		return client_refuse_restarting(client, call, ask->since_ns, error);
	r = access_check_allocate(client, error);
	is_asked = r > 0;
	if (r >= 0)
		r = read_ask(call, ask, error);
	if (r < 0)
		return r;
	if (allocation_find_token(client, ask->token) || preparation_has_token(client, ask->token))
		return sd_bus_error_setf(
			error, CMABULK_ERROR_TOKEN_IN_USE,
			"token '%s' names another allocation of this connection: use "
			"a new one",
			ask->token);
	if (is_asked)
		return ask_authority(client, call, ask, again, error);
	rule = client_get_rule(client);
	ask->ask.deadline_ns = deadline_of(client->manager->config, rule, ask);
	return find_pool_for(client->manager, rule, ask, ret, error);
}

static int allocate_since(struct client *client, sd_bus_message *call, uint64_t since_ns,
			  sd_bus_error *error)
{
	g_auto(AllocationAsk) ask = { .since_ns = since_ns };
	struct delivery_hold hold = {
		.function = allocate_since,
		.late = return_timed_out,
		.since_ns = since_ns,
	};
	struct pool *pool = NULL;
	int r = find_ask(client, call, bus_request_read, allocate_since, &ask, &pool, error);

	if (r != 0)
		return r;
	hold.deadline_ns = ask.ask.deadline_ns;
	r = delivery_check(client, call, &hold, error);
	return r != 0 ? r : admit(client, pool, call, &ask, error);
}

/* It was too much by books that were older than it: now these are loaded, and it is asked again. */
static int ask_in_turn(struct client *client, sd_bus_message *call, uint64_t since_ns,
		       read_function read_ask, client_since_function in_turn,
		       client_since_function ask_again, sd_bus_error *error)
{
	g_auto(AllocationAsk) ask = { .since_ns = since_ns };
	struct pool *pool = NULL;
	uint64_t when;
	int r = find_ask(client, call, read_ask, in_turn, &ask, &pool, error);

	if (r != 0)
		return r;
	r = pool_look(pool, since_ns, &when);
	/* It is known to be gone by now: the next time it is another, or none. */
	if (r == -ENODEV && !ask.route.is_fixed && pool_check_gone(pool))
		return inquiry_put_first(client, call, in_turn, since_ns, 0);
	if (r == -EAGAIN)
		return inquiry_put_first(client, call, in_turn, since_ns, when);
	if (r < 0)
		return bus_look_error(pool, r, error);
	r = sd_bus_message_rewind(call, true);
	return r < 0 ? r : ask_again(client, call, since_ns, error);
}

static int allocate_in_turn(struct client *client, sd_bus_message *call, uint64_t since_ns,
			    sd_bus_error *error)
{
	return ask_in_turn(client, call, since_ns, bus_request_read, allocate_in_turn,
			   allocate_since, error);
}

static int allocate(struct client *client, sd_bus_message *call, sd_bus_error *error)
{
	return allocate_since(client, call, clock_now_ns(), error);
}

int bus_method_allocate(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	/* Nothing could be delivered, and nobody would hear of the refusal. */
	if (!sd_bus_message_get_expect_reply(call))
		return 1;
	return client_call(userdata, call, allocate, error);
}

/* --- Prepare --------------------------------------------------------------------------------- */

static int prepare_in_turn(struct client *client, sd_bus_message *call, uint64_t since_ns,
			   sd_bus_error *error);

static int prepare_since(struct client *client, sd_bus_message *call, uint64_t since_ns,
			 sd_bus_error *error)
{
	g_auto(AllocationAsk) ask = { .since_ns = since_ns };
	struct pool *pool = NULL;
	int r = find_ask(client, call, bus_request_read_ahead, prepare_since, &ask, &pool, error);

	if (r != 0)
		return r;
	r = preparation_new(client, pool, client_get_rule(client), &ask, error);
	if (r == -ESTALE)
		return inquiry_put_first(client, call, prepare_in_turn, since_ns, 0);
	return r < 0 ? r : sd_bus_reply_method_return(call, NULL);
}

static int prepare_in_turn(struct client *client, sd_bus_message *call, uint64_t since_ns,
			   sd_bus_error *error)
{
	return ask_in_turn(client, call, since_ns, bus_request_read_ahead, prepare_in_turn,
			   prepare_since, error);
}

static int prepare(struct client *client, sd_bus_message *call, sd_bus_error *error)
{
	return prepare_since(client, call, clock_now_ns(), error);
}

int bus_method_prepare(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	return client_call(userdata, call, prepare, error);
}

/* --- Cancel ---------------------------------------------------------------------------------- */

/* Wherever the Allocate is that is to return. */
static int find_and_cancel(struct client *client, const char *token)
{
	struct allocation *allocation = allocation_find_token(client, token);
	uint64_t since = clock_now_ns();
	sd_bus_message *call;

	if (allocation && allocation_cancel(allocation) >= 0)
		return 0;
	if (preparation_cancel(client, token) >= 0)
		return 0;
	call = client_take(client, token);
	if (!call && client->is_known)
		call = delivery_take_held(client, token, &since);
	if (!call && client->is_known)
		call = inquiry_take(client, token, &since);
	if (!call && client->is_known)
		call = authority_take(client, token, &since);
	if (!call)
		return -ESRCH;
	client_run_since(client, call, return_cancelled, since);
	sd_bus_message_unref(call);
	return 0;
}

static int cancel(struct client *client, sd_bus_message *call, sd_bus_error *error)
{
	char excerpt[TEXT_EXCERPT_MAX];
	const char *token;
	int r = sd_bus_message_read(call, "s", &token);

	if (r < 0)
		return r;
	if (find_and_cancel(client, token) < 0)
		return sd_bus_error_setf(error, CMABULK_ERROR_NO_SUCH_ALLOCATION,
					 "this connection has no Allocate with token '%s' that has "
					 "not returned",
					 text_excerpt(excerpt, token));
	return sd_bus_reply_method_return(call, NULL);
}

int bus_method_cancel(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct client *client = client_get(userdata, sd_bus_message_get_sender(call));

	/* It need not be known: it may cancel what waits until it is, and this waits for nothing. */
	return client ? cancel(client, call, error) : -ENOBUFS;
}
