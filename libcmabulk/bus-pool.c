// SPDX-License-Identifier: LGPL-2.1-or-later
/* The daemon's pools, and what their engines see. */
#include "bus-backend.h"
#include "bus-dictionary.h"
#include "bus.h"
#include "pool.h"
#include "text.h"

/* The properties of org.cmabulk1.Pool. Sizes are bytes. */
struct properties {
	const char *name;
	const char *area;
	const char *kind;
	uint32_t engine;
	uint64_t features;
	uint64_t page_size;
	uint32_t pageblock_order;
	uint32_t min_order;
	uint32_t max_order;
	uint64_t size;
	uint64_t free;
	uint64_t cached;
	uint64_t reserved;
	uint64_t exported;
	uint64_t draining;
	uint64_t buffers;
	uint64_t reservations;
	uint32_t pending;
	int is_guarantee_at_risk;
};

static const struct bus_field property_fields[] = {
	{ "Name", "s", offsetof(struct properties, name), true },
	{ "Area", "s", offsetof(struct properties, area), true },
	{ "Kind", "s", offsetof(struct properties, kind), true },
	{ "Engine", "u", offsetof(struct properties, engine), true },
	{ "Features", "t", offsetof(struct properties, features), true },
	{ "PageSize", "t", offsetof(struct properties, page_size), true },
	{ "PageblockOrder", "u", offsetof(struct properties, pageblock_order), true },
	{ "MinOrder", "u", offsetof(struct properties, min_order), true },
	{ "MaxOrder", "u", offsetof(struct properties, max_order), true },
	{ "Size", "t", offsetof(struct properties, size), true },
	{ "Free", "t", offsetof(struct properties, free), true },
	{ "Cached", "t", offsetof(struct properties, cached), true },
	{ "Reserved", "t", offsetof(struct properties, reserved), true },
	{ "Exported", "t", offsetof(struct properties, exported), true },
	{ "Draining", "t", offsetof(struct properties, draining), true },
	{ "Buffers", "t", offsetof(struct properties, buffers), true },
	{ "Reservations", "t", offsetof(struct properties, reservations), true },
	{ "Pending", "u", offsetof(struct properties, pending), true },
	{ "GuaranteeAtRisk", "b", offsetof(struct properties, is_guarantee_at_risk), false },
};

/* Can they be? What follows divides and shifts by them. */
static bool are_sane(const struct properties *properties)
{
	uint64_t page_size = properties->page_size;

	return text_is_pool_name(properties->name) && page_size > 0 &&
	       (page_size & (page_size - 1)) == 0 && properties->pageblock_order < 32 &&
	       properties->max_order < 32 && properties->min_order <= properties->max_order;
}

static int make_pool(const struct properties *properties, struct cmabulk_pool **ret)
{
	uint64_t page_size = properties->page_size;
	struct cmabulk_pool *pool;
	int r = pool_new(properties->name, properties->area, &pool);

	if (r < 0)
		return r;
	pool->kind = text_kind(properties->kind);
	pool->engine = properties->engine;
	pool->features = properties->features;
	pool->page_size = page_size;
	pool->pageblock_order = properties->pageblock_order;
	pool->min_order = properties->min_order;
	pool->max_order = properties->max_order;
	pool->pages = properties->size / page_size;
	pool->free_pages = properties->free / page_size;
	pool->cached_pages = properties->cached / page_size;
	pool->reserved_pages = properties->reserved / page_size;
	pool->exported_pages = properties->exported / page_size;
	pool->draining_pages = properties->draining / page_size;
	pool->n_buffers = properties->buffers;
	pool->n_reservations = properties->reservations;
	pool->pending = properties->pending;
	pool->is_guarantee_at_risk = properties->is_guarantee_at_risk;
	*ret = pool;
	return 0;
}

struct listing {
	struct cmabulk_pool **pools; /* NULL after the last */
	size_t count;
	/* If not NULL, look for this one: */
	const char *wanted;
	char *path; /* of the object */
};

static void listing_clear(struct listing *listing)
{
	cmabulk_pool_array_free(listing->pools);
	free(listing->path);
}

