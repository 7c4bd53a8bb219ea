/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an allocation came to, why, and what each step did. */
#include <cmabulk.h>
#include <err.h>
#include <inttypes.h>
#include <stdio.h>

#define CLEAN(type) __attribute__((cleanup(cmabulk_##type##_unrefp))) struct cmabulk_##type *

static void print(const struct cmabulk_allocation *allocation)
{
	struct cmabulk_step step;

	printf("%s: %" PRIu64 " of %" PRIu64 " chunks from %s\n",
	       cmabulk_allocation_get_status_name(allocation),
	       cmabulk_allocation_get_granted(allocation),
	       cmabulk_allocation_get_requested(allocation),
	       cmabulk_allocation_get_pool(allocation));
	for (unsigned int i = 0; !cmabulk_allocation_get_step(allocation, i, &step, sizeof(step));
	     i++)
		printf("effort %u: %" PRIu64 " of %" PRIu64 " chunks in %" PRIu64 " us\n",
		       step.effort, step.granted, step.requested, step.elapsed_usec);
	if (cmabulk_allocation_get_status(allocation) == CMABULK_ALLOCATION_COMPLETE)
		return;
	printf("%s: %s\n", cmabulk_allocation_get_cause_name(allocation),
	       cmabulk_allocation_get_reason(allocation));
	if (*cmabulk_allocation_get_hint(allocation))
		printf("what to do: %s\n", cmabulk_allocation_get_hint(allocation));
}

int main(void)
{
	CLEAN(connection) connection = NULL;
	CLEAN(request) request = NULL;
	CLEAN(allocation) allocation = NULL;
	int r = cmabulk_connection_open(&connection);

	if (r < 0)
		errx(1, "%s; %s", cmabulk_error_get_message(r), cmabulk_error_get_hint(r));
	if (cmabulk_request_new(&request) < 0 || cmabulk_request_set_order(request, 4) < 0 ||
	    cmabulk_request_set_count(request, 768) < 0 ||
	    cmabulk_request_set_timeout(request, 300000) < 0)
		errx(1, "bad request");
	if (cmabulk_connection_allocate(connection, request, &allocation) < 0)
		errx(1, "%s", cmabulk_connection_get_error_message(connection));
	print(allocation);
	return 0;
}
