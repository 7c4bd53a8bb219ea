// SPDX-License-Identifier: LGPL-2.1-or-later
/* org.cmabulk1.Pool: vtable and marshalling. */
#include <errno.h>
#include <string.h>

#include "access.h"
#include "authority.h"
#include "bus.h"
#include "clock.h"
#include "errors.h"

enum property {
	NAME,
	AREA,
	KIND,
	ENGINE,
	FEATURES,
	PAGE_SIZE,
	PAGEBLOCK_ORDER,
	MIN_ORDER,
	MAX_ORDER,
	SIZE,
	FREE,
	CACHED,
	RESERVED,
	EXPORTED,
	DRAINING,
	BUFFERS,
	RESERVATIONS,
	PENDING,
	GUARANTEE_AT_RISK,
	N_PROPERTIES,
};

/* As in the XML, in its order. */
static const struct {
	const char *name;
	char type;
} properties[N_PROPERTIES] = {
	[NAME] = { "Name", 's' },
	[AREA] = { "Area", 's' },
	[KIND] = { "Kind", 's' },
	[ENGINE] = { "Engine", 'u' },
	[FEATURES] = { "Features", 't' },
	[PAGE_SIZE] = { "PageSize", 't' },
	[PAGEBLOCK_ORDER] = { "PageblockOrder", 'u' },
	[MIN_ORDER] = { "MinOrder", 'u' },
	[MAX_ORDER] = { "MaxOrder", 'u' },
	[SIZE] = { "Size", 't' },
	[FREE] = { "Free", 't' },
	[CACHED] = { "Cached", 't' },
	[RESERVED] = { "Reserved", 't' },
	[EXPORTED] = { "Exported", 't' },
	[DRAINING] = { "Draining", 't' },
	[BUFFERS] = { "Buffers", 't' },
	[RESERVATIONS] = { "Reservations", 't' },
	[PENDING] = { "Pending", 'u' },
	[GUARANTEE_AT_RISK] = { "GuaranteeAtRisk", 'b' },
};

static const char *get_string(const struct pool *pool, enum property property)
{
	switch (property) {
	case NAME:
		return pool_get_name(pool);
	case AREA:
		return pool_get_query(pool)->area;
	default:
		return pool_get_kind(pool);
	}
}

static uint32_t get_u32(struct pool *pool, enum property property)
{
	const struct cmabulk_query *query = pool_get_query(pool);

	switch (property) {
	case ENGINE:
		return query->engine;
	case PAGEBLOCK_ORDER:
		return query->block_order;
	case MIN_ORDER:
		return query->order_per_bit;
	case MAX_ORDER:
		return query->max_order;
	default:
		return broker_get_pending(pool_get_broker(pool));
	}
}

static uint64_t get_pages(const struct cmabulk_query *query, const struct broker_books *books,
			  enum property property)
{
	switch (property) {
	case SIZE:
		return query->pages;
	case FREE:
		return query->free_pages;
	case RESERVED:
		return books->states.reserved;
	case EXPORTED:
		return books->states.exported;
	default:
		return books->states.draining;
	}
}

static uint64_t get_u64(struct pool *pool, enum property property)
{
	const struct cmabulk_query *query = pool_get_query(pool);
	struct broker_books books;

	broker_get_books(pool_get_broker(pool), &books);
	switch (property) {
	case FEATURES:
		return query->features;
	case PAGE_SIZE:
		return query->page_size;
	case BUFFERS:
		return books.buffers;
	case RESERVATIONS:
		return books.reservations;
	case CACHED:
		return pool_get_cached_pages(pool) * query->page_size;
	default:
		return get_pages(query, &books, property) * query->page_size;
	}
}

static int append_value(sd_bus_message *message, struct pool *pool, enum property property)
{
	switch (properties[property].type) {
	case 's':
		return sd_bus_message_append(message, "s", get_string(pool, property));
	case 'u':
		return sd_bus_message_append(message, "u", get_u32(pool, property));
	case 'b':
		return sd_bus_message_append(message, "b", (int)pool_is_guarantee_at_risk(pool));
	default:
		return sd_bus_message_append(message, "t", get_u64(pool, property));
	}
}

static int append_property(sd_bus_message *message, struct pool *pool, enum property property)
{
	const char type[] = { properties[property].type, '\0' };
	int r = sd_bus_message_open_container(message, 'e', "sv");

	if (r >= 0)
		r = sd_bus_message_append(message, "s", properties[property].name);
	if (r >= 0)
		r = sd_bus_message_open_container(message, 'v', type);
	if (r >= 0)
		r = append_value(message, pool, property);
	for (unsigned int i = 0; i < 2 && r >= 0; i++)
		r = sd_bus_message_close_container(message);
	return r;
}

int bus_pool_append(sd_bus_message *message, struct pool *pool)
{
	int r = sd_bus_message_open_container(message, 'a', "{sv}");

	for (unsigned int i = 0; i < N_PROPERTIES && r >= 0; i++)
		r = append_property(message, pool, i);
	return r < 0 ? r : sd_bus_message_close_container(message);
}

static int get_property(sd_bus *bus, const char *path, const char *interface, const char *name,
			sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	for (unsigned int i = 0; i < N_PROPERTIES; i++)
		if (strcmp(properties[i].name, name) == 0)
			return append_value(reply, userdata, i);
	return -ENOENT;
}

