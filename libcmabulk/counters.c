// SPDX-License-Identifier: LGPL-2.1-or-later
/* What happened in a pool, or to one of its accounts: filled in by a backend, then only read. */
#include "counters.h"

static void counters_destroy(struct cmabulk_counters *counters)
{
	for (size_t i = 0; i < counters->n_refusals; i++)
		free(counters->refusals[i].reason);
	for (size_t i = 0; i < counters->n_fills; i++) {
		free(counters->fills[i].effort);
		free(counters->fills[i].result);
	}
	free(counters->refusals);
	free(counters->fills);
	free(counters->buckets);
	free(counters->account);
	free(counters->pool);
	free(counters);
}

DEFINE_REFERENCE(cmabulk_counters, counters_destroy)

int counters_new(struct cmabulk_counters **ret)
{
	struct cmabulk_counters *counters = calloc(1, sizeof(*counters));

	if (!counters)
		return -ENOMEM;
	counters->references = 1;
	*ret = counters;
	return 0;
}

/* Room for one more, zeroed. NULL: there is none. */
static void *grow(void *elements, size_t count, size_t size)
{
	char *grown = reallocarray(elements, count + 1, size);

	if (grown)
		memset(grown + count * size, 0, size);
	return grown;
}

int counters_add_refusal(struct cmabulk_counters *counters, const char *reason, uint64_t count)
{
	struct counters_refusal *refusals =
		grow(counters->refusals, counters->n_refusals, sizeof(*refusals));

	if (!refusals)
		return -ENOMEM;
	counters->refusals = refusals;
	refusals += counters->n_refusals++;
	refusals->count = count;
	refusals->reason = strdup(reason);
	return refusals->reason ? 0 : -ENOMEM;
}

int counters_add_fill(struct cmabulk_counters *counters, const char *effort, const char *result,
		      uint64_t count)
{
	struct counters_fill *fills = grow(counters->fills, counters->n_fills, sizeof(*fills));

	if (!fills)
		return -ENOMEM;
	counters->fills = fills;
	fills += counters->n_fills++;
	fills->count = count;
	fills->effort = strdup(effort);
	fills->result = strdup(result);
	return fills->effort && fills->result ? 0 : -ENOMEM;
}

int counters_add_bucket(struct cmabulk_counters *counters, uint64_t usec, uint64_t count)
{
	struct counters_bucket *buckets =
		grow(counters->buckets, counters->n_buckets, sizeof(*buckets));

	if (!buckets)
		return -ENOMEM;
	counters->buckets = buckets;
	buckets[counters->n_buckets++] = (struct counters_bucket){ usec, count };
	return 0;
}

EXPORT void cmabulk_counters_array_free(struct cmabulk_counters **counters)
{
	for (struct cmabulk_counters **one = counters; one && *one; one++)
		cmabulk_counters_unref(*one);
	free(counters);
}

EXPORT const char *cmabulk_counters_get_pool(const struct cmabulk_counters *counters)
{
	return counters->pool;
}

EXPORT const char *cmabulk_counters_get_account(const struct cmabulk_counters *counters)
{
	return counters->account;
}

EXPORT int cmabulk_counters_get_uid(const struct cmabulk_counters *counters, uid_t *ret)
{
	if (!counters->has_uid)
		return -ENODATA;
	*ret = counters->uid;
	return 0;
}

EXPORT void cmabulk_counters_get_values(const struct cmabulk_counters *counters,
					struct cmabulk_counter_values *ret, size_t size)
{
	copy_versioned(ret, size, &counters->values, sizeof(counters->values));
}

EXPORT int cmabulk_counters_get_refusal(const struct cmabulk_counters *counters, unsigned int index,
					const char **ret_reason, uint64_t *ret_count)
{
	if (index >= counters->n_refusals)
		return -ERANGE;
	*ret_reason = counters->refusals[index].reason;
	*ret_count = counters->refusals[index].count;
	return 0;
}

EXPORT int cmabulk_counters_get_fill(const struct cmabulk_counters *counters, unsigned int index,
				     const char **ret_effort, const char **ret_result,
				     uint64_t *ret_count)
{
	if (index >= counters->n_fills)
		return -ERANGE;
	*ret_effort = counters->fills[index].effort;
	*ret_result = counters->fills[index].result;
	*ret_count = counters->fills[index].count;
	return 0;
}

EXPORT int cmabulk_counters_get_bucket(const struct cmabulk_counters *counters, unsigned int index,
				       uint64_t *ret_usec, uint64_t *ret_count)
{
	if (index >= counters->n_buckets)
		return -ERANGE;
	*ret_usec = counters->buckets[index].usec;
	*ret_count = counters->buckets[index].count;
	return 0;
}
