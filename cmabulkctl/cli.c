// SPDX-License-Identifier: LGPL-2.1-or-later
/* How every verb begins and ends: the connection, and errors that say what to do. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "patience.h"

int cli_connect(const struct context *context, struct cmabulk_connection **ret)
{
	if (context->direct)
		return cmabulk_connection_open_direct(ret);
	return cmabulk_connection_open(ret);
}

/* Empty is the same as unset. */
static const char *bus_of_environment(void)
{
	const char *bus = getenv("CMABULK_BUS");

	return bus && *bus ? bus : "system";
}

bool cli_is_direct(const struct context *context)
{
	return context->direct || strcmp(bus_of_environment(), "direct") == 0;
}

bool cli_is_system_bus(void)
{
	return strcmp(bus_of_environment(), "system") == 0;
}

bool cli_is_terminal(int fd)
{
	const char *terminal = getenv("TERM");

	return isatty(fd) && terminal && *terminal && strcmp(terminal, "dumb") != 0;
}

/* https://no-color.org */
bool cli_wants_colour(void)
{
	const char *no_color = getenv("NO_COLOR");

	return cli_is_terminal(STDOUT_FILENO) && !(no_color && *no_color);
}

static enum exit_code exit_code_of(int error)
{
	switch (abs(error)) {
	case ENOENT:
	case ENXIO:
	case ENODATA:
	case ENODEV:
	case EHOSTUNREACH:
	case ENOTCONN:
	case ERESTART:
	case ETIMEDOUT:
		return EXIT_UNAVAILABLE;
	case EACCES:
	case EPERM:
		return EXIT_NOT_PERMITTED;
	case EDQUOT:
	case EUSERS:
	case EAGAIN:
		return EXIT_OVER_LIMIT;
	case EOPNOTSUPP:
		return EXIT_USAGE;
	default:
		return EXIT_FAILED;
	}
}

/* The library cannot tell a module without pools from no module; here it matters. */
static const char *hint_of(int error)
{
	if (abs(error) == ENOENT && access("/sys/module/cmabulk", F_OK) == 0)
		return "the module is loaded without a pool: add one with 'echo NAME:AREA > "
		       "/sys/class/cmabulk/add', and see 'cmabulkctl doctor'";
	if (abs(error) == ENOENT)
		return "load the module with 'modprobe cmabulk pools=NAME:AREA', and see "
		       "'cmabulkctl doctor'";
	return cmabulk_error_get_hint(error);
}

static int fail(const char *message, const char *hint, int error, const char *what,
		va_list arguments)
{
	patience_end();
	fputs("cmabulkctl: ", stderr);
	vfprintf(stderr, what, arguments);
	fprintf(stderr, ": %s%s%s\n", message, *hint ? "; " : "", hint);
	return exit_code_of(error);
}

int cli_fail(int error, const char *what, ...)
{
	va_list arguments;
	int code;

	va_start(arguments, what);
	code = fail(cmabulk_error_get_message(error), hint_of(error), error, what, arguments);
	va_end(arguments);
	return code;
}

int cli_fail_call(const struct cmabulk_connection *connection, int error, const char *what, ...)
{
	const char *generic = cmabulk_error_get_message(error);
	const char *message = cmabulk_connection_get_error_message(connection);
	const char *hint = hint_of(error);
	va_list arguments;
	int code;

	/* What to do about it, the daemon says itself. */
	if (error == -EACCES || strstr(message, "; "))
		hint = strcmp(message, generic) == 0 ? hint : "";

	va_start(arguments, what);
	code = fail(*message ? message : generic, hint, error, what, arguments);
	va_end(arguments);
	return code;
}

int cli_usage(const char *sentence, ...)
{
	va_list arguments;

	fputs("cmabulkctl: ", stderr);
	va_start(arguments, sentence);
	vfprintf(stderr, sentence, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	return EXIT_USAGE;
}