/* --- Survey ---------------------------------------------------------------------------------- */

static int append_survey(sd_bus_message *message, const struct cmabulk_survey *survey)
{
	const struct {
		const char *key;
		uint64_t value;
	} fields[] = {
		{ "pages-free", survey->pages_free },
		{ "pages-movable", survey->pages_movable },
		{ "pages-suspect", survey->pages_suspect },
		{ "pages-taken", survey->pages_taken },
		{ "blocks", survey->blocks },
		{ "blocks-free", survey->blocks_free },
		{ "blocks-movable", survey->blocks_movable },
		{ "blocks-suspect", survey->blocks_suspect },
		{ "blocks-taken", survey->blocks_taken },
	};
	int r = sd_bus_message_open_container(message, 'a', "{sv}");

	for (size_t i = 0; i < G_N_ELEMENTS(fields) && r >= 0; i++)
		r = bus_append_u64(message, fields[i].key, fields[i].value);
	return r < 0 ? r : sd_bus_message_close_container(message);
}

static struct pool *find_by_path(const struct manager *manager, const char *path)
{
	g_autofree char *name = NULL;
	char *decoded = NULL;

	if (sd_bus_path_decode(path, BUS_PATH_POOL, &decoded) <= 0)
		return NULL;
	name = g_strdup(decoded);
	free(decoded);
	return manager_find_pool(manager, name);
}

static int survey_since(struct client *client, sd_bus_message *call, uint64_t since_ns,
			sd_bus_error *error)
{
	const struct authority_ask ask = {
		.action = AUTHORIZATION_ALLOCATE,
		.function = survey_since,
		.since_ns = since_ns,
	};
	struct pool *pool = find_by_path(client->manager, sd_bus_message_get_path(call));
	struct cmabulk_survey result = { 0 };
	sd_bus_message *reply = NULL;
	int r = access_check_allocate(client, error);

	if (r > 0)
		return authority_ask(client, call, &ask, error);
	if (r < 0)
		return r;
	r = pool ? pool_survey(pool, &result) : -ENODEV;
	if (r == -ENODEV)
		return sd_bus_error_setf(error, CMABULK_ERROR_POOL_GONE, "%s went away",
					 sd_bus_message_get_path(call));
	if (r >= 0)
		r = sd_bus_message_new_method_return(call, &reply);
	if (r >= 0)
		r = append_survey(reply, &result);
	if (r >= 0)
		r = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	return r < 0 ? r : 1;
}

static int survey(struct client *client, sd_bus_message *call, sd_bus_error *error)
{
	return survey_since(client, call, clock_now_ns(), error);
}

static int method_survey(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct pool *pool = userdata;

	return client_call(pool_get_userdata(pool), call, survey, error);
}

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD_WITH_ARGS("Survey", SD_BUS_NO_ARGS, SD_BUS_RESULT("a{sv}", survey),
				method_survey, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_PROPERTY("Name", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("Area", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("Kind", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("Engine", "u", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("Features", "t", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("PageSize", "t", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("PageblockOrder", "u", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("MinOrder", "u", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("MaxOrder", "u", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("Size", "t", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("Free", "t", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("Cached", "t", get_property, 0, 0),
	SD_BUS_PROPERTY("Reserved", "t", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("Exported", "t", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("Draining", "t", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("Buffers", "t", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("Reservations", "t", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("Pending", "u", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("GuaranteeAtRisk", "b", get_property, 0,
			SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_VTABLE_END,
};

/* --- Objects --------------------------------------------------------------------------------- */

char *bus_pool_format_path(const struct pool *pool)
{
	char *encoded = NULL;
	char *path;

	if (sd_bus_path_encode(BUS_PATH_POOL, pool_get_name(pool), &encoded) < 0)
		g_error("out of memory");
	path = g_strdup(encoded);
	free(encoded);
	return path;
}

static int find_object(sd_bus *bus, const char *path, const char *interface, void *userdata,
		       void **ret, sd_bus_error *error)
{
	*ret = find_by_path(userdata, path);
	return *ret ? 1 : 0;
}

static int list_objects(sd_bus *bus, const char *prefix, void *userdata, char ***ret,
			sd_bus_error *error)
{
	const struct manager *manager = userdata;
	char **paths = calloc(manager->pools->len + 1, sizeof(*paths));

	if (!paths)
		return -ENOMEM;
	for (unsigned int i = 0; i < manager->pools->len; i++) {
		const char *name = pool_get_name(g_ptr_array_index(manager->pools, i));
		int r = sd_bus_path_encode(BUS_PATH_POOL, name, &paths[i]);

		if (r < 0) {
			while (i > 0)
				free(paths[--i]);
			free(paths);
			return r;
		}
	}
	*ret = paths;
	return 1;
}

int bus_pool_add(struct manager *manager)
{
	int r = sd_bus_add_fallback_vtable(manager->bus, NULL, BUS_PATH_POOL, BUS_POOL, vtable,
					   find_object, manager);

	if (r < 0)
		return r;
	return sd_bus_add_node_enumerator(manager->bus, NULL, BUS_PATH_POOL, list_objects, manager);
}
