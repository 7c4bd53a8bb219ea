// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the library makes of a daemon that refuses, or of what it refuses itself. */
#include <errno.h>
#include <glib.h>
#include <string.h>
#include <sys/resource.h>

#include "cmabulk.h"
#include "impostor.h"
#include "suites.h"
#include "talk.h"
#include "util.h"

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
		{ "org.cmabulk1.Error.PoolGone", ENODEV, 1 },
		{ "org.cmabulk1.Error.NoSuchAllocation", ESRCH, 0 },
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
		struct talk talk;
		struct script script;

		script_init(&script);
		script.refused = "Allocate";
		script.error_name = cases[i].name;
		script.error_message = "you have 3, and asked for 4";
		talk_begin(&talk, &script);
		talk_expect_error(&talk, -cases[i].error);
		g_assert_cmpstr(cmabulk_connection_get_error_message(talk.connection), ==,
				"you have 3, and asked for 4");
		g_assert_cmpint(cmabulk_error_is_retryable(-cases[i].error), ==,
				cases[i].is_retryable);
		talk_end(&talk);
	}
}

/* One that went between the list and the question. What sd-bus says of its own accord is a path. */
static void a_pool_that_went_is_told(void)
{
	struct cmabulk_pool_survey survey;
	struct talk talk;
	struct script script;

	script_init(&script);
	script.refused = "Survey";
	script.error_name = "org.freedesktop.DBus.Error.UnknownObject";
	script.error_message = "Unknown object '/org/cmabulk1/pool/video'.";
	talk_begin(&talk, &script);
	g_assert_cmpint(cmabulk_connection_survey_pool(talk.connection, "video", &survey,
						       sizeof(survey)),
			==, -ENODEV);
	g_assert_cmpstr(cmabulk_connection_get_error_message(talk.connection), ==,
			cmabulk_error_get_message(-ENODEV));
	talk_end(&talk);
}

static void a_failed_fetch_keeps_nothing(void)
{
	struct talk talk;
	struct script script;

	script_init(&script);
	script.refused = "Fetch";
	script.error_name = "org.freedesktop.DBus.Error.NameHasNoOwner";
	script.error_message = "gone";
	talk_begin(&talk, &script);
	talk_expect_error(&talk, -EHOSTUNREACH);
	talk_expect_event(&talk, "Allocate l1");
	talk_expect_event(&talk, "Fetch 16 7");
	talk_expect_event(&talk, "Release 7");
	talk_end(&talk);
}

static void the_daemon_knows_who_asks(void)
{
	struct talk talk;
	struct script script;

	script_init(&script);
	talk_begin(&talk, &script);
	g_assert_cmpint(cmabulk_request_set_cookie(talk.request, 5), ==, 0);
	talk_expect_error(&talk, -EPERM);
	g_assert_nonnull(
		strstr(cmabulk_connection_get_error_message(talk.connection), "direct mode only"));
	talk_end(&talk);
}

static void descriptors_must_have_room(void)
{
	struct rlimit before;
	struct rlimit limit;
	struct talk talk;
	struct script script;

	script_init(&script);
	talk_begin(&talk, &script);
	g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &before), ==, 0);
	limit = before;
	limit.rlim_cur = 30;
	g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
	talk_expect_error(&talk, -EMFILE);
	g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &before), ==, 0);
	/* It was not even asked for. */
	g_assert_cmpint(cmabulk_connection_reload(talk.connection), ==, 0);
	talk_end(&talk);
}

void add_refusals(void)
{
	g_test_add_func("/reply/refusals-have-a-number-and-a-sentence",
			refusals_have_a_number_and_a_sentence);
	g_test_add_func("/reply/a-pool-that-went-is-told", a_pool_that_went_is_told);
	g_test_add_func("/reply/a-failed-fetch-keeps-nothing", a_failed_fetch_keeps_nothing);
	g_test_add_func("/reply/the-daemon-knows-who-asks", the_daemon_knows_who_asks);
	g_test_add_func("/reply/descriptors-must-have-room", descriptors_must_have_room);
}
