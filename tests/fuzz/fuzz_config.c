// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Fuzzes the daemon's configuration: whatever a file says, what applies is in order and
 * every problem is a sentence that can go over the bus.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config.h"

#define MAX_PROBLEMS 101

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

static void check_rule(const struct account_rule *rule)
{
	check(strlen(rule->name) > 0 && strlen(rule->name) <= ACCOUNT_NAME_MAX, "names fit");
	check(!rule->unit || rule->has_uid, "a unit has a user");
	check(rule->weight > 0, "weights are above 0");
	check(!rule->maximum.is_share || rule->maximum.bytes <= 10000, "shares are up to 100 %");
}

static void check_config(const struct config *config)
{
	size_t count = account_rules_count(config->accounts);

	check(config->default_timeout_usec > 0, "the timeout is above 0");
	check(config->default_timeout_usec <= config->max_timeout_usec, "the limit is one");
	check(config->fetch_timeout_usec > 0, "the timeout of Fetch is above 0");
	check(count > 0, "there is an account");
	for (size_t i = 0; i < count; i++)
		check_rule(account_rules_get(config->accounts, i));
	check(strcmp(account_rules_get(config->accounts, count - 1)->name, "default") == 0,
	      "the last account is everybody's");
	check(config->problems->len <= MAX_PROBLEMS, "problems are limited");
	for (guint i = 0; i < config->problems->len; i++) {
		const char *problem = config->problems->pdata[i];

		check(g_utf8_validate(problem, -1, NULL), "problems are UTF-8");
		check(!strpbrk(problem, "\n\r\t\x1b"), "problems are one line");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int file = memfd_create("fuzz-config", MFD_CLOEXEC);
	struct config *config = NULL;
	GPtrArray *problems = NULL;
	char path[64];

	if (file < 0 || write(file, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	check(config_load(path, NULL, NULL, NULL, &config, &problems) == 0,
	      "there is a configuration");
	check_config(config);
	config_free(config);
	close(file);
	return 0;
}
