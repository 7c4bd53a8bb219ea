/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The errors of org.cmabulk1, and what they and the bus's own are as errno: the
 * one table, for daemon and library.
 *
 * Each line: CMABULK_ERROR(symbol, name on the bus, errno, worth another try as it is).
 * "Over quota" (EDQUOT) never looks like "not allowed" (EACCES).
 */
#ifndef CMABULK_DBUS_ERRORS_H
#define CMABULK_DBUS_ERRORS_H

#define CMABULK_ERROR_PREFIX "org.cmabulk1.Error."

#define CMABULK_ERRORS(CMABULK_ERROR)                                                             \
	CMABULK_ERROR(INVALID_ARGUMENT, "org.cmabulk1.Error.InvalidArgument", EINVAL, 0)          \
	CMABULK_ERROR(TOO_LARGE, "org.cmabulk1.Error.TooLarge", E2BIG, 0)                         \
	CMABULK_ERROR(QUOTA_EXCEEDED, "org.cmabulk1.Error.QuotaExceeded", EDQUOT, 0)              \
	CMABULK_ERROR(POOL_EXHAUSTED, "org.cmabulk1.Error.PoolExhausted", EBUSY, 1)               \
	CMABULK_ERROR(RATE_LIMITED, "org.cmabulk1.Error.RateLimited", EAGAIN, 1)                  \
	CMABULK_ERROR(QUEUE_FULL, "org.cmabulk1.Error.QueueFull", EUSERS, 1)                      \
	CMABULK_ERROR(NO_SUCH_POOL, "org.cmabulk1.Error.NoSuchPool", ENXIO, 0)                    \
	CMABULK_ERROR(NO_SUCH_DEVICE, "org.cmabulk1.Error.NoSuchDevice", ENODATA, 0)              \
	CMABULK_ERROR(NO_SUCH_ALLOCATION, "org.cmabulk1.Error.NoSuchAllocation", ESRCH, 0)        \
	CMABULK_ERROR(TOKEN_IN_USE, "org.cmabulk1.Error.TokenInUse", EEXIST, 0)                   \
	CMABULK_ERROR(NOT_AUTHORIZED, "org.cmabulk1.Error.NotAuthorized", EACCES, 0)              \
	CMABULK_ERROR(POOL_GONE, "org.cmabulk1.Error.PoolGone", ENODEV, 1)                        \
	CMABULK_ERROR(UNCONFIRMED, "org.cmabulk1.Error.Unconfirmed", EINPROGRESS, 1)              \
	CMABULK_ERROR(RESTARTING, "org.cmabulk1.Error.Restarting", ERESTART, 1)                   \
	CMABULK_ERROR(NO_MEMORY, "org.freedesktop.DBus.Error.NoMemory", ENOMEM, 1)                \
	CMABULK_ERROR(NO_REPLY, "org.freedesktop.DBus.Error.NoReply", ETIMEDOUT, 1)               \
	CMABULK_ERROR(TIMEOUT, "org.freedesktop.DBus.Error.Timeout", ETIMEDOUT, 1)                \
	CMABULK_ERROR(SERVICE_UNKNOWN, "org.freedesktop.DBus.Error.ServiceUnknown", EHOSTUNREACH, \
		      1)                                                                          \
	CMABULK_ERROR(NAME_HAS_NO_OWNER, "org.freedesktop.DBus.Error.NameHasNoOwner",             \
		      EHOSTUNREACH, 1)                                                            \
	CMABULK_ERROR(UNKNOWN_OBJECT, "org.freedesktop.DBus.Error.UnknownObject", ENODEV, 1)      \
	CMABULK_ERROR(LIMITS_EXCEEDED, "org.freedesktop.DBus.Error.LimitsExceeded", ENOBUFS, 1)   \
	CMABULK_ERROR(IO_ERROR, "org.freedesktop.DBus.Error.IOError", EIO, 0)                     \
	CMABULK_ERROR(DISCONNECTED, "org.freedesktop.DBus.Error.Disconnected", ENOTCONN, 1)       \
	CMABULK_ERROR(ACCESS_DENIED, "org.freedesktop.DBus.Error.AccessDenied", EACCES, 0)        \
	CMABULK_ERROR(INVALID_ARGS, "org.freedesktop.DBus.Error.InvalidArgs", EINVAL, 0)

#define CMABULK_ERROR_NAME(symbol, name, error, retryable) \
	static const char CMABULK_ERROR_##symbol[] __attribute__((unused)) = name;
CMABULK_ERRORS(CMABULK_ERROR_NAME)
#undef CMABULK_ERROR_NAME

#endif
