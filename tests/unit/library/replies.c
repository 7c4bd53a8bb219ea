// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the library makes of a daemon's answers: those that add up, those that
 * do not, those that never come. In the process of the test nothing else opens files.
 */
#include <dirent.h>
#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmabulk.h"
#include "impostor.h"
#include "suites.h"
#include "util.h"

#define UNTOUCHED ((void *)1)

struct fixture {
	struct impostor impostor;
	struct cmabulk_connection *connection;
	struct cmabulk_request *request;
};

static void begin(struct fixture *fixture, const struct script *script)
{
	impostor_start(&fixture->impostor, script);
	fixture->connection = NULL;
	fixture->request = NULL;
	g_assert_cmpint(cmabulk_connection_open(&fixture->connection), ==, 0);
	g_assert_cmpint(cmabulk_request_new(&fixture->request), ==, 0);
	g_assert_cmpint(cmabulk_request_set_count(fixture->request, 20), ==, 0);
	g_assert_cmpint(cmabulk_request_set_buffers(fixture->request, 20), ==, 0);
}

static void end(struct fixture *fixture)
{
	cmabulk_request_unref(fixture->request);
	cmabulk_connection_unref(fixture->connection);
	impostor_stop(&fixture->impostor);
}

static void expect_event(struct fixture *fixture, const char *expected)
{
	g_autofree char *event = impostor_next_event(&fixture->impostor);

	g_assert_cmpstr(event, ==, expected);
}

static unsigned int count_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned int count = 0;

	g_assert_nonnull(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

static void expect_error(struct fixture *fixture, int error)
{
	struct cmabulk_allocation *allocation = UNTOUCHED;
	unsigned int descriptors = count_descriptors();

	g_assert_cmpint(cmabulk_connection_allocate(fixture->connection, fixture->request,
						    &allocation),
			==, error);
	g_assert_true(allocation == UNTOUCHED);
	g_assert_cmpuint(count_descriptors(), ==, descriptors);
}

/* --- Answers that add up ------------------------------------------------------------------------ */

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
	struct fixture fixture;
	struct script script;

	script_init(&script);
	begin(&fixture, &script);
	g_assert_cmpstr(cmabulk_connection_get_mode(fixture.connection), ==, "bus");
	g_assert_cmpint(cmabulk_connection_allocate(fixture.connection, fixture.request,
						    &allocation),
			==, 0);
	expect_event(&fixture, "Allocate l1");
	expect_event(&fixture, "Fetch 16 7");
	expect_event(&fixture, "Release 8");
	g_assert_cmpuint(cmabulk_allocation_get_n_buffers(allocation), ==, 20);
	g_assert_cmpuint(cmabulk_allocation_get_granted(allocation), ==, 20);
	g_assert_cmpuint(cmabulk_allocation_get_queued_usec(allocation), ==, 13);
	g_assert_cmpstr(cmabulk_allocation_get_kind_name(allocation), ==, "sim");
	g_assert_cmpstr(cmabulk_allocation_get_reason(allocation), ==, "");
	check_step(allocation);
	for (unsigned int i = 0; i < 20; i++)
		check_buffer(cmabulk_allocation_get_buffer(allocation, i), i);
	end(&fixture);
}

static void one_at_a_time(void)
{
	struct cmabulk_allocation *allocation CLEANUP(cmabulk_allocation_unrefp) = NULL;
	struct fixture fixture;
	struct script script;

	script_init(&script);
	script.first = 19;
	script.fetched = 1;
	begin(&fixture, &script);
	g_assert_cmpint(cmabulk_connection_allocate(fixture.connection, fixture.request,
						    &allocation),
			==, 0);
	expect_event(&fixture, "Allocate l1");
	expect_event(&fixture, "Fetch 19 7");
	expect_event(&fixture, "Release 8");
	end(&fixture);
}

