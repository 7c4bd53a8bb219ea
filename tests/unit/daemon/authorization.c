// SPDX-License-Identifier: LGPL-2.1-or-later
/* Who may do what without being asked about, and what an authority's answer means. */
#include <glib.h>
#include <string.h>

#include "authorization.h"
#include "suites.h"

static enum authorization_verdict may_allocate(struct authorization_caller caller)
{
	return authorization_decide(&caller, AUTHORIZATION_ALLOCATE);
}

static enum authorization_verdict may_manage(struct authorization_caller caller)
{
	return authorization_decide(&caller, AUTHORIZATION_MANAGE);
}

static void some_are_not_asked_about(void)
{
	const struct authorization_caller root = { .is_manager = true };
	const struct authorization_caller service = { .is_service = true };
	const struct authorization_caller member = { .is_member = true };
	const struct authorization_caller person = { 0 };

	g_assert_cmpint(may_allocate(root), ==, AUTHORIZATION_ALLOWED);
	g_assert_cmpint(may_allocate(service), ==, AUTHORIZATION_ALLOWED);
	g_assert_cmpint(may_allocate(member), ==, AUTHORIZATION_ALLOWED);
	g_assert_cmpint(may_allocate(person), ==, AUTHORIZATION_TO_BE_ASKED);
	/* Clients are not administrators. */
	g_assert_cmpint(may_manage(root), ==, AUTHORIZATION_ALLOWED);
	g_assert_cmpint(may_manage(service), ==, AUTHORIZATION_TO_BE_ASKED);
	g_assert_cmpint(may_manage(member), ==, AUTHORIZATION_TO_BE_ASKED);
	g_assert_cmpint(may_manage(person), ==, AUTHORIZATION_TO_BE_ASKED);
}

/* Whoever it is, and whatever polkit would say. */
static void of_ones_own_daemon_nobody_else_has_anything(void)
{
	for (unsigned int bits = 0; bits < 8; bits++) {
		const struct authorization_caller caller = {
			.is_manager = bits & 1,
			.is_service = bits & 2,
			.is_member = bits & 4,
			.is_users = true,
		};
		enum authorization_verdict wanted = caller.is_manager ? AUTHORIZATION_ALLOWED :
									AUTHORIZATION_DENIED;

		g_assert_cmpint(may_allocate(caller), ==, wanted);
		g_assert_cmpint(may_manage(caller), ==, wanted);
	}
}

static void only_a_yes_is_one(void)
{
	static const struct {
		const char *name;
		enum authorization_answer answer;
	} errors[] = {
		{ "org.freedesktop.DBus.Error.ServiceUnknown", AUTHORIZATION_ABSENT },
		{ "org.freedesktop.DBus.Error.NameHasNoOwner", AUTHORIZATION_ABSENT },
		{ "org.freedesktop.DBus.Error.Spawn.ServiceNotFound", AUTHORIZATION_ABSENT },
		{ "org.freedesktop.systemd1.UnitMasked", AUTHORIZATION_ABSENT },
		{ "org.freedesktop.systemd1.NoSuchUnit", AUTHORIZATION_BROKEN },
		{ "org.freedesktop.DBus.Error.NoReply", AUTHORIZATION_SILENT },
		{ "org.freedesktop.DBus.Error.Timeout", AUTHORIZATION_SILENT },
		{ "org.freedesktop.DBus.Error.AccessDenied", AUTHORIZATION_BROKEN },
		{ "org.freedesktop.DBus.Error.Spawn.ExecFailed", AUTHORIZATION_BROKEN },
		{ "org.freedesktop.PolicyKit1.Error.Failed", AUTHORIZATION_BROKEN },
		{ "", AUTHORIZATION_BROKEN },
		{ NULL, AUTHORIZATION_BROKEN },
	};

	g_assert_cmpint(authorization_judge(true, false), ==, AUTHORIZATION_YES);
	/* It says so of what a person has confirmed. */
	g_assert_cmpint(authorization_judge(true, true), ==, AUTHORIZATION_YES);
	g_assert_cmpint(authorization_judge(false, true), ==, AUTHORIZATION_CHALLENGE);
	g_assert_cmpint(authorization_judge(false, false), ==, AUTHORIZATION_NO);
	for (size_t i = 0; i < G_N_ELEMENTS(errors); i++)
		g_assert_cmpint(authorization_judge_error(errors[i].name), ==, errors[i].answer);
}

