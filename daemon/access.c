// SPDX-License-Identifier: LGPL-2.1-or-later
/* Who may do what. */
#include <unistd.h>

#include "access.h"
#include "clock.h"
#include "errors.h"
#include "manager.h"

static bool is_member(const struct client *client, gid_t gid)
{
	if (gid == (gid_t)-1)
		return false;
	for (size_t i = 0; i < client->n_gids; i++)
		if (client->gids[i] == gid)
			return true;
	return false;
}

static enum authorization_verdict decide(const struct client *client,
					 enum authorization_action action)
{
	const struct manager *manager = client->manager;
	struct identity identity = client_get_identity(client);
	const struct authorization_caller caller = {
		.is_manager = access_may_manage(client),
		.is_service = identity_is_service(&identity),
		.is_member = is_member(client, manager->config->clients_gid),
		.is_users = manager->options->is_user,
	};

	return authorization_decide(&caller, action);
}

static int refuse_allocate(const struct client *client, enum authorization_answer answer,
			   sd_bus_error *error)
{
	const struct config *config = client->manager->config;
	const char *why = authorization_explain(answer);
	const char *action = authorization_get_name(AUTHORIZATION_ALLOCATE);

	if (client->manager->options->is_user)
		return sd_bus_error_setf(
			error, CMABULK_ERROR_NOT_AUTHORIZED,
			"user %u may not allocate: this daemon serves user %u alone",
			client->user->uid, getuid());
	if (config->clients_gid == (gid_t)-1)
		return sd_bus_error_setf(
			error, CMABULK_ERROR_NOT_AUTHORIZED,
			"user %u may not allocate: only root, system services and members of the "
			"group '%s' may unasked, but there is no such group, and %s (%s); create it, "
			"or set ClientsGroup= in %s",
			client->user->uid, config->clients_group, why, action,
			client->manager->options->config_file);
	return sd_bus_error_setf(
		error, CMABULK_ERROR_NOT_AUTHORIZED,
		"user %u may not allocate: only root, system services and members of the group "
		"'%s' may unasked, and %s (%s); have an administrator add the user to it, and log "
		"in again",
		client->user->uid, config->clients_group, why, action);
}

static int refuse_manage(const struct client *client, const char *what,
			 enum authorization_answer answer, sd_bus_error *error)
{
	if (client->manager->options->is_user)
		return sd_bus_error_setf(
			error, CMABULK_ERROR_NOT_AUTHORIZED,
			"user %u may not %s: only root and user %u, as which cmabulkd "
			"runs, may",
			client->user->uid, what, getuid());
	return sd_bus_error_setf(error, CMABULK_ERROR_NOT_AUTHORIZED,
				 "user %u may not %s: only root and user %u, as which cmabulkd "
				 "runs, may unasked, and %s (%s)",
				 client->user->uid, what, getuid(), authorization_explain(answer),
				 authorization_get_name(AUTHORIZATION_MANAGE));
}

int access_refuse(const struct client *client, enum authorization_action action, const char *what,
		  enum authorization_answer answer, sd_bus_error *error)
{
	return action == AUTHORIZATION_ALLOCATE ? refuse_allocate(client, answer, error) :
						  refuse_manage(client, what, answer, error);
}

static int check(const struct client *client, enum authorization_action action, const char *what,
		 sd_bus_error *error)
{
	switch (decide(client, action)) {
	case AUTHORIZATION_ALLOWED:
		return 0;
	case AUTHORIZATION_TO_BE_ASKED:
		return !authorization_is_granted(&client->grants, action, clock_now_ns());
	default:
		return access_refuse(client, action, what, AUTHORIZATION_NO, error);
	}
}

int access_check_allocate(const struct client *client, sd_bus_error *error)
{
	return check(client, AUTHORIZATION_ALLOCATE, NULL, error);
}

int access_check_manage(const struct client *client, const char *what, sd_bus_error *error)
{
	return check(client, AUTHORIZATION_MANAGE, what, error);
}

bool access_may_manage(const struct client *client)
{
	return client->user->uid == 0 || client->user->uid == getuid();
}

bool access_may_see_account(const struct client *client, uid_t uid, const struct account_rule *rule)
{
	struct identity identity = client_get_identity(client);

	if (access_may_manage(client))
		return true;
	if (uid != ACCOUNT_UID_SHARED)
		return uid == client->user->uid;
	return rule && account_rules_match(client->manager->config->accounts, &identity) == rule;
}

bool access_may_see_rule(const struct client *client, const struct account_rule *rule)
{
	struct identity identity = client_get_identity(client);

	return access_may_manage(client) || account_rule_is_for(rule, &identity);
}

bool access_see_usage(const struct client *client, struct broker_usage *usage)
{
	if (!access_may_see_account(client, usage->uid, usage->rule))
		return false;
	if (usage->rule && !access_may_see_rule(client, usage->rule)) {
		usage->rule = NULL;
		usage->is_known = false;
		usage->minimum_bytes = 0;
		usage->maximum_bytes = 0;
	}
	return true;
}