static void a_short_one_says_why(void)
{
	struct cmabulk_allocation *allocation CLEANUP(cmabulk_allocation_unrefp) = NULL;
	struct fixture fixture;
	struct script script;

	script_init(&script);
	script.status = "partial";
	script.error = EBUSY;
	script.claimed = 5;
	script.granted = script.buffers = script.layout = script.first = 0;
	script.serial = 0;
	begin(&fixture, &script);
	g_assert_cmpint(cmabulk_connection_allocate(fixture.connection, fixture.request,
						    &allocation),
			==, CMABULK_ALLOCATION_PARTIAL);
	g_assert_cmpint(cmabulk_allocation_get_error(allocation), ==, -EBUSY);
	g_assert_cmpstr(cmabulk_allocation_get_reason(allocation), ==, "pages are pinned");
	g_assert_cmpuint(cmabulk_allocation_get_claimed(allocation), ==, 5);
	g_assert_cmpuint(cmabulk_allocation_get_n_buffers(allocation), ==, 0);
	end(&fixture);
}

/* The daemon ran out of something when it had made 6 of 10 buffers, and kept those. */
static void fewer_buffers_say_why(void)
{
	struct cmabulk_allocation *allocation CLEANUP(cmabulk_allocation_unrefp) = NULL;
	struct fixture fixture;
	struct script script;

	script_init(&script);
	script.status = "partial";
	script.error = EMFILE;
	script.granted = 12;
	script.buffers = script.layout = script.first = 6;
	script.layout_chunks = 2;
	script.file_size *= 2;
	begin(&fixture, &script);
	g_assert_cmpint(cmabulk_request_set_buffers(fixture.request, 10), ==, 0);
	g_assert_cmpint(cmabulk_connection_allocate(fixture.connection, fixture.request,
						    &allocation),
			==, CMABULK_ALLOCATION_PARTIAL);
	g_assert_cmpuint(cmabulk_allocation_get_n_buffers(allocation), ==, 6);
	g_assert_cmpuint(cmabulk_allocation_get_granted(allocation), ==, 12);
	g_assert_cmpuint(cmabulk_allocation_get_claimed(allocation), ==, 20);
	g_assert_cmpint(cmabulk_allocation_get_error(allocation), ==, -EMFILE);
	end(&fixture);
}

static void later_versions_are_understood(void)
{
	struct cmabulk_allocation *allocation CLEANUP(cmabulk_allocation_unrefp) = NULL;
	struct cmabulk_entry **entries CLEANUP(cmabulk_entry_array_freep) = NULL;
	struct cmabulk_step step;
	struct fixture fixture;
	struct script script;

	script_init(&script);
	script.is_later = true;
	script.kind = "cloud";
	begin(&fixture, &script);
	g_assert_cmpint(cmabulk_connection_allocate(fixture.connection, fixture.request,
						    &allocation),
			==, 0);
	g_assert_cmpstr(cmabulk_allocation_get_kind_name(allocation), ==, "unknown");
	g_assert_cmpint(cmabulk_allocation_get_step(allocation, 0, &step, sizeof(step)), ==, 0);
	g_assert_cmpuint(step.effort, >, CMABULK_REQUEST_EFFORT_HARD);
	g_assert_cmpint(cmabulk_connection_list_buffers(fixture.connection, "video", &entries), ==,
			2);
	g_assert_cmpstr(cmabulk_entry_get_kind_name(entries[0]), ==, "unknown");
	g_assert_cmpstr(cmabulk_entry_get_state_name(entries[0]), ==, "unknown");
	g_assert_cmpstr(cmabulk_entry_get_standing_name(entries[0]), ==, "unknown");
	end(&fixture);
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
	g_assert_cmpuint(cmabulk_account_get_maximum(accounts[0]), ==, 2);
	g_assert_cmpuint(cmabulk_account_get_n_buffers(accounts[0]), ==, 3);
	g_assert_cmpuint(cmabulk_account_get_maximum_buffers(accounts[0]), ==, 4);
	g_assert_cmpuint(cmabulk_account_get_n_pending(accounts[0]), ==, 5);
	g_assert_cmpuint(cmabulk_account_get_maximum_pending(accounts[0]), ==, 6);
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
	struct fixture fixture;
	struct script script;

	script_init(&script);
	begin(&fixture, &script);
	check_pools(fixture.connection);
	check_entries(fixture.connection);
	check_accounts(fixture.connection);
	check_daemon(fixture.connection);
	end(&fixture);
}

