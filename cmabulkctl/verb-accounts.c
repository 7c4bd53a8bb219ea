// SPDX-License-Identifier: LGPL-2.1-or-later
/* accounts: what the daemon lets whom have, and what they have. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "json.h"
#include "options.h"
#include "size.h"
#include "table.h"

static const struct usage usage = {
	.verb = "accounts",
	.arguments = "",
	.description =
		"List the accounts of the daemon with what they have, and may have, of each\n"
		"pool. Who may not manage the daemon sees the own ones.",
	.example = "cmabulkctl accounts",
};

static void add_account(struct table *table, const struct cmabulk_account *account)
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
	table_add(table, "%" PRIu64, cmabulk_account_get_n_buffers(account));
	table_add(table, "%" PRIu64, cmabulk_account_get_maximum_buffers(account));
	table_add(table, "%" PRIu64, cmabulk_account_get_n_pending(account));
	table_add(table, "%" PRIu64, cmabulk_account_get_maximum_pending(account));
}

static void print_table(struct cmabulk_account *const *accounts)
{
	static const char *const titles[] = {
		"ACCOUNT",  "USER",	"POOL",	 ">USED",    ">MINIMUM",
		">MAXIMUM", ">BUFFERS", ">MOST", ">PENDING", ">MOST",
	};
	struct table *table CLEANUP(table_freep) = table_new(titles, ARRAY_SIZE(titles));

	for (; *accounts; accounts++)
		add_account(table, *accounts);
	table_print(table, stdout);
}

static void print_json(struct cmabulk_account *const *accounts)
{
	struct json_object *object = json_object_new_object();
	struct json_object *array = json_object_new_array();

	for (; *accounts; accounts++)
		json_object_array_add(array, json_from_account(*accounts));
	json_object_object_add(object, "accounts", array);
	json_print(object, stdout);
}

int verb_accounts(struct context *context, int argc, char **argv)
{
	struct cmabulk_connection *connection CLEANUP(cmabulk_connection_unrefp) = NULL;
	struct cmabulk_account **accounts CLEANUP(cmabulk_account_array_freep) = NULL;
	int r = options_parse(&usage, context, argc, argv, NULL, NULL);

	if (r <= 0)
		return r < 0 ? EXIT_USAGE : EXIT_OK;
	if (optind < argc)
		return cli_usage("accounts takes no arguments");
	r = cli_connect(context, &connection);
	if (r < 0)
		return cli_fail(r, "cannot list the accounts");
	r = cmabulk_connection_list_accounts(connection, &accounts);
	if (r < 0)
		return cli_fail_call(connection, r, "cannot list the accounts");
	if (context->json)
		print_json(accounts);
	else
		print_table(accounts);
	return EXIT_OK;
}
