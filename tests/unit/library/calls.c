// SPDX-License-Identifier: LGPL-2.1-or-later
/* Allocates that nobody waits for, in an application's own loop. */
#include <errno.h>
#include <glib.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmabulk.h"
#include "impostor.h"
#include "suites.h"
#include "talk.h"
#include "util.h"

static struct cmabulk_call *start(struct talk *talk, struct cmabulk_request *request)
{
	struct cmabulk_call *call = NULL;

	g_assert_cmpint(cmabulk_connection_start_allocate(talk->connection, request, &call), ==, 0);
	return call;
}

static struct pollfd what_to_poll(struct talk *talk)
{
	struct pollfd polled = { .fd = cmabulk_connection_get_fd(talk->connection) };
	int r = cmabulk_connection_get_events(talk->connection);

	g_assert_cmpint(polled.fd, >=, 0);
	g_assert_cmpint(r, >, 0);
	polled.events = (short)r;
	return polled;
}

/* As an application does that has nothing else to wait for. */
static void turn_with(struct talk *talk, struct pollfd polled)
{
	uint64_t usec;
	uint64_t now;
	int r;

	g_assert_cmpint(cmabulk_connection_get_timeout_usec(talk->connection, &usec), ==, 0);
	now = now_ns(CLOCK_MONOTONIC) / 1000;
	if (usec == UINT64_MAX)
		r = -1;
	else
		r = usec > now ? (int)((usec - now) / 1000) + 1 : 0;
	g_assert_cmpint(poll(&polled, 1, r), >=, 0);
	do
		r = cmabulk_connection_process(talk->connection);
	while (r > 0);
	g_assert_cmpint(r, ==, 0);
}

static void turn_until_done(struct talk *talk, struct cmabulk_call *call)
{
	while (!cmabulk_call_is_done(call))
		turn_with(talk, what_to_poll(talk));
}

static void expect_status(struct cmabulk_call *call, enum cmabulk_allocation_status status,
			  unsigned int n_buffers)
{
	struct cmabulk_allocation *allocation CLEANUP(cmabulk_allocation_unrefp) = NULL;

	g_assert_cmpint(cmabulk_call_is_done(call), ==, 1);
	g_assert_cmpint(cmabulk_call_finish(call, &allocation), ==, (int)status);
	g_assert_cmpuint(cmabulk_allocation_get_n_buffers(allocation), ==, n_buffers);
	g_assert_cmpstr(cmabulk_call_get_error_message(call), ==, "");
}

static void expect_failure(struct cmabulk_call *call, int error)
{
	struct cmabulk_allocation *allocation = UNTOUCHED;

	g_assert_cmpint(cmabulk_call_is_done(call), ==, 1);
	g_assert_cmpint(cmabulk_call_finish(call, &allocation), ==, error);
	g_assert_true(allocation == UNTOUCHED);
	g_assert_cmpstr(cmabulk_call_get_error_message(call), !=, "");
}

static void all_buffers_arrive(void)
{
	struct cmabulk_call *call CLEANUP(cmabulk_call_unrefp) = NULL;
	struct cmabulk_allocation *allocation = UNTOUCHED;
	struct script script;
	struct talk talk;

	script_init(&script);
	talk_begin(&talk, &script);
	call = start(&talk, talk.request);
	g_assert_cmpint(cmabulk_call_is_done(call), ==, 0);
	g_assert_cmpint(cmabulk_call_finish(call, &allocation), ==, -EALREADY);
	g_assert_true(allocation == UNTOUCHED);
	/* It is in use. */
	g_assert_cmpint(cmabulk_request_set_count(talk.request, 7), ==, -EBUSY);
	g_assert_cmpint(cmabulk_connection_start_allocate(talk.connection, talk.request, &call), ==,
			-EBUSY);
	turn_until_done(&talk, call);
	talk_expect_event(&talk, "Allocate l1");
	talk_expect_event(&talk, "Fetch 16 7");
	talk_expect_event(&talk, "Release 8");
	expect_status(call, CMABULK_ALLOCATION_COMPLETE, 20);
	expect_status(call, CMABULK_ALLOCATION_COMPLETE, 20);
	/* It is free, and so is the connection. */
	g_assert_cmpint(cmabulk_request_set_count(talk.request, 7), ==, 0);
	g_assert_cmpint(cmabulk_connection_reload(talk.connection), ==, 0);
	talk_end(&talk);
}