/* A shared account is nobody's in particular. */
static void what_is_missing_is_not_there(void)
{
	struct cmabulk_account **accounts CLEANUP(cmabulk_account_array_freep) = NULL;
	struct fixture fixture;
	struct script script;
	uid_t uid = 5;

	script_init(&script);
	script.without = "uid";
	begin(&fixture, &script);
	g_assert_cmpint(cmabulk_connection_list_accounts(fixture.connection, &accounts), ==, 1);
	g_assert_cmpint(cmabulk_account_get_uid(accounts[0], &uid), ==, -ENODATA);
	g_assert_cmpuint(uid, ==, 5);
	end(&fixture);
}

/* --- Answers that do not ------------------------------------------------------------------------ */

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
		struct fixture fixture;
		struct script script;

		g_test_message("%s", lies[i].what);
		script_init(&script);
		lies[i].tell(&script);
		begin(&fixture, &script);
		expect_error(&fixture, -EPROTO);
		g_assert_nonnull(strstr(cmabulk_connection_get_error_message(fixture.connection),
					"makes no sense"));
		/* Once is not for ever. */
		g_assert_cmpint(cmabulk_connection_reload(fixture.connection), ==, 0);
		end(&fixture);
	}
}

static int call_by_name(struct cmabulk_connection *connection, const char *member)
{
	struct cmabulk_account **accounts CLEANUP(cmabulk_account_array_freep) = NULL;
	struct cmabulk_entry **entries CLEANUP(cmabulk_entry_array_freep) = NULL;
	struct cmabulk_pool **pools CLEANUP(cmabulk_pool_array_freep) = NULL;
	struct cmabulk_pool_survey survey;

	if (strcmp(member, "ListPools") == 0)
		return cmabulk_connection_list_pools(connection, &pools);
	if (strcmp(member, "ListBuffers") == 0)
		return cmabulk_connection_list_buffers(connection, "video", &entries);
	if (strcmp(member, "ListAccounts") == 0)
		return cmabulk_connection_list_accounts(connection, &accounts);
	return cmabulk_connection_survey_pool(connection, "video", &survey, sizeof(survey));
}

static void refuse_book(const char *member, struct script *script)
{
	struct fixture fixture;

	begin(&fixture, script);
	g_assert_cmpint(call_by_name(fixture.connection, member), ==, -EPROTO);
	end(&fixture);
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
	script.page_size = 0;
	refuse_book("ListPools", &script);
	script.page_size = 4095;
	refuse_book("ListPools", &script);
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
	g_assert_true(connection == UNTOUCHED);
}

/* --- Refusals ----------------------------------------------------------------------------------- */

static void refusals_have_a_number_and_a_sentence(void)
{
	static const struct {
		const char *name;
		int error;
		int is_retryable;
	} cases[] = {
		{ "org.cmabulk1.Error.QuotaExceeded", EDQUOT, 0 },
		{ "org.cmabulk1.Error.NotAuthorized", EACCES, 0 },
		{ "org.cmabulk1.Error.NoSuchPool", ENXIO, 0 },
		{ "org.cmabulk1.Error.QueueFull", EUSERS, 1 },
		{ "org.cmabulk1.Error.Restarting", ERESTART, 1 },
		{ "org.freedesktop.DBus.Error.NoReply", ETIMEDOUT, 1 },
		{ "org.freedesktop.DBus.Error.ServiceUnknown", EHOSTUNREACH, 1 },
		{ "org.freedesktop.DBus.Error.Spawn.ChildExited", EHOSTUNREACH, 1 },
		{ "org.freedesktop.systemd1.UnitMasked", EHOSTUNREACH, 1 },
		{ "org.freedesktop.DBus.Error.LimitsExceeded", ENOBUFS, 1 },
		{ "org.freedesktop.DBus.Error.UnknownMethod", EPROTO, 0 },
		{ "org.example.Error.Mood", EPROTO, 0 },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct fixture fixture;
		struct script script;

		script_init(&script);
		script.refused = "Allocate";
		script.error_name = cases[i].name;
		script.error_message = "you have 3, and asked for 4";
		begin(&fixture, &script);
		expect_error(&fixture, -cases[i].error);
		g_assert_cmpstr(cmabulk_connection_get_error_message(fixture.connection), ==,
				"you have 3, and asked for 4");
		g_assert_cmpint(cmabulk_error_is_retryable(-cases[i].error), ==,
				cases[i].is_retryable);
		end(&fixture);
	}
}

