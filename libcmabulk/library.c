// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The library itself: its version, and the one table of what its errors mean
 * and what to do about them.
 */
#include <string.h>

#include "cmabulk.h"
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
	{ ENXIO, "there is no pool of that name",
	  "'cmabulkctl --direct pools' lists the pools there are" },
	{ EACCES, "not permitted to use the device of the pool",
	  "direct mode needs the owner of /dev/cmabulk/*: run it as root" },
	{ EPERM, "not permitted", "run it as root" },
	{ ENODEV, "the pool is being removed", "wait for the pool to come back, or name another" },
	{ EHOSTUNREACH, "the cmabulk daemon is not available",
	  "use direct mode as root: '--direct', or CMABULK_BUS=direct" },
	{ EPROTO, "the device is not a cmabulk pool this library understands",
	  "use the module and the library of one version" },
	{ ECHILD, "the connection was opened before a fork", "open one in the child" },
	{ EBUSY, "no more memory of the pool could be freed up",
	  "ask for less, accept fewer with a minimum, or allow more effort" },
	{ ETIME, "the timeout was over before everything was there",
	  "allow more time, or accept fewer with a minimum" },
	{ ECANCELED, "the request was cancelled", "" },
	{ E2BIG, "more was asked for than the whole pool has", "ask for less" },
	{ EOVERFLOW, "the size asked for cannot be", "ask for less" },
	{ EINVAL, "the request cannot be met by this pool",
	  "'cmabulkctl --direct pools NAME' shows its limits" },
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

EXPORT const char *cmabulk_library_get_version(void)
{
	return CMABULK_VERSION;
}