static void each_answer_has_a_sentence(void)
{
	for (int i = 0; i < AUTHORIZATION_ANSWERS; i++) {
		const char *sentence = authorization_explain(i);

		g_assert_nonnull(strstr(sentence, "polkit"));
		for (int other = 0; other < i; other++)
			g_assert_cmpstr(sentence, !=, authorization_explain(other));
	}
}

static bool has_room(struct authorization_load of_user, struct authorization_load of_all,
		     bool is_interactive)
{
	return authorization_has_room(&of_user, &of_all, is_interactive);
}

static void questions_are_bounded(void)
{
	const struct authorization_load none = { 0 };
	const struct authorization_load users = { .n = AUTHORIZATION_USER_QUESTIONS_MAX };
	const struct authorization_load all = { .n = AUTHORIZATION_QUESTIONS_MAX };
	const struct authorization_load nearly_users = { .n = users.n - 1 };
	const struct authorization_load nearly_all = { .n = all.n - 1 };

	for (int is_interactive = 0; is_interactive < 2; is_interactive++) {
		g_assert_true(has_room(none, none, is_interactive));
		g_assert_true(has_room(nearly_users, nearly_all, is_interactive));
		g_assert_false(has_room(users, users, is_interactive));
		g_assert_false(has_room(none, all, is_interactive));
	}
	/* One user does not take what others need; and the bus lets the daemon wait for 128 replies. */
	g_assert_cmpuint(users.n, <, all.n / 2);
	g_assert_cmpuint(all.n, <=, 128 / 4);
}

static void people_are_asked_less(void)
{
	const struct authorization_load none = { 0 };
	const struct authorization_load users = { AUTHORIZATION_USER_INTERACTIVE_MAX,
						  AUTHORIZATION_USER_INTERACTIVE_MAX };
	const struct authorization_load all = { AUTHORIZATION_INTERACTIVE_MAX,
						AUTHORIZATION_INTERACTIVE_MAX };
	const struct authorization_load nearly_users = { users.n, users.n_interactive - 1 };
	const struct authorization_load nearly_all = { all.n, all.n_interactive - 1 };

	g_assert_true(has_room(nearly_users, nearly_all, true));
	g_assert_false(has_room(users, users, true));
	g_assert_false(has_room(none, all, true));
	/* However many wait for a person, whom polkit answers by itself are not kept from it. */
	g_assert_true(has_room(users, all, false));
	g_assert_cmpuint(users.n, <, AUTHORIZATION_USER_QUESTIONS_MAX);
	g_assert_cmpuint(all.n, <, AUTHORIZATION_QUESTIONS_MAX);
}

static void a_grant_is_of_one_kind_and_ends(void)
{
	struct authorization_grants grants = { 0 };
	uint64_t now = 7;

	g_assert_false(authorization_is_granted(&grants, AUTHORIZATION_ALLOCATE, 0));
	g_assert_false(authorization_is_granted(&grants, AUTHORIZATION_ALLOCATE, now));
	authorization_grant(&grants, AUTHORIZATION_ALLOCATE, now);
	g_assert_true(authorization_is_granted(&grants, AUTHORIZATION_ALLOCATE, now));
	g_assert_false(authorization_is_granted(&grants, AUTHORIZATION_MANAGE, now));
	now += AUTHORIZATION_GRANT_NS;
	g_assert_true(authorization_is_granted(&grants, AUTHORIZATION_ALLOCATE, now - 1));
	g_assert_false(authorization_is_granted(&grants, AUTHORIZATION_ALLOCATE, now));
}

void add_authorizations(void)
{
	g_test_add_func("/authorization/some-are-not-asked-about", some_are_not_asked_about);
	g_test_add_func("/authorization/of-ones-own-daemon-nobody-else-has-anything",
			of_ones_own_daemon_nobody_else_has_anything);
	g_test_add_func("/authorization/only-a-yes-is-one", only_a_yes_is_one);
	g_test_add_func("/authorization/each-answer-has-a-sentence", each_answer_has_a_sentence);
	g_test_add_func("/authorization/questions-are-bounded", questions_are_bounded);
	g_test_add_func("/authorization/people-are-asked-less", people_are_asked_less);
	g_test_add_func("/authorization/a-grant-is-of-one-kind-and-ends",
			a_grant_is_of_one_kind_and_ends);
}
