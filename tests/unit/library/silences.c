// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the library makes of answers that do not come: it is cancelled, gives up, or the bus is gone. */
#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmabulk.h"
#include "impostor.h"
#include "suites.h"
#include "talk.h"
#include "util.h"

/* A thread that cancels as soon as the daemon was asked; or makes the main thread do so in a signal handler. */
struct canceller {
	struct talk *talk;
	pthread_t main;
	bool by_signal;
};

static struct cmabulk_request *request_of_handler;

static void cancel_as_told(const struct canceller *canceller)
{
	if (canceller->by_signal)
		pthread_kill(canceller->main, SIGUSR1);
	else
		cmabulk_request_cancel(canceller->talk->request);
}

static void cancel_in_handler(int number)
{
	cmabulk_request_cancel(request_of_handler);
}

static void *cancel_when_asked(void *userdata)
{
	struct canceller *canceller = userdata;

	talk_expect_event(canceller->talk, "Allocate l1");
	cancel_as_told(canceller);
	talk_expect_event(canceller->talk, "Cancel l1");
	return NULL;
}

static void *cancel_when_fetched(void *userdata)
{
	struct canceller *canceller = userdata;

	talk_expect_event(canceller->talk, "Allocate l1");
	talk_expect_event(canceller->talk, "Fetch 16 7");
	cancel_as_told(canceller);
	talk_expect_event(canceller->talk, "Release 7");
	return NULL;
}