static void a_failed_fetch_keeps_nothing(void)
{
	struct fixture fixture;
	struct script script;

	script_init(&script);
	script.refused = "Fetch";
	script.error_name = "org.freedesktop.DBus.Error.NameHasNoOwner";
	script.error_message = "gone";
	begin(&fixture, &script);
	expect_error(&fixture, -EHOSTUNREACH);
	expect_event(&fixture, "Allocate l1");
	expect_event(&fixture, "Fetch 16 7");
	expect_event(&fixture, "Release 7");
	end(&fixture);
}

static void the_daemon_knows_who_asks(void)
{
	struct fixture fixture;
	struct script script;

	script_init(&script);
	begin(&fixture, &script);
	g_assert_cmpint(cmabulk_request_set_cookie(fixture.request, 5), ==, 0);
	expect_error(&fixture, -EPERM);
	g_assert_nonnull(strstr(cmabulk_connection_get_error_message(fixture.connection),
				"direct mode only"));
	end(&fixture);
}

static void descriptors_must_have_room(void)
{
	struct rlimit before;
	struct rlimit limit;
	struct fixture fixture;
	struct script script;

	script_init(&script);
	begin(&fixture, &script);
	g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &before), ==, 0);
	limit = before;
	limit.rlim_cur = 30;
	g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
	expect_error(&fixture, -EMFILE);
	g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &before), ==, 0);
	/* It was not even asked for. */
	g_assert_cmpint(cmabulk_connection_reload(fixture.connection), ==, 0);
	end(&fixture);
}

/* --- Answers that do not come ------------------------------------------------------------------- */

/* A thread that cancels as soon as the daemon was asked; or makes the main thread do so in a signal handler. */
struct canceller {
	struct fixture *fixture;
	pthread_t main;
	bool by_signal;
};

static struct cmabulk_request *request_of_handler;

static void cancel_as_told(const struct canceller *canceller)
{
	if (canceller->by_signal)
		pthread_kill(canceller->main, SIGUSR1);
	else
		cmabulk_request_cancel(canceller->fixture->request);
}

static void cancel_in_handler(int number)
{
	cmabulk_request_cancel(request_of_handler);
}

static void *cancel_when_asked(void *userdata)
{
	struct canceller *canceller = userdata;

	expect_event(canceller->fixture, "Allocate l1");
	cancel_as_told(canceller);
	expect_event(canceller->fixture, "Cancel l1");
	return NULL;
}

static void *cancel_when_fetched(void *userdata)
{
	struct canceller *canceller = userdata;

	expect_event(canceller->fixture, "Allocate l1");
	expect_event(canceller->fixture, "Fetch 16 7");
	cancel_as_told(canceller);
	expect_event(canceller->fixture, "Release 7");
	return NULL;
}

