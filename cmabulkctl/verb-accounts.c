// SPDX-License-Identifier: LGPL-2.1-or-later
/* accounts: what the daemon lets whom have, and what they have; what is changed of that is in accounts-change.c. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "account-row.h"
#include "accounts-change.h"
#include "agent.h"
#include "json.h"
#include "options.h"
#include "patience.h"
#include "table.h"

enum wish {
	OPTION_PERSISTENT,
	OPTION_NO_ASK_PASSWORD,
};

static const struct option_description options[] = {
	[OPTION_PERSISTENT] = { "persistent", NULL, "with set: also for the daemon's next start" },
	[OPTION_NO_ASK_PASSWORD] = { AGENT_OPTION },
	{ NULL },
};

struct wishes {
	struct context *context;
	bool is_persistent;
};

static const struct usage usage = {
	.verb = "accounts",
	.arguments = "[set NAME KEY=VALUE... | unset NAME]",
	.description =
		"List the accounts of the daemon with what they have, and may have, of each\n"
		"pool. Who may not manage the daemon sees the own ones. Or set keys of one, as in\n"
		"cmabulkd.conf(5), while the daemon runs, or take all that was set back. KEY= takes\n"
		"one key back.",
	.options = options,
	.example = "cmabulkctl accounts set camera MaxBytes=1G",
};

static int handle_option(size_t index, const char *value, void *userdata)
{
	struct wishes *wishes = userdata;

	(void)value;
	if (index == OPTION_PERSISTENT)
		wishes->is_persistent = true;
	else
		wishes->context->no_ask_password = true;
	return 1;
}

/* "MaxBytes* Weight": those with a star outlive the daemon. */
static void add_changes(struct table *table, const struct cmabulk_account *account)
{
	char text[512] = "";
	const char *key;

	for (unsigned int i = 0; (key = cmabulk_account_get_change(account, i)); i++) {
		size_t length = strlen(text);

		snprintf(text + length, sizeof(text) - length, "%s%s%s", i ? "," : "", key,
			 cmabulk_account_is_change_persistent(account, i) ? "*" : "");
	}
	table_add(table, "%s", text[0] ? text : "-");
}

static void add_account(struct table *table, const struct cmabulk_account *account)
{
	account_row_begin(table, account);
	table_add(table, "%" PRIu64, cmabulk_account_get_n_buffers(account));
	table_add(table, "%" PRIu64, cmabulk_account_get_maximum_buffers(account));
	table_add(table, "%" PRIu64, cmabulk_account_get_n_pending(account));
	table_add(table, "%" PRIu64, cmabulk_account_get_maximum_pending(account));
	table_add(table, "%" PRIu64, cmabulk_account_get_weight(account));
	add_changes(table, account);
}

static void print_table(struct cmabulk_account *const *accounts)
{
	static const char *const titles[] = {
		"ACCOUNT",  "USER",  "POOL",	 ">USED", ">MINIMUM", ">MAXIMUM",
		">BUFFERS", ">MOST", ">PENDING", ">MOST", ">WEIGHT",  "CHANGED",
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

static int list(const struct context *context)
{
	struct cmabulk_connection *connection CLEANUP(cmabulk_connection_unrefp) = NULL;
	struct cmabulk_account **accounts CLEANUP(cmabulk_account_array_freep) = NULL;
	int r;

	patience_begin("listing the accounts");
	r = cli_connect(context, &connection);
	if (r < 0)
		return cli_fail(r, "cannot list the accounts");
	r = cmabulk_connection_list_accounts(connection, &accounts);
	if (r < 0)
		return cli_fail_call(connection, r, "cannot list the accounts");
	patience_end();
	if (context->json)
		print_json(accounts);
	else
		print_table(accounts);
	return EXIT_OK;
}

int verb_accounts(struct context *context, int argc, char **argv)
{
	struct wishes wishes = { .context = context };
	int r = options_parse(&usage, context, argc, argv, handle_option, &wishes);
	const char *what;

	if (r != OPTIONS_GO_ON)
		return r;
	argc -= optind;
	argv += optind;
	what = argc > 0 ? argv[0] : "";
	if (strcmp(what, "set") == 0)
		return accounts_set(context, argc - 1, argv + 1, wishes.is_persistent);
	if (wishes.is_persistent)
		return cli_usage(
			"--persistent is for accounts set; what is taken back is so for good");
	if (strcmp(what, "unset") == 0)
		return accounts_unset(context, argc - 1, argv + 1);
	if (argc > 0)
		return cli_usage("accounts takes set or unset, or no arguments, not '%s'", what);
	return list(context);
}