/* Beside each other, and beside one that is waited for. */
static void several_at_once(void)
{
	struct cmabulk_allocation *allocation CLEANUP(cmabulk_allocation_unrefp) = NULL;
	struct cmabulk_request *requests[5] = { 0 };
	struct cmabulk_call *calls[5];
	uint64_t usec = 1;
	struct script script;
	struct talk talk;

	script_init(&script);
	talk_begin(&talk, &script);
	for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
		g_assert_cmpint(cmabulk_request_new(&requests[i]), ==, 0);
		g_assert_cmpint(cmabulk_request_set_count(requests[i], 20), ==, 0);
		g_assert_cmpint(cmabulk_request_set_buffers(requests[i], 20), ==, 0);
		calls[i] = start(&talk, requests[i]);
	}
	g_assert_cmpint(cmabulk_connection_allocate(talk.connection, talk.request, &allocation), ==,
			0);
	g_assert_cmpint(cmabulk_connection_reload(talk.connection), ==, 0);
	/* The first is done by now: who polls must not sleep on it. */
	g_assert_cmpint(cmabulk_call_is_done(calls[0]), ==, 1);
	g_assert_cmpint(cmabulk_connection_get_timeout_usec(talk.connection, &usec), ==, 0);
	g_assert_cmpuint(usec, ==, 0);
	turn_with(&talk, what_to_poll(&talk));
	for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
		turn_until_done(&talk, calls[i]);
		expect_status(calls[i], CMABULK_ALLOCATION_COMPLETE, 20);
		cmabulk_call_unref(calls[i]);
		cmabulk_request_unref(requests[i]);
	}
	g_assert_cmpint(cmabulk_connection_get_timeout_usec(talk.connection, &usec), ==, 0);
	g_assert_cmpuint(usec, ==, UINT64_MAX);
	talk_end(&talk);
}

static void a_refusal_is_its_own(void)
{
	struct cmabulk_call *call CLEANUP(cmabulk_call_unrefp) = NULL;
	struct script script;
	struct talk talk;

	script_init(&script);
	script.refused = "Allocate";
	script.error_name = "org.cmabulk1.Error.QuotaExceeded";
	script.error_message = "media has 5 of 6";
	talk_begin(&talk, &script);
	call = start(&talk, talk.request);
	/* Another call that goes well does not take its sentence. */
	g_assert_cmpint(cmabulk_connection_reload(talk.connection), ==, 0);
	g_assert_cmpstr(cmabulk_connection_get_error_message(talk.connection), ==, "");
	turn_until_done(&talk, call);
	expect_failure(call, -EDQUOT);
	g_assert_cmpstr(cmabulk_call_get_error_message(call), ==, "media has 5 of 6");
	talk_end(&talk);
}

static void lies_are_not_believed(void)
{
	struct cmabulk_call *call CLEANUP(cmabulk_call_unrefp) = NULL;
	unsigned int descriptors;
	struct script script;
	struct talk talk;

	script_init(&script);
	script.fetched = 5;
	talk_begin(&talk, &script);
	g_assert_cmpint(cmabulk_connection_get_fd(talk.connection), >=, 0);
	descriptors = talk_count_descriptors();
	call = start(&talk, talk.request);
	turn_until_done(&talk, call);
	expect_failure(call, -EPROTO);
	g_assert_cmpuint(talk_count_descriptors(), ==, descriptors);
	talk_end(&talk);
}

static void script_wait(struct script *script)
{
	script_init(script);
	script->waits = true;
	script->status = "cancelled";
	script->error = ECANCELED;
	script->granted = script->buffers = script->layout = script->first = 0;
	script->serial = 0;
}

static void *cancel_later(void *userdata)
{
	usleep(50000);
	cmabulk_request_cancel(userdata);
	return NULL;
}

/* The descriptor that is polled becomes ready. */
static void cancelled_by_a_thread(void)
{
	struct cmabulk_call *call CLEANUP(cmabulk_call_unrefp) = NULL;
	struct script script;
	struct talk talk;
	GThread *thread;

	script_wait(&script);
	talk_begin(&talk, &script);
	g_assert_cmpint(cmabulk_request_set_timeout(talk.request, CMABULK_REQUEST_TIMEOUT_INFINITE),
			==, 0);
	call = start(&talk, talk.request);
	thread = g_thread_new("cancel", cancel_later, talk.request);
	turn_until_done(&talk, call);
	g_thread_join(thread);
	talk_expect_event(&talk, "Allocate l1");
	talk_expect_event(&talk, "Cancel l1");
	expect_status(call, CMABULK_ALLOCATION_CANCELLED, 0);
	talk_end(&talk);
}

