/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which pools there are, and how much of each is free. */
#include <cmabulk.h>
#include <err.h>
#include <inttypes.h>
#include <stdio.h>

int main(void)
{
	struct cmabulk_connection *connection = NULL;
	struct cmabulk_pool **pools = NULL;
	int r = cmabulk_connection_open(&connection);

	if (r < 0)
		errx(1, "%s; %s", cmabulk_error_get_message(r), cmabulk_error_get_hint(r));
	r = cmabulk_connection_list_pools(connection, &pools);
	if (r < 0)
		errx(1, "%s", cmabulk_connection_get_error_message(connection));
	for (int i = 0; i < r; i++) {
		uint64_t page_size = cmabulk_pool_get_page_size(pools[i]);

		printf("%s: %" PRIu64 " of %" PRIu64 " bytes are free\n",
		       cmabulk_pool_get_name(pools[i]),
		       cmabulk_pool_get_free_pages(pools[i]) * page_size,
		       cmabulk_pool_get_pages(pools[i]) * page_size);
	}
	cmabulk_pool_array_free(pools);
	cmabulk_connection_unref(connection);
	return 0;
}
