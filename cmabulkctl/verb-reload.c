// SPDX-License-Identifier: LGPL-2.1-or-later
/* reload: the daemon reads its configuration again; what it does not like is said here too. */
#include <stdio.h>

#include "agent.h"
#include "json.h"
#include "options.h"
#include "patience.h"

static const struct option_description options[] = {
	{ AGENT_OPTION },
	{ NULL },
};

static const struct usage usage = {
	.verb = "reload",
	.arguments = "",
	.description = "Make the daemon read its configuration again, and say what was wrong with\n"
		       "it. What is in use stays, whatever the new limits are.",
	.options = options,
	.example = "cmabulkctl reload",
};

static int handle_option(size_t index, const char *value, void *userdata)
{
	struct context *context = userdata;

	(void)index;
	(void)value;
	context->no_ask_password = true;
	return 1;
}

static void print(const struct context *context, const struct cmabulk_daemon *daemon)
{
	struct json_object *object;
	const char *problem;

	if (context->json) {
		object = json_object_new_object();
		json_object_object_add(object, "problems", json_from_problems(daemon));
		json_print(object, stdout);
		return;
	}
	for (unsigned int i = 0; (problem = cmabulk_daemon_get_problem(daemon, i)); i++)
		printf("%s\n", problem);
}

int verb_reload(struct context *context, int argc, char **argv)
{
	struct cmabulk_connection *connection CLEANUP(cmabulk_connection_unrefp) = NULL;
	struct cmabulk_daemon *daemon CLEANUP(cmabulk_daemon_unrefp) = NULL;
	static const char doing[] = "reloading the configuration";
	struct agent agent CLEANUP(agent_end) = { 0 };
	int r = options_parse(&usage, context, argc, argv, handle_option, context);
	int code;

	if (r != OPTIONS_GO_ON)
		return r;
	patience_begin(doing);
	r = cli_connect(context, &connection);
	if (r < 0)
		return cli_fail(r, "cannot reload the configuration");
	agent_begin(&agent, context, doing);
	r = agent_allow(context, connection);
	if (r >= 0)
		r = cmabulk_connection_reload(connection);
	if (r >= 0)
		r = cmabulk_connection_get_daemon(connection, &daemon);
	if (r < 0) {
		code = cli_fail_call(connection, r, "cannot reload the configuration");
		agent_explain(context, connection, r);
		return code;
	}
	patience_end();
	print(context, daemon);
	return cmabulk_daemon_get_n_problems(daemon) ? EXIT_FAILED : EXIT_OK;
}