static void check_cancel(bool by_signal, const struct script *script,
			 void *(*cancel)(void *userdata))
{
	struct sigaction action = { .sa_handler = cancel_in_handler };
	struct cmabulk_allocation *allocation CLEANUP(cmabulk_allocation_unrefp) = NULL;
	struct talk talk;
	struct canceller canceller = {
		.talk = &talk,
		.main = pthread_self(),
		.by_signal = by_signal,
	};
	unsigned int descriptors;
	GThread *thread;

	talk_begin(&talk, script);
	descriptors = talk_count_descriptors();
	g_assert_cmpint(cmabulk_request_set_timeout(talk.request, CMABULK_REQUEST_TIMEOUT_INFINITE),
			==, 0);
	request_of_handler = talk.request;
	g_assert_cmpint(sigaction(SIGUSR1, &action, NULL), ==, 0);
	thread = g_thread_new("cancel", cancel, &canceller);
	g_assert_cmpint(cmabulk_connection_allocate(talk.connection, talk.request, &allocation), ==,
			CMABULK_ALLOCATION_CANCELLED);
	g_thread_join(thread);
	g_assert_cmpint(cmabulk_allocation_get_error(allocation), ==, -ECANCELED);
	g_assert_cmpuint(cmabulk_allocation_get_n_buffers(allocation), ==, 0);
	g_assert_cmpuint(cmabulk_allocation_get_granted(allocation), ==, 0);
	g_assert_cmpuint(cmabulk_allocation_get_size(allocation), ==, 0);
	g_assert_cmpuint(talk_count_descriptors(), ==, descriptors);
	/* Too late for anything. */
	cmabulk_request_cancel(talk.request);
	g_assert_cmpint(cmabulk_connection_reload(talk.connection), ==, 0);
	talk_end(&talk);
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

static void interrupted(int number)
{
	(void)number;
}

/* Thousands of them, in all that waits. */
static void send_signals(bool on)
{
	const struct sigaction action = { .sa_handler = on ? interrupted : SIG_DFL };
	const struct itimerval interval = {
		.it_interval.tv_usec = on ? 50 : 0,
		.it_value.tv_usec = on ? 50 : 0,
	};

	if (on)
		g_assert_cmpint(sigaction(SIGALRM, &action, NULL), ==, 0);
	g_assert_cmpint(setitimer(ITIMER_REAL, &interval, NULL), ==, 0);
	if (!on)
		g_assert_cmpint(sigaction(SIGALRM, &action, NULL), ==, 0);
}

static void signals_end_no_call(void)
{
	struct cmabulk_allocation *allocation CLEANUP(cmabulk_allocation_unrefp) = NULL;
	struct cmabulk_connection *opened = NULL;
	struct script script;
	struct talk talk;

	script_init(&script);
	script.fetch_seconds = 1;
	talk_begin(&talk, &script);
	cmabulk_connection_unref(talk.connection);
	impostor_stop(&talk.impostor);
	impostor_start(&talk.impostor, &script);
	send_signals(true);
	g_assert_cmpint(cmabulk_connection_open(&opened), ==, 0);
	talk.connection = opened;
	for (unsigned int i = 0; i < 50; i++) {
		g_assert_cmpint(cmabulk_connection_set_event_mask(talk.connection, i % 2 ? 0 : 6),
				==, 0);
		g_assert_cmpint(cmabulk_connection_reload(talk.connection), ==, 0);
	}
	g_assert_cmpint(cmabulk_connection_allocate(talk.connection, talk.request, &allocation), ==,
			0);
	g_assert_cmpint(cmabulk_connection_wait(talk.connection, 300000), ==, 0);
	send_signals(false);
	g_assert_cmpuint(cmabulk_allocation_get_n_buffers(allocation), ==, 20);
	talk_end(&talk);
}

static void cancelled_before_it_asks(void)
{
	struct cmabulk_allocation *allocation CLEANUP(cmabulk_allocation_unrefp) = NULL;
	struct talk talk;
	struct script script;

	script_init(&script);
	script.dies_at = "Allocate";
	talk_begin(&talk, &script);
	cmabulk_request_cancel(talk.request);
	g_assert_cmpint(cmabulk_connection_allocate(talk.connection, talk.request, &allocation), ==,
			CMABULK_ALLOCATION_CANCELLED);
	g_assert_cmpstr(cmabulk_allocation_get_pool(allocation), ==, "");
	g_assert_cmpint(cmabulk_allocation_get_error(allocation), ==, -ECANCELED);
	talk_end(&talk);
}

/* Five seconds after the request's own timeout the library gives up, and says so to the daemon. */
static void no_answer_is_given_up(void)
{
	struct talk talk;
	struct script script;
	gint64 start = g_get_monotonic_time();

	script_init(&script);
	script.waits = true;
	script.never_answers = true;
	talk_begin(&talk, &script);
	g_assert_cmpint(cmabulk_request_set_timeout(talk.request, 1000), ==, 0);
	talk_expect_error(&talk, -ETIMEDOUT);
	g_assert_cmpint(g_get_monotonic_time() - start, >=, INT64_C(5) * G_USEC_PER_SEC);
	talk_expect_event(&talk, "Allocate l1");
	talk_expect_event(&talk, "Cancel l1");
	talk_expect_event(&talk, "Release 0");
	g_assert_cmpint(cmabulk_error_is_retryable(-ETIMEDOUT), ==, 1);
	talk_end(&talk);
}

static void no_answer_to_prepare_is_given_up(void)
{
	struct talk talk;
	struct script script;

	script_init(&script);
	script.waits = true;
	script.never_answers = true;
	talk_begin(&talk, &script);
	g_assert_cmpint(cmabulk_connection_prepare(talk.connection, talk.request, 1000), ==,
			-ETIMEDOUT);
	talk_expect_event(&talk, "Prepare l1");
	talk_expect_event(&talk, "Cancel l1");
	talk_end(&talk);
}

/* Each of four Fetches is answered within the 25 seconds that all of them have. */
static void slow_fetches_are_given_up(void)
{
	struct talk talk;
	struct script script;
	gint64 start = g_get_monotonic_time();

	script_init(&script);
	script.fetched = 1;
	script.fetch_seconds = 8;
	talk_begin(&talk, &script);
	g_assert_cmpint(cmabulk_request_set_timeout(talk.request, 1000), ==, 0);
	talk_expect_error(&talk, -ETIMEDOUT);
	g_assert_cmpint(g_get_monotonic_time() - start, >=, INT64_C(25) * G_USEC_PER_SEC);
	talk_end(&talk);
}

static void a_lost_bus_is_said(void)
{
	static const char *const moments[] = { "Allocate", "Fetch" };

	for (size_t i = 0; i < G_N_ELEMENTS(moments); i++) {
		struct talk talk;
		struct script script;

		script_init(&script);
		script.dies_at = moments[i];
		talk_begin(&talk, &script);
		talk_expect_error(&talk, -ENOTCONN);
		talk_expect_error(&talk, -ENOTCONN);
		g_assert_cmpint(cmabulk_connection_reload(talk.connection), ==, -ENOTCONN);
		g_assert_cmpint(cmabulk_error_is_retryable(-ENOTCONN), ==, 1);
		talk_end(&talk);
	}
}

static unsigned int count_sockets(void)
{
	unsigned int count = 0;
	struct stat status;

	for (int fd = 0; fd < 1024; fd++)
		count += fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
	return count;
}

/* The child can do nothing with it, and does not disturb the parent by letting go. */
static int use_and_drop(struct cmabulk_connection *connection)
{
	unsigned int before = count_sockets();

	if (cmabulk_connection_reload(connection) != -ECHILD)
		return 1;
	cmabulk_connection_unref(connection);
	/* Or the bus would not know when the parent is gone. */
	return count_sockets() == before - 1 ? 0 : 2;
}

static void a_child_lets_go(void)
{
	struct talk talk;
	struct script script;
	int status;
	pid_t child;

	script_init(&script);
	talk_begin(&talk, &script);
	child = fork();
	g_assert_cmpint(child, >=, 0);
	if (child == 0)
		_exit(use_and_drop(talk.connection));
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	g_assert_cmpint(status, ==, 0);
	g_assert_cmpint(cmabulk_connection_reload(talk.connection), ==, 0);
	talk_end(&talk);
}

void add_silences(void)
{
	g_test_add_func("/reply/cancelled-by-a-thread", cancelled_by_a_thread);
	g_test_add_func("/reply/cancelled-by-a-signal", cancelled_by_a_signal);
	g_test_add_func("/reply/signals-end-no-call", signals_end_no_call);
	g_test_add_func("/reply/cancelled-before-it-asks", cancelled_before_it_asks);
	g_test_add_func("/reply/cancelled-while-fetching", cancelled_while_fetching);
	g_test_add_func("/reply/no-answer-is-given-up", no_answer_is_given_up);
	g_test_add_func("/reply/no-answer-to-prepare-is-given-up",
			no_answer_to_prepare_is_given_up);
	g_test_add_func("/reply/slow-fetches-are-given-up", slow_fetches_are_given_up);
	g_test_add_func("/reply/a-lost-bus-is-said", a_lost_bus_is_said);
	g_test_add_func("/reply/a-child-lets-go", a_child_lets_go);
}