static int keep_pool(struct listing *listing, const char *path, const struct properties *properties)
{
	struct cmabulk_pool **pools;
	int r;

	if (listing->wanted && strcmp(listing->wanted, properties->name) != 0)
		return 0;
	if (listing->path)
		return -EPROTO;
	if (listing->wanted) {
		listing->path = strdup(path);
		if (!listing->path)
			return -ENOMEM;
	}
	pools = reallocarray(listing->pools, listing->count + 2, sizeof(struct cmabulk_pool *));
	if (!pools)
		return -ENOMEM;
	listing->pools = pools;
	pools[listing->count] = NULL;
	r = make_pool(properties, &pools[listing->count]);
	if (r >= 0)
		pools[++listing->count] = NULL;
	return r;
}

static int read_pool(sd_bus_message *message, void *userdata)
{
	struct properties properties = { 0 };
	const char *path;
	int r = bus_read_result(sd_bus_message_read_basic(message, 'o', &path));

	if (r >= 0)
		r = bus_read_dictionary(message, property_fields, ARRAY_SIZE(property_fields),
					&properties);
	if (r < 0)
		return r;
	return are_sane(&properties) ? keep_pool(userdata, path, &properties) : -EPROTO;
}

static int list(struct cmabulk_connection *connection, struct listing *listing)
{
	sd_bus_message *reply CLEANUP(bus_message_unrefp) = NULL;
	int r = bus_call_manager(connection, "ListPools", &reply);

	if (r < 0)
		return r;
	r = bus_read_array(reply, "(oa{sv})", read_pool, listing);
	if (r < 0)
		return bus_refuse(connection, r);
	return 0;
}

static int compare_pools(const void *left, const void *right)
{
	return strcmp((*(struct cmabulk_pool *const *)left)->name,
		      (*(struct cmabulk_pool *const *)right)->name);
}

int bus_list_pools(struct cmabulk_connection *connection, struct cmabulk_pool ***ret)
{
	struct listing listing CLEANUP(listing_clear) = { 0 };
	int r = list(connection, &listing);

	if (r < 0)
		return r;
	if (listing.count == 0) {
		connection_explain(connection, "the daemon has no pool");
		return -ENOENT;
	}
	qsort(listing.pools, listing.count, sizeof(struct cmabulk_pool *), compare_pools);
	*ret = TAKE(listing.pools);
	return (int)listing.count;
}

/* A pool's path need not be its name: the daemon says it. */
static int find(struct cmabulk_connection *connection, const char *name, struct listing *ret)
{
	int r;

	ret->wanted = name;
	r = list(connection, ret);
	if (r < 0)
		return r;
	return ret->count > 0 ? 0 : -ENXIO;
}

int bus_get_pool(struct cmabulk_connection *connection, const char *name, struct cmabulk_pool **ret)
{
	struct listing listing CLEANUP(listing_clear) = { 0 };
	int r = find(connection, name, &listing);

	if (r < 0)
		return r;
	*ret = cmabulk_pool_ref(listing.pools[0]);
	return 0;
}

#define SURVEY_FIELD(name, field)                                            \
	{                                                                    \
		name, "t", offsetof(struct cmabulk_pool_survey, field), true \
	}

static const struct bus_field survey_fields[] = {
	SURVEY_FIELD("pages-free", pages_free),
	SURVEY_FIELD("pages-movable", pages_movable),
	SURVEY_FIELD("pages-suspect", pages_suspect),
	SURVEY_FIELD("pages-taken", pages_taken),
	SURVEY_FIELD("blocks", blocks),
	SURVEY_FIELD("blocks-free", blocks_free),
	SURVEY_FIELD("blocks-movable", blocks_movable),
	SURVEY_FIELD("blocks-suspect", blocks_suspect),
	SURVEY_FIELD("blocks-taken", blocks_taken),
};

int bus_survey_pool(struct cmabulk_connection *connection, const char *pool_name,
		    struct cmabulk_pool_survey *ret)
{
	struct listing listing CLEANUP(listing_clear) = { 0 };
	sd_bus_message *call CLEANUP(bus_message_unrefp) = NULL;
	sd_bus_message *reply CLEANUP(bus_message_unrefp) = NULL;
	struct cmabulk_pool_survey survey = { 0 };
	int r = find(connection, pool_name, &listing);

	if (r < 0)
		return r;
	r = bus_new_call(connection, NULL, listing.path, BUS_POOL_INTERFACE, "Survey", &call);
	if (r >= 0)
		r = bus_call(connection, call, &reply);
	if (r < 0)
		return r;
	r = bus_read_dictionary(reply, survey_fields, ARRAY_SIZE(survey_fields), &survey);
	if (r < 0)
		return bus_refuse(connection, r);
	*ret = survey;
	return 0;
}
