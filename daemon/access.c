// SPDX-License-Identifier: LGPL-2.1-or-later
/* Who may do what. */
#include <unistd.h>

#include "access.h"
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

static bool may_allocate(const struct client *client)
{
	const struct manager *manager = client->manager;
	struct identity identity = client_get_identity(client);

	if (access_may_manage(client))
		return true;
	if (manager->options->is_user)
		return false;
	/* Login sessions: here is where polkit is to be asked (org.cmabulk1.allocate). */
	return identity_is_service(&identity) || is_member(client, manager->config->clients_gid);
}

int access_check_allocate(const struct client *client, sd_bus_error *error)
{
	const struct config *config = client->manager->config;

	if (may_allocate(client))
		return 0;
	if (client->manager->options->is_user)
		return sd_bus_error_setf(
			error, CMABULK_ERROR_NOT_AUTHORIZED,
			"user %u may not allocate: this daemon serves user %u alone",
			client->user->uid, getuid());
	if (config->clients_gid == (gid_t)-1)
		return sd_bus_error_setf(
			error, CMABULK_ERROR_NOT_AUTHORIZED,
			"user %u may not allocate: root, system services and members of the group "
			"'%s' may, but there is no such group; create it, or set ClientsGroup= in %s",
			client->user->uid, config->clients_group,
			client->manager->options->config_file);
	return sd_bus_error_setf(
		error, CMABULK_ERROR_NOT_AUTHORIZED,
		"user %u may not allocate: only root, system services and members of the group "
		"'%s' may; have an administrator add the user to it, and log in again",
		client->user->uid, config->clients_group);
}

bool access_may_manage(const struct client *client)
{
	/* Here is where polkit is to be asked (org.cmabulk1.manage). */
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

int access_check_manage(const struct client *client, const char *what, sd_bus_error *error)
{
	if (access_may_manage(client))
		return 0;
	return sd_bus_error_setf(error, CMABULK_ERROR_NOT_AUTHORIZED,
				 "user %u may not %s: only root and user %u, as which cmabulkd "
				 "runs, may",
				 client->user->uid, what, getuid());
}
