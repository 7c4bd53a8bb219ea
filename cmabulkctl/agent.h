/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who is asked for a password when polkit wants one: whoever sits at this terminal. For verbs that
 * change what the daemon does, which an ordinary user may with an administrator's password.
 */
#ifndef CMABULKCTL_AGENT_H
#define CMABULKCTL_AGENT_H

#include <sys/types.h>

#include "cli.h"
#include "options.h"

/* In the options of a verb that has an agent. */
#define AGENT_OPTION "no-ask-password", NULL, "ask nobody for a password"

struct agent {
	pid_t pid; /* 0: there is none */
	int pidfd;
};

/*
 * Starts one, and returns when polkit knows it: after the verb has found the daemon, as nothing is
 * asked where there is none. Without an agent the line of progress says that @doing is being done;
 * with one the terminal is the agent's, and there is no such line. There is none for root, who is not asked, for another
 * bus than the system's, where no polkit is, nor where nobody could answer; that it cannot be
 * started is no failure: maybe the session has another.
 */
void agent_begin(struct agent *agent, const struct context *context, const char *doing);

/* In a few seconds, whatever the agent does. Also when there is none. */
void agent_end(struct agent *agent);

/* The verb's calls may take as long as a person does, if there can be one. */
int agent_allow(const struct context *context, struct cmabulk_connection *connection);

/* After a call on @connection failed, and that was said: what to do where nobody could be asked. */
void agent_explain(const struct context *context, const struct cmabulk_connection *connection,
		   int error);

#endif
