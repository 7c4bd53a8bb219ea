// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What was read of devices a moment ago. To read it again may mean to ask the driver, which may ask its hardware, as
 * for what a battery has: that is not to happen as often as a client names the device. Pure.
 */
#include <glib.h>

#include "device-cache.h"

struct entry {
	struct device_facts facts;
	uint64_t read_usec;
};

struct device_cache {
	uint64_t version; /* of all entries */
	GHashTable *entries; /* syspath -> struct entry */
};

static void entry_free(void *data)
{
	struct entry *entry = data;

	device_facts_clear(&entry->facts);
	g_free(entry);
}

struct device_cache *device_cache_new(void)
{
	struct device_cache *cache = g_new0(struct device_cache, 1);

	cache->entries = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, entry_free);
	return cache;
}

void device_cache_free(struct device_cache *cache)
{
	if (!cache)
		return;
	g_hash_table_unref(cache->entries);
	g_free(cache);
}

static void check_version(struct device_cache *cache, uint64_t version)
{
	if (cache->version != version)
		g_hash_table_remove_all(cache->entries);
	cache->version = version;
}

bool device_cache_find(struct device_cache *cache, const char *syspath, uint64_t version,
		       uint64_t now_usec, struct device_facts *ret)
{
	const struct entry *entry;

	check_version(cache, version);
	entry = g_hash_table_lookup(cache->entries, syspath);
	if (!entry || now_usec - entry->read_usec >= DEVICE_CACHE_USEC)
		return false;
	device_facts_copy(&entry->facts, ret);
	return true;
}

static void remove_oldest(struct device_cache *cache)
{
	const struct entry *oldest = NULL;
	GHashTableIter iterator;
	void *value;

	g_hash_table_iter_init(&iterator, cache->entries);
	while (g_hash_table_iter_next(&iterator, NULL, &value)) {
		const struct entry *entry = value;

		if (!oldest || entry->read_usec < oldest->read_usec)
			oldest = entry;
	}
	if (oldest)
		g_hash_table_remove(cache->entries, oldest->facts.syspath);
}

void device_cache_put(struct device_cache *cache, const struct device_facts *facts,
		      uint64_t version, uint64_t now_usec)
{
	struct entry *entry = g_new0(struct entry, 1);

	check_version(cache, version);
	device_facts_copy(facts, &entry->facts);
	entry->read_usec = now_usec;
	if (!g_hash_table_contains(cache->entries, facts->syspath) &&
	    g_hash_table_size(cache->entries) >= DEVICE_CACHE_MAX)
		remove_oldest(cache);
	/* The key is the new entry's own. */
	g_hash_table_replace(cache->entries, entry->facts.syspath, entry);
}
