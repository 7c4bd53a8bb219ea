/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What lives in a pool, as far as the caller may see it. Usage: entries POOL */
#include <cmabulk.h>
#include <err.h>
#include <inttypes.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	struct cmabulk_connection *connection = NULL;
	struct cmabulk_entry **entries = NULL;
	int r = cmabulk_connection_open(&connection);

	if (r < 0)
		errx(1, "%s; %s", cmabulk_error_get_message(r), cmabulk_error_get_hint(r));
	r = cmabulk_connection_list_buffers(connection, argc > 1 ? argv[1] : "main", &entries);
	if (r < 0)
		errx(1, "%s", cmabulk_connection_get_error_message(connection));
	for (int i = 0; i < r; i++)
		printf("%s %s: %s, %" PRIu64 " bytes, user %u\n",
		       cmabulk_entry_get_kind_name(entries[i]), cmabulk_entry_get_name(entries[i]),
		       cmabulk_entry_get_state_name(entries[i]), cmabulk_entry_get_size(entries[i]),
		       (unsigned int)cmabulk_entry_get_owner_uid(entries[i]));
	cmabulk_entry_array_free(entries);
	cmabulk_connection_unref(connection);
	return 0;
}
