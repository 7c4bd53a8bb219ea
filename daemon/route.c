// SPDX-License-Identifier: LGPL-2.1-or-later
/* Where a request goes. */
#include "clock.h"
#include "device.h"
#include "errors.h"
#include "manager.h"
#include "route.h"
#include "text.h"
#include "udev-device.h"

void route_clear(struct route *route)
{
	g_strfreev(route->pools);
	*route = (struct route){ 0 };
}

void route_copy(const struct route *route, struct route *ret)
{
	ret->is_fixed = route->is_fixed;
	ret->pools = g_strdupv(route->pools);
}

/* --- Devices --------------------------------------------------------------------------------- */

/* Where nothing is real a device need not be there: then it is what it is called. */
static bool look_up(const struct manager *manager, const struct device_text *text,
		    struct device_facts *ret)
{
	if (text->form != DEVICE_NAME &&
	    udev_device_find(manager->devices, text, clock_now_usec(), ret) >= 0)
		return true;
	device_facts_from_text(text, ret);
	return text->form == DEVICE_NAME || manager_is_simulated(manager);
}

static int no_such_device(const struct manager *manager, const struct device_text *text,
			  bool is_there, sd_bus_error *error)
{
	const char *file = manager->options->config_file;
	char excerpt[TEXT_EXCERPT_MAX];

	text_excerpt(excerpt, text->text);
	if (text->form == DEVICE_NAME)
		return sd_bus_error_setf(error, CMABULK_ERROR_NO_SUCH_DEVICE,
					 "there is no [Device %s] in %s; name one that is, or a "
					 "device by its node, path in /sys, or SUBSYSTEM:NAME",
					 excerpt, file);
	if (!is_there)
		return sd_bus_error_setf(error, CMABULK_ERROR_NO_SUCH_DEVICE,
					 "there is no device '%s'", excerpt);
	return sd_bus_error_setf(
		error, CMABULK_ERROR_NO_SUCH_DEVICE,
		"nothing says which pools device '%s' has: no [Device] in %s "
		"matches it, and it has no list of pools as udev property " UDEV_POOLS_PROPERTY,
		excerpt, file);
}

int route_refuse_device(const char *device, sd_bus_error *error)
{
	char excerpt[TEXT_EXCERPT_MAX];

	return sd_bus_error_setf(
		error, CMABULK_ERROR_INVALID_ARGUMENT,
		"device '%s' is none: it is the name of a [Device] group, a node as /dev/video0, a "
		"path below /sys/devices, /sys/class or /sys/bus, or as video4linux:video0, of at "
		"most %d bytes",
		text_excerpt(excerpt, device), DEVICE_TEXT_MAX);
}

int route_find_device(const struct manager *manager, const char *device, struct route *ret,
		      sd_bus_error *error)
{
	struct device_facts facts;
	struct device_text text;
	char **pools = NULL;
	bool is_there;

	if (device_text_parse(device, &text) < 0)
		return route_refuse_device(device, error);
	is_there = look_up(manager, &text, &facts);
	if (is_there)
		pools = device_rules_get_pools(manager->config->devices, &text, &facts);
	device_facts_clear(&facts);
	if (!pools)
		return no_such_device(manager, &text, is_there, error);
	*ret = (struct route){ .pools = pools };
	return 0;
}

/* --- Pools ----------------------------------------------------------------------------------- */

static bool is_in(const GPtrArray *pools, const struct pool *pool)
{
	return pools && g_ptr_array_find((GPtrArray *)pools, pool, NULL);
}

static bool suits(const struct pool *pool, const struct account_rule *rule, unsigned int order,
		  const GPtrArray *except)
{
	const struct cmabulk_query *query = pool_get_query(pool);

	if (pool_is_gone(pool) || is_in(except, pool))
		return false;
	if (rule && !account_rule_allows_pool(rule, pool_get_name(pool)))
		return false;
	return order >= query->order_per_bit && order <= query->max_order;
}

static uint64_t free_bytes(const struct pool *pool)
{
	const struct cmabulk_query *query = pool_get_query(pool);

	return query->free_pages * query->page_size;
}

/* The one with most free memory. */
static struct pool *choose_any(const struct manager *manager, const struct account_rule *rule,
			       unsigned int order, const GPtrArray *except)
{
	struct pool *best = NULL;

	for (unsigned int i = 0; i < manager->pools->len; i++) {
		struct pool *pool = g_ptr_array_index(manager->pools, i);

		if (suits(pool, rule, order, except) &&
		    (!best || free_bytes(pool) > free_bytes(best)))
			best = pool;
	}
	return best;
}

struct pool *route_choose(const struct route *route, const struct manager *manager,
			  const struct account_rule *rule, unsigned int order,
			  const GPtrArray *except)
{
	if (!route->pools)
		return choose_any(manager, rule, order, except);
	for (char **name = route->pools; *name; name++) {
		struct pool *pool = manager_find_pool(manager, *name);

		if (pool && suits(pool, rule, order, except))
			return pool;
	}
	return NULL;
}
