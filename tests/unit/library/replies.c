// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the library makes of a daemon's answers that add up. */
#include <errno.h>
#include <glib.h>
#include <string.h>
#include <unistd.h>

#include "cmabulk.h"
#include "impostor.h"
#include "suites.h"
#include "talk.h"
#include "util.h"

static void check_step(const struct cmabulk_allocation *allocation)
{
	struct cmabulk_step step;

	g_assert_cmpuint(cmabulk_allocation_get_n_steps(allocation), ==, 1);
	g_assert_cmpint(cmabulk_allocation_get_step(allocation, 0, &step, sizeof(step)), ==, 0);
	g_assert_cmpuint(step.effort, ==, CMABULK_REQUEST_EFFORT_NORMAL);
	g_assert_cmpuint(step.requested, ==, 20);
	g_assert_cmpuint(step.granted, ==, 20);
	g_assert_cmpuint(step.elapsed_usec, ==, 15);
	g_assert_cmpuint(step.blocks_surveyed, ==, 16);
	g_assert_cmpuint(step.total_ns, ==, 17);
}

static void check_buffer(struct cmabulk_buffer *buffer, unsigned int index)
{
	void *address;

	g_assert_cmpuint(cmabulk_buffer_get_id(buffer), ==, 30 + index);
	g_assert_cmpstr(cmabulk_buffer_get_name(buffer), ==, "frames");
	g_assert_cmpuint(cmabulk_buffer_get_chunks(buffer), ==, 1);
	g_assert_cmpuint(cmabulk_buffer_get_inode(buffer), >, 0);
	g_assert_cmpint(cmabulk_buffer_is_simulated(buffer), ==, 1);
	g_assert_cmpint(cmabulk_buffer_map(buffer, CMABULK_BUFFER_READ_WRITE, &address), ==, 0);
	g_assert_cmpint(cmabulk_buffer_begin_cpu_access(buffer, CMABULK_BUFFER_WRITE), ==, 0);
	memset(address, 1, cmabulk_buffer_get_size(buffer));
	g_assert_cmpint(cmabulk_buffer_end_cpu_access(buffer, CMABULK_BUFFER_WRITE), ==, 0);
	g_assert_cmpint(cmabulk_buffer_unmap(buffer, address), ==, 0);
}

static void all_buffers_arrive(void)
{
	struct cmabulk_allocation *allocation CLEANUP(cmabulk_allocation_unrefp) = NULL;
	struct talk talk;
	struct script script;

	script_init(&script);
	talk_begin(&talk, &script);
	g_assert_cmpstr(cmabulk_connection_get_mode(talk.connection), ==, "bus");
	g_assert_cmpint(cmabulk_connection_allocate(talk.connection, talk.request, &allocation), ==,
			0);
	talk_expect_event(&talk, "Allocate l1");
	talk_expect_event(&talk, "Fetch 16 7");
	talk_expect_event(&talk, "Release 8");
	g_assert_cmpuint(cmabulk_allocation_get_n_buffers(allocation), ==, 20);
	g_assert_cmpuint(cmabulk_allocation_get_granted(allocation), ==, 20);
	g_assert_cmpuint(cmabulk_allocation_get_queued_usec(allocation), ==, 13);
	g_assert_cmpstr(cmabulk_allocation_get_kind_name(allocation), ==, "sim");
	g_assert_cmpstr(cmabulk_allocation_get_reason(allocation), ==, "");
	check_step(allocation);
	for (unsigned int i = 0; i < 20; i++)
		check_buffer(cmabulk_allocation_get_buffer(allocation, i), i);
	talk_end(&talk);
}

static void one_at_a_time(void)
{
	struct cmabulk_allocation *allocation CLEANUP(cmabulk_allocation_unrefp) = NULL;
	struct talk talk;
	struct script script;

	script_init(&script);
	script.first = 19;
	script.fetched = 1;
	talk_begin(&talk, &script);
	g_assert_cmpint(cmabulk_connection_allocate(talk.connection, talk.request, &allocation), ==,
			0);
	talk_expect_event(&talk, "Allocate l1");
	talk_expect_event(&talk, "Fetch 19 7");
	talk_expect_event(&talk, "Release 8");
	talk_end(&talk);
}

