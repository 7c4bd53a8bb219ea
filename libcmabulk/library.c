// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The library itself: its version, and the one table of what its errors mean
 * and what to do about them.
 */
#include <string.h>

#include "cmabulk.h"
#include "dbus/errors.h"
#include "util.h"

struct explanation {
	int error;
	const char *message;
	const char *hint;
};

/* Only what means something particular here; the rest is the C library's. */
static const struct explanation explanations[] = {
	{ ENOENT, "there is no cmabulk pool on this machine",
	  "load the module with at least one pool, as 'modprobe cmabulk pools=video:AREA'" },
	{ ENXIO, "there is no pool of that name", "'cmabulkctl pools' lists the pools there are" },
	{ ENODATA, "there is no such device, or nothing says which pools it has",
	  "name it as /dev/video0 or video4linux:video0; [Device] in cmabulkd.conf(5) says its pools" },
	{ EACCES, "not permitted",
	  "run it as root, or be in the group that the daemon serves, normally cmabulk-clients" },
	{ EPERM, "not permitted", "run it as root" },
	{ ENODEV, "the pool went away",
	  "wait for it to come back, or name another, or none to have one that is there" },
	{ EHOSTUNREACH, "the cmabulk daemon is not available",
	  "start cmabulkd, or use direct mode as root: '--direct', or CMABULK_BUS=direct" },
	{ EADDRNOTAVAIL, "CMABULK_BUS does not lead to a bus that passes file descriptors",
	  "it may be system, user, direct, or a D-Bus address as unix:path=/run/dbus/system_bus_socket" },
	{ ENOTCONN, "the connection to the bus was lost", "open a new one" },
	{ ETIMEDOUT, "the daemon did not answer in time",
	  "try again; 'cmabulkctl doctor' looks at it" },
	{ ERESTART, "the daemon is about to restart", "try again in a moment" },
	{ ENOBUFS, "a limit of the bus was reached", "close connections, or try again later" },
	{ EPROTO, "what answered is not a cmabulk pool or daemon this library understands",
	  "use module, daemon and library of one version" },
	{ EOPNOTSUPP, "this needs the daemon", "do it without '--direct' and CMABULK_BUS=direct" },
	{ EDQUOT, "more was asked for than the account may have",
	  "ask for less, or let go of some; 'cmabulkctl accounts' shows the limits" },
	{ EUSERS, "too many requests of the account are waiting already",
	  "wait for one of them; 'cmabulkctl accounts' shows the limits" },
	{ EAGAIN, "the account asks too often", "try again in a moment" },
	{ EINPROGRESS, "an earlier delivery was not confirmed yet", "try again in a moment" },
	{ ESRCH, "the allocation is not there any more: what was not fetched in time went back",
	  "allocate again, and process the connection until the call is done" },
	{ EEXIST, "the token is in use", "use another, or wait until that allocation is done" },
	{ EIO, "what was to be kept cannot be written",
	  "see that /var/lib/cmabulk has room and is the daemon's, or do it without '--persistent'" },
	{ ECHILD, "the connection was opened before a fork", "open one in the child" },
	{ EALREADY, "the call is not done yet", "process the connection until it is" },
	{ EBUSY, "no more memory of the pool could be freed up",
	  "ask for less, accept fewer with a minimum, or allow more effort" },
	{ ETIME, "the timeout was over before everything was there",
	  "allow more time, or accept fewer with a minimum" },
	{ ECANCELED, "the request was cancelled", "" },
	{ E2BIG, "more was asked for than the whole pool has", "ask for less" },
	{ EOVERFLOW, "the size asked for cannot be", "ask for less" },
	{ EINVAL, "the request cannot be met by this pool",
	  "'cmabulkctl pools NAME' shows its limits; keys of an account are as cmabulkd.conf(5) has them" },
	{ EMFILE, "this process has no file descriptor left",
	  "ask for fewer buffers, or raise the limit with 'ulimit -n'" },
	{ ENFILE, "the system has no file descriptor left",
	  "ask for fewer buffers, or raise fs.file-max" },
	{ ENOMEM, "out of memory",
	  "free some elsewhere: the pages of a pool need somewhere to move to" },
	{ ENOTTY, "the file descriptor is not a dma-buf", "" },
};

static const struct explanation *find_explanation(int error)
{
	for (size_t i = 0; i < ARRAY_SIZE(explanations); i++)
		if (explanations[i].error == abs(error))
			return &explanations[i];
	return NULL;
}

EXPORT const char *cmabulk_error_get_message(int error)
{
	const struct explanation *explanation = find_explanation(error);
	const char *message;

	if (explanation)
		return explanation->message;
	message = strerrordesc_np(abs(error));
	return message ? message : "unknown error";
}

EXPORT const char *cmabulk_error_get_hint(int error)
{
	const struct explanation *explanation = find_explanation(error);

	return explanation ? explanation->hint : "";
}

EXPORT int cmabulk_error_is_retryable(int error)
{
#define CMABULK_ERROR_ENTRY(symbol, name, number, is_retryable) { number, is_retryable },
	static const struct {
		int error;
		int is_retryable;
	} errors[] = { CMABULK_ERRORS(CMABULK_ERROR_ENTRY) };
#undef CMABULK_ERROR_ENTRY

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (errors[i].error == abs(error))
			return errors[i].is_retryable;
	return 0;
}

EXPORT const char *cmabulk_library_get_version(void)
{
	return CMABULK_VERSION;
}
