// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the library makes of a daemon's answers that do not add up. */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "cmabulk.h"
#include "impostor.h"
#include "suites.h"
#include "talk.h"
#include "util.h"

struct lie {
	const char *what;
	void (*tell)(struct script *script);
};

#define LIE(name, statement)                          \
	static void lie_##name(struct script *script) \
	{                                             \
		statement;                            \
	}

LIE(nonsense, script->nonsense = "Allocate")
LIE(nonsense_fetched, script->nonsense = "Fetch")
LIE(status, script->status = "splendid")
LIE(less_than_complete, script->granted = 19)
LIE(more_than_asked, script->granted = script->claimed = 21)
LIE(more_than_claimed, script->claimed = 19)
LIE(more_prepared, script->prepared = 21)
LIE(complete_with_error, script->error = EBUSY)
LIE(error_without_end, script->error = 5000)
LIE(error_of_kernel, script->error = INT32_MIN)
LIE(partial_without_error, script->status = "partial")
LIE(too_few_announced, script->layout = 19)
LIE(too_many_announced, script->layout = 21)
LIE(fewer_buffers, {
	script->buffers = script->layout = script->first = 10;
	script->layout_chunks = 2;
	script->file_size *= 2;
})
LIE(more_buffers, script->buffers = UINT32_MAX)
LIE(granted_in_no_buffers, {
	script->status = "partial";
	script->error = EBUSY;
	script->granted = 19;
	script->buffers = script->layout = script->first = 0;
})
LIE(chunks_do_not_add_up, script->layout_chunks = 2)
LIE(chunks_overflow, script->layout_chunks = UINT64_MAX / 4)
LIE(empty_buffers, script->layout_chunks = 0)
LIE(chunk_size, script->chunk_size *= 2)
LIE(no_chunk_size, script->chunk_size = 0)
LIE(alignment, script->alignment += 1)
LIE(alignment_below_size, script->alignment /= 2)
LIE(pool_name, script->pool = "../etc/passwd")
LIE(long_name, script->name = "0123456789012345678901234567890123456789")
LIE(no_pool, script->without = "pool")
LIE(no_layout, script->without = "layout")
LIE(no_serial, script->without = "serial")
LIE(no_effort, script->without = "effort")
LIE(error_of_a_type, script->mistyped = "error")
LIE(claimed_of_a_type, script->mistyped = "claimed")
LIE(cause_of_a_type, script->mistyped = script->cause = "cause")
LIE(kind_of_a_type, script->mistyped = "kind")
LIE(total_of_a_type, script->mistyped = "total-ns")
LIE(kind_twice, script->twice = "kind")
LIE(total_twice, script->twice = "total-ns")
LIE(no_files, script->first = 0)
LIE(too_many_files, script->first = 21)
LIE(none_fetched, script->fetched = 0)
LIE(too_many_fetched, script->fetched = 5)
LIE(small_files, script->file_size /= 2)
LIE(large_files, script->file_size *= 2)
LIE(shrinkable_files, script->is_sealed = false)
LIE(no_memory_files, script->is_null = true)
LIE(no_dma_bufs, script->kind = "kmod")

#undef LIE
#define LIE(name)                 \
	{                         \
#name, lie_##name \
	}

static const struct lie lies[] = {
	LIE(nonsense),
	LIE(nonsense_fetched),
	LIE(status),
	LIE(less_than_complete),
	LIE(more_than_asked),
	LIE(more_than_claimed),
	LIE(more_prepared),
	LIE(complete_with_error),
	LIE(error_without_end),
	LIE(error_of_kernel),
	LIE(partial_without_error),
	LIE(too_few_announced),
	LIE(too_many_announced),
	LIE(fewer_buffers),
	LIE(more_buffers),
	LIE(granted_in_no_buffers),
	LIE(chunks_do_not_add_up),
	LIE(chunks_overflow),
	LIE(empty_buffers),
	LIE(chunk_size),
	LIE(no_chunk_size),
	LIE(alignment),
	LIE(alignment_below_size),
	LIE(pool_name),
	LIE(long_name),
	LIE(no_pool),
	LIE(no_layout),
	LIE(no_serial),
	LIE(no_effort),
	LIE(error_of_a_type),
	LIE(claimed_of_a_type),
	LIE(cause_of_a_type),
	LIE(kind_of_a_type),
	LIE(total_of_a_type),
	LIE(kind_twice),
	LIE(total_twice),
	LIE(no_files),
	LIE(too_many_files),
	LIE(none_fetched),
	LIE(too_many_fetched),
	LIE(small_files),
	LIE(large_files),
	LIE(shrinkable_files),
	LIE(no_memory_files),
	LIE(no_dma_bufs),
};

