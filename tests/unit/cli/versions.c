// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the verb version says of parts that do not belong together. */
#include <glib.h>

#include "suites.h"
#include "version.h"

static void check(const char *daemon, uint32_t interface, const char *first, const char *second)
{
	const struct versions versions = {
		.library = "1.2.3",
		.daemon = daemon,
		.module_interface = interface,
		.known_interface = 4,
	};
	const char *expected[] = { first, second };
	char text[VERSION_TEXT];
	unsigned int count = 0;

	for (; version_describe_problem(&versions, count, text); count++) {
		g_assert_cmpuint(count, <, G_N_ELEMENTS(expected));
		g_assert_cmpstr(text, ==, expected[count]);
	}
	g_assert_cmpuint(count, ==, !!first + !!second);
}

static void parts_that_differ_are_named(void)
{
	static const char daemon[] =
		"the daemon is version 1.2.4, the library 1.2.3; install both of one version, then "
		"'sudo systemctl restart cmabulkd'";
	static const char module[] =
		"the module has interface 5, this program was built for 4; install module, daemon "
		"and library of one version";

	check(NULL, 0, NULL, NULL);
	check("1.2.3", 4, NULL, NULL);
	check("1.2.4", 4, daemon, NULL);
	check("1.2.3", 5, module, NULL);
	check(NULL, 5, module, NULL);
	check("1.2.4", 5, daemon, module);
}

void add_versions(void)
{
	g_test_add_func("/cli/parts-that-differ-are-named", parts_that_differ_are_named);
}