/* Fewer than wanted, which were given back. */
static void script_fall_short(struct script *script, int error)
{
	script->status = "partial";
	script->error = error;
	script->claimed = 5;
	script->granted = script->buffers = script->layout = script->first = 0;
	script->serial = 0;
}

static void a_short_one_says_why(void)
{
	struct cmabulk_allocation *allocation CLEANUP(cmabulk_allocation_unrefp) = NULL;
	struct talk talk;
	struct script script;

	script_init(&script);
	script_fall_short(&script, EBUSY);
	talk_begin(&talk, &script);
	g_assert_cmpint(cmabulk_connection_allocate(talk.connection, talk.request, &allocation), ==,
			CMABULK_ALLOCATION_PARTIAL);
	g_assert_cmpint(cmabulk_allocation_get_error(allocation), ==, -EBUSY);
	g_assert_cmpstr(cmabulk_allocation_get_reason(allocation), ==, "pages are pinned");
	g_assert_cmpuint(cmabulk_allocation_get_claimed(allocation), ==, 5);
	g_assert_cmpuint(cmabulk_allocation_get_n_buffers(allocation), ==, 0);
	talk_end(&talk);
}

/* Why it came short, when the daemon says @cause. */
static void expect_cause(const char *cause, int error, enum cmabulk_allocation_cause expected,
			 const char *name)
{
	struct cmabulk_allocation *allocation CLEANUP(cmabulk_allocation_unrefp) = NULL;
	struct talk talk;
	struct script script;

	script_init(&script);
	if (error != 0)
		script_fall_short(&script, error);
	script.cause = cause;
	talk_begin(&talk, &script);
	g_assert_cmpint(cmabulk_connection_allocate(talk.connection, talk.request, &allocation), >=,
			0);
	g_assert_cmpint(cmabulk_allocation_get_cause(allocation), ==, expected);
	g_assert_cmpstr(cmabulk_allocation_get_cause_name(allocation), ==, name);
	if (error != 0)
		g_assert_cmpstr(cmabulk_allocation_get_hint(allocation), !=, "");
	else
		g_assert_cmpstr(cmabulk_allocation_get_hint(allocation), ==, "");
	talk_end(&talk);
}

static void causes_are_read(void)
{
	expect_cause("pinned", EBUSY, CMABULK_ALLOCATION_CAUSE_PINNED, "pinned");
	expect_cause("no-memory", EBUSY, CMABULK_ALLOCATION_CAUSE_NO_MEMORY, "no-memory");
	expect_cause("taste", EBUSY, CMABULK_ALLOCATION_CAUSE_UNKNOWN, "unknown");
	expect_cause("", EBUSY, CMABULK_ALLOCATION_CAUSE_UNKNOWN, "unknown");
	expect_cause(NULL, EBUSY, CMABULK_ALLOCATION_CAUSE_UNKNOWN, "unknown");
	expect_cause(NULL, 0, CMABULK_ALLOCATION_CAUSE_NONE, "");
	expect_cause("quota", 0, CMABULK_ALLOCATION_CAUSE_NONE, "");
}

/* The daemon ran out of something when it had made 6 of 10 buffers, and kept those. */
static void fewer_buffers_say_why(void)
{
	struct cmabulk_allocation *allocation CLEANUP(cmabulk_allocation_unrefp) = NULL;
	struct talk talk;
	struct script script;

	script_init(&script);
	script.status = "partial";
	script.error = EMFILE;
	script.granted = 12;
	script.buffers = script.layout = script.first = 6;
	script.layout_chunks = 2;
	script.file_size *= 2;
	talk_begin(&talk, &script);
	g_assert_cmpint(cmabulk_request_set_buffers(talk.request, 10), ==, 0);
	g_assert_cmpint(cmabulk_connection_allocate(talk.connection, talk.request, &allocation), ==,
			CMABULK_ALLOCATION_PARTIAL);
	g_assert_cmpuint(cmabulk_allocation_get_n_buffers(allocation), ==, 6);
	g_assert_cmpuint(cmabulk_allocation_get_granted(allocation), ==, 12);
	g_assert_cmpuint(cmabulk_allocation_get_claimed(allocation), ==, 20);
	g_assert_cmpint(cmabulk_allocation_get_error(allocation), ==, -EMFILE);
	talk_end(&talk);
}

