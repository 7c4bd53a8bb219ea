/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Takes what it can get of 48 MiB within a minute, at least a half; Ctrl-C ends it before. */
#include <cmabulk.h>
#include <err.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

static struct cmabulk_request *request;

static void interrupted(int number)
{
	(void)number;
	cmabulk_request_cancel(request);
}

int main(void)
{
	struct cmabulk_connection *connection = NULL;
	struct cmabulk_allocation *allocation = NULL;
	struct sigaction action = { .sa_handler = interrupted };
	int r = cmabulk_connection_open(&connection);

	if (r < 0)
		errx(1, "%s; %s", cmabulk_error_get_message(r), cmabulk_error_get_hint(r));
	if (cmabulk_request_new(&request) < 0 || cmabulk_request_set_order(request, 4) < 0 ||
	    cmabulk_request_set_count(request, 768) < 0 ||
	    cmabulk_request_set_minimum(request, 384) < 0 ||
	    cmabulk_request_set_timeout(request, 60 * UINT64_C(1000000)) < 0 ||
	    cmabulk_request_set_label(request, "cancel") < 0)
		errx(1, "bad request");
	sigaction(SIGINT, &action, NULL);
	r = cmabulk_connection_allocate(connection, request, &allocation);
	action.sa_handler = SIG_DFL;
	sigaction(SIGINT, &action, NULL);
	if (r < 0)
		errx(1, "%s", cmabulk_connection_get_error_message(connection));
	printf("%s: %" PRIu64 " chunks\n", cmabulk_allocation_get_status_name(allocation),
	       cmabulk_allocation_get_granted(allocation));
	cmabulk_allocation_unref(allocation);
	cmabulk_request_unref(request);
	cmabulk_connection_unref(connection);
	return 0;
}
