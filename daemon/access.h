/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who may do what: the one place that decides it. What is not allowed is denied, with a sentence. */
#ifndef CMABULKD_ACCESS_H
#define CMABULKD_ACCESS_H

#include <systemd/sd-bus.h>

#include "broker.h"
#include "client.h"

/*
 * Allocating is for root, system services and the group of clients. A unit alone says little: cron runs
 * in one, and what it runs is its users'.
 * 0, or negative with @error set. */
int access_check_allocate(const struct client *client, sd_bus_error *error);
/* Managing: others' buffers and accounts, reloading. */
bool access_may_manage(const struct client *client);
int access_check_manage(const struct client *client, const char *what, sd_bus_error *error);
/* What an account has, and what happened to it: for its users. @rule NULL: it is not configured any more. */
bool access_may_see_account(const struct client *client, uid_t uid,
			    const struct account_rule *rule);
/* What is configured of an account of the caller's: not when it is other people's by now. */
bool access_may_see_rule(const struct client *client, const struct account_rule *rule);
/* Whether @usage may be seen; what may not be of it is taken out. */
bool access_see_usage(const struct client *client, struct broker_usage *usage);

#endif
