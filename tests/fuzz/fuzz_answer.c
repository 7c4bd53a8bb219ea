// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Fuzzes what the library makes of all that a daemon answers, but for buffers, and tells on its own: whatever it says,
 * what is believed makes sense, and what is not leaves outputs alone and nothing behind. The first byte says what is
 * asked.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "answer.h"
#include "cmabulk.h"
#include "stand_in.h"
#include "text.h"
#include "util.h"

#define SIGNALS_LIMIT 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text)
{
	check(text && strlen(text) < 4096, "there is a text");
}

static int check_reason(const struct cmabulk_connection *connection, int r)
{
	check((r < 0) == (*cmabulk_connection_get_error_message(connection) != '\0'),
	      "what failed says why");
	return r;
}

static void check_pool(const struct cmabulk_pool *pool)
{
	uint64_t page_size = cmabulk_pool_get_page_size(pool);

	check(text_is_pool_name(cmabulk_pool_get_name(pool)), "a pool has a pool's name");
	check_text(cmabulk_pool_get_area(pool));
	check_text(cmabulk_pool_get_kind_name(pool));
	check_text(cmabulk_pool_get_engine_name(pool));
	check(page_size > 0 && (page_size & (page_size - 1)) == 0, "pages are of a size");
	check(cmabulk_pool_get_min_order(pool) <= cmabulk_pool_get_max_order(pool) &&
		      cmabulk_pool_get_max_order(pool) < 32 &&
		      cmabulk_pool_get_pageblock_order(pool) < 32,
	      "one may shift by orders");
}

static int list_pools(struct cmabulk_connection *connection)
{
	struct cmabulk_pool **pools CLEANUP(cmabulk_pool_array_freep) = NULL;
	int r = cmabulk_connection_list_pools(connection, &pools);

	check((r > 0) == (pools != NULL), "there are pools, or there is an error");
	for (int i = 0; i < r; i++)
		check_pool(pools[i]);
	check(r < 0 || !pools[r], "as many as it says");
	return r;
}

static int get_pool(struct cmabulk_connection *connection)
{
	struct cmabulk_pool *pool CLEANUP(cmabulk_pool_unrefp) = NULL;
	int r = cmabulk_connection_get_pool(connection, ANSWER_POOL, &pool);

	check((r >= 0) == (pool != NULL), "there is a pool, or an error");
	if (pool)
		check(strcmp(cmabulk_pool_get_name(pool), ANSWER_POOL) == 0, "the one asked for");
	return r;
}

static int survey_pool(struct cmabulk_connection *connection)
{
	struct cmabulk_pool_survey survey, before;
	int r;

	memset(&survey, 0x55, sizeof(survey));
	before = survey;
	r = cmabulk_connection_survey_pool(connection, ANSWER_POOL, &survey, sizeof(survey));
	check(r >= 0 || memcmp(&survey, &before, sizeof(survey)) == 0, "what failed is left alone");
	return r;
}

static int list_buffers(struct cmabulk_connection *connection)
{
	struct cmabulk_entry **entries CLEANUP(cmabulk_entry_array_freep) = NULL;
	int r = cmabulk_connection_list_buffers(connection, ANSWER_POOL, &entries);

	check((r >= 0) == (entries != NULL), "there is a list, or an error");
	for (int i = 0; i < r; i++) {
		check_text(cmabulk_entry_get_name(entries[i]));
		check_text(cmabulk_entry_get_account(entries[i]));
		check_text(cmabulk_entry_get_label(entries[i]));
		check_text(cmabulk_entry_get_kind_name(entries[i]));
		check_text(cmabulk_entry_get_state_name(entries[i]));
		check_text(cmabulk_entry_get_standing_name(entries[i]));
		check(i == 0 || cmabulk_entry_get_id(entries[i - 1]) <=
					cmabulk_entry_get_id(entries[i]),
		      "they are in order");
	}
	check(r < 0 || !entries[r], "as many as it says");
	return r;
}

static void check_changes(const struct cmabulk_account *account)
{
	unsigned int count = cmabulk_account_get_n_changes(account);

	for (unsigned int i = 0; i < count; i++) {
		check_text(cmabulk_account_get_change(account, i));
		cmabulk_account_is_change_persistent(account, i);
	}
	check(!cmabulk_account_get_change(account, count), "no more than it says");
	check(!cmabulk_account_is_change_persistent(account, count), "nor of those that are kept");
}

static int list_accounts(struct cmabulk_connection *connection)
{
	struct cmabulk_account **accounts CLEANUP(cmabulk_account_array_freep) = NULL;
	int r = cmabulk_connection_list_accounts(connection, &accounts);

	check((r >= 0) == (accounts != NULL), "there is a list, or an error");
	for (int i = 0; i < r; i++) {
		check_text(cmabulk_account_get_name(accounts[i]));
		check_text(cmabulk_account_get_pool(accounts[i]));
		check_changes(accounts[i]);
	}
	check(r < 0 || !accounts[r], "as many as it says");
	return r;
}

static void check_counters(const struct cmabulk_counters *counters)
{
	struct cmabulk_counter_values values;
	const char *name, *result;
	uint64_t usec, count;

	check_text(cmabulk_counters_get_pool(counters));
	check_text(cmabulk_counters_get_account(counters));
	cmabulk_counters_get_values(counters, &values, sizeof(values));
	for (unsigned int i = 0; cmabulk_counters_get_refusal(counters, i, &name, &count) >= 0; i++)
		check_text(name);
	for (unsigned int i = 0;
	     cmabulk_counters_get_fill(counters, i, &name, &result, &count) >= 0; i++) {
		check_text(name);
		check_text(result);
	}
	for (unsigned int i = 0; cmabulk_counters_get_bucket(counters, i, &usec, &count) >= 0; i++)
		;
}

