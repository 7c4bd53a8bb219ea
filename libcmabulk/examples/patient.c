/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asks until it is served, also when the daemon that is there goes and comes again. */
#include <cmabulk.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>

#define CLEAN(type) __attribute__((cleanup(cmabulk_##type##_unrefp))) struct cmabulk_##type *

#define A_SECOND 1000000

int main(void)
{
	CLEAN(connection) connection = NULL;
	CLEAN(request) request = NULL;
	CLEAN(allocation) allocation = NULL;
	int r = cmabulk_connection_open(&connection);

	if (r < 0)
		errx(1, "%s; %s", cmabulk_error_get_message(r), cmabulk_error_get_hint(r));
	if (cmabulk_request_new(&request) < 0 || cmabulk_request_set_count(request, 16) < 0)
		errx(1, "bad request");
	/* From now on it is told who comes and goes, so that nothing is missed before it waits. */
	if (cmabulk_connection_wait(connection, 0) < 0)
		errx(1, "%s", cmabulk_connection_get_error_message(connection));
	for (;;) {
		r = cmabulk_connection_allocate(connection, request, &allocation);
		if (r >= 0)
			break;
		warnx("%s", cmabulk_connection_get_error_message(connection));
		if (!cmabulk_error_is_retryable(r) || r == -ENOTCONN)
			return 1;
		/* Until the daemon comes, or for a second when it is there and busy. */
		r = cmabulk_connection_wait(connection, r == -EHOSTUNREACH ? UINT64_MAX : A_SECOND);
		if (r < 0)
			errx(1, "%s", cmabulk_connection_get_error_message(connection));
	}
	return printf("%s\n", cmabulk_allocation_get_status_name(allocation)) < 0;
}