static void send_pool_added(sd_bus *bus)
{
	impostor_signal(bus, IMPOSTOR_NAME, "/org/cmabulk1", "org.freedesktop.DBus.ObjectManager",
			"InterfacesAdded", "oa{sa{sv}}", "/org/cmabulk1/pool/video", 1,
			"org.cmabulk1.Pool", 0);
}

/*
 * A loop registers the descriptor once. What the bus is polled for changes meanwhile: just then it
 * has messages that nobody has processed.
 */
static void asked_once_what_to_poll(void)
{
	struct cmabulk_call *call CLEANUP(cmabulk_call_unrefp) = NULL;
	struct script script;
	struct pollfd polled;
	struct talk talk;

	script_init(&script);
	script.tells_at = "AddMatch";
	script.signals = send_pool_added;
	talk_begin(&talk, &script);
	g_assert_cmpint(cmabulk_connection_set_event_mask(talk.connection,
							  CMABULK_EVENT_POOL_ADDED),
			==, 0);
	polled = what_to_poll(&talk);
	call = start(&talk, talk.request);
	while (!cmabulk_call_is_done(call))
		turn_with(&talk, polled);
	talk_expect_event(&talk, "Allocate l1");
	talk_end(&talk);
}

static void cancelled_before_it_asks(void)
{
	struct cmabulk_call *call CLEANUP(cmabulk_call_unrefp) = NULL;
	struct script script;
	struct talk talk;
	uint64_t usec;

	script_init(&script);
	talk_begin(&talk, &script);
	cmabulk_request_cancel(talk.request);
	call = start(&talk, talk.request);
	/* Who looks at calls when something was processed has something to process. */
	g_assert_cmpint(cmabulk_connection_get_timeout_usec(talk.connection, &usec), ==, 0);
	g_assert_cmpuint(usec, ==, 0);
	g_assert_cmpint(cmabulk_connection_process(talk.connection), ==, 0);
	expect_status(call, CMABULK_ALLOCATION_CANCELLED, 0);
	g_assert_cmpint(cmabulk_request_rearm(talk.request), ==, 0);
	talk_end(&talk);
}

/* The daemon is told twice: to stop, and that nobody will fetch what it may have sent. */
static void who_lets_go_wants_it_no_more(void)
{
	struct cmabulk_call *call;
	struct script script;
	struct talk talk;

	script_wait(&script);
	talk_begin(&talk, &script);
	call = start(&talk, talk.request);
	g_assert_true(cmabulk_call_ref(call) == call);
	g_assert_null(cmabulk_call_unref(call));
	g_assert_null(cmabulk_call_unref(call));
	g_assert_null(cmabulk_call_unref(NULL));
	talk_expect_event(&talk, "Allocate l1");
	talk_expect_event(&talk, "Cancel l1");
	talk_expect_event(&talk, "Release 0");
	g_assert_cmpint(cmabulk_request_set_count(talk.request, 7), ==, 0);
	/* The answer that comes nevertheless is nobody's. */
	g_assert_cmpint(cmabulk_connection_reload(talk.connection), ==, 0);
	talk_end(&talk);
}

static void a_closed_connection_ends_it(void)
{
	struct cmabulk_call *call CLEANUP(cmabulk_call_unrefp) = NULL;
	struct script script;
	struct talk talk;

	script_wait(&script);
	talk_begin(&talk, &script);
	call = start(&talk, talk.request);
	talk.connection = cmabulk_connection_unref(talk.connection);
	expect_failure(call, -ENOTCONN);
	/* Too late for anything. */
	cmabulk_request_cancel(talk.request);
	talk_end(&talk);
}

static void a_lost_bus_ends_it(void)
{
	struct cmabulk_call *call CLEANUP(cmabulk_call_unrefp) = NULL;
	struct script script;
	struct talk talk;
	int r = 0;

	script_init(&script);
	script.dies_at = "Allocate";
	talk_begin(&talk, &script);
	call = start(&talk, talk.request);
	while (r >= 0 && !cmabulk_call_is_done(call))
		r = cmabulk_connection_process(talk.connection);
	expect_failure(call, -ENOTCONN);
	talk_end(&talk);
}