static int get_counters(struct cmabulk_connection *connection)
{
	struct cmabulk_counters **counters CLEANUP(cmabulk_counters_array_freep) = NULL;
	int r = cmabulk_connection_get_counters(connection, &counters);

	check((r >= 0) == (counters != NULL), "there is a list, or an error");
	for (int i = 0; i < r; i++)
		check_counters(counters[i]);
	check(r < 0 || !counters[r], "as many as it says");
	return r;
}

static int list_device_pools(struct cmabulk_connection *connection)
{
	char **names CLEANUP(cmabulk_pool_name_array_freep) = NULL;
	int r = cmabulk_connection_list_device_pools(connection, "lens", &names);

	check((r > 0) == (names != NULL), "there are names, or an error");
	for (int i = 0; i < r; i++)
		check(text_is_pool_name(names[i]), "they are pools' names");
	check(r < 0 || !names[r], "as many as it says");
	return r;
}

static int get_daemon(struct cmabulk_connection *connection)
{
	struct cmabulk_daemon *daemon CLEANUP(cmabulk_daemon_unrefp) = NULL;
	int r = cmabulk_connection_get_daemon(connection, &daemon);

	check((r >= 0) == (daemon != NULL), "there is a daemon, or an error");
	if (r < 0)
		return r;
	check_text(cmabulk_daemon_get_version(daemon));
	for (unsigned int i = 0; i < cmabulk_daemon_get_n_problems(daemon); i++)
		check_text(cmabulk_daemon_get_problem(daemon, i));
	check(!cmabulk_daemon_get_problem(daemon, cmabulk_daemon_get_n_problems(daemon)),
	      "no more than it says");
	return r;
}

static int prepare(struct cmabulk_connection *connection)
{
	struct cmabulk_request *request CLEANUP(cmabulk_request_unrefp) = NULL;

	must(cmabulk_request_new(&request));
	must(cmabulk_request_set_count(request, 5));
	return cmabulk_connection_prepare(connection, request, 1000000);
}

static int change_account(struct cmabulk_connection *connection)
{
	static const char *const settings[] = { "MaxBytes=1M", NULL };
	int r = cmabulk_connection_set_account(connection, "media", settings, 0);

	return r < 0 ? r : cmabulk_connection_unset_account(connection, "media");
}

static int reload(struct cmabulk_connection *connection)
{
	return cmabulk_connection_reload(connection);
}

/* --- What it tells ---------------------------------------------------------------------------- */

static void check_event(const struct cmabulk_event *event)
{
	uint64_t type = cmabulk_event_get_type(event);
	bool has_pool = type != CMABULK_EVENT_LOST && type != CMABULK_EVENT_DAEMON_GONE &&
			type != CMABULK_EVENT_DAEMON_BACK;

	check(type > 0 && (type & (type - 1)) == 0, "an event is of one type");
	check_text(cmabulk_event_get_type_name(event));
	if (has_pool)
		check(text_is_pool_name(cmabulk_event_get_pool(event)), "it is of a pool");
	else
		check(*cmabulk_event_get_pool(event) == '\0', "it is of none");
	check((type == CMABULK_EVENT_LOST) == (cmabulk_event_get_n_lost(event) > 0),
	      "some were lost when it says so");
}

static void read_events(struct cmabulk_connection *connection)
{
	int r;

	do {
		struct cmabulk_event *event CLEANUP(cmabulk_event_unrefp) = NULL;

		r = cmabulk_connection_next_event(connection, &event);
		check((r > 0) == (event != NULL) && r >= 0, "there is one or none");
		if (event)
			check_event(event);
	} while (r > 0);
}

static int hear(struct cmabulk_connection *connection, struct input *input)
{
	uint64_t mask = CMABULK_EVENT_BUFFER_RELEASED | CMABULK_EVENT_MEMORY_PRESSURE |
			CMABULK_EVENT_POOL_ADDED | CMABULK_EVENT_POOL_REMOVED |
			CMABULK_EVENT_DAEMON_GONE | CMABULK_EVENT_DAEMON_BACK;
	uint64_t count = lie_next(input) % SIGNALS_LIMIT;
	int r = check_reason(connection, cmabulk_connection_set_event_mask(connection, mask));

	for (uint64_t i = 0; i < count; i++)
		stand_in_tell();
	read_events(connection);
	return r;
}

/* --- What is asked ---------------------------------------------------------------------------- */

static int (*const questions[])(struct cmabulk_connection *connection) = {
	list_pools,	   get_pool,   survey_pool, list_buffers,   list_accounts, get_counters,
	list_device_pools, get_daemon, prepare,	    change_account, reload,
};

static int ask(struct cmabulk_connection *connection, struct input *input)
{
	size_t choice = lie_next(input) % (ARRAY_SIZE(questions) + 1);

	if (choice == ARRAY_SIZE(questions))
		return hear(connection, input);
	return check_reason(connection, questions[choice](connection));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cmabulk_connection *connection = NULL;
	struct input truth = { 0 };
	struct input input = { .data = data, .size = size };
	int before, after, r;

	before = dup(STDERR_FILENO);
	close(before);
	setenv("CMABULK_BUS", "unix:path=/nonexistent", true);
	stand_in_answer(&truth);
	must(cmabulk_connection_open(&connection));
	stand_in_answer(&input);
	r = ask(connection, &input);
	check(size > 1 || r >= 0, "what is true is believed");
	cmabulk_connection_unref(connection);
	stand_in_end();
	after = dup(STDERR_FILENO);
	close(after);
	check(before == after, "no descriptor is left");
	return 0;
}
