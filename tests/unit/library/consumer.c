// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a consumer may write; must compile without a warning as C11 and as C++17. */
#include <cmabulk.h>
#ifdef WITH_UAPI
#include <linux/cmabulk.h>
#endif

int main(void)
{
	struct cmabulk_connection *connection = NULL;
	struct cmabulk_request *request = NULL;
	struct cmabulk_allocation *allocation = NULL;
	int r = cmabulk_connection_open(&connection);

	if (r >= 0)
		r = cmabulk_request_new(&request);
	if (r >= 0)
		r = cmabulk_request_set_timeout(request, CMABULK_REQUEST_TIMEOUT_INFINITE);
	if (r >= 0)
		r = cmabulk_request_set_effort(request, CMABULK_REQUEST_EFFORT_NORMAL);
	if (r >= 0)
		r = cmabulk_connection_allocate(connection, request, &allocation);
	cmabulk_allocation_unrefp(&allocation);
	cmabulk_request_unrefp(&request);
	cmabulk_connection_unrefp(&connection);
	return r == 0 ? 0 : 1;
}
