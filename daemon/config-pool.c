// SPDX-License-Identifier: LGPL-2.1-or-later
/* The [Pool NAME] groups of the configuration. */
#include <errno.h>
#include <string.h>

#include "config-file.h"
#include "config-name.h"
#include "config-pool.h"
#include "size.h"

#define EVERY_POOL "*"

#define NSEC_PER_USEC UINT64_C(1000)

/* What a group says, of all that it may say. */
enum said {
	SAID_STEPS = 1 << 0,
	SAID_DELAY = 1 << 1,
	SAID_MAX_DELAY = 1 << 2,
	SAID_JITTER = 1 << 3,
	SAID_TIMEOUT = 1 << 4,
};

struct draft {
	unsigned int said; /* enum said */
	struct retry retry;
};

struct config_pools {
	GHashTable *drafts; /* name -> struct draft */
	struct draft *current; /* NULL: of a group that is skipped */
};

struct config_pools *config_pools_new(void)
{
	struct config_pools *pools = g_new0(struct config_pools, 1);

	pools->drafts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return pools;
}

void config_pools_free(struct config_pools *pools)
{
	if (!pools)
		return;
	g_hash_table_unref(pools->drafts);
	g_free(pools);
}

void config_pools_begin(struct config_pools *pools, const struct config_place *place,
			const char *name)
{
	pools->current = NULL;
	if (strcmp(name, EVERY_POOL) != 0 && !pool_name_is_valid(name)) {
		config_problem(place->problems,
			       "%s: [%s]: \"%s\" is no name of a pool, nor " EVERY_POOL
			       "; the group is ignored",
			       place->file, place->group, name);
		return;
	}
	pools->current = g_hash_table_lookup(pools->drafts, name);
	if (pools->current)
		return;
	pools->current = g_new0(struct draft, 1);
	g_hash_table_insert(pools->drafts, g_strdup(name), pools->current);
}

/*
 * Keys: each returns NULL, or what is wrong with the value
 */

static const char *set_steps(struct retry *retry, const char *value)
{
	return retry_parse_steps(value, retry) < 0 ?
		       "no steps: write up to 16 of fast, normal, hard and wait, with blanks "
		       "between, and an effort first" :
		       NULL;
}

static const char *set_time(uint64_t *ret_ns, const char *value)
{
	uint64_t usec;

	if (duration_parse(value, &usec) < 0)
		return "no time: write 20, 20s, 500ms, 2min or infinity";
	if (__builtin_mul_overflow(usec, NSEC_PER_USEC, ret_ns))
		*ret_ns = UINT64_MAX;
	return NULL;
}

static const char *set_delay(struct retry *retry, const char *value)
{
	return set_time(&retry->delay_ns, value);
}

static const char *set_max_delay(struct retry *retry, const char *value)
{
	return set_time(&retry->max_delay_ns, value);
}

static const char *set_timeout(struct retry *retry, const char *value)
{
	uint64_t timeout_ns;
	const char *wrong = set_time(&timeout_ns, value);

	if (wrong)
		return wrong;
	if (!timeout_ns)
		return "no time above 0";
	retry->timeout_ns = timeout_ns;
	return NULL;
}

static const char *set_jitter(struct retry *retry, const char *value)
{
	struct amount amount;

	if (amount_parse(value, &amount) < 0 || !amount.is_share)
		return "no percentage up to 100%";
	retry->jitter_percent = (unsigned int)(amount.bytes / 100);
	return NULL;
}

static const struct {
	const char *name;
	const char *(*set)(struct retry *retry, const char *value);
	enum said said;
} keys[] = {
	{ "RetrySteps", set_steps, SAID_STEPS },
	{ "RetryDelaySec", set_delay, SAID_DELAY },
	{ "RetryDelayMaxSec", set_max_delay, SAID_MAX_DELAY },
	{ "RetryJitter", set_jitter, SAID_JITTER },
	{ "RetryTimeoutSec", set_timeout, SAID_TIMEOUT },
};

void config_pools_set(struct config_pools *pools, const struct config_place *place, const char *key,
		      const char *value)
{
	const char *wrong;

	if (!pools->current)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
		if (strcmp(keys[i].name, key) != 0)
			continue;
		wrong = keys[i].set(&pools->current->retry, value);
		if (wrong)
			config_problem(place->problems,
				       "%s: [%s] %s: \"%s\" is wrong: %s; the value is ignored",
				       place->file, place->group, key, value, wrong);
		else
			pools->current->said |= keys[i].said;
		return;
	}
	config_problem(place->problems, "%s: [%s] %s: unknown key; it is ignored", place->file,
		       place->group, key);
}

static void apply(const struct config_pools *pools, const char *name, struct retry *retry)
{
	const struct draft *draft = g_hash_table_lookup(pools->drafts, name);

	if (!draft)
		return;
	if (draft->said & SAID_STEPS) {
		memcpy(retry->steps, draft->retry.steps, sizeof(retry->steps));
		retry->n_steps = draft->retry.n_steps;
	}
	if (draft->said & SAID_DELAY)
		retry->delay_ns = draft->retry.delay_ns;
	if (draft->said & SAID_MAX_DELAY)
		retry->max_delay_ns = draft->retry.max_delay_ns;
	if (draft->said & SAID_JITTER)
		retry->jitter_percent = draft->retry.jitter_percent;
	if (draft->said & SAID_TIMEOUT)
		retry->timeout_ns = draft->retry.timeout_ns;
}

void config_pools_get_retry(const struct config_pools *pools, const char *name, struct retry *ret)
{
	retry_init(ret);
	apply(pools, EVERY_POOL, ret);
	apply(pools, name, ret);
}