static void late_is_given_up(void)
{
	struct cmabulk_call *call CLEANUP(cmabulk_call_unrefp) = NULL;
	struct script script;
	struct talk talk;

	script_wait(&script);
	script.never_answers = true;
	talk_begin(&talk, &script);
	g_assert_cmpint(cmabulk_request_set_timeout(talk.request, 1), ==, 0);
	call = start(&talk, talk.request);
	turn_until_done(&talk, call);
	talk_expect_event(&talk, "Allocate l1");
	talk_expect_event(&talk, "Cancel l1");
	talk_expect_event(&talk, "Release 0");
	expect_failure(call, -ETIMEDOUT);
	talk_end(&talk);
}

/* It came, and before anybody looked it was wanted no more. */
static void cancelled_when_all_is_there(void)
{
	struct cmabulk_call *call CLEANUP(cmabulk_call_unrefp) = NULL;
	unsigned int descriptors;
	struct script script;
	struct talk talk;

	script_init(&script);
	script.granted = script.claimed = 10;
	script.buffers = script.layout = script.first = 10;
	talk_begin(&talk, &script);
	g_assert_cmpint(cmabulk_request_set_buffers(talk.request, 10), ==, 0);
	g_assert_cmpint(cmabulk_request_set_count(talk.request, 10), ==, 0);
	/* Makes one. */
	what_to_poll(&talk);
	descriptors = talk_count_descriptors();
	call = start(&talk, talk.request);
	talk_expect_event(&talk, "Allocate l1");
	cmabulk_request_cancel(talk.request);
	turn_until_done(&talk, call);
	expect_status(call, CMABULK_ALLOCATION_CANCELLED, 0);
	g_assert_cmpuint(talk_count_descriptors(), ==, descriptors);
	g_assert_cmpint(cmabulk_connection_reload(talk.connection), ==, 0);
	talk_end(&talk);
}

static int let_go_in_child(struct talk *talk, struct cmabulk_call *call)
{
	struct cmabulk_call *other = UNTOUCHED;
	int r = cmabulk_connection_start_allocate(talk->connection, talk->request, &other);

	cmabulk_call_unref(call);
	cmabulk_connection_unref(talk->connection);
	return r == -ECHILD && other == UNTOUCHED ? 0 : 1;
}

static void a_child_lets_go(void)
{
	struct cmabulk_call *call CLEANUP(cmabulk_call_unrefp) = NULL;
	struct script script;
	struct talk talk;
	int status;
	pid_t child;

	script_wait(&script);
	talk_begin(&talk, &script);
	call = start(&talk, talk.request);
	talk_expect_event(&talk, "Allocate l1");
	child = fork();
	g_assert_cmpint(child, >=, 0);
	if (child == 0)
		_exit(let_go_in_child(&talk, call));
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	g_assert_cmpint(status, ==, 0);
	g_assert_cmpint(cmabulk_call_is_done(call), ==, 0);
	cmabulk_request_cancel(talk.request);
	turn_until_done(&talk, call);
	/* It is the parent's, the first that the daemon heard since. */
	talk_expect_event(&talk, "Cancel l1");
	expect_status(call, CMABULK_ALLOCATION_CANCELLED, 0);
	talk_end(&talk);
}

void add_calls(void)
{
	g_test_add_func("/call/all-buffers-arrive", all_buffers_arrive);
	g_test_add_func("/call/several-at-once", several_at_once);
	g_test_add_func("/call/a-refusal-is-its-own", a_refusal_is_its_own);
	g_test_add_func("/call/lies-are-not-believed", lies_are_not_believed);
	g_test_add_func("/call/cancelled-by-a-thread", cancelled_by_a_thread);
	g_test_add_func("/call/cancelled-before-it-asks", cancelled_before_it_asks);
	g_test_add_func("/call/asked-once-what-to-poll", asked_once_what_to_poll);
	g_test_add_func("/call/who-lets-go-wants-it-no-more", who_lets_go_wants_it_no_more);
	g_test_add_func("/call/a-closed-connection-ends-it", a_closed_connection_ends_it);
	g_test_add_func("/call/a-lost-bus-ends-it", a_lost_bus_ends_it);
	g_test_add_func("/call/late-is-given-up", late_is_given_up);
	g_test_add_func("/call/cancelled-when-all-is-there", cancelled_when_all_is_there);
	g_test_add_func("/call/a-child-lets-go", a_child_lets_go);
}
