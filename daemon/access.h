/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who may do what: the one place that decides it. What is not allowed is denied, with a sentence. */
#ifndef CMABULKD_ACCESS_H
#define CMABULKD_ACCESS_H

#include <systemd/sd-bus.h>

#include "authorization.h"
#include "broker.h"
#include "client.h"

/*
 * Allocating is for root, system services and the group of clients. A unit alone says little: cron runs
 * in one, and what it runs is its users'. Everybody else is for the authority to judge.
 * 0: it may. Positive: not before authority_ask(). Negative: @error is set.
 */
int access_check_allocate(const struct client *client, sd_bus_error *error);
/* The same of changing accounts and reloading. */
int access_check_manage(const struct client *client, const char *what, sd_bus_error *error);
/* The authority's answer, which is no yes, as an error. @what: of managing, what the caller may not. */
int access_refuse(const struct client *client, enum authorization_action action, const char *what,
		  enum authorization_answer answer, sd_bus_error *error);
/* Others' buffers and accounts: that is asked too often to ask an authority. */
bool access_may_manage(const struct client *client);
/* What an account has, and what happened to it: for its users. @rule NULL: it is not configured any more. */
bool access_may_see_account(const struct client *client, uid_t uid,
			    const struct account_rule *rule);
/* What is configured of an account of the caller's: not when it is other people's by now. */
bool access_may_see_rule(const struct client *client, const struct account_rule *rule);
/* Whether @usage may be seen; what may not be of it is taken out. */
bool access_see_usage(const struct client *client, struct broker_usage *usage);

#endif