static void lies_are_not_believed(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(lies); i++) {
		struct talk talk;
		struct script script;

		g_test_message("%s", lies[i].what);
		script_init(&script);
		lies[i].tell(&script);
		talk_begin(&talk, &script);
		talk_expect_error(&talk, -EPROTO);
		g_assert_nonnull(strstr(cmabulk_connection_get_error_message(talk.connection),
					"makes no sense"));
		/* Once is not for ever. */
		g_assert_cmpint(cmabulk_connection_reload(talk.connection), ==, 0);
		talk_end(&talk);
	}
}

static int call_by_name(struct cmabulk_connection *connection, const char *member)
{
	struct cmabulk_account **accounts CLEANUP(cmabulk_account_array_freep) = NULL;
	struct cmabulk_counters **counters CLEANUP(cmabulk_counters_array_freep) = NULL;
	struct cmabulk_entry **entries CLEANUP(cmabulk_entry_array_freep) = NULL;
	struct cmabulk_pool **pools CLEANUP(cmabulk_pool_array_freep) = NULL;
	char **names CLEANUP(cmabulk_pool_name_array_freep) = NULL;
	struct cmabulk_pool_survey survey;

	if (strcmp(member, "GetPoolForDevice") == 0)
		return cmabulk_connection_list_device_pools(connection, "lens", &names);
	if (strcmp(member, "ListPools") == 0)
		return cmabulk_connection_list_pools(connection, &pools);
	if (strcmp(member, "ListBuffers") == 0)
		return cmabulk_connection_list_buffers(connection, "video", &entries);
	if (strcmp(member, "ListAccounts") == 0)
		return cmabulk_connection_list_accounts(connection, &accounts);
	if (strcmp(member, "GetCounters") == 0)
		return cmabulk_connection_get_counters(connection, &counters);
	return cmabulk_connection_survey_pool(connection, "video", &survey, sizeof(survey));
}

static void refuse_book(const char *member, struct script *script)
{
	struct talk talk;

	talk_begin(&talk, script);
	g_assert_cmpint(call_by_name(talk.connection, member), ==, -EPROTO);
	talk_end(&talk);
}

static void books_without_an_end(void)
{
	struct script script;

	script_init(&script);
	script.has_more_entries = true;
	refuse_book("ListBuffers", &script);
}

static void books_that_make_no_sense(void)
{
	static const struct {
		const char *member;
		const char *key;
	} cases[] = {
		{ "ListPools", "PageSize" },   { "ListPools", "Name" },
		{ "ListPools", "MaxOrder" },   { "ListBuffers", "id" },
		{ "ListBuffers", "standing" }, { "ListAccounts", "used" },
		{ "ListAccounts", "account" }, { "Survey", "blocks" },
		{ "GetCounters", "pool" },     { "GetCounters", "admitted" },
	};
	struct script script;

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_test_message("%s %s", cases[i].member, cases[i].key);
		script_init(&script);
		script.without = cases[i].key;
		refuse_book(cases[i].member, &script);
		script_init(&script);
		script.mistyped = cases[i].key;
		refuse_book(cases[i].member, &script);
		script_init(&script);
		script.twice = cases[i].key;
		refuse_book(cases[i].member, &script);
		script_init(&script);
		script.nonsense = cases[i].member;
		refuse_book(cases[i].member, &script);
	}
	script_init(&script);
	script.mistyped = "refused";
	refuse_book("GetCounters", &script);
	script.mistyped = "fills";
	refuse_book("GetCounters", &script);
	script_init(&script);
	script.without = "fills";
	refuse_book("GetCounters", &script);
	script_init(&script);
	script.mistyped = "runtime";
	refuse_book("ListAccounts", &script);
	script_init(&script);
	script.twice = "persistent";
	refuse_book("ListAccounts", &script);
	script_init(&script);
	script.page_size = 0;
	refuse_book("ListPools", &script);
	script.page_size = 4095;
	refuse_book("ListPools", &script);
	script_init(&script);
	script.nonsense = "GetPoolForDevice";
	refuse_book("GetPoolForDevice", &script);
	script_init(&script);
	script.pool = "../null";
	refuse_book("GetPoolForDevice", &script);
	script_init(&script);
	script.name = "";
	refuse_book("GetPoolForDevice", &script);
}

