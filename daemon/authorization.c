// SPDX-License-Identifier: LGPL-2.1-or-later
/* Who may do what without being asked about, and what an authority's answer means. */
#include <glib.h>

#include "authorization.h"

const char *authorization_get_name(enum authorization_action action)
{
	static const char *const names[AUTHORIZATION_ACTIONS] = {
		[AUTHORIZATION_ALLOCATE] = "org.cmabulk1.allocate",
		[AUTHORIZATION_MANAGE] = "org.cmabulk1.manage",
	};

	return names[action];
}

enum authorization_verdict authorization_decide(const struct authorization_caller *caller,
						enum authorization_action action)
{
	if (caller->is_manager)
		return AUTHORIZATION_ALLOWED;
	if (caller->is_users)
		return AUTHORIZATION_DENIED;
	if (action == AUTHORIZATION_ALLOCATE && (caller->is_service || caller->is_member))
		return AUTHORIZATION_ALLOWED;
	return AUTHORIZATION_TO_BE_ASKED;
}

enum authorization_answer authorization_judge(bool is_authorized, bool is_challenge)
{
	if (is_authorized)
		return AUTHORIZATION_YES;
	return is_challenge ? AUTHORIZATION_CHALLENGE : AUTHORIZATION_NO;
}

enum authorization_answer authorization_judge_error(const char *name)
{
	static const struct {
		const char *name;
		enum authorization_answer answer;
	} table[] = {
		/* Not installed, or not to be started by the bus. */
		{ "org.freedesktop.DBus.Error.ServiceUnknown", AUTHORIZATION_ABSENT },
		{ "org.freedesktop.DBus.Error.NameHasNoOwner", AUTHORIZATION_ABSENT },
		{ "org.freedesktop.DBus.Error.Spawn.ServiceNotFound", AUTHORIZATION_ABSENT },
		/* An administrator wants it so: that is no failure of polkit's. */
		{ "org.freedesktop.systemd1.UnitMasked", AUTHORIZATION_ABSENT },
		/* Nothing came, or it left without a word. */
		{ "org.freedesktop.DBus.Error.NoReply", AUTHORIZATION_SILENT },
		{ "org.freedesktop.DBus.Error.Timeout", AUTHORIZATION_SILENT },
		{ "org.freedesktop.DBus.Error.TimedOut", AUTHORIZATION_SILENT },
	};

	for (size_t i = 0; name && i < G_N_ELEMENTS(table); i++)
		if (g_str_equal(table[i].name, name))
			return table[i].answer;
	return AUTHORIZATION_BROKEN;
}

const char *authorization_explain(enum authorization_answer answer)
{
	static const char *const sentences[AUTHORIZATION_ANSWERS] = {
		[AUTHORIZATION_YES] = "polkit allows it",
		[AUTHORIZATION_NO] = "polkit does not allow it",
		[AUTHORIZATION_CHALLENGE] =
			("polkit wants somebody to authenticate, and nobody did: the call has to "
			 "allow interactive authorization, and an agent has to run"),
		[AUTHORIZATION_SILENT] = "polkit did not answer, so it is denied: ask again",
		[AUTHORIZATION_ABSENT] = "there is no polkit that could allow it",
		[AUTHORIZATION_BROKEN] =
			"polkit answered with an error, which is in the log of cmabulkd, so it is denied",
	};

	return sentences[answer];
}

bool authorization_has_room(const struct authorization_load *of_user,
			    const struct authorization_load *of_all, bool is_interactive)
{
	if (is_interactive && (of_user->n_interactive >= AUTHORIZATION_USER_INTERACTIVE_MAX ||
			       of_all->n_interactive >= AUTHORIZATION_INTERACTIVE_MAX))
		return false;
	return of_user->n < AUTHORIZATION_USER_QUESTIONS_MAX &&
	       of_all->n < AUTHORIZATION_QUESTIONS_MAX;
}

void authorization_grant(struct authorization_grants *grants, enum authorization_action action,
			 uint64_t now_ns)
{
	grants->until_ns[action] = now_ns + AUTHORIZATION_GRANT_NS;
}

bool authorization_is_granted(const struct authorization_grants *grants,
			      enum authorization_action action, uint64_t now_ns)
{
	return now_ns < grants->until_ns[action];
}
