// SPDX-License-Identifier: LGPL-2.1-or-later
/* accounts set and unset: what an administrator changes while the daemon runs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accounts-change.h"
#include "agent.h"
#include "patience.h"

static int change(const struct context *context, const char *name, const char *const *settings,
		  bool is_persistent)
{
	struct cmabulk_connection *connection CLEANUP(cmabulk_connection_unrefp) = NULL;
	static const char doing[] = "changing the account";
	struct agent agent CLEANUP(agent_end) = { 0 };
	int code;
	int r;

	patience_begin(doing);
	r = cli_connect(context, &connection);
	if (r < 0)
		return cli_fail(r, "cannot change account %s", name);
	agent_begin(&agent, context, doing);
	r = agent_allow(context, connection);
	if (r >= 0)
		r = settings ? cmabulk_connection_set_account(connection, name, settings,
							      is_persistent) :
			       cmabulk_connection_unset_account(connection, name);
	if (r < 0) {
		code = cli_fail_call(connection, r, "cannot change account %s", name);
		agent_explain(context, connection, r);
		return code;
	}
	patience_end();
	return EXIT_OK;
}

int accounts_set(const struct context *context, int argc, char **argv, bool is_persistent)
{
	if (argc < 2)
		return cli_usage("accounts set takes the name of an account, and KEY=VALUE, as "
				 "'cmabulkctl accounts set camera MaxBytes=1G'");
	for (int i = 1; i < argc; i++)
		if (!strchr(argv[i], '=') || argv[i][0] == '=')
			return cli_usage("'%s' is not KEY=VALUE; KEY= takes a key back to what the "
					 "configuration says",
					 argv[i]);
	return change(context, argv[0], (const char *const *)argv + 1, is_persistent);
}

int accounts_unset(const struct context *context, int argc, char **argv)
{
	if (argc != 1)
		return cli_usage("accounts unset takes the name of an account, and nothing more");
	return change(context, argv[0], NULL, false);
}
