// SPDX-License-Identifier: LGPL-2.1-or-later
/* GetPoolForDevice of org.cmabulk1.Manager: marshalling only. */
#include <errno.h>

#include "access.h"
#include "authority.h"
#include "bus.h"
#include "clock.h"
#include "delivery.h"
#include "device.h"
#include "errors.h"
#include "inquiry.h"
#include "text.h"

static int read_device(struct client *client, sd_bus_message *call, const char **ret,
		       sd_bus_error *error)
{
	int r = sd_bus_message_read(call, "s", ret);

	return r < 0 ? r : access_check_allocate(client, error);
}

static int append_names(sd_bus_message *reply, const struct account_rule *rule, char **names)
{
	int r = sd_bus_message_open_container(reply, 'a', "s");

	for (; *names && r >= 0; names++)
		if (account_rule_allows_pool(rule, *names))
			r = sd_bus_message_append(reply, "s", *names);
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* The place in @names of the first that is there and open to @rule; NULL: none is. */
static char **find_first(const struct manager *manager, const struct account_rule *rule,
			 char **names)
{
	for (; *names; names++) {
		const struct pool *pool = manager_find_pool(manager, *names);

		if (pool && !pool_is_gone(pool) && account_rule_allows_pool(rule, *names))
			return names;
	}
	return NULL;
}

static int reply_pools(struct client *client, sd_bus_message *call, const char *device,
		       char **names, sd_bus_error *error)
{
	const struct account_rule *rule = client_get_rule(client);
	char **first = find_first(client->manager, rule, names);
	sd_bus_message *reply = NULL;
	char excerpt[TEXT_EXCERPT_MAX];
	int r;

	if (!first) {
		g_autofree char *joined = g_strjoinv(", ", names);

		return sd_bus_error_setf(error, CMABULK_ERROR_NO_SUCH_POOL,
					 "device '%s' has no pool now that account %s may use, "
					 "of %s",
					 text_excerpt(excerpt, device), rule->name, joined);
	}
	r = sd_bus_message_new_method_return(call, &reply);
	if (r >= 0)
		r = sd_bus_message_append(reply, "s", *first);
	if (r >= 0)
		r = append_names(reply, rule, first + 1);
	if (r >= 0)
		r = delivery_reply(client, reply, READER_BYTES_REPLY);
	sd_bus_message_unref(reply);
	return r < 0 ? r : 1;
}

static int get_pool_since(struct client *client, sd_bus_message *call, uint64_t since_ns,
			  sd_bus_error *error);

static int get_pool_in_turn(struct client *client, sd_bus_message *call, uint64_t since_ns,
			    sd_bus_error *error)
{
	return inquiry_put(client, call, get_pool_since, since_ns, 0);
}

static int ask_authority(struct client *client, sd_bus_message *call, uint64_t since_ns,
			 sd_bus_error *error)
{
	const struct authority_ask ask = {
		.action = AUTHORIZATION_ALLOCATE,
		.function = get_pool_in_turn,
		.since_ns = since_ns,
	};

	return authority_ask(client, call, &ask, error);
}

static int get_pool_since(struct client *client, sd_bus_message *call, uint64_t since_ns,
			  sd_bus_error *error)
{
	struct route route = { 0 };
	const char *device;
	int r = read_device(client, call, &device, error);

	if (r > 0)
		return ask_authority(client, call, since_ns, error);
	if (r >= 0)
		r = route_find_device(client->manager, device, &route, error);
	if (r >= 0)
		r = reply_pools(client, call, device, route.pools, error);
	route_clear(&route);
	return r;
}

/* Looking it up takes a moment. */
static int get_pool(struct client *client, sd_bus_message *call, sd_bus_error *error)
{
	struct device_text text;
	const char *device;
	int r = read_device(client, call, &device, error);

	if (r < 0)
		return r;
	/* What is refused anyway is not kept: it may be as long as a message. */
	if (device_text_parse(device, &text) < 0)
		return route_refuse_device(device, error);
	return inquiry_put(client, call, get_pool_since, clock_now_ns(), 0);
}

int bus_method_get_pool_for_device(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	return client_call(userdata, call, get_pool, error);
}