/* Nothing had to be claimed: it has no steps of that. */
static void what_was_prepared_is_said(void)
{
	struct cmabulk_allocation *allocation CLEANUP(cmabulk_allocation_unrefp) = NULL;
	struct talk talk;
	struct script script;

	script_init(&script);
	script.prepared = 20;
	talk_begin(&talk, &script);
	g_assert_cmpint(cmabulk_connection_allocate(talk.connection, talk.request, &allocation), ==,
			CMABULK_ALLOCATION_COMPLETE);
	g_assert_cmpuint(cmabulk_allocation_get_prepared(allocation), ==, 20);
	g_assert_cmpuint(cmabulk_allocation_get_claimed(allocation), ==, 20);
	talk_end(&talk);
}

static void later_versions_are_understood(void)
{
	struct cmabulk_allocation *allocation CLEANUP(cmabulk_allocation_unrefp) = NULL;
	struct cmabulk_counters **counters CLEANUP(cmabulk_counters_array_freep) = NULL;
	struct cmabulk_entry **entries CLEANUP(cmabulk_entry_array_freep) = NULL;
	const char *reason = NULL;
	uint64_t count = 0;
	struct cmabulk_step step;
	struct talk talk;
	struct script script;

	script_init(&script);
	script.is_later = true;
	script.kind = "cloud";
	talk_begin(&talk, &script);
	g_assert_cmpint(cmabulk_connection_allocate(talk.connection, talk.request, &allocation), ==,
			0);
	g_assert_cmpstr(cmabulk_allocation_get_kind_name(allocation), ==, "unknown");
	g_assert_cmpint(cmabulk_allocation_get_step(allocation, 0, &step, sizeof(step)), ==, 0);
	g_assert_cmpuint(step.effort, >, CMABULK_REQUEST_EFFORT_HARD);
	g_assert_cmpint(cmabulk_connection_list_buffers(talk.connection, "video", &entries), ==, 2);
	g_assert_cmpstr(cmabulk_entry_get_kind_name(entries[0]), ==, "unknown");
	g_assert_cmpstr(cmabulk_entry_get_state_name(entries[0]), ==, "unknown");
	g_assert_cmpstr(cmabulk_entry_get_standing_name(entries[0]), ==, "unknown");
	g_assert_cmpint(cmabulk_connection_get_counters(talk.connection, &counters), ==, 2);
	g_assert_cmpint(cmabulk_counters_get_refusal(counters[0], 0, &reason, &count), ==, 0);
	g_assert_cmpstr(reason, ==, "taste");
	talk_end(&talk);
}

static void check_pools(struct cmabulk_connection *connection)
{
	struct cmabulk_pool **pools CLEANUP(cmabulk_pool_array_freep) = NULL;
	struct cmabulk_pool *pool CLEANUP(cmabulk_pool_unrefp) = NULL;
	struct cmabulk_pool *none = UNTOUCHED;
	struct cmabulk_pool_survey survey;
	uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);

	g_assert_cmpint(cmabulk_connection_list_pools(connection, &pools), ==, 1);
	g_assert_cmpint(cmabulk_connection_get_pool(connection, "video", &pool), ==, 0);
	g_assert_cmpint(cmabulk_connection_get_pool(connection, "audio", &none), ==, -ENXIO);
	g_assert_true(none == UNTOUCHED);
	g_assert_cmpstr(cmabulk_pool_get_kind_name(pool), ==, "sim");
	g_assert_cmpuint(cmabulk_pool_get_pages(pool), ==, 8192 / page_size);
	g_assert_cmpuint(cmabulk_pool_get_draining_pages(pool), ==, UINT64_C(8192) * 6 / page_size);
	g_assert_cmpuint(cmabulk_pool_get_n_reservations(pool), ==, UINT64_C(8192) * 8);
	g_assert_cmpuint(cmabulk_pool_get_n_pending(pool), ==, 3);
	g_assert_cmpint(cmabulk_connection_survey_pool(connection, "video", &survey,
						       sizeof(survey)),
			==, 0);
	g_assert_cmpuint(survey.pages_free, ==, 1);
	g_assert_cmpuint(survey.blocks_taken, ==, 9);
	g_assert_cmpint(cmabulk_connection_survey_pool(connection, "audio", &survey,
						       sizeof(survey)),
			==, -ENXIO);
}

