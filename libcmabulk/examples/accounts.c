/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the accounts that the caller may see have, and may have. */
#include <cmabulk.h>
#include <err.h>
#include <inttypes.h>
#include <stdio.h>

int main(void)
{
	struct cmabulk_connection *connection = NULL;
	struct cmabulk_account **accounts = NULL;
	uid_t user;
	int r = cmabulk_connection_open(&connection);

	if (r < 0)
		errx(1, "%s; %s", cmabulk_error_get_message(r), cmabulk_error_get_hint(r));
	r = cmabulk_connection_list_accounts(connection, &accounts);
	if (r < 0)
		errx(1, "%s", cmabulk_connection_get_error_message(connection));
	for (int i = 0; i < r; i++) {
		printf("%s", cmabulk_account_get_name(accounts[i]));
		if (cmabulk_account_get_uid(accounts[i], &user) == 0)
			printf(" of user %u", (unsigned int)user);
		printf(" in %s: %" PRIu64 " of %" PRIu64 " bytes, %" PRIu64 " guaranteed\n",
		       cmabulk_account_get_pool(accounts[i]), cmabulk_account_get_used(accounts[i]),
		       cmabulk_account_get_maximum(accounts[i]),
		       cmabulk_account_get_minimum(accounts[i]));
	}
	cmabulk_account_array_free(accounts);
	cmabulk_connection_unref(connection);
	return 0;
}
