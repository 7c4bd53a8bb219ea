// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a consumer may write; must compile without a warning as C11 and as C++17. */
#include <assert.h>
#include <cmabulk.h>
#ifdef WITH_UAPI
#include <linux/cmabulk.h>
#endif

/* What no function takes or returns by its type is in no description of the interface: programs have it compiled in. */
static_assert(CMABULK_POOL_ENGINE_KERNEL == 1, "stays as it is");
static_assert(CMABULK_POOL_ENGINE_STOCK == 2, "stays as it is");
static_assert(CMABULK_POOL_FEATURE_KERNEL_ZEROED == 1, "stays as it is");
static_assert(CMABULK_POOL_FEATURE_BITMAP_UNAWARE == 2, "stays as it is");
static_assert(CMABULK_ENTRY_RESERVATION == 1, "stays as it is");
static_assert(CMABULK_ENTRY_BUFFER == 2, "stays as it is");
static_assert(CMABULK_ENTRY_CACHED == 1, "stays as it is");
static_assert(CMABULK_ENTRY_RESERVED == 2, "stays as it is");
static_assert(CMABULK_ENTRY_EXPORTED == 3, "stays as it is");
static_assert(CMABULK_ENTRY_DRAINING == 4, "stays as it is");
static_assert(CMABULK_REQUEST_TIMEOUT_DEFAULT == 20000000, "stays as it is");
static_assert(CMABULK_REQUEST_TIMEOUT_INFINITE == UINT64_MAX, "stays as it is");

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
