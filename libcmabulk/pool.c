// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a pool was when it was looked at: filled in by a backend, then only read. */
#include <string.h>

#include "pool.h"

static void pool_destroy(struct cmabulk_pool *pool)
{
	free(pool->name);
	free(pool->area);
	free(pool);
}

DEFINE_REFERENCE(cmabulk_pool, pool_destroy)

int pool_new(const char *name, const char *area, struct cmabulk_pool **ret)
{
	struct cmabulk_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return -ENOMEM;
	pool->references = 1;
	pool->kind = "kmod";
	pool->name = strdup(name);
	pool->area = strdup(area);
	if (!pool->name || !pool->area) {
		pool_destroy(pool);
		return -ENOMEM;
	}
	*ret = pool;
	return 0;
}

EXPORT void cmabulk_pool_array_free(struct cmabulk_pool **pools)
{
	for (struct cmabulk_pool **pool = pools; pool && *pool; pool++)
		cmabulk_pool_unref(*pool);
	free(pools);
}

EXPORT void cmabulk_pool_name_array_free(char **names)
{
	for (char **name = names; name && *name; name++)
		free(*name);
	free(names);
}

EXPORT const char *cmabulk_pool_get_name(const struct cmabulk_pool *pool)
{
	return pool->name;
}

EXPORT const char *cmabulk_pool_get_area(const struct cmabulk_pool *pool)
{
	return pool->area;
}

EXPORT const char *cmabulk_pool_get_kind_name(const struct cmabulk_pool *pool)
{
	return pool->kind;
}

EXPORT unsigned int cmabulk_pool_get_engine(const struct cmabulk_pool *pool)
{
	return pool->engine;
}

EXPORT const char *cmabulk_pool_get_engine_name(const struct cmabulk_pool *pool)
{
	switch (pool->engine) {
	case CMABULK_POOL_ENGINE_KERNEL:
		return "kernel";
	case CMABULK_POOL_ENGINE_STOCK:
		return "stock";
	default:
		return pool->engine == 0 && strcmp(pool->kind, "sim") == 0 ? "simulated" :
									     "unknown";
	}
}

EXPORT uint64_t cmabulk_pool_get_features(const struct cmabulk_pool *pool)
{
	return pool->features;
}

EXPORT uint64_t cmabulk_pool_get_page_size(const struct cmabulk_pool *pool)
{
	return pool->page_size;
}

EXPORT unsigned int cmabulk_pool_get_pageblock_order(const struct cmabulk_pool *pool)
{
	return pool->pageblock_order;
}

EXPORT unsigned int cmabulk_pool_get_min_order(const struct cmabulk_pool *pool)
{
	return pool->min_order;
}

EXPORT unsigned int cmabulk_pool_get_max_order(const struct cmabulk_pool *pool)
{
	return pool->max_order;
}

EXPORT uint64_t cmabulk_pool_get_pages(const struct cmabulk_pool *pool)
{
	return pool->pages;
}

EXPORT uint64_t cmabulk_pool_get_free_pages(const struct cmabulk_pool *pool)
{
	return pool->free_pages;
}

EXPORT uint64_t cmabulk_pool_get_cached_pages(const struct cmabulk_pool *pool)
{
	return pool->cached_pages;
}

EXPORT uint64_t cmabulk_pool_get_reserved_pages(const struct cmabulk_pool *pool)
{
	return pool->reserved_pages;
}

EXPORT uint64_t cmabulk_pool_get_exported_pages(const struct cmabulk_pool *pool)
{
	return pool->exported_pages;
}

EXPORT uint64_t cmabulk_pool_get_draining_pages(const struct cmabulk_pool *pool)
{
	return pool->draining_pages;
}

EXPORT uint64_t cmabulk_pool_get_n_buffers(const struct cmabulk_pool *pool)
{
	return pool->n_buffers;
}

EXPORT uint64_t cmabulk_pool_get_n_reservations(const struct cmabulk_pool *pool)
{
	return pool->n_reservations;
}

EXPORT unsigned int cmabulk_pool_get_n_pending(const struct cmabulk_pool *pool)
{
	return pool->pending;
}

EXPORT int cmabulk_pool_is_guarantee_at_risk(const struct cmabulk_pool *pool)
{
	return pool->is_guarantee_at_risk;
}
