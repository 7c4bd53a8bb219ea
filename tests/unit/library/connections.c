// SPDX-License-Identifier: LGPL-2.1-or-later
/* Connections: which one is opened, whose they are, and that errors touch nothing. */
#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "allocation.h"
#include "connection.h"
#include "direct.h"
#include "pool.h"
#include "request.h"
#include "suites.h"

#define UNTOUCHED ((void *)1)
/* A user, and the next one, who own nothing. */
#define SOMEBODY  64000

/* A backend on which everything works, and whose allocations end as told. */
static enum cmabulk_allocation_status allocate_status;
static unsigned int closed;

static int test_get_pool(struct cmabulk_connection *connection, const char *name,
			 struct cmabulk_pool **ret)
{
	return pool_new(name, "area", ret);
}

static int test_survey_pool(struct cmabulk_connection *connection, const char *pool_name,
			    struct cmabulk_pool_survey *ret)
{
	*ret = (struct cmabulk_pool_survey){ .pages_free = 7, .blocks_taken = 9 };
	return 0;
}

static int test_allocate(struct cmabulk_connection *connection, struct cmabulk_request *request,
			 struct cmabulk_allocation **ret)
{
	int r = allocation_new("video", ret);

	if (r >= 0)
		(*ret)->status = allocate_status;
	return r;
}

static void test_close(struct cmabulk_connection *connection)
{
	closed++;
}

static const struct backend test_backend = {
	.mode = "test",
	.get_pool = test_get_pool,
	.survey_pool = test_survey_pool,
	.allocate = test_allocate,
	.close = test_close,
};

static struct cmabulk_connection *make(void)
{
	struct cmabulk_connection *connection = NULL;

	g_assert_cmpint(connection_new(&test_backend, &connection), ==, 0);
	return connection;
}

static void check_open(const char *address, int error)
{
	struct cmabulk_connection *connection = UNTOUCHED;

	if (address)
		g_setenv("CMABULK_BUS", address, TRUE);
	else
		g_unsetenv("CMABULK_BUS");
	g_assert_cmpint(cmabulk_connection_open(&connection), ==, error);
	g_assert_true(connection == UNTOUCHED);
	g_unsetenv("CMABULK_BUS");
}

static void without_a_daemon(void)
{
	static const char *const nowhere[] = { NULL, "", "system", "user", "unix:path=/none" };
	static const char *const nonsense[] = { "nonsense", "unix:", "direct " };

	g_setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/none", TRUE);
	g_setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/none", TRUE);
	for (size_t i = 0; i < G_N_ELEMENTS(nowhere); i++)
		check_open(nowhere[i], -EHOSTUNREACH);
	for (size_t i = 0; i < G_N_ELEMENTS(nonsense); i++)
		check_open(nonsense[i], -EADDRNOTAVAIL);
}

static void without_a_module(void)
{
	struct cmabulk_connection *connection = UNTOUCHED;

	if (access("/dev/cmabulk", F_OK) == 0) {
		g_test_skip("this machine has pools");
		return;
	}
	g_assert_cmpint(cmabulk_connection_open_direct(&connection), ==, -ENOENT);
	g_setenv("CMABULK_BUS", "direct", TRUE);
	g_assert_cmpint(cmabulk_connection_open(&connection), ==, -ENOENT);
	g_unsetenv("CMABULK_BUS");
	g_assert_true(connection == UNTOUCHED);
}

/* What a_setuid_program_is_not_told_where starts: exit statuses. */
enum { WENT_TO_THE_SYSTEM, WENT_WHERE_TOLD, IS_NOT_SECURE };

static void open_as_told(void)
{
	struct cmabulk_connection *connection = NULL;
	int r;

	/* Without what runs at the end: a leak checker may not look into such a process. */
	if (!getauxval(AT_SECURE))
		_exit(IS_NOT_SECURE);
	r = cmabulk_connection_open(&connection);
	_exit(r == -EADDRNOTAVAIL ? WENT_WHERE_TOLD : WENT_TO_THE_SYSTEM);
}