static void check_entries(struct cmabulk_connection *connection)
{
	struct cmabulk_entry **entries CLEANUP(cmabulk_entry_array_freep) = NULL;

	g_assert_cmpint(cmabulk_connection_list_buffers(connection, "video", &entries), ==, 2);
	g_assert_null(entries[2]);
	g_assert_cmpuint(cmabulk_entry_get_id(entries[0]), ==, 8);
	g_assert_cmpuint(cmabulk_entry_get_id(entries[1]), ==, 9);
	g_assert_cmpstr(cmabulk_entry_get_state_name(entries[0]), ==, "exported");
	g_assert_cmpstr(cmabulk_entry_get_standing_name(entries[0]), ==, "orphaned");
	g_assert_cmpuint(cmabulk_entry_get_owner_uid(entries[0]), ==, 1000);
	g_assert_cmpstr(cmabulk_entry_get_label(entries[0]), ==, "camera");
}

static void check_accounts(struct cmabulk_connection *connection)
{
	struct cmabulk_account **accounts CLEANUP(cmabulk_account_array_freep) = NULL;
	uid_t uid = 0;

	g_assert_cmpint(cmabulk_connection_list_accounts(connection, &accounts), ==, 1);
	g_assert_cmpstr(cmabulk_account_get_name(accounts[0]), ==, "media");
	g_assert_cmpstr(cmabulk_account_get_pool(accounts[0]), ==, "video");
	g_assert_cmpint(cmabulk_account_get_uid(accounts[0], &uid), ==, 0);
	g_assert_cmpuint(uid, ==, 1000);
	g_assert_cmpint(cmabulk_account_is_default(accounts[0]), ==, 1);
	g_assert_cmpuint(cmabulk_account_get_used(accounts[0]), ==, 1);
	g_assert_cmpuint(cmabulk_account_get_minimum(accounts[0]), ==, 1);
	g_assert_cmpuint(cmabulk_account_get_maximum(accounts[0]), ==, 2);
	g_assert_cmpuint(cmabulk_account_get_n_buffers(accounts[0]), ==, 3);
	g_assert_cmpuint(cmabulk_account_get_maximum_buffers(accounts[0]), ==, 4);
	g_assert_cmpuint(cmabulk_account_get_n_pending(accounts[0]), ==, 5);
	g_assert_cmpuint(cmabulk_account_get_maximum_pending(accounts[0]), ==, 6);
	g_assert_cmpuint(cmabulk_account_get_weight(accounts[0]), ==, 7);
	g_assert_cmpuint(cmabulk_account_get_n_changes(accounts[0]), ==, 2);
	g_assert_cmpstr(cmabulk_account_get_change(accounts[0], 0), ==, "MaxBytes");
	g_assert_cmpint(cmabulk_account_is_change_persistent(accounts[0], 0), ==, 0);
	g_assert_cmpstr(cmabulk_account_get_change(accounts[0], 1), ==, "Weight");
	g_assert_cmpint(cmabulk_account_is_change_persistent(accounts[0], 1), ==, 1);
	g_assert_null(cmabulk_account_get_change(accounts[0], 2));
	g_assert_cmpint(cmabulk_account_is_change_persistent(accounts[0], 2), ==, 0);
}

