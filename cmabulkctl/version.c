// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which version each part has, and whether they belong together. Pure. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "version.h"

static bool does_daemon_differ(const struct versions *versions)
{
	return versions->daemon && strcmp(versions->daemon, versions->library) != 0;
}

static bool does_module_differ(const struct versions *versions)
{
	return versions->module_interface > 0 &&
	       versions->module_interface != versions->known_interface;
}

bool version_describe_problem(const struct versions *versions, unsigned int index,
			      char text[VERSION_TEXT])
{
	if (does_daemon_differ(versions) && index-- == 0) {
		snprintf(text, VERSION_TEXT,
			 "the daemon is version %s, the library %s; install both of one version, "
			 "then 'sudo systemctl restart cmabulkd'",
			 versions->daemon, versions->library);
		return true;
	}
	if (does_module_differ(versions) && index == 0) {
		snprintf(text, VERSION_TEXT,
			 "the module has interface %" PRIu32 ", this program was built for %" PRIu32
			 "; install module, daemon and library of one version",
			 versions->module_interface, versions->known_interface);
		return true;
	}
	return false;
}

void version_print_own(void)
{
	printf("cmabulkctl %s (libcmabulk %s)\n", CMABULK_VERSION, cmabulk_library_get_version());
}