static void check_cancel(bool by_signal, const struct script *script,
			 void *(*cancel)(void *userdata))
{
	struct sigaction action = { .sa_handler = cancel_in_handler };
	struct cmabulk_allocation *allocation CLEANUP(cmabulk_allocation_unrefp) = NULL;
	struct fixture fixture;
	struct canceller canceller = {
		.fixture = &fixture,
		.main = pthread_self(),
		.by_signal = by_signal,
	};
	unsigned int descriptors;
	GThread *thread;

	begin(&fixture, script);
	descriptors = count_descriptors();
	g_assert_cmpint(cmabulk_request_set_timeout(fixture.request,
						    CMABULK_REQUEST_TIMEOUT_INFINITE),
			==, 0);
	request_of_handler = fixture.request;
	g_assert_cmpint(sigaction(SIGUSR1, &action, NULL), ==, 0);
	thread = g_thread_new("cancel", cancel, &canceller);
	g_assert_cmpint(cmabulk_connection_allocate(fixture.connection, fixture.request,
						    &allocation),
			==, CMABULK_ALLOCATION_CANCELLED);
	g_thread_join(thread);
	g_assert_cmpint(cmabulk_allocation_get_error(allocation), ==, -ECANCELED);
	g_assert_cmpuint(cmabulk_allocation_get_n_buffers(allocation), ==, 0);
	g_assert_cmpuint(cmabulk_allocation_get_granted(allocation), ==, 0);
	g_assert_cmpuint(cmabulk_allocation_get_size(allocation), ==, 0);
	g_assert_cmpuint(count_descriptors(), ==, descriptors);
	/* Too late for anything. */
	cmabulk_request_cancel(fixture.request);
	g_assert_cmpint(cmabulk_connection_reload(fixture.connection), ==, 0);
	end(&fixture);
}

static void check_cancel_of_waiting(bool by_signal)
{
	struct script script;

	script_init(&script);
	script.waits = true;
	script.status = "cancelled";
	script.error = ECANCELED;
	script.granted = script.buffers = script.layout = script.first = 0;
	script.serial = 0;
	check_cancel(by_signal, &script, cancel_when_asked);
}

static void cancelled_by_a_thread(void)
{
	check_cancel_of_waiting(false);
}

static void cancelled_by_a_signal(void)
{
	check_cancel_of_waiting(true);
}

static void check_cancel_of_fetching(bool by_signal)
{
	struct script script;

	script_init(&script);
	script.never_fetches = true;
	check_cancel(by_signal, &script, cancel_when_fetched);
}

static void cancelled_while_fetching(void)
{
	check_cancel_of_fetching(false);
	check_cancel_of_fetching(true);
}

static void cancelled_before_it_asks(void)
{
	struct cmabulk_allocation *allocation CLEANUP(cmabulk_allocation_unrefp) = NULL;
	struct fixture fixture;
	struct script script;

	script_init(&script);
	script.dies_at = "Allocate";
	begin(&fixture, &script);
	cmabulk_request_cancel(fixture.request);
	g_assert_cmpint(cmabulk_connection_allocate(fixture.connection, fixture.request,
						    &allocation),
			==, CMABULK_ALLOCATION_CANCELLED);
	g_assert_cmpstr(cmabulk_allocation_get_pool(allocation), ==, "");
	g_assert_cmpint(cmabulk_allocation_get_error(allocation), ==, -ECANCELED);
	end(&fixture);
}

/* Five seconds after the request's own timeout the library gives up, and says so to the daemon. */
static void no_answer_is_given_up(void)
{
	struct fixture fixture;
	struct script script;
	gint64 start = g_get_monotonic_time();

	script_init(&script);
	script.waits = true;
	script.never_answers = true;
	begin(&fixture, &script);
	g_assert_cmpint(cmabulk_request_set_timeout(fixture.request, 1000), ==, 0);
	expect_error(&fixture, -ETIMEDOUT);
	g_assert_cmpint(g_get_monotonic_time() - start, >=, INT64_C(5) * G_USEC_PER_SEC);
	expect_event(&fixture, "Allocate l1");
	expect_event(&fixture, "Cancel l1");
	expect_event(&fixture, "Release 0");
	g_assert_cmpint(cmabulk_error_is_retryable(-ETIMEDOUT), ==, 1);
	end(&fixture);
}

