// SPDX-License-Identifier: LGPL-2.1-or-later
/* polkit's agent for terminals, for as long as a verb takes. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"

/* Not by PATH: who asks for a password is the system's. */
#define PROGRAM "/usr/bin/pkttyagent"

/* It is typed there, wherever the output goes. */
static bool can_be_asked(const struct context *context)
{
	return !context->no_ask_password && isatty(STDIN_FILENO);
}

static bool is_on_system_bus(const struct context *context)
{
	const char *bus = getenv("CMABULK_BUS");

	return !context->direct && (!bus || !*bus || strcmp(bus, "system") == 0);
}

/* In the child. The parent is whom it answers for, and must not leave it behind. */
__attribute__((noreturn)) static void run(int notify, pid_t parent)
{
	char descriptor[16];

	snprintf(descriptor, sizeof(descriptor), "%d", notify);
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent)
		execl(PROGRAM, PROGRAM, "--notify-fd", descriptor, "--fallback", (char *)NULL);
	_exit(EXIT_CANNOT_EXECUTE);
}

/* It closes its end once it is registered; if it cannot, it ends. */
static void wait_until_closed(int fd)
{
	struct pollfd polled = { .fd = fd };

	while (poll(&polled, 1, -1) < 0 && errno == EINTR)
		;
}

void agent_begin(struct agent *agent, const struct context *context)
{
	pid_t parent = getpid();
	int ends[2];
	pid_t pid;

	if (!can_be_asked(context) || !is_on_system_bus(context) || geteuid() == 0)
		return;
	if (pipe(ends) < 0)
		return;
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		run(ends[1], parent);
	}
	close(ends[1]);
	if (pid > 0) {
		agent->pid = pid;
		wait_until_closed(ends[0]);
	}
	close(ends[0]);
}

void agent_end(struct agent *agent)
{
	if (agent->pid == 0)
		return;
	kill(agent->pid, SIGTERM);
	/* Should somebody have stopped it. */
	kill(agent->pid, SIGCONT);
	while (waitpid(agent->pid, NULL, 0) < 0 && errno == EINTR)
		;
	agent->pid = 0;
}

int agent_allow(const struct context *context, struct cmabulk_connection *connection)
{
	if (!can_be_asked(context))
		return 0;
	return cmabulk_connection_set_allow_interactive_authorization(connection, 1);
}
