// SPDX-License-Identifier: LGPL-2.1-or-later
/* polkit's agent for terminals, for as long as a verb takes. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "patience.h"

/* Not by PATH: who asks for a password is the system's. */
#define PROGRAM "/usr/bin/pkttyagent"
/* The descriptor that it closes once it is registered: the first after those of the terminal. */
#define NOTIFY	3

/* Longer than it waits for an answer of the bus itself, so that it has said why. */
#define REGISTER_MSEC 30000
/* The end of a process is seen a little after that of its descriptors. */
#define FAILED_MSEC   50
/* It has nothing to do but to give the terminal back. */
#define END_MSEC      2000

/* It is typed there, wherever the output goes. */
static bool can_be_asked(const struct context *context)
{
	return !context->no_ask_password && isatty(STDIN_FILENO);
}

/* In the child. Else the agent would have what the verb was started with, as a signal that does not end it. */
static void become_ordinary(void)
{
	const struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		sigaction(number, &action, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Of all descriptors it has the terminal's, and this one. */
static int pass(int notify)
{
	int r = notify == NOTIFY ? fcntl(notify, F_SETFD, 0) : dup2(notify, NOTIFY);

	return r < 0 ? r : close_range(NOTIFY + 1, ~0U, 0);
}

/* In the child. The parent is whom it answers for, and must not leave it behind. */
__attribute__((noreturn)) static void run(int notify, pid_t parent)
{
	char descriptor[16];

	snprintf(descriptor, sizeof(descriptor), "%d", NOTIFY);
	become_ordinary();
	if (pass(notify) == 0 && prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent)
		execl(PROGRAM, PROGRAM, "--notify-fd", descriptor, "--fallback", (char *)NULL);
	_exit(EXIT_CANNOT_EXECUTE);
}

/* False when that takes longer. */
static bool wait_for(int fd, int limit_msec)
{
	struct pollfd polled = { .fd = fd, .events = POLLIN };
	int ready;

	do
		ready = poll(&polled, 1, limit_msec);
	while (ready < 0 && errno == EINTR);
	return ready > 0;
}

/* It closes its end once it is registered. If it cannot, it ends, which closes it, too. */
static bool is_registered(const struct agent *agent, int notify)
{
	return wait_for(notify, REGISTER_MSEC) && !wait_for(agent->pidfd, FAILED_MSEC);
}

/* Nobody waited for it yet: unless children are not waited for at all, the number is still its own. */
static void end_unwatched(pid_t pid, int error)
{
	if (error == ESRCH)
		return;
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void start(struct agent *agent, int notify)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid == 0)
		run(notify, parent);
	if (pid < 0)
		return;
	agent->pidfd = pidfd_open(pid, 0);
	if (agent->pidfd < 0)
		end_unwatched(pid, errno);
	else
		agent->pid = pid;
}

static void start_and_wait(struct agent *agent)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	start(agent, ends[1]);
	close(ends[1]);
	if (agent->pid > 0) {
		patience_begin("waiting for polkit to know this terminal");
		if (!is_registered(agent, ends[0]))
			agent_end(agent);
		patience_end();
	}
	close(ends[0]);
}

void agent_begin(struct agent *agent, const struct context *context, const char *doing)
{
	if (!can_be_asked(context) || context->direct || !cli_is_system_bus() || geteuid() == 0)
		return;
	/* That is a thread, which would not be in the child, and what it holds would be held for ever. */
	patience_end();
	start_and_wait(agent);
	/* The terminal is the agent's, where there is one. */
	if (agent->pid == 0)
		patience_begin(doing);
}

void agent_end(struct agent *agent)
{
	if (agent->pid == 0)
		return;
	pidfd_send_signal(agent->pidfd, SIGTERM, NULL, 0);
	/* Should somebody have stopped it. */
	pidfd_send_signal(agent->pidfd, SIGCONT, NULL, 0);
	if (!wait_for(agent->pidfd, END_MSEC)) {
		pidfd_send_signal(agent->pidfd, SIGKILL, NULL, 0);
		wait_for(agent->pidfd, END_MSEC);
	}
	waitpid(agent->pid, NULL, WNOHANG);
	close(agent->pidfd);
	*agent = (struct agent){ 0 };
}

void agent_explain(const struct context *context, const struct cmabulk_connection *connection,
		   int error)
{
	const char *message = cmabulk_connection_get_error_message(connection);

	/* Where the daemon says that somebody might have been asked. */
	if (error == -EACCES && !can_be_asked(context) && strstr(message, "interactive"))
		fputs("cmabulkctl: run it at a terminal without --no-ask-password, or as root\n",
		      stderr);
}

int agent_allow(const struct context *context, struct cmabulk_connection *connection)
{
	if (!can_be_asked(context))
		return 0;
	return cmabulk_connection_set_allow_interactive_authorization(connection, 1);
}
