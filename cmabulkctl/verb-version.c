// SPDX-License-Identifier: LGPL-2.1-or-later
/* version: of this program, the library, the daemon and the module's interface. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <linux/cmabulk.h>

#include "json.h"
#include "machine.h"
#include "options.h"
#include "patience.h"
#include "version.h"

static const struct usage usage = {
	.verb = "version",
	.arguments = "",
	.description =
		"Show the versions of this program, of its library and of the daemon, and that of\n"
		"the module's interface; and say which of them do not belong together. Parts that\n"
		"are not there are no failure. With --direct the daemon is not looked for.",
	.example = "sudo cmabulkctl version",
};

/* What was found, and why something was not. */
struct findings {
	struct versions versions;
	struct cmabulk_daemon *daemon; /* NULL: there is none */
	bool is_direct;
	int daemon_error;
	bool is_module_loaded;
	int module_error;
};

static void findings_clear(struct findings *findings)
{
	cmabulk_daemon_unref(findings->daemon);
}

static void find_daemon(const struct context *context, struct findings *findings)
{
	struct cmabulk_connection *connection CLEANUP(cmabulk_connection_unrefp) = NULL;
	int r;

	findings->is_direct = cli_is_direct(context);
	if (findings->is_direct)
		return;
	patience_begin("looking for the daemon");
	r = cli_connect(context, &connection);
	if (r >= 0)
		r = cmabulk_connection_get_daemon(connection, &findings->daemon);
	patience_end();
	findings->daemon_error = r;
	if (r >= 0)
		findings->versions.daemon = cmabulk_daemon_get_version(findings->daemon);
}

static void find_module(struct findings *findings)
{
	uint32_t interface;
	int r = machine_read_interface(&interface);

	findings->is_module_loaded = machine_has_module();
	findings->module_error = r;
	if (r >= 0)
		findings->versions.module_interface = interface;
}

static void print_module(const struct findings *findings)
{
	if (findings->versions.module_interface > 0)
		printf("module: interface %" PRIu32 "\n", findings->versions.module_interface);
	else if (!findings->is_module_loaded)
		printf("module: not loaded\n");
	else if (findings->module_error == -ENOENT)
		printf("module: loaded, without a pool that would tell its interface\n");
	else if (findings->module_error == -EACCES || findings->module_error == -EPERM)
		printf("module: loaded; its interface is told to root alone\n");
	else
		printf("module: loaded; its interface cannot be asked for: %s\n",
		       strerror(-findings->module_error));
}

static void print(const struct findings *findings)
{
	char problem[VERSION_TEXT];

	version_print_own();
	if (findings->versions.daemon)
		printf("cmabulkd %s\n", findings->versions.daemon);
	else if (!findings->is_direct)
		printf("cmabulkd: %s\n", cmabulk_error_get_message(findings->daemon_error));
	print_module(findings);
	for (unsigned int i = 0; version_describe_problem(&findings->versions, i, problem); i++)
		printf("%s\n", problem);
}

static struct json_object *json_from_version_problems(const struct versions *versions)
{
	struct json_object *problems = json_object_new_array();
	char problem[VERSION_TEXT];

	for (unsigned int i = 0; version_describe_problem(versions, i, problem); i++)
		json_object_array_add(problems, json_object_new_string(problem));
	return problems;
}

static void print_json(const struct findings *findings)
{
	const struct versions *versions = &findings->versions;
	struct json_object *object = json_object_new_object();
	struct json_object *module = json_object_new_boolean(findings->is_module_loaded);

	json_add_string(object, "version", CMABULK_VERSION);
	json_add_string(object, "library", versions->library);
	json_object_object_add(object, "daemon",
			       versions->daemon ? json_object_new_string(versions->daemon) : NULL);
	json_object_object_add(object, "module_loaded", module);
	json_object_object_add(object, "module_interface",
			       versions->module_interface ?
				       json_object_new_uint64(versions->module_interface) :
				       NULL);
	json_add_number(object, "known_interface", versions->known_interface);
	json_object_object_add(object, "problems", json_from_version_problems(versions));
	json_print(object, stdout);
}

int verb_version(struct context *context, int argc, char **argv)
{
	struct findings findings CLEANUP(findings_clear) = {
		.versions = { .library = cmabulk_library_get_version(),
			      .known_interface = CMABULK_ABI_VERSION },
	};
	int r = options_parse(&usage, context, argc, argv, NULL, NULL);

	if (r != OPTIONS_GO_ON)
		return r;
	find_daemon(context, &findings);
	find_module(&findings);
	if (context->json)
		print_json(&findings);
	else
		print(&findings);
	return EXIT_OK;
}
