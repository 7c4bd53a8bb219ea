// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which messages are let through. Pure. */
#include <glib.h>

#include "throttle.h"

struct counting {
	uint64_t begin_ns; /* of the time in which messages are counted */
	unsigned int count; /* let through in it; 0: none was ever */
	uint64_t left_out; /* since the last that was let through */
};

struct throttle {
	unsigned int burst;
	uint64_t interval_ns;
	GHashTable *accounts; /* name -> struct counting */
	struct counting others; /* for whom there is no room */
	uint64_t now_ns;
};

struct throttle *throttle_new(unsigned int burst, uint64_t interval_ns)
{
	struct throttle *throttle = g_new0(struct throttle, 1);

	throttle->burst = burst;
	throttle->interval_ns = interval_ns;
	throttle->accounts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return throttle;
}

struct throttle *throttle_free(struct throttle *throttle)
{
	if (!throttle)
		return NULL;
	g_hash_table_unref(throttle->accounts);
	g_free(throttle);
	return NULL;
}

static bool is_over(const struct throttle *throttle, const struct counting *counting)
{
	return throttle->now_ns - counting->begin_ns >= throttle->interval_ns;
}

/* What it left out is not forgotten, only whose that was. */
static gboolean forget(void *name, void *value, void *userdata)
{
	struct throttle *throttle = userdata;
	const struct counting *counting = value;

	if (!is_over(throttle, counting))
		return FALSE;
	throttle->others.left_out += counting->left_out;
	return TRUE;
}

static struct counting *find(struct throttle *throttle, const char *account)
{
	struct counting *counting = g_hash_table_lookup(throttle->accounts, account);

	if (counting)
		return counting;
	if (g_hash_table_size(throttle->accounts) >= THROTTLE_ACCOUNTS_MAX)
		g_hash_table_foreach_remove(throttle->accounts, forget, throttle);
	/* Nobody is forgotten for another who comes later: he would begin anew. */
	if (g_hash_table_size(throttle->accounts) >= THROTTLE_ACCOUNTS_MAX)
		return &throttle->others;
	counting = g_new0(struct counting, 1);
	g_hash_table_insert(throttle->accounts, g_strdup(account), counting);
	return counting;
}

bool throttle_pass(struct throttle *throttle, const char *account, uint64_t now_ns,
		   uint64_t *ret_left_out)
{
	struct counting *counting;

	throttle->now_ns = MAX(throttle->now_ns, now_ns);
	counting = find(throttle, account);
	if (counting->count == 0 || is_over(throttle, counting)) {
		counting->begin_ns = throttle->now_ns;
		counting->count = 0;
	}
	if (counting->count >= throttle->burst) {
		counting->left_out++;
		return false;
	}
	counting->count++;
	*ret_left_out = counting->left_out;
	counting->left_out = 0;
	return true;
}
