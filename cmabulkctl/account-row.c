/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An account in a table. */
#include "account-row.h"
#include "size.h"

void account_row_begin(struct table *table, const struct cmabulk_account *account)
{
	char text[SIZE_TEXT];
	uid_t uid;

	table_add(table, "%s", cmabulk_account_get_name(account));
	if (cmabulk_account_get_uid(account, &uid) >= 0)
		table_add_user(table, uid);
	else
		table_add(table, "(shared)");
	table_add(table, "%s", cmabulk_account_get_pool(account));
	table_add(table, "%s", size_format(text, cmabulk_account_get_used(account)));
	table_add(table, "%s", size_format(text, cmabulk_account_get_minimum(account)));
	table_add(table, "%s", size_format(text, cmabulk_account_get_maximum(account)));
}