static void check_device(struct cmabulk_connection *connection)
{
	g_autofree char *filler = g_strnfill(1024, 'x');
	char **names CLEANUP(cmabulk_pool_name_array_freep) = NULL;
	char **untouched = UNTOUCHED;

	g_assert_cmpint(cmabulk_connection_list_device_pools(connection, "lens", &names), ==, 3);
	g_assert_cmpstr(names[0], ==, "video");
	g_assert_cmpstr(names[1], ==, "reserve");
	g_assert_cmpstr(names[2], ==, "frames");
	g_assert_null(names[3]);
	g_assert_cmpint(cmabulk_connection_list_device_pools(connection, "", &untouched), ==,
			-EINVAL);
	g_assert_cmpint(cmabulk_connection_list_device_pools(connection, filler, &untouched), ==,
			-EINVAL);
	g_assert_cmpint(cmabulk_connection_list_device_pools(connection, NULL, &untouched), ==,
			-EINVAL);
	g_assert_true(untouched == UNTOUCHED);
}

static void check_counters_of_pool(const struct cmabulk_counters *counters)
{
	struct cmabulk_counter_values values;
	uint64_t usec = 0;
	uint64_t count = 0;
	uid_t uid = 5;

	g_assert_cmpstr(cmabulk_counters_get_pool(counters), ==, "video");
	g_assert_cmpstr(cmabulk_counters_get_account(counters), ==, "");
	g_assert_cmpint(cmabulk_counters_get_uid(counters, &uid), ==, -ENODATA);
	cmabulk_counters_get_values(counters, &values, sizeof(values));
	g_assert_cmpuint(values.admitted, ==, 1);
	g_assert_cmpuint(values.timed_out, ==, 4);
	g_assert_cmpuint(values.bytes_released, ==, 10);
	g_assert_cmpuint(values.give_backs, ==, 14);
	g_assert_cmpuint(values.resyncs, ==, 100);
	g_assert_cmpuint(values.latency_usec, ==, 101);
	g_assert_cmpint(cmabulk_counters_get_bucket(counters, 1, &usec, &count), ==, 0);
	g_assert_cmpuint(usec, ==, UINT64_MAX);
	g_assert_cmpuint(count, ==, 6);
	g_assert_cmpint(cmabulk_counters_get_bucket(counters, 2, &usec, &count), ==, -ERANGE);
	g_assert_cmpuint(count, ==, 6);
}

static void check_counters_of_account(const struct cmabulk_counters *counters)
{
	const char *effort = NULL;
	const char *name = NULL;
	uint64_t count = 0;
	uid_t uid = 5;

	g_assert_cmpstr(cmabulk_counters_get_account(counters), ==, "media");
	g_assert_cmpint(cmabulk_counters_get_uid(counters, &uid), ==, 0);
	g_assert_cmpuint(uid, ==, 1000);
	g_assert_cmpint(cmabulk_counters_get_refusal(counters, 0, &name, &count), ==, 0);
	g_assert_cmpstr(name, ==, "quota");
	g_assert_cmpuint(count, ==, 7);
	g_assert_cmpint(cmabulk_counters_get_refusal(counters, 1, &name, &count), ==, -ERANGE);
	g_assert_cmpint(cmabulk_counters_get_fill(counters, 0, &effort, &name, &count), ==, 0);
	g_assert_cmpstr(effort, ==, "fast");
	g_assert_cmpstr(name, ==, "busy");
	g_assert_cmpuint(count, ==, 8);
	g_assert_cmpint(cmabulk_counters_get_fill(counters, 1, &effort, &name, &count), ==,
			-ERANGE);
	g_assert_cmpint(cmabulk_counters_get_bucket(counters, 0, &count, &count), ==, -ERANGE);
}

static void check_counters(struct cmabulk_connection *connection)
{
	struct cmabulk_counters **counters CLEANUP(cmabulk_counters_array_freep) = NULL;

	g_assert_cmpint(cmabulk_connection_get_counters(connection, &counters), ==, 2);
	check_counters_of_pool(counters[0]);
	check_counters_of_account(counters[1]);
	g_assert_null(counters[2]);
}

static void check_daemon(struct cmabulk_connection *connection)
{
	struct cmabulk_daemon *daemon CLEANUP(cmabulk_daemon_unrefp) = NULL;

	g_assert_cmpint(cmabulk_connection_reload(connection), ==, 0);
	g_assert_cmpint(cmabulk_connection_get_daemon(connection, &daemon), ==, 0);
	g_assert_cmpstr(cmabulk_daemon_get_version(daemon), ==, "0.1.0");
	g_assert_cmpint(cmabulk_daemon_is_simulated(daemon), ==, 1);
	g_assert_cmpuint(cmabulk_daemon_get_n_problems(daemon), ==, 2);
	g_assert_cmpstr(cmabulk_daemon_get_problem(daemon, 1), ==, "two");
	g_assert_null(cmabulk_daemon_get_problem(daemon, 2));
}

