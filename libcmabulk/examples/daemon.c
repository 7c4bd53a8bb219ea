/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which daemon serves here, and what it did not understand of its configuration. */
#include <cmabulk.h>
#include <err.h>
#include <stdio.h>

int main(void)
{
	struct cmabulk_connection *connection = NULL;
	struct cmabulk_daemon *daemon = NULL;
	const char *problem;
	int r = cmabulk_connection_open(&connection);

	if (r < 0)
		errx(1, "%s; %s", cmabulk_error_get_message(r), cmabulk_error_get_hint(r));
	r = cmabulk_connection_get_daemon(connection, &daemon);
	if (r < 0)
		errx(1, "%s", cmabulk_connection_get_error_message(connection));
	printf("cmabulkd %s%s\n", cmabulk_daemon_get_version(daemon),
	       cmabulk_daemon_is_simulated(daemon) ? ", simulated" : "");
	for (unsigned int i = 0; (problem = cmabulk_daemon_get_problem(daemon, i)); i++)
		printf("%s\n", problem);
	cmabulk_daemon_unref(daemon);
	cmabulk_connection_unref(connection);
	return 0;
}
