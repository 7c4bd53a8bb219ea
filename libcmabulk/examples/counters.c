/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How many requests there were in each pool, and how many of them were refused for what. */
#include <cmabulk.h>
#include <err.h>
#include <inttypes.h>
#include <stdio.h>

static void print(const struct cmabulk_counters *counters)
{
	struct cmabulk_counter_values values;
	const char *reason;
	uint64_t count;

	cmabulk_counters_get_values(counters, &values, sizeof(values));
	printf("%s: %" PRIu64 " admitted, %" PRIu64 " complete\n",
	       cmabulk_counters_get_pool(counters), values.admitted, values.complete);
	for (unsigned int i = 0; !cmabulk_counters_get_refusal(counters, i, &reason, &count); i++)
		printf("%s: %" PRIu64 " refused for %s\n", cmabulk_counters_get_pool(counters),
		       count, reason);
}

int main(void)
{
	struct cmabulk_connection *connection = NULL;
	struct cmabulk_counters **counters = NULL;
	int r = cmabulk_connection_open(&connection);

	if (r < 0)
		errx(1, "%s; %s", cmabulk_error_get_message(r), cmabulk_error_get_hint(r));
	r = cmabulk_connection_get_counters(connection, &counters);
	if (r < 0)
		errx(1, "%s", cmabulk_connection_get_error_message(connection));
	for (int i = 0; i < r; i++)
		if (!*cmabulk_counters_get_account(counters[i]))
			print(counters[i]);
	cmabulk_counters_array_free(counters);
	cmabulk_connection_unref(connection);
	return 0;
}