/* Each of four Fetches is answered within the 25 seconds that all of them have. */
static void slow_fetches_are_given_up(void)
{
	struct fixture fixture;
	struct script script;
	gint64 start = g_get_monotonic_time();

	script_init(&script);
	script.fetched = 1;
	script.fetch_seconds = 8;
	begin(&fixture, &script);
	g_assert_cmpint(cmabulk_request_set_timeout(fixture.request, 1000), ==, 0);
	expect_error(&fixture, -ETIMEDOUT);
	g_assert_cmpint(g_get_monotonic_time() - start, >=, INT64_C(25) * G_USEC_PER_SEC);
	end(&fixture);
}

static void a_lost_bus_is_said(void)
{
	static const char *const moments[] = { "Allocate", "Fetch" };

	for (size_t i = 0; i < G_N_ELEMENTS(moments); i++) {
		struct fixture fixture;
		struct script script;

		script_init(&script);
		script.dies_at = moments[i];
		begin(&fixture, &script);
		expect_error(&fixture, -ENOTCONN);
		expect_error(&fixture, -ENOTCONN);
		g_assert_cmpint(cmabulk_connection_reload(fixture.connection), ==, -ENOTCONN);
		g_assert_cmpint(cmabulk_error_is_retryable(-ENOTCONN), ==, 1);
		end(&fixture);
	}
}

/* The child can do nothing with it, and does not disturb the parent by letting go. */
static int use_and_drop(struct cmabulk_connection *connection)
{
	if (cmabulk_connection_reload(connection) != -ECHILD)
		return 1;
	cmabulk_connection_unref(connection);
	return 0;
}

static void a_child_lets_go(void)
{
	struct fixture fixture;
	struct script script;
	int status;
	pid_t child;

	script_init(&script);
	begin(&fixture, &script);
	child = fork();
	g_assert_cmpint(child, >=, 0);
	if (child == 0)
		_exit(use_and_drop(fixture.connection));
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	g_assert_cmpint(status, ==, 0);
	g_assert_cmpint(cmabulk_connection_reload(fixture.connection), ==, 0);
	end(&fixture);
}

void add_replies(void)
{
	g_test_add_func("/reply/all-buffers-arrive", all_buffers_arrive);
	g_test_add_func("/reply/one-at-a-time", one_at_a_time);
	g_test_add_func("/reply/a-short-one-says-why", a_short_one_says_why);
	g_test_add_func("/reply/fewer-buffers-say-why", fewer_buffers_say_why);
	g_test_add_func("/reply/later-versions-are-understood", later_versions_are_understood);
	g_test_add_func("/reply/books-are-read", books_are_read);
	g_test_add_func("/reply/what-is-missing-is-not-there", what_is_missing_is_not_there);
	g_test_add_func("/reply/lies-are-not-believed", lies_are_not_believed);
	g_test_add_func("/reply/books-without-an-end", books_without_an_end);
	g_test_add_func("/reply/books-that-make-no-sense", books_that_make_no_sense);
	g_test_add_func("/reply/a-strange-daemon-is-not-opened", a_strange_daemon_is_not_opened);
	g_test_add_func("/reply/refusals-have-a-number-and-a-sentence",
			refusals_have_a_number_and_a_sentence);
	g_test_add_func("/reply/a-failed-fetch-keeps-nothing", a_failed_fetch_keeps_nothing);
	g_test_add_func("/reply/the-daemon-knows-who-asks", the_daemon_knows_who_asks);
	g_test_add_func("/reply/descriptors-must-have-room", descriptors_must_have_room);
	g_test_add_func("/reply/cancelled-by-a-thread", cancelled_by_a_thread);
	g_test_add_func("/reply/cancelled-by-a-signal", cancelled_by_a_signal);
	g_test_add_func("/reply/cancelled-before-it-asks", cancelled_before_it_asks);
	g_test_add_func("/reply/cancelled-while-fetching", cancelled_while_fetching);
	g_test_add_func("/reply/no-answer-is-given-up", no_answer_is_given_up);
	g_test_add_func("/reply/slow-fetches-are-given-up", slow_fetches_are_given_up);
	g_test_add_func("/reply/a-lost-bus-is-said", a_lost_bus_is_said);
	g_test_add_func("/reply/a-child-lets-go", a_child_lets_go);
}
