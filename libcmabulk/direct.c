// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The backend for processes that may open the pools' devices themselves. It
 * keeps nothing open between calls, so pools may come and go.
 */
#include "connection.h"
#include "device.h"
#include "direct.h"
#include "entry.h"
#include "pool.h"

static int make_pool(const struct cmabulk_query *query, struct cmabulk_pool **ret)
{
	struct cmabulk_pool *pool;
	int r = pool_new(query->name, query->area, &pool);

	if (r < 0)
		return r;
	pool->engine = query->engine;
	pool->features = query->features;
	pool->page_size = query->page_size;
	pool->pageblock_order = query->block_order;
	pool->min_order = query->order_per_bit;
	pool->max_order = query->max_order;
	pool->pages = query->pages;
	pool->free_pages = query->free_pages;
	pool->cached_pages = query->states.cached;
	pool->reserved_pages = query->states.reserved;
	pool->exported_pages = query->states.exported;
	pool->draining_pages = query->states.draining;
	pool->n_buffers = query->buffers;
	pool->n_reservations = query->reservations;
	*ret = pool;
	return 0;
}

int direct_open_pool(const char *name, int *ret_device, struct cmabulk_pool **ret_pool)
{
	int device CLEANUP(close_fdp) = -1;
	struct cmabulk_query query;
	int r = device_open(name, &device);

	if (r < 0)
		return r;
	r = device_query(device, &query);
	if (r < 0)
		return r;
	r = make_pool(&query, ret_pool);
	if (r < 0)
		return r;
	*ret_device = take_fd(&device);
	return 0;
}

static int direct_get_pool(struct cmabulk_connection *connection, const char *name,
			   struct cmabulk_pool **ret)
{
	int device CLEANUP(close_fdp) = -1;

	(void)connection;
	return direct_open_pool(name, &device, ret);
}

static size_t count_names(char **names)
{
	size_t count = 0;

	while (names[count])
		count++;
	return count;
}

int direct_list_pools(struct cmabulk_connection *connection, struct cmabulk_pool ***ret)
{
	struct cmabulk_pool **pools CLEANUP(cmabulk_pool_array_freep) = NULL;
	char **names CLEANUP(device_names_freep) = NULL;
	int count = 0;
	int r = device_list(&names);

	if (r < 0)
		return r;
	pools = calloc(count_names(names) + 1, sizeof(struct cmabulk_pool *));
	if (!pools)
		return -ENOMEM;
	for (char **name = names; *name; name++) {
		r = direct_get_pool(connection, *name, &pools[count]);
		/* Went away since it was listed. */
		if (r == -ENXIO || r == -ENODEV || r == -ENOENT)
			continue;
		if (r < 0)
			return r;
		count++;
	}
	if (count == 0)
		return -ENOENT;
	*ret = TAKE(pools);
	return count;
}

static int make_entry(const struct cmabulk_buffer_info *info, uint64_t page_size,
		      struct cmabulk_entry **ret)
{
	struct cmabulk_entry *entry;
	int r = entry_new(info->name, info->owner.account, info->owner.label, &entry);

	if (r < 0)
		return r;
	entry->id = info->id;
	entry->inode = info->inode;
	entry->kind = info->object;
	entry->state = info->state;
	entry->order = info->order;
	entry->chunks = info->chunks;
	entry->size = info->pages * page_size;
	entry->age_usec = info->age_ns / NSEC_PER_USEC;
	entry->reservation = info->object == CMABULK_OBJECT_BUFFER ? info->reservation : 0;
	entry->owner_uid = info->owner.uid;
	entry->owner_pid = (pid_t)info->owner.pid;
	entry->cookie = info->owner.cookie;
	*ret = entry;
	return 0;
}

static int direct_list_buffers(struct cmabulk_connection *connection, const char *pool_name,
			       struct cmabulk_entry ***ret)
{
	struct cmabulk_entry **entries CLEANUP(cmabulk_entry_array_freep) = NULL;
	struct cmabulk_pool *pool CLEANUP(cmabulk_pool_unrefp) = NULL;
	struct cmabulk_buffer_info *objects CLEANUP(freep) = NULL;
	int device CLEANUP(close_fdp) = -1;
	uint64_t count;
	int r;

	(void)connection;
	r = direct_open_pool(pool_name, &device, &pool);
	if (r < 0)
		return r;
	r = device_list_objects(device, &objects, &count);
	if (r < 0)
		return r;
	entries = calloc(count + 1, sizeof(struct cmabulk_entry *));
	if (!entries)
		return -ENOMEM;
	for (uint64_t i = 0; i < count; i++) {
		r = make_entry(&objects[i], pool->page_size, &entries[i]);
		if (r < 0)
			return r;
	}
	entry_sort(entries, count);
	*ret = TAKE(entries);
	return (int)count;
}

static int direct_survey_pool(struct cmabulk_connection *connection, const char *pool_name,
			      struct cmabulk_pool_survey *ret)
{
	int device CLEANUP(close_fdp) = -1;
	struct cmabulk_survey survey;
	int r;

	(void)connection;
	r = device_open(pool_name, &device);
	if (r < 0)
		return r;
	r = device_survey(device, &survey);
	if (r < 0)
		return r;
	*ret = (struct cmabulk_pool_survey){
		.pages_free = survey.pages_free,
		.pages_movable = survey.pages_movable,
		.pages_suspect = survey.pages_suspect,
		.pages_taken = survey.pages_taken,
		.blocks = survey.blocks,
		.blocks_free = survey.blocks_free,
		.blocks_movable = survey.blocks_movable,
		.blocks_suspect = survey.blocks_suspect,
		.blocks_taken = survey.blocks_taken,
	};
	return 0;
}

static const struct backend direct_backend = {
	.mode = "direct",
	.get_pool = direct_get_pool,
	.list_pools = direct_list_pools,
	.list_buffers = direct_list_buffers,
	.survey_pool = direct_survey_pool,
	.allocate = direct_allocate,
};

int direct_open(struct cmabulk_connection **ret)
{
	int r = device_check_directory();

	return r < 0 ? r : connection_new(&direct_backend, ret);
}
