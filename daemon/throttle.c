// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which messages are let through. Pure. */
#include <glib.h>

#include "throttle.h"

struct counting {
	uint64_t begin_ns; /* of the time in which messages are counted */
	unsigned int count; /* let through in it; 0: none was ever */
	uint64_t left_out; /* since the last that was let through */
	uint64_t left_out_since_ns; /* when that was the first of these */
};

/* Of an account that is not told apart any more. */
struct remainder {
	char *account;
	uint64_t left_out;
};

struct throttle {
	unsigned int burst;
	uint64_t interval_ns;
	GHashTable *accounts; /* name -> struct counting */
	struct counting others; /* for whom there is no room */
	GQueue remainders; /* struct remainder */
	uint64_t now_ns;
};

struct throttle *throttle_new(unsigned int burst, uint64_t interval_ns)
{
	struct throttle *throttle = g_new0(struct throttle, 1);

	throttle->burst = burst;
	throttle->interval_ns = interval_ns;
	throttle->accounts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_queue_init(&throttle->remainders);
	return throttle;
}

static void remainder_free(void *data)
{
	struct remainder *remainder = data;

	g_free(remainder->account);
	g_free(remainder);
}

struct throttle *throttle_free(struct throttle *throttle)
{
	if (!throttle)
		return NULL;
	g_hash_table_unref(throttle->accounts);
	g_queue_clear_full(&throttle->remainders, remainder_free);
	g_free(throttle);
	return NULL;
}

static bool is_over(const struct throttle *throttle, const struct counting *counting)
{
	return throttle->now_ns - counting->begin_ns >= throttle->interval_ns;
}

/* What it left out is still to be said. */
static gboolean forget(void *name, void *value, void *userdata)
{
	struct throttle *throttle = userdata;
	const struct counting *counting = value;
	struct remainder *remainder;

	if (!is_over(throttle, counting))
		return FALSE;
	if (counting->left_out > 0) {
		remainder = g_new(struct remainder, 1);
		remainder->account = g_strdup(name);
		remainder->left_out = counting->left_out;
		g_queue_push_tail(&throttle->remainders, remainder);
	}
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
		if (counting->left_out++ == 0)
			counting->left_out_since_ns = throttle->now_ns;
		return false;
	}
	counting->count++;
	/* Whose it was of the others, nobody knows. */
	if (counting == &throttle->others) {
		*ret_left_out = 0;
		return true;
	}
	*ret_left_out = counting->left_out;
	counting->left_out = 0;
	return true;
}

/* As often as those of an account. */
static bool take_others(struct throttle *throttle, char **ret_account, uint64_t *ret_left_out)
{
	struct counting *others = &throttle->others;

	if (others->left_out == 0 ||
	    throttle->now_ns - others->left_out_since_ns < throttle->interval_ns)
		return false;
	*ret_account = NULL;
	*ret_left_out = others->left_out;
	others->left_out = 0;
	return true;
}

bool throttle_take_left_out(struct throttle *throttle, char **ret_account, uint64_t *ret_left_out)
{
	struct remainder *remainder = g_queue_pop_head(&throttle->remainders);

	if (!remainder)
		return take_others(throttle, ret_account, ret_left_out);
	*ret_account = g_steal_pointer(&remainder->account);
	*ret_left_out = remainder->left_out;
	remainder_free(remainder);
	return true;
}