static int ask_manager(struct talk *talk, const char *member)
{
	struct cmabulk_allocation *allocation CLEANUP(cmabulk_allocation_unrefp) = NULL;
	static const char *const settings[] = { "Weight=5", NULL };
	struct cmabulk_connection *connection = talk->connection;

	if (strcmp(member, "Reload") == 0)
		return cmabulk_connection_reload(connection);
	if (strcmp(member, "SetAccount") == 0)
		return cmabulk_connection_set_account(connection, "media", settings, 0);
	if (strcmp(member, "UnsetAccount") == 0)
		return cmabulk_connection_unset_account(connection, "media");
	if (strcmp(member, "Prepare") == 0)
		return cmabulk_connection_prepare(connection, talk->request, 5);
	if (strcmp(member, "Allocate") == 0)
		return cmabulk_connection_allocate(connection, talk->request, &allocation);
	return call_by_name(connection, member);
}

/* Somebody else has the name by now: no pool went away, and to wait for one would not help. */
static void a_daemon_that_became_strange_is_told(void)
{
	static const char *const members[] = {
		"ListPools",  "ListBuffers",  "ListAccounts", "GetCounters", "GetPoolForDevice",
		"SetAccount", "UnsetAccount", "Prepare",      "Allocate",    "Reload",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
		struct talk talk;
		struct script script;

		g_test_message("%s", members[i]);
		script_init(&script);
		script.refused = members[i];
		script.error_name = "org.freedesktop.DBus.Error.UnknownObject";
		script.error_message = "Unknown object '/org/cmabulk1'.";
		talk_begin(&talk, &script);
		g_assert_cmpint(ask_manager(&talk, members[i]), ==, -EPROTO);
		g_assert_cmpstr(cmabulk_connection_get_error_message(talk.connection), ==,
				cmabulk_error_get_message(-EPROTO));
		talk_end(&talk);
	}
}

static void a_strange_daemon_is_not_opened(void)
{
	struct cmabulk_connection *connection = UNTOUCHED;
	struct impostor impostor;
	struct script script;

	script_init(&script);
	script.mistyped = "Version";
	impostor_start(&impostor, &script);
	g_assert_cmpint(cmabulk_connection_open(&connection), ==, -EPROTO);
	impostor_stop(&impostor);
	script_init(&script);
	script.refused = "GetAll";
	script.error_name = "org.freedesktop.DBus.Error.AccessDenied";
	script.error_message = "no";
	impostor_start(&impostor, &script);
	g_assert_cmpint(cmabulk_connection_open(&connection), ==, -EACCES);
	impostor_stop(&impostor);
	/* Somebody else has the name, and no such object: no pool went away. */
	script.error_name = "org.freedesktop.DBus.Error.UnknownObject";
	impostor_start(&impostor, &script);
	g_assert_cmpint(cmabulk_connection_open(&connection), ==, -EPROTO);
	impostor_stop(&impostor);
	g_assert_true(connection == UNTOUCHED);
}

void add_lies(void)
{
	g_test_add_func("/reply/lies-are-not-believed", lies_are_not_believed);
	g_test_add_func("/reply/books-without-an-end", books_without_an_end);
	g_test_add_func("/reply/books-that-make-no-sense", books_that_make_no_sense);
	g_test_add_func("/reply/a-daemon-that-became-strange-is-told",
			a_daemon_that_became_strange_is_told);
	g_test_add_func("/reply/a-strange-daemon-is-not-opened", a_strange_daemon_is_not_opened);
}