static void books_are_read(void)
{
	struct talk talk;
	struct script script;

	script_init(&script);
	talk_begin(&talk, &script);
	check_pools(talk.connection);
	check_entries(talk.connection);
	check_accounts(talk.connection);
	check_device(talk.connection);
	check_counters(talk.connection);
	check_daemon(talk.connection);
	talk_end(&talk);
}

static void accounts_are_changed(void)
{
	const char *const settings[] = { "MaxBytes=1G", "Weight=", NULL };
	const char *const nothing[] = { NULL };
	const char *const wrong[] = { "MaxBytes=1G", "Weight", NULL };
	struct cmabulk_connection *connection;
	struct talk talk;
	struct script script;

	script_init(&script);
	talk_begin(&talk, &script);
	connection = talk.connection;
	g_assert_cmpint(cmabulk_connection_set_account(connection, "media", settings, 1), ==, 0);
	g_assert_cmpint(cmabulk_connection_set_account(connection, "media", nothing, 0), ==, 0);
	g_assert_cmpint(cmabulk_connection_unset_account(connection, "media"), ==, 0);
	g_assert_cmpint(cmabulk_connection_set_account(connection, "media", wrong, 0), ==, -EINVAL);
	g_assert_nonnull(strstr(cmabulk_connection_get_error_message(connection), "KEY=VALUE"));
	talk_end(&talk);
	script.refused = "SetAccount";
	script.error_name = "org.freedesktop.DBus.Error.IOError";
	script.error_message = "the disk is full; make room";
	talk_begin(&talk, &script);
	connection = talk.connection;
	g_assert_cmpint(cmabulk_connection_set_account(connection, "media", settings, 1), ==, -EIO);
	g_assert_cmpstr(cmabulk_connection_get_error_message(connection), ==, script.error_message);
	talk_end(&talk);
}

/* A shared account is nobody's in particular. */
static void what_is_missing_is_not_there(void)
{
	struct cmabulk_account **accounts CLEANUP(cmabulk_account_array_freep) = NULL;
	struct talk talk;
	struct script script;
	uid_t uid = 5;

	script_init(&script);
	script.without = "uid";
	talk_begin(&talk, &script);
	g_assert_cmpint(cmabulk_connection_list_accounts(talk.connection, &accounts), ==, 1);
	g_assert_cmpint(cmabulk_account_get_uid(accounts[0], &uid), ==, -ENODATA);
	g_assert_cmpuint(uid, ==, 5);
	talk_end(&talk);
	cmabulk_account_array_freep(&accounts);
	accounts = NULL;
	script.without = "runtime";
	talk_begin(&talk, &script);
	g_assert_cmpint(cmabulk_connection_list_accounts(talk.connection, &accounts), ==, 1);
	g_assert_cmpuint(cmabulk_account_get_n_changes(accounts[0]), ==, 0);
	g_assert_null(cmabulk_account_get_change(accounts[0], 0));
	talk_end(&talk);
}

void add_replies(void)
{
	g_test_add_func("/reply/all-buffers-arrive", all_buffers_arrive);
	g_test_add_func("/reply/one-at-a-time", one_at_a_time);
	g_test_add_func("/reply/a-short-one-says-why", a_short_one_says_why);
	g_test_add_func("/reply/fewer-buffers-say-why", fewer_buffers_say_why);
	g_test_add_func("/reply/causes-are-read", causes_are_read);
	g_test_add_func("/reply/what-was-prepared-is-said", what_was_prepared_is_said);
	g_test_add_func("/reply/later-versions-are-understood", later_versions_are_understood);
	g_test_add_func("/reply/books-are-read", books_are_read);
	g_test_add_func("/reply/accounts-are-changed", accounts_are_changed);
	g_test_add_func("/reply/what-is-missing-is-not-there", what_is_missing_is_not_there);
}