/* This program, but as what it is when somebody else runs it. */
static char *make_setuid(const char *directory)
{
	char *path = g_build_filename(directory, "setuid", NULL);
	g_autofree char *program = NULL;
	gsize size;

	g_assert_true(g_file_get_contents("/proc/self/exe", &program, &size, NULL));
	g_assert_true(g_file_set_contents(path, program, (gssize)size, NULL));
	g_assert_cmpint(chmod(directory, 0711), ==, 0);
	g_assert_cmpint(chown(path, SOMEBODY, (gid_t)-1), ==, 0);
	g_assert_cmpint(chmod(path, 04755), ==, 0);
	return path;
}

static int run_as_somebody_else(const char *path)
{
	static const char test[] = "/connection/a-setuid-program-is-not-told-where/subprocess";
	int status;
	pid_t child = fork();

	g_assert_cmpint(child, >=, 0);
	if (child == 0) {
		if (setresuid(SOMEBODY + 1, SOMEBODY + 1, SOMEBODY + 1) == 0)
			execl(path, path, "-q", "-p", test, "--GTestSubprocess", NULL);
		_exit(127);
	}
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	g_assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void a_setuid_program_is_not_told_where(void)
{
	g_autofree char *directory = NULL;
	g_autofree char *path = NULL;
	int status;

	if (geteuid() != 0) {
		g_test_skip("only root can make such a program");
		return;
	}
	directory = g_dir_make_tmp("cmabulk-XXXXXX", NULL);
	g_assert_nonnull(directory);
	path = make_setuid(directory);
	/* Where told, there is no such address; the system's bus may or may not be there. */
	g_setenv("CMABULK_BUS", "nonsense", TRUE);
	status = run_as_somebody_else(path);
	g_unsetenv("CMABULK_BUS");
	g_unlink(path);
	g_rmdir(directory);
	if (status == IS_NOT_SECURE)
		g_test_skip("no program is setuid here");
	else
		g_assert_cmpint(status, ==, WENT_TO_THE_SYSTEM);
}

static void the_last_reference_closes(void)
{
	struct cmabulk_connection *connection = make();

	closed = 0;
	g_assert_true(cmabulk_connection_ref(connection) == connection);
	g_assert_null(cmabulk_connection_unref(connection));
	g_assert_cmpuint(closed, ==, 0);
	g_assert_null(cmabulk_connection_unref(connection));
	g_assert_cmpuint(closed, ==, 1);
	g_assert_null(cmabulk_connection_unref(NULL));
}

static void names_are_checked(void)
{
	struct cmabulk_connection *connection CLEANUP(cmabulk_connection_unrefp) = make();
	struct cmabulk_pool *pool = UNTOUCHED;

	g_assert_cmpint(cmabulk_connection_get_pool(connection, "a/b", &pool), ==, -EINVAL);
	g_assert_cmpint(cmabulk_connection_get_pool(connection, NULL, &pool), ==, -EINVAL);
	g_assert_true(pool == UNTOUCHED);
}

/* What the test's backend lacks. */
static void not_everything_can_be_done(void)
{
	struct cmabulk_connection *connection CLEANUP(cmabulk_connection_unrefp) = make();
	struct cmabulk_account **accounts = UNTOUCHED;
	struct cmabulk_counters **counters = UNTOUCHED;
	struct cmabulk_daemon *daemon = UNTOUCHED;
	char **names = UNTOUCHED;
	struct cmabulk_request *request CLEANUP(cmabulk_request_unrefp) = NULL;
	const char *const bytes[] = { "MaxBytes=\xff", NULL };
	const char *const nothing[] = { NULL };

	g_assert_cmpint(cmabulk_request_new(&request), ==, 0);
	g_assert_cmpint(cmabulk_connection_prepare(connection, request, 1), ==, -EOPNOTSUPP);
	g_assert_cmpint(cmabulk_connection_reload(connection), ==, -EOPNOTSUPP);
	g_assert_cmpint(cmabulk_connection_set_allow_interactive_authorization(connection, 1), ==,
			-EOPNOTSUPP);
	g_assert_cmpint(cmabulk_connection_list_accounts(connection, &accounts), ==, -EOPNOTSUPP);
	g_assert_cmpint(cmabulk_connection_get_daemon(connection, &daemon), ==, -EOPNOTSUPP);
	g_assert_cmpint(cmabulk_connection_list_device_pools(connection, "lens", &names), ==,
			-EOPNOTSUPP);
	g_assert_cmpint(cmabulk_connection_get_counters(connection, &counters), ==, -EOPNOTSUPP);
	g_assert_cmpint(cmabulk_connection_wait(connection, UINT64_MAX), ==, -EOPNOTSUPP);
	g_assert_true(accounts == UNTOUCHED && daemon == UNTOUCHED && names == UNTOUCHED);
	g_assert_true(counters == UNTOUCHED);
	g_assert_cmpint(cmabulk_connection_set_account(connection, "media", nothing, 0), ==,
			-EOPNOTSUPP);
	g_assert_cmpint(cmabulk_connection_unset_account(connection, "media"), ==, -EOPNOTSUPP);
	/* What no bus could carry. */
	g_assert_cmpint(cmabulk_connection_set_account(connection, "media", bytes, 0), ==, -EINVAL);
	g_assert_cmpint(cmabulk_connection_set_account(connection, "media", NULL, 0), ==, -EINVAL);
	g_assert_cmpint(cmabulk_connection_set_account(connection, NULL, nothing, 0), ==, -EINVAL);
	g_assert_cmpint(cmabulk_connection_unset_account(connection, "\xff"), ==, -EINVAL);
	g_assert_cmpint(cmabulk_connection_unset_account(connection, NULL), ==, -EINVAL);
}

static void who_tells_nothing_says_so(void)
{
	struct cmabulk_connection *connection CLEANUP(cmabulk_connection_unrefp) = make();
	struct cmabulk_request *request CLEANUP(cmabulk_request_unrefp) = NULL;
	struct cmabulk_event *event = UNTOUCHED;
	struct cmabulk_call *call = UNTOUCHED;
	uint64_t usec = 5;

	g_assert_cmpint(cmabulk_request_new(&request), ==, 0);
	g_assert_cmpint(cmabulk_connection_set_event_mask(connection, 0), ==, -EOPNOTSUPP);
	g_assert_nonnull(strstr(cmabulk_connection_get_error_message(connection),
				"in direct mode there are none"));
	g_assert_cmpint(cmabulk_connection_get_fd(connection), ==, -EOPNOTSUPP);
	g_assert_cmpint(cmabulk_connection_get_events(connection), ==, -EOPNOTSUPP);
	g_assert_cmpint(cmabulk_connection_get_timeout_usec(connection, &usec), ==, -EOPNOTSUPP);
	g_assert_cmpint(cmabulk_connection_process(connection), ==, -EOPNOTSUPP);
	g_assert_cmpint(cmabulk_connection_next_event(connection, &event), ==, -EOPNOTSUPP);
	g_assert_true(event == UNTOUCHED && usec == 5);
	g_assert_cmpint(cmabulk_connection_start_allocate(connection, request, &call), ==,
			-EOPNOTSUPP);
	g_assert_nonnull(strstr(cmabulk_connection_get_error_message(connection), "thread"));
	g_assert_true(call == UNTOUCHED);
}

static void who_knows_no_devices_says_so(void)
{
	struct cmabulk_connection *connection CLEANUP(cmabulk_connection_unrefp) = make();
	struct cmabulk_request *request CLEANUP(cmabulk_request_unrefp) = NULL;
	struct cmabulk_allocation *allocation = UNTOUCHED;

	g_assert_cmpint(cmabulk_request_new(&request), ==, 0);
	g_assert_cmpint(cmabulk_request_set_count(request, 1), ==, 0);
	g_assert_cmpint(cmabulk_request_set_device(request, "/dev/video0"), ==, 0);
	g_assert_cmpint(direct_allocate(connection, request, &allocation), ==, -EOPNOTSUPP);
	g_assert_nonnull(strstr(connection->sentence, "name a pool"));
	g_assert_true(allocation == UNTOUCHED);
	g_assert_cmpint(cmabulk_request_set_pool(request, "video"), ==, 0);
	g_assert_cmpint(cmabulk_connection_allocate(connection, request, &allocation), ==, -EINVAL);
	g_assert_nonnull(
		strstr(cmabulk_connection_get_error_message(connection), "both pool and device"));
}

static void the_last_error_has_a_message(void)
{
	struct cmabulk_connection *connection CLEANUP(cmabulk_connection_unrefp) = make();
	struct cmabulk_pool *pool = NULL;

	g_assert_cmpstr(cmabulk_connection_get_error_message(connection), ==, "");
	g_assert_cmpint(cmabulk_connection_reload(connection), ==, -EOPNOTSUPP);
	g_assert_cmpstr(cmabulk_connection_get_error_message(connection), ==,
			cmabulk_error_get_message(EOPNOTSUPP));
	connection_explain(connection, "because");
	g_assert_cmpstr(cmabulk_connection_get_error_message(connection), ==, "because");
	g_assert_cmpint(cmabulk_connection_get_pool(connection, "video", &pool), ==, 0);
	g_assert_cmpstr(cmabulk_connection_get_error_message(connection), ==, "");
	cmabulk_pool_unref(pool);
}

static void structures_may_grow(void)
{
	struct cmabulk_connection *connection CLEANUP(cmabulk_connection_unrefp) = make();
	struct {
		struct cmabulk_pool_survey survey;
		uint64_t later;
	} newer = { .later = 5 };
	struct cmabulk_pool_survey older = { .blocks_taken = 5 };

	g_assert_cmpint(cmabulk_connection_survey_pool(connection, "video", &newer.survey,
						       sizeof(newer)),
			==, 0);
	g_assert_cmpuint(newer.survey.blocks_taken, ==, 9);
	g_assert_cmpuint(newer.later, ==, 0);
	g_assert_cmpint(cmabulk_connection_survey_pool(connection, "video", &older, 8), ==, 0);
	g_assert_cmpuint(older.pages_free, ==, 7);
	g_assert_cmpuint(older.blocks_taken, ==, 5);
}

static void the_status_is_returned(void)
{
	struct cmabulk_connection *connection CLEANUP(cmabulk_connection_unrefp) = make();
	struct cmabulk_request *request CLEANUP(cmabulk_request_unrefp) = NULL;

	g_assert_cmpint(cmabulk_request_new(&request), ==, 0);
	cmabulk_request_set_count(request, 1);
	for (int status = 0; status <= CMABULK_ALLOCATION_CANCELLED; status++) {
		struct cmabulk_allocation *allocation CLEANUP(cmabulk_allocation_unrefp) = NULL;

		allocate_status = (enum cmabulk_allocation_status)status;
		g_assert_cmpint(cmabulk_connection_allocate(connection, request, &allocation), ==,
				status);
		g_assert_cmpint(cmabulk_allocation_get_status(allocation), ==, status);
	}
}

static void a_refused_request_is_free_again(void)
{
	struct cmabulk_connection *connection CLEANUP(cmabulk_connection_unrefp) = make();
	struct cmabulk_request *request CLEANUP(cmabulk_request_unrefp) = NULL;
	struct cmabulk_allocation *allocation = UNTOUCHED;

	g_assert_cmpint(cmabulk_request_new(&request), ==, 0);
	g_assert_cmpint(cmabulk_connection_allocate(connection, request, &allocation), ==, -EINVAL);
	g_assert_true(allocation == UNTOUCHED);
	g_assert_cmpint(cmabulk_request_set_count(request, 1), ==, 0);
	g_assert_cmpint(request_begin(request), ==, 0);
	g_assert_cmpint(cmabulk_connection_allocate(connection, request, &allocation), ==, -EBUSY);
	g_assert_true(allocation == UNTOUCHED);
}

static bool may_look(struct cmabulk_connection *connection)
{
	struct cmabulk_pool_survey survey;
	struct cmabulk_counters **counters;
	struct cmabulk_account **accounts;
	struct cmabulk_entry **entries;
	struct cmabulk_daemon *daemon;
	struct cmabulk_pool **pools;
	struct cmabulk_pool *pool;
	char **names;

	return cmabulk_connection_get_pool(connection, "video", &pool) != -ECHILD ||
	       cmabulk_connection_list_pools(connection, &pools) != -ECHILD ||
	       cmabulk_connection_list_buffers(connection, "video", &entries) != -ECHILD ||
	       cmabulk_connection_survey_pool(connection, "video", &survey, sizeof(survey)) !=
		       -ECHILD ||
	       cmabulk_connection_list_device_pools(connection, "camera", &names) != -ECHILD ||
	       cmabulk_connection_list_accounts(connection, &accounts) != -ECHILD ||
	       cmabulk_connection_get_counters(connection, &counters) != -ECHILD ||
	       cmabulk_connection_get_daemon(connection, &daemon) != -ECHILD ||
	       cmabulk_connection_wait(connection, 0) != -ECHILD;
}

static bool may_change(struct cmabulk_connection *connection)
{
	struct cmabulk_request *request CLEANUP(cmabulk_request_unrefp) = NULL;
	const char *const settings[] = { "MaxBytes=1M", NULL };
	struct cmabulk_allocation *allocation;
	struct cmabulk_call *call;

	if (cmabulk_request_new(&request) < 0 || cmabulk_request_set_count(request, 1) < 0)
		return true;
	return cmabulk_connection_allocate(connection, request, &allocation) != -ECHILD ||
	       cmabulk_connection_start_allocate(connection, request, &call) != -ECHILD ||
	       cmabulk_connection_prepare(connection, request, 1) != -ECHILD ||
	       cmabulk_connection_set_account(connection, "media", settings, 0) != -ECHILD ||
	       cmabulk_connection_unset_account(connection, "media") != -ECHILD ||
	       cmabulk_connection_set_allow_interactive_authorization(connection, 1) != -ECHILD ||
	       cmabulk_connection_reload(connection) != -ECHILD;
}

static void a_child_is_refused(void)
{
	struct cmabulk_connection *connection CLEANUP(cmabulk_connection_unrefp) = make();
	int status;
	pid_t child = fork();

	g_assert_cmpint(child, >=, 0);
	if (child == 0)
		_exit(may_look(connection) || may_change(connection));
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	g_assert_cmpint(status, ==, 0);
}

void add_connections(void)
{
	g_test_add_func("/connection/without-a-daemon", without_a_daemon);
	g_test_add_func("/connection/without-a-module", without_a_module);
	g_test_add_func("/connection/a-setuid-program-is-not-told-where",
			a_setuid_program_is_not_told_where);
	g_test_add_func("/connection/a-setuid-program-is-not-told-where/subprocess", open_as_told);
	g_test_add_func("/connection/the-last-reference-closes", the_last_reference_closes);
	g_test_add_func("/connection/names-are-checked", names_are_checked);
	g_test_add_func("/connection/not-everything-can-be-done", not_everything_can_be_done);
	g_test_add_func("/connection/who-tells-nothing-says-so", who_tells_nothing_says_so);
	g_test_add_func("/connection/who-knows-no-devices-says-so", who_knows_no_devices_says_so);
	g_test_add_func("/connection/the-last-error-has-a-message", the_last_error_has_a_message);
	g_test_add_func("/connection/structures-may-grow", structures_may_grow);
	g_test_add_func("/connection/the-status-is-returned", the_status_is_returned);
	g_test_add_func("/connection/a-refused-request-is-free-again",
			a_refused_request_is_free_again);
	g_test_add_func("/connection/a-child-is-refused", a_child_is_refused);
}
