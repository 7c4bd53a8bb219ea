// SPDX-License-Identifier: LGPL-2.1-or-later
/* doctor: what the accounts of this user have, and may have, of each pool. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"
#include "size.h"

/* Who manages the daemon sees those of others, too, and not who shares one. */
static bool is_own(const struct cmabulk_account *account)
{
	uid_t uid;

	if (cmabulk_account_get_uid(account, &uid) < 0)
		return geteuid() != 0;
	return uid == geteuid();
}

/* The key of the limit that lets it have no more; NULL: there is none. */
static const char *find_limit(const struct cmabulk_account *account)
{
	if (cmabulk_account_get_used(account) >= cmabulk_account_get_maximum(account))
		return "MaxBytes";
	if (cmabulk_account_get_n_buffers(account) >= cmabulk_account_get_maximum_buffers(account))
		return "MaxBuffers";
	if (cmabulk_account_get_n_pending(account) >= cmabulk_account_get_maximum_pending(account))
		return "MaxPending";
	return NULL;
}

static void check_limits(struct doctor *doctor, const struct cmabulk_account *account)
{
	const char *name = cmabulk_account_get_name(account);
	const char *limit = find_limit(account);
	char used[SIZE_TEXT];
	char maximum[SIZE_TEXT];
	char remedy[256] = "";

	if (limit)
		snprintf(remedy, sizeof(remedy),
			 "let go of some, see 'cmabulkctl buffers'; or 'sudo cmabulkctl accounts "
			 "set %s %s=MORE'",
			 name, limit);
	doctor_report(doctor, limit ? RESULT_WARN : RESULT_OK, "account", limit ? remedy : NULL,
		      "account %s in pool %s: %s of %s used, %" PRIu64 " of %" PRIu64
		      " buffers, %" PRIu64 " of %" PRIu64 " requests waiting",
		      name, cmabulk_account_get_pool(account),
		      size_format(used, cmabulk_account_get_used(account)),
		      size_format(maximum, cmabulk_account_get_maximum(account)),
		      cmabulk_account_get_n_buffers(account),
		      cmabulk_account_get_maximum_buffers(account),
		      cmabulk_account_get_n_pending(account),
		      cmabulk_account_get_maximum_pending(account));
}

static void check_account(struct doctor *doctor, const struct cmabulk_account *account)
{
	if (cmabulk_account_get_weight(account) > 0)
		check_limits(doctor, account);
	else
		doctor_report(doctor, RESULT_OK, "account", NULL,
			      "account %s in pool %s is not this user's any more; what it has "
			      "stays until it is let go of",
			      cmabulk_account_get_name(account), cmabulk_account_get_pool(account));
}

/* What may have all of a pool is limited by that, and not by its account. */
static uint64_t get_rest(const struct cmabulk_account *account, const struct cmabulk_pool *pool)
{
	uint64_t size = cmabulk_pool_get_pages(pool) * cmabulk_pool_get_page_size(pool);
	uint64_t used = cmabulk_account_get_used(account);
	uint64_t maximum = cmabulk_account_get_maximum(account);

	if (maximum >= size)
		return UINT64_MAX;
	return maximum > used ? maximum - used : 0;
}

/*
 * One that has nothing is not listed, unless the configuration names its user; and to which a request of this process
 * would be charged is not told: a unit of the same user may have another.
 */
bool doctor_get_rest(const struct doctor *doctor, const struct cmabulk_pool *pool, uint64_t *ret,
		     char ret_account[ACCOUNT_TEXT])
{
	struct cmabulk_account **accounts CLEANUP(cmabulk_account_array_freep) = NULL;
	bool is_known = false;

	if (!doctor->daemon || cmabulk_connection_list_accounts(doctor->daemon, &accounts) < 0)
		return false;
	for (struct cmabulk_account **account = accounts; *account; account++) {
		uint64_t rest = get_rest(*account, pool);

		if (!is_own(*account) || cmabulk_account_get_weight(*account) == 0 ||
		    strcmp(cmabulk_account_get_pool(*account), cmabulk_pool_get_name(pool)) != 0)
			continue;
		if (is_known && rest >= *ret)
			continue;
		is_known = true;
		*ret = rest;
		snprintf(ret_account, ACCOUNT_TEXT, "%s", cmabulk_account_get_name(*account));
	}
	return is_known;
}

void doctor_check_accounts(struct doctor *doctor)
{
	struct cmabulk_account **accounts CLEANUP(cmabulk_account_array_freep) = NULL;

	/* Why they cannot be seen, doctor_check_access() said. */
	if (!doctor->daemon || cmabulk_connection_list_accounts(doctor->daemon, &accounts) < 0)
		return;
	for (struct cmabulk_account **account = accounts; *account; account++)
		if (is_own(*account))
			check_account(doctor, *account);
}
