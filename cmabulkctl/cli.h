/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What every verb gets, and how every verb ends. */
#ifndef CMABULKCTL_CLI_H
#define CMABULKCTL_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include <cmabulk.h>

#define CLEANUP(function) __attribute__((cleanup(function)))
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Documented in cmabulkctl(1). */
enum exit_code {
	EXIT_OK = 0,
	EXIT_FAILED = 1, /* anything without a number of its own */
	EXIT_USAGE = 2, /* the command line makes no sense */
	EXIT_SHORT = 3, /* fewer chunks than the minimum */
	EXIT_UNAVAILABLE = 4, /* no module, no pool, no daemon */
	EXIT_NOT_PERMITTED = 5,
	EXIT_OVER_LIMIT = 6, /* the account may not have that much, or that many */
	EXIT_CANNOT_EXECUTE = 126, /* as shells do */
	EXIT_NOT_FOUND = 127,
};

/* What the common options say. */
struct context {
	bool direct;
	bool json;
	bool no_ask_password; /* of the verbs that have an agent */
};

/* Each in its own file, behind the table in main.c. They return an exit code. */
int verb_accounts(struct context *context, int argc, char **argv);
int verb_alloc(struct context *context, int argc, char **argv);
int verb_buffers(struct context *context, int argc, char **argv);
int verb_doctor(struct context *context, int argc, char **argv);
int verb_metrics(struct context *context, int argc, char **argv);
int verb_monitor(struct context *context, int argc, char **argv);
int verb_pools(struct context *context, int argc, char **argv);
int verb_prepare(struct context *context, int argc, char **argv);
int verb_reload(struct context *context, int argc, char **argv);
int verb_status(struct context *context, int argc, char **argv);
int verb_top(struct context *context, int argc, char **argv);
int verb_version(struct context *context, int argc, char **argv);

/* Connect as --direct and the environment say. */
int cli_connect(const struct context *context, struct cmabulk_connection **ret);

/* Does it go past the daemon? Before there is a connection, which would need a pool for that. */
bool cli_is_direct(const struct context *context);

/* Unless it goes past the daemon: is it the one on the system's bus, wherever that is? */
bool cli_is_system_bus(void);

/* Is it one that does more than print? What is not, or nobody says what it is, takes no escape sequences. */
bool cli_is_terminal(int fd);

/* On a terminal that has colours, unless NO_COLOR says otherwise. */
bool cli_wants_colour(void);

/* "cmabulkctl: WHAT: why; what to do" on standard error; returns the exit code for @error. */
int cli_fail(int error, const char *what, ...) __attribute__((format(printf, 2, 3)));

/* The same of a call on @connection, with what it knows about why. */
int cli_fail_call(const struct cmabulk_connection *connection, int error, const char *what, ...)
	__attribute__((format(printf, 3, 4)));

/* "cmabulkctl: SENTENCE" on standard error; returns EXIT_USAGE. */
int cli_usage(const char *sentence, ...) __attribute__((format(printf, 1, 2)));

#endif
