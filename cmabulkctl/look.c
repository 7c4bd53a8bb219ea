// SPDX-License-Identifier: LGPL-2.1-or-later
/* What pools and accounts have at one moment, and what is different a moment later. Pure. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "look.h"

void look_clear(struct look *look)
{
	cmabulk_pool_array_free(look->pools);
	cmabulk_account_array_free(look->accounts);
	free(look->objects);
	*look = (struct look){ 0 };
}

static void add_value(struct look_object *object, const char *name, bool is_size, uint64_t value)
{
	object->values[object->n_values++] = (struct look_value){ name, is_size, value };
}

static void arrange_pool(struct look_object *object, const struct cmabulk_pool *pool)
{
	uint64_t page_size = cmabulk_pool_get_page_size(pool);

	object->pool = cmabulk_pool_get_name(pool);
	add_value(object, "size", true, cmabulk_pool_get_pages(pool) * page_size);
	add_value(object, "free", true, cmabulk_pool_get_free_pages(pool) * page_size);
	add_value(object, "cached", true, cmabulk_pool_get_cached_pages(pool) * page_size);
	add_value(object, "reserved", true, cmabulk_pool_get_reserved_pages(pool) * page_size);
	add_value(object, "exported", true, cmabulk_pool_get_exported_pages(pool) * page_size);
	add_value(object, "draining", true, cmabulk_pool_get_draining_pages(pool) * page_size);
	add_value(object, "buffers", false, cmabulk_pool_get_n_buffers(pool));
	add_value(object, "pending", false, cmabulk_pool_get_n_pending(pool));
	add_value(object, "guarantee_at_risk", false,
		  (uint64_t)cmabulk_pool_is_guarantee_at_risk(pool));
}

static void arrange_account(struct look_object *object, const struct cmabulk_account *account)
{
	object->pool = cmabulk_account_get_pool(account);
	object->account = cmabulk_account_get_name(account);
	object->has_uid = cmabulk_account_get_uid(account, &object->uid) >= 0;
	add_value(object, "used", true, cmabulk_account_get_used(account));
	add_value(object, "minimum", true, cmabulk_account_get_minimum(account));
	add_value(object, "maximum", true, cmabulk_account_get_maximum(account));
	add_value(object, "buffers", false, cmabulk_account_get_n_buffers(account));
	add_value(object, "pending", false, cmabulk_account_get_n_pending(account));
}

/* Pools before their accounts, and these by name and user. */
static int compare_objects(const void *left, const void *right)
{
	const struct look_object *one = left;
	const struct look_object *other = right;
	int r = strcmp(one->pool, other->pool);

	if (r == 0)
		r = strcmp(one->account ? one->account : "", other->account ? other->account : "");
	if (r == 0)
		r = (int)one->has_uid - (int)other->has_uid;
	if (r == 0 && one->has_uid && one->uid != other->uid)
		r = one->uid < other->uid ? -1 : 1;
	return r;
}

static size_t count_all(const struct look *look)
{
	size_t count = 0;

	for (struct cmabulk_pool **pool = look->pools; pool && *pool; pool++)
		count++;
	for (struct cmabulk_account **account = look->accounts; account && *account; account++)
		count++;
	return count;
}

int look_arrange(struct look *look)
{
	look->objects = calloc(count_all(look) + 1, sizeof(*look->objects));
	if (!look->objects)
		return -ENOMEM;
	for (struct cmabulk_pool **pool = look->pools; pool && *pool; pool++)
		arrange_pool(&look->objects[look->count++], *pool);
	for (struct cmabulk_account **account = look->accounts; account && *account; account++)
		arrange_account(&look->objects[look->count++], *account);
	qsort(look->objects, look->count, sizeof(*look->objects), compare_objects);
	return 0;
}

static bool are_same(const struct look_object *before, const struct look_object *after)
{
	for (size_t i = 0; i < before->n_values; i++)
		if (before->values[i].value != after->values[i].value)
			return false;
	return true;
}

void look_compare(const struct look *before, const struct look *after, look_function function,
		  void *userdata)
{
	size_t old = 0;
	size_t new = 0;

	while (old < before->count || new < after->count) {
		const struct look_object *one = &before->objects[old];
		const struct look_object *other = &after->objects[new];
		int r = old == before->count ? 1 : -1;

		if (old < before->count && new < after->count)
			r = compare_objects(one, other);
		if (r != 0 || !are_same(one, other))
			function(r <= 0 ? one : NULL, r >= 0 ? other : NULL, userdata);
		old += r <= 0;
		new += r >= 0;
	}
}
