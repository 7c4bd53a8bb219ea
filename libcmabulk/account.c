// SPDX-License-Identifier: LGPL-2.1-or-later
/* What one account may use of one pool, and what it uses: filled in by a backend, then only read. */
#include <string.h>

#include "account.h"

static void account_destroy(struct cmabulk_account *account)
{
	free(account->name);
	free(account->pool);
	strings_free(account->changes);
	strings_free(account->persistent);
	free(account);
}

DEFINE_REFERENCE(cmabulk_account, account_destroy)

int account_new(const char *name, const char *pool, struct cmabulk_account **ret)
{
	struct cmabulk_account *account = calloc(1, sizeof(*account));

	if (!account)
		return -ENOMEM;
	account->references = 1;
	account->name = strdup(name);
	account->pool = strdup(pool);
	if (!account->name || !account->pool) {
		account_destroy(account);
		return -ENOMEM;
	}
	*ret = account;
	return 0;
}

EXPORT void cmabulk_account_array_free(struct cmabulk_account **accounts)
{
	for (struct cmabulk_account **account = accounts; account && *account; account++)
		cmabulk_account_unref(*account);
	free(accounts);
}

EXPORT const char *cmabulk_account_get_name(const struct cmabulk_account *account)
{
	return account->name;
}

EXPORT const char *cmabulk_account_get_pool(const struct cmabulk_account *account)
{
	return account->pool;
}

EXPORT int cmabulk_account_get_uid(const struct cmabulk_account *account, uid_t *ret)
{
	if (!account->has_uid)
		return -ENODATA;
	*ret = account->uid;
	return 0;
}

EXPORT int cmabulk_account_is_default(const struct cmabulk_account *account)
{
	return account->is_default;
}

EXPORT uint64_t cmabulk_account_get_used(const struct cmabulk_account *account)
{
	return account->used;
}

EXPORT uint64_t cmabulk_account_get_minimum(const struct cmabulk_account *account)
{
	return account->minimum;
}

EXPORT uint64_t cmabulk_account_get_maximum(const struct cmabulk_account *account)
{
	return account->maximum;
}

EXPORT uint64_t cmabulk_account_get_n_buffers(const struct cmabulk_account *account)
{
	return account->n_buffers;
}

EXPORT uint64_t cmabulk_account_get_maximum_buffers(const struct cmabulk_account *account)
{
	return account->maximum_buffers;
}

EXPORT uint64_t cmabulk_account_get_n_pending(const struct cmabulk_account *account)
{
	return account->n_pending;
}

EXPORT uint64_t cmabulk_account_get_maximum_pending(const struct cmabulk_account *account)
{
	return account->maximum_pending;
}

EXPORT uint64_t cmabulk_account_get_weight(const struct cmabulk_account *account)
{
	return account->weight;
}

EXPORT unsigned int cmabulk_account_get_n_changes(const struct cmabulk_account *account)
{
	unsigned int count = 0;

	while (account->changes && account->changes[count])
		count++;
	return count;
}

EXPORT const char *cmabulk_account_get_change(const struct cmabulk_account *account,
					      unsigned int index)
{
	return index < cmabulk_account_get_n_changes(account) ? account->changes[index] : NULL;
}

EXPORT int cmabulk_account_is_change_persistent(const struct cmabulk_account *account,
						unsigned int index)
{
	const char *change = cmabulk_account_get_change(account, index);

	for (char **key = account->persistent; change && key && *key; key++)
		if (strcmp(*key, change) == 0)
			return 1;
	return 0;
}
