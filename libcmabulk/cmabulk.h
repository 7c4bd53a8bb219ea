/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file cmabulk.h
 * @brief libcmabulk: thousands of high-order chunks from a CMA pool, as dma-bufs.
 *
 * Open a connection, build a request, allocate, use the buffers:
 *
 *     struct cmabulk_connection *connection = NULL;
 *     struct cmabulk_request *request = NULL;
 *     struct cmabulk_allocation *allocation = NULL;
 *     int r;
 *
 *     r = cmabulk_connection_open(&connection);
 *     if (r >= 0)
 *             r = cmabulk_request_new(&request);
 *     if (r >= 0)
 *             r = cmabulk_request_set_order(request, 4);
 *     if (r >= 0)
 *             r = cmabulk_request_set_count(request, 4800);
 *     if (r >= 0)
 *             r = cmabulk_request_set_buffers(request, 25);
 *     if (r >= 0)
 *             r = cmabulk_connection_allocate(connection, request, &allocation);
 *     if (r < 0)
 *             errx(1, "%s; %s", cmabulk_error_get_message(r), cmabulk_error_get_hint(r));
 *     if (r > 0)
 *             errx(1, "only %" PRIu64 " chunks could be had: %s",
 *                  cmabulk_allocation_get_claimed(allocation),
 *                  cmabulk_allocation_get_reason(allocation));
 *
 * **Words.** A *chunk* is 2^order contiguous pages. A *pool* is a CMA area as cmabulk offers
 * it. A *buffer* is a dma-buf made of chunks. An *allocation* is what came of one *request*:
 * buffers, and a report of every *step* taken to get them.
 *
 * **Errors.** Functions that can fail return 0 or a positive number on success and a negative
 * errno otherwise; then their outputs, all named `ret` or `ret_...`, are untouched. `-ENOMEM`
 * (no memory for the library's own books) can come from every function that makes an object and
 * is not listed again. The library never prints, never logs and never calls exit(). What an
 * errno cannot say, as how much of a quota is used, cmabulk_connection_get_error_message() does;
 * cmabulk_error_is_retryable() tells whether it is worth asking again.
 *
 * **Ownership.** Every object is reference-counted. A function that makes one gives the caller
 * one reference, which `..._unref()` drops; `..._unref()` takes NULL and always returns NULL,
 * `..._ref()` returns its argument. Strings and objects that a getter returns belong to the object
 * asked and live as long as it does; what a function is given stays the caller's, and strings are copied where they are
 * kept. No object keeps another alive but an allocation its buffers, and a call its request and its allocation.
 *
 * **Events.** A connection to the daemon can be part of an application's own loop, and be told of what happens: see
 * cmabulk_connection_set_event_mask().
 *
 * **Threads.** Reference counts are atomic. One thread at a time may use a connection or change a
 * request; different connections are independent. cmabulk_request_cancel() may be called from
 * any thread and from a signal handler. Pools, entries, counters, allocations, events and buffers do not change
 * once made: any thread may use them. There is no global state, and the library starts no thread.
 *
 * **Fork.** A connection belongs to the process that opened it: in a child every call on it that can fail
 * returns `-ECHILD`, and what may be done is to drop references; the parent's connection goes on.
 * Buffers and all that does not change stay usable in a child. All file descriptors of the library are close-on-exec.
 *
 * **Signals.** A signal ends no call, and no function returns `-EINTR`: what is to end an allocate is
 * cmabulk_request_cancel().
 *
 * **Units.** Sizes are bytes, times are microseconds unless a name ends in `_ns`, orders are powers
 * of two in pages.
 *
 * Everything here is since version 0.1 unless it says otherwise.
 */
#ifndef CMABULK_H
#define CMABULK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CMABULK_MUST_CHECK __attribute__((warn_unused_result))
#else
#define CMABULK_MUST_CHECK
#endif

struct cmabulk_connection;
struct cmabulk_pool;
struct cmabulk_entry;
struct cmabulk_request;
struct cmabulk_allocation;
struct cmabulk_buffer;
struct cmabulk_call;
struct cmabulk_account;
struct cmabulk_counters;
struct cmabulk_daemon;
struct cmabulk_event;

/**
 * @defgroup library Library
 * @{
 */

/**
 * @brief Version of the library at run time.
 * @return "MAJOR.MINOR.PATCH"; static.
 */
const char *cmabulk_library_get_version(void);

/**
 * @brief What an error of this library means.
 * @param error An errno, negative or positive, as the functions here return it.
 * @return A short sentence without full stop; static, never NULL.
 */
const char *cmabulk_error_get_message(int error);

/**
 * @brief What to do about an error of this library.
 * @param error An errno, negative or positive.
 * @return A short sentence without full stop, or "" when there is nothing to advise; static.
 */
const char *cmabulk_error_get_hint(int error);

/**
 * @brief May the same call succeed when made again a little later?
 * @param error An errno, negative or positive, as the functions here return it.
 * @return 1 if so (the daemon restarts, its queue is full, the pool is exhausted, or went and may come back, no answer
 *         came in time), else 0. After `-ENOTCONN` a new connection is needed.
 */
int cmabulk_error_is_retryable(int error);

/**
 * @}
 *
 * @defgroup connection Connection
 * @{
 */

/**
 * @brief Connect the way this process is meant to.
 * @param ret Returns a new connection.
 *
 * The environment variable `CMABULK_BUS` decides: `system` (also when unset or empty) is the
 * daemon on the system bus, `user` that of `cmabulkd --user` on the user's bus; `direct` is the same
 * as cmabulk_connection_open_direct(); all else is the D-Bus address of the bus that the daemon is on.
 * A missing daemon is never replaced by direct mode behind the caller's back: that would get
 * around its accounts. A setuid program, and any other that has more rights than who started it,
 * goes to the system bus whatever the variable says.
 *
 * @return 0, or
 *  - `-EHOSTUNREACH`: the bus or the daemon is not there;
 *  - `-EACCES`: not permitted to speak with it;
 *  - `-EADDRNOTAVAIL`: `CMABULK_BUS` is no address, or of a bus that passes no file descriptors;
 *  - `-EPROTO`: the daemon is of a version that this library does not understand;
 *  - `-ETIMEDOUT`: it does not answer;
 *  - `-ENOBUFS`: a limit of the bus was reached;
 *  - `-EMFILE`, `-ENFILE`: no file descriptor left;
 *  - with `CMABULK_BUS=direct`: as cmabulk_connection_open_direct().
 */
int cmabulk_connection_open(struct cmabulk_connection **ret) CMABULK_MUST_CHECK;

/**
 * @brief Use the pools' device nodes (`/dev/cmabulk/NAME`) without a daemon.
 * @param ret Returns a new connection.
 *
 * For early boot, bring-up and the like. The nodes belong to the daemon's user, so that this
 * normally needs root.
 *
 * @return 0, or
 *  - `-ENOENT`: there is no pool: the module is not loaded, or has none;
 *  - `-EACCES`: not permitted to look at `/dev/cmabulk`.
 */
int cmabulk_connection_open_direct(struct cmabulk_connection **ret) CMABULK_MUST_CHECK;

/** @brief Take a reference. */
struct cmabulk_connection *cmabulk_connection_ref(struct cmabulk_connection *connection);

/** @brief Drop a reference; the last one closes the connection. @return NULL. */
struct cmabulk_connection *cmabulk_connection_unref(struct cmabulk_connection *connection);

/**
 * @brief How this connection reaches its pools.
 * @return "bus" or "direct"; static.
 */
const char *cmabulk_connection_get_mode(const struct cmabulk_connection *connection);

/**
 * @brief Why the last call on this connection failed, as whoever refused it says: the daemon's own
 * sentence, with the numbers.
 * @return A sentence; cmabulk_error_get_message() where nobody said more, "" when the call did
 *         not fail. Valid until the next call on the connection.
 */
const char *cmabulk_connection_get_error_message(const struct cmabulk_connection *connection);

/**
 * @brief Look at one pool.
 * @param name Name of the pool.
 * @param ret Returns a new pool object: the state at this moment, it does not follow.
 * @return 0, or
 *  - `-EINVAL`: no pool can have that name;
 *  - `-ENXIO`: there is no pool of that name;
 *  - `-ENOENT`: there is no pool at all: the module is not loaded, or has none;
 *  - `-EACCES`: not permitted to open the pool's device;
 *  - `-ENODEV`: the pool is being removed, or went while it was asked; it may come back, which
 *    #CMABULK_EVENT_POOL_ADDED tells, and until then it is `-ENXIO`;
 *  - `-EPROTO`: the device is not a pool, or of a module this library does not understand;
 *  - `-EMFILE`, `-ENFILE`: no file descriptor left;
 *  - `-ECHILD`: the connection was opened before a fork.
 *
 * And of every call through the daemon:
 *  - `-EHOSTUNREACH`: the daemon is not there any more; it may come back;
 *  - `-ENOTCONN`: the connection to the bus was lost: open a new one;
 *  - `-ETIMEDOUT`: it did not answer in time, or went away before it did;
 *  - `-ERESTART`: it is about to restart;
 *  - `-EACCES`: it does not serve this caller;
 *  - `-ENOBUFS`: a limit of the bus was reached;
 *  - `-EPROTO`: its answer makes no sense to this library.
 */
int cmabulk_connection_get_pool(struct cmabulk_connection *connection, const char *name,
				struct cmabulk_pool **ret) CMABULK_MUST_CHECK;

/**
 * @brief Look at all pools.
 * @param ret Returns an array of pools sorted by name, with a NULL after the last; give it
 *            to cmabulk_pool_array_free().
 * @return The number of pools, or an error as cmabulk_connection_get_pool(), `-EINVAL` and `-ENXIO`
 *         excepted.
 */
int cmabulk_connection_list_pools(struct cmabulk_connection *connection,
				  struct cmabulk_pool ***ret) CMABULK_MUST_CHECK;

/**
 * @brief From which pools the memory of a device comes, as a request for it would (see cmabulk_request_set_device()).
 * @param device The device.
 * @param ret Returns an array of names with a NULL after the last; give it to
 *            cmabulk_pool_name_array_free(). The first is the pool that is there and that this caller's account
 *            may use; the others are those that come after it, whether they are there now or not.
 * @return The number of names, at least 1, or
 *  - `-EINVAL`: no device is called like that;
 *  - `-ENODATA`: there is no such device, or nothing says which pools it has;
 *  - `-ENXIO`: none of its pools is there, or open to this caller's account;
 *  - `-EACCES`: the daemon does not serve this caller;
 *  - `-EOPNOTSUPP` in direct mode;
 *  - as of every call through the daemon, see cmabulk_connection_get_pool().
 */
int cmabulk_connection_list_device_pools(struct cmabulk_connection *connection, const char *device,
					 char ***ret) CMABULK_MUST_CHECK;

/**
 * @brief List what lives in a pool: buffers and reservations, whoever owns them; through the daemon,
 * who does not manage it sees the own ones, as of now or of a tenth of a second ago.
 * @param pool_name Name of the pool.
 * @param ret Returns an array of entries in order of their ids, with a NULL after the last; give
 *            it to cmabulk_entry_array_free(). All entries are of the same moment; through the daemon, each
 *            1024 are.
 * @return The number of entries, or an error as cmabulk_connection_get_pool().
 */
int cmabulk_connection_list_buffers(struct cmabulk_connection *connection, const char *pool_name,
				    struct cmabulk_entry ***ret) CMABULK_MUST_CHECK;

/**
 * @brief What the engine sees in a pool. Fields are only ever added at the end.
 *
 * The pages add up to the pool, and so do the pageblocks: a pageblock counts once, as suspect
 * before taken before movable before free. A hint, out of date when it arrives.
 */
struct cmabulk_pool_survey {
	uint64_t pages_free; /**< pages on the free lists */
	uint64_t pages_movable; /**< pages in use that should move */
	uint64_t pages_suspect; /**< pages in use that look pinned or busy */
	uint64_t pages_taken; /**< pages handed out by CMA, to anybody */
	uint64_t blocks; /**< pageblocks in the pool */
	uint64_t blocks_free; /**< pageblocks that are free as a whole */
	uint64_t blocks_movable; /**< pageblocks that could be had by moving pages */
	uint64_t blocks_suspect; /**< pageblocks with a suspect page */
	uint64_t blocks_taken; /**< pageblocks of which CMA handed out a part */
};

/**
 * @brief Survey a pool.
 * @param pool_name Name of the pool.
 * @param ret Returns the survey.
 * @param size `sizeof(*ret)`; fields that this library does not know are set to 0.
 * @return 0, or an error as cmabulk_connection_get_pool().
 */
int cmabulk_connection_survey_pool(struct cmabulk_connection *connection, const char *pool_name,
				   struct cmabulk_pool_survey *ret, size_t size) CMABULK_MUST_CHECK;

/**
 * @brief List the accounts of the daemon, per pool; who does not manage it sees the own ones.
 * @param ret Returns an array of accounts, with a NULL after the last; give it to
 *            cmabulk_account_array_free().
 * @return The number of accounts; `-EOPNOTSUPP` in direct mode, or an error as
 *         cmabulk_connection_get_pool().
 */
int cmabulk_connection_list_accounts(struct cmabulk_connection *connection,
				     struct cmabulk_account ***ret) CMABULK_MUST_CHECK;

/**
 * @brief What happened in each pool, and to its accounts; who does not manage the daemon sees the own ones.
 * @param ret Returns an array of counters, with a NULL after the last: of each pool, then of its accounts that
 *            are in use or were lately. Give it to cmabulk_counters_array_free().
 * @return The number of counters; `-EOPNOTSUPP` in direct mode, or an error as
 *         cmabulk_connection_get_pool().
 */
int cmabulk_connection_get_counters(struct cmabulk_connection *connection,
				    struct cmabulk_counters ***ret) CMABULK_MUST_CHECK;

/**
 * @brief Wait until the daemon comes to the bus, leaves it, or is another.
 * @param timeout_usec For so long; `UINT64_MAX`: for ever. 0 looks what became known until now.
 *
 * It is heard of from the first call on, or from cmabulk_connection_set_event_mask() on if that came earlier; of
 * what was before nothing is told: make the first one, with 0, before the calls whose failure is to be waited out.
 * What happens between two calls is told by the next one, once.
 *
 * @return 1 when it happened; 0 when the time was over; `-EOPNOTSUPP` in direct mode, or an error as
 *         cmabulk_connection_get_pool(). That the daemon is not there is none.
 */
int cmabulk_connection_wait(struct cmabulk_connection *connection,
			    uint64_t timeout_usec) CMABULK_MUST_CHECK;

/**
 * @brief Change an account of the daemon, or make one, while it runs: at once, and as a whole or not at all. For
 * who manages the daemon. What is in use stays; there are no new grants until it fits.
 * @param name Name of the account, as configured; copied, as are the settings.
 * @param settings "KEY=VALUE" each, as in cmabulkd.conf(5), with a NULL after the last. "KEY=" makes it what
 *                 the configuration says again, a blank behind it is an empty value. No settings at all take back
 *                 everything, as cmabulk_connection_unset_account().
 * @param persistent 1: keep what is set, for the daemon's next start; else 0.
 * @return 0; `-EINVAL`: a setting or the name makes no sense, or it says whom an account matches that
 *         is there; `-EIO`: it cannot be kept; `-EACCES`: only who manages the daemon may; `-EOPNOTSUPP` in direct
 *         mode, or an error as cmabulk_connection_get_pool(). Then nothing has changed.
 */
int cmabulk_connection_set_account(struct cmabulk_connection *connection, const char *name,
				   const char *const *settings, int persistent) CMABULK_MUST_CHECK;

/**
 * @brief Take back all that was changed of an account while the daemon runs, for its next start too.
 * @param name Name of the account; copied.
 * @return 0; `-EINVAL`: there is no such account; else as cmabulk_connection_set_account().
 */
int cmabulk_connection_unset_account(struct cmabulk_connection *connection,
				     const char *name) CMABULK_MUST_CHECK;

/**
 * @brief Look at the daemon.
 * @param ret Returns a new object: what it is at this moment.
 * @return 0; `-EOPNOTSUPP` in direct mode, or an error as cmabulk_connection_get_pool().
 */
int cmabulk_connection_get_daemon(struct cmabulk_connection *connection,
				  struct cmabulk_daemon **ret) CMABULK_MUST_CHECK;

/**
 * @brief Make the daemon read its configuration again; what was wrong with it,
 * cmabulk_connection_get_daemon() then tells.
 * @return 0; `-EOPNOTSUPP` in direct mode, or an error as cmabulk_connection_get_pool().
 */
int cmabulk_connection_reload(struct cmabulk_connection *connection) CMABULK_MUST_CHECK;

/**
 * @brief Say whether polkit may ask a person, as for an administrator's password, before the daemon does what the
 * calls from here on are for. At first it may not, and says no where it would have to.
 * @param allow 1: it may, where somebody is there to answer, who has 2 minutes. 0: it may not.
 *
 * With 1 every call that waits for the daemon, whether or not anybody is asked, gives up after 2.5 minutes, not after
 * 25 seconds. But for an allocate: it still ends 5 seconds after its request's timeout, and the person's time is part
 * of that, so the request needs a timeout of some minutes, as far as the daemon's configuration lets it.
 *
 * @return 0; `-EOPNOTSUPP` in direct mode, where nobody is asked; `-ECHILD`: the connection was opened before a fork.
 */
int cmabulk_connection_set_allow_interactive_authorization(struct cmabulk_connection *connection,
							   int allow) CMABULK_MUST_CHECK;

/**
 * @brief Have chunks claimed ahead, as a hint that this account will allocate soon.
 * @param request What will be wanted; not changed, and may be used for the allocate itself. Its count,
 *                order, alignment, effort, pool and label count; anything that moves other users' pages is
 *                better left to `normal` effort, as nobody waits for it.
 * @param expire_usec Microseconds for which the chunks are kept, above 0; at most as long as the daemon's
 *                    configuration lets any request take.
 *
 * Returns as soon as the daemon has let it in. As many chunks as can be had are claimed in the background, while
 * nobody else wants any, and charged to the account. Once they are there, the same user's next allocate in it of
 * that order, and of no larger alignment, takes them over, from whichever connection it comes; while others wait,
 * only if it needs no more: cmabulk_allocation_get_prepared() says how many it was. They go
 * back when they are not used in time, and before that as soon as anybody lacks memory, unless the account is
 * guaranteed them. They stay when this connection is closed.
 *
 * @return 0; `-EOPNOTSUPP` in direct mode, `-EUSERS` also when the account has 16 of these in the pool, or an error
 * as cmabulk_connection_allocate().
 */
int cmabulk_connection_prepare(struct cmabulk_connection *connection,
			       struct cmabulk_request *request,
			       uint64_t expire_usec) CMABULK_MUST_CHECK;

/**
 * @brief Allocate, and wait for it.
 * @param request What is wanted; not changed, and may be used again.
 * @param ret Returns a new allocation, whenever the return value is not negative.
 *
 * Tries `fast`, then `normal`, then `hard`, up to the request's effort, each on top of what the one before
 * got, until everything is there or the request's timeout is over; then makes the buffers. When
 * fewer chunks than the request's minimum could be had, all are given back: the allocation then
 * has no buffers, but still says what happened. The timeout is soft: the kernel looks at it
 * between two ranges of memory and before a page is moved. Memory that somebody let go of goes
 * back in the background: when `fast` comes short meanwhile, it is waited for, and `fast` tried
 * once more.
 *
 * Through the daemon, other clients may be before this one: waiting for them is part of the timeout
 * too. The daemon answers when it is over; if nothing comes until 5 seconds later, the
 * request is cancelled and this returns `-ETIMEDOUT`; also if what was granted is not delivered by
 * then, or within 25 seconds if that is later. Buffers stay the caller's, whatever becomes of
 * daemon and connection.
 *
 * @return 0 (#CMABULK_ALLOCATION_COMPLETE) when everything asked for is there. **A positive
 * number when it came short**: the allocation's status, see enum cmabulk_allocation_status. A
 * negative errno when the request was refused or its buffers could not be made; nothing is kept
 * then:
 *  - `-EINVAL`: no count; more buffers than chunks; a minimum above the count; both a pool and a device; an order or
 *    alignment the pool does not have;
 *  - `-EOPNOTSUPP`: a device, in direct mode;
 *  - `-E2BIG`: more than the whole pool;
 *  - `-EOVERFLOW`: a size that cannot be;
 *  - `-EBUSY`: another allocate is running with this request;
 *  - `-ENXIO`, `-ENOENT`, `-EACCES`, `-ENODEV`, `-EPROTO`, `-ECHILD`: as
 *    cmabulk_connection_get_pool();
 *  - `-EMFILE`, `-ENFILE`: not enough file descriptors for the buffers.
 *
 * And through the daemon, which says more in cmabulk_connection_get_error_message():
 *  - `-EDQUOT`: more than this caller's account may have, with what it has;
 *  - `-EUSERS`: too many requests of this account wait already;
 *  - `-EAGAIN`: the account asks too often;
 *  - `-EINPROGRESS`: another connection of this user does not read the buffers that it was sent;
 *  - `-ESRCH`: what was granted was not fetched in time, and went back: nobody processed the connection;
 *  - `-ENODATA`: there is no such device, or nothing says which pools it has;
 *  - `-EPERM`: the request has an owner, an account or a cookie, which are for direct mode.
 */
int cmabulk_connection_allocate(struct cmabulk_connection *connection,
				struct cmabulk_request *request,
				struct cmabulk_allocation **ret) CMABULK_MUST_CHECK;

/**
 * @brief Begin to allocate, and do not wait for it. Any number of them may run on a connection, each with a
 * request of its own.
 * @param request What is wanted. It cannot be changed or used otherwise until the call is done.
 * @param ret Returns a new call.
 *
 * It goes on whenever the connection reads from the bus: in cmabulk_connection_process(), and in every call
 * that waits for something. cmabulk_connection_get_timeout_usec() has its deadlines, too. After
 * cmabulk_request_cancel(), by whomever and wherever, the connection has something to process, and the call is soon
 * done. When the connection is closed before that, it is done with `-ENOTCONN`.
 *
 * Process soon what arrives: the daemon gives a user nothing more while a reply to it is not read, and takes it
 * back after some seconds. Keep file descriptors free for the buffers of all calls that run.
 *
 * @return 0; `-EOPNOTSUPP` in direct mode, or an error as cmabulk_connection_allocate() for what is known without
 *         asking. What the daemon refuses, cmabulk_call_finish() tells.
 */
int cmabulk_connection_start_allocate(struct cmabulk_connection *connection,
				      struct cmabulk_request *request,
				      struct cmabulk_call **ret) CMABULK_MUST_CHECK;

/**
 * @brief Say which events are to be told; until then there are none.
 * @param mask Bits of enum cmabulk_event_type; 0: none any more. #CMABULK_EVENT_LOST is told with any other. What is
 *             queued and not wanted any more is dropped.
 *
 * From then on, what the daemon tells is queued whenever this connection reads from the bus: in
 * cmabulk_connection_process(), and in every call that waits for something. 255 events are kept; of more, only
 * their number is (#CMABULK_EVENT_LOST). The connection survives a restart of the daemon, and is told by the next one
 * as by the one before; what happened in between, or to buffers of before, is not told.
 *
 * To read them in a loop: poll cmabulk_connection_get_fd() for cmabulk_connection_get_events() until
 * cmabulk_connection_get_timeout_usec(), which has to be asked each time; then call
 * cmabulk_connection_process(), and cmabulk_connection_next_event() until it returns 0.
 *
 * Events are hints. To who is far behind with reading, or whose user's other connections are, the daemon tells
 * nothing, which nobody counts: where it matters, list what there is.
 *
 * @return 0, or
 *  - `-EINVAL`: a bit that this library does not know;
 *  - `-EOPNOTSUPP` in direct mode;
 *  - `-EACCES`: the bus does not permit this process to listen;
 *  - `-ENOTCONN`, `-ETIMEDOUT`, `-ENOBUFS`, `-EPROTO`, `-ECHILD`: as cmabulk_connection_get_pool(). That the
 *    daemon is not there is no error.
 */
int cmabulk_connection_set_event_mask(struct cmabulk_connection *connection,
				      uint64_t mask) CMABULK_MUST_CHECK;

/**
 * @brief What to poll.
 * @return A file descriptor, which stays the connection's, and the same as long as it is open; `-EOPNOTSUPP` in
 *         direct mode, `-ENOTCONN`, `-ECHILD`, `-EMFILE`, `-ENFILE`.
 */
int cmabulk_connection_get_fd(struct cmabulk_connection *connection) CMABULK_MUST_CHECK;

/**
 * @brief For what to poll it.
 * @return Bits of poll(2), as `POLLIN`; or an error as cmabulk_connection_get_fd().
 */
int cmabulk_connection_get_events(struct cmabulk_connection *connection) CMABULK_MUST_CHECK;

/**
 * @brief Until when to poll this time, at most.
 * @param ret Returns a time of `CLOCK_MONOTONIC` in microseconds; 0 when there is something to do already, as events to
 *            be read that came while a call waited; `UINT64_MAX`: for ever.
 * @return 0, or an error as cmabulk_connection_get_fd().
 */
int cmabulk_connection_get_timeout_usec(struct cmabulk_connection *connection,
					uint64_t *ret) CMABULK_MUST_CHECK;

/**
 * @brief Take what arrived, without waiting for anything.
 * @return 0; 1: there is more, come back; or an error as cmabulk_connection_get_fd().
 */
int cmabulk_connection_process(struct cmabulk_connection *connection) CMABULK_MUST_CHECK;

/**
 * @brief Read the oldest event that is queued. It does not look whether more has arrived.
 * @param ret Returns a new event.
 * @return 1; 0: there is none, @p ret is untouched; or `-EOPNOTSUPP` in direct mode, `-ECHILD`.
 */
int cmabulk_connection_next_event(struct cmabulk_connection *connection,
				  struct cmabulk_event **ret) CMABULK_MUST_CHECK;

/**
 * @}
 *
 * @defgroup call Call
 *
 * An allocate that was begun with cmabulk_connection_start_allocate(). As long as it runs, it belongs to the thread
 * that uses the connection.
 * @{
 */

/** @brief Take a reference. */
struct cmabulk_call *cmabulk_call_ref(struct cmabulk_call *call);

/**
 * @brief Drop a reference; with the last one, a call that runs is cancelled, and what it brings goes back.
 * @return NULL.
 */
struct cmabulk_call *cmabulk_call_unref(struct cmabulk_call *call);

/** @brief 1 when it is done, else 0. */
int cmabulk_call_is_done(const struct cmabulk_call *call);

/**
 * @brief What came of it.
 * @param ret Returns a reference to the allocation, whenever the return value is not negative.
 * @return As cmabulk_connection_allocate(), or
 *  - `-EALREADY`: it is not done yet;
 *  - `-ENOTCONN`: also when the connection was closed.
 */
int cmabulk_call_finish(const struct cmabulk_call *call,
			struct cmabulk_allocation **ret) CMABULK_MUST_CHECK;

/** @brief Why it failed, as cmabulk_connection_get_error_message(); "" when it did not, or is not done yet. */
const char *cmabulk_call_get_error_message(const struct cmabulk_call *call);

/**
 * @}
 *
 * @defgroup event Event
 *
 * What the daemon told of its own accord. What an event's type does not have is "" or 0.
 * @{
 */

/** @brief What happened: a bit each. */
enum cmabulk_event_type {
	/** More happened than was kept, or may have, as when the daemon refused to know us: look at everything again. */
	CMABULK_EVENT_LOST = 1,
	/**
	 * A buffer that this connection asked for is gone, and its memory back: pool, buffer id, inode. Also one that
	 * it did not get any more, as when a call was cancelled.
	 */
	CMABULK_EVENT_BUFFER_RELEASED = 2,
	/** Others wait for memory, and this account has more than it is guaranteed: pool, level, bytes. */
	CMABULK_EVENT_MEMORY_PRESSURE = 4,
	/** There is a pool: pool. */
	CMABULK_EVENT_POOL_ADDED = 8,
	/** There is a pool no more: pool. */
	CMABULK_EVENT_POOL_REMOVED = 16,
	/** The daemon left the bus: it ended, or restarts. Its pools are not told of one by one. */
	CMABULK_EVENT_DAEMON_GONE = 32,
	/** A daemon is on the bus again. What there is now may be listed. */
	CMABULK_EVENT_DAEMON_BACK = 64,
};

/** @brief How much memory is wanted. */
enum cmabulk_event_level {
	CMABULK_EVENT_LEVEL_UNKNOWN = 0, /**< of later versions; or no such event */
	CMABULK_EVENT_LEVEL_MODERATE = 1, /**< a request waits for it */
	CMABULK_EVENT_LEVEL_CRITICAL = 2, /**< one waits for it that is guaranteed it */
};

/** @brief Take a reference. */
struct cmabulk_event *cmabulk_event_ref(struct cmabulk_event *event);

/** @brief Drop a reference. @return NULL. */
struct cmabulk_event *cmabulk_event_unref(struct cmabulk_event *event);

/** @brief What happened. */
enum cmabulk_event_type cmabulk_event_get_type(const struct cmabulk_event *event);

/**
 * @brief Name of its type.
 * @return "lost", "buffer-released", "memory-pressure", "pool-added", "pool-removed", "daemon-gone" or
 *         "daemon-back"; static.
 */
const char *cmabulk_event_get_type_name(const struct cmabulk_event *event);

/** @brief Name of the pool. */
const char *cmabulk_event_get_pool(const struct cmabulk_event *event);

/** @brief Of a released buffer: its id, see cmabulk_buffer_get_id(). */
uint64_t cmabulk_event_get_buffer_id(const struct cmabulk_event *event);

/** @brief Of a released buffer: its inode, see cmabulk_buffer_get_inode(). */
uint64_t cmabulk_event_get_inode(const struct cmabulk_event *event);

/** @brief Of memory pressure: how much it is wanted. */
enum cmabulk_event_level cmabulk_event_get_level(const struct cmabulk_event *event);

/** @brief Of memory pressure: bytes that are wanted of what the account has in the pool. */
uint64_t cmabulk_event_get_bytes(const struct cmabulk_event *event);

/** @brief Of lost events: how many were. */
uint64_t cmabulk_event_get_n_lost(const struct cmabulk_event *event);

/**
 * @}
 *
 * @defgroup pool Pool
 *
 * What a pool was when it was looked at.
 * @{
 */

/** @brief Who does the work for a pool; 0 when it is simulated. */
enum cmabulk_pool_engine {
	CMABULK_POOL_ENGINE_KERNEL = 1, /**< cma_alloc_bulk_req() of a patched kernel */
	CMABULK_POOL_ENGINE_STOCK = 2, /**< the module, on an unpatched kernel */
};

/** @brief Bits of cmabulk_pool_get_features(). */
enum cmabulk_pool_feature {
	/** Pages arrive zeroed from the kernel's allocator. */
	CMABULK_POOL_FEATURE_KERNEL_ZEROED = 1,
	/** The engine cannot see who else uses the area: it must be private. */
	CMABULK_POOL_FEATURE_BITMAP_UNAWARE = 2,
};

/** @brief Take a reference. */
struct cmabulk_pool *cmabulk_pool_ref(struct cmabulk_pool *pool);

/** @brief Drop a reference. @return NULL. */
struct cmabulk_pool *cmabulk_pool_unref(struct cmabulk_pool *pool);

/** @brief Drop every reference in a NULL-terminated array, and the array; takes NULL. */
void cmabulk_pool_array_free(struct cmabulk_pool **pools);

/** @brief Free an array of names of pools. Takes NULL. */
void cmabulk_pool_name_array_free(char **names);

/** @brief Name of the pool. */
const char *cmabulk_pool_get_name(const struct cmabulk_pool *pool);

/** @brief Name of the CMA area behind it. */
const char *cmabulk_pool_get_area(const struct cmabulk_pool *pool);

/**
 * @brief What its memory is: "kmod" (the module's), "sim" (simulated, for developing applications: memfds
 * that no device can use), or "unknown"; static.
 */
const char *cmabulk_pool_get_kind_name(const struct cmabulk_pool *pool);

/** @brief Its engine: enum cmabulk_pool_engine, or a number of later versions. */
unsigned int cmabulk_pool_get_engine(const struct cmabulk_pool *pool);

/** @brief Name of its engine: "kernel", "stock", "simulated" or "unknown"; static. */
const char *cmabulk_pool_get_engine_name(const struct cmabulk_pool *pool);

/** @brief Its features: bits of enum cmabulk_pool_feature, and maybe of later versions. */
uint64_t cmabulk_pool_get_features(const struct cmabulk_pool *pool);

/** @brief Bytes in a page. */
uint64_t cmabulk_pool_get_page_size(const struct cmabulk_pool *pool);

/** @brief Order of a pageblock, the unit in which the kernel isolates memory. */
unsigned int cmabulk_pool_get_pageblock_order(const struct cmabulk_pool *pool);

/** @brief Smallest order that can be asked for. */
unsigned int cmabulk_pool_get_min_order(const struct cmabulk_pool *pool);

/** @brief Largest order, and alignment, that can be asked for. */
unsigned int cmabulk_pool_get_max_order(const struct cmabulk_pool *pool);

/** @brief Pages in the pool. */
uint64_t cmabulk_pool_get_pages(const struct cmabulk_pool *pool);

/**
 * @brief Pages that no CMA user holds, cached ones included; others may use them for movable memory
 * meanwhile.
 */
uint64_t cmabulk_pool_get_free_pages(const struct cmabulk_pool *pool);

/** @brief Pages kept for a moment for the next small request; free for anybody who asks. */
uint64_t cmabulk_pool_get_cached_pages(const struct cmabulk_pool *pool);

/** @brief Pages claimed and not yet exported. */
uint64_t cmabulk_pool_get_reserved_pages(const struct cmabulk_pool *pool);

/** @brief Pages in live buffers. */
uint64_t cmabulk_pool_get_exported_pages(const struct cmabulk_pool *pool);

/** @brief Pages on their way back to the area. */
uint64_t cmabulk_pool_get_draining_pages(const struct cmabulk_pool *pool);

/** @brief Live buffers. */
uint64_t cmabulk_pool_get_n_buffers(const struct cmabulk_pool *pool);

/** @brief Live reservations. */
uint64_t cmabulk_pool_get_n_reservations(const struct cmabulk_pool *pool);

/** @brief Requests that wait at the daemon or are being filled; 0 in direct mode. */
unsigned int cmabulk_pool_get_n_pending(const struct cmabulk_pool *pool);

/**
 * @brief 1 when what accounts are guaranteed and do not use is not all there, as others have it; else 0,
 * as in direct mode.
 */
int cmabulk_pool_is_guarantee_at_risk(const struct cmabulk_pool *pool);

/**
 * @}
 *
 * @defgroup entry Entry
 *
 * One line of a pool's books: a buffer or a reservation somebody holds. For administration.
 * @{
 */

/** @brief What an entry is of. */
enum cmabulk_entry_kind {
	CMABULK_ENTRY_RESERVATION = 1, /**< chunks claimed, not yet a dma-buf */
	CMABULK_ENTRY_BUFFER = 2, /**< a dma-buf */
};

/** @brief The state of its pages. */
enum cmabulk_entry_state {
	CMABULK_ENTRY_CACHED = 1, /**< kept for the next caller */
	CMABULK_ENTRY_RESERVED = 2, /**< claimed, not yet exported */
	CMABULK_ENTRY_EXPORTED = 3, /**< in a live dma-buf */
	CMABULK_ENTRY_DRAINING = 4, /**< on the way back to the area */
};

/** @brief Take a reference. */
struct cmabulk_entry *cmabulk_entry_ref(struct cmabulk_entry *entry);

/** @brief Drop a reference. @return NULL. */
struct cmabulk_entry *cmabulk_entry_unref(struct cmabulk_entry *entry);

/** @brief Drop every reference in a NULL-terminated array, and the array; takes NULL. */
void cmabulk_entry_array_free(struct cmabulk_entry **entries);

/** @brief Number of the object, never used twice while the module is loaded. */
uint64_t cmabulk_entry_get_id(const struct cmabulk_entry *entry);

/** @brief Inode number of the dma-buf, 0 for a reservation. */
uint64_t cmabulk_entry_get_inode(const struct cmabulk_entry *entry);

/** @brief What it is: enum cmabulk_entry_kind, or a number of later versions. */
unsigned int cmabulk_entry_get_kind(const struct cmabulk_entry *entry);

/** @brief Name of its kind: "buffer", "reservation" or "unknown"; static. */
const char *cmabulk_entry_get_kind_name(const struct cmabulk_entry *entry);

/** @brief State of its pages: enum cmabulk_entry_state, or a number of later versions. */
unsigned int cmabulk_entry_get_state(const struct cmabulk_entry *entry);

/** @brief Name of its state: "cached", "reserved", "exported", "draining" or "unknown"; static. */
const char *cmabulk_entry_get_state_name(const struct cmabulk_entry *entry);

/** @brief Order of its chunks. */
unsigned int cmabulk_entry_get_order(const struct cmabulk_entry *entry);

/** @brief Number of its chunks. */
uint64_t cmabulk_entry_get_chunks(const struct cmabulk_entry *entry);

/** @brief Size in bytes. */
uint64_t cmabulk_entry_get_size(const struct cmabulk_entry *entry);

/** @brief Microseconds since it was made, suspended time included. */
uint64_t cmabulk_entry_get_age_usec(const struct cmabulk_entry *entry);

/** @brief Id of the reservation a buffer came from, 0 for a reservation. */
uint64_t cmabulk_entry_get_reservation(const struct cmabulk_entry *entry);

/** @brief Name given to the buffer when it was made, "" if none. */
const char *cmabulk_entry_get_name(const struct cmabulk_entry *entry);

/** @brief User the memory was asked for by. */
uid_t cmabulk_entry_get_owner_uid(const struct cmabulk_entry *entry);

/** @brief Process the memory was asked for by, 0 if none; it may be gone. */
pid_t cmabulk_entry_get_owner_pid(const struct cmabulk_entry *entry);

/** @brief Number that came with the request, see cmabulk_request_set_cookie(). */
uint64_t cmabulk_entry_get_cookie(const struct cmabulk_entry *entry);

/** @brief Account it is charged to, "" if none. */
const char *cmabulk_entry_get_account(const struct cmabulk_entry *entry);

/** @brief What it is for, "" if not said. */
const char *cmabulk_entry_get_label(const struct cmabulk_entry *entry);

/**
 * @brief What it is to the daemon.
 * @return "managed"; "orphaned": its account is not configured any more; "unmanaged": not made by the
 *         daemon; "unknown"; "" in direct mode. Static.
 */
const char *cmabulk_entry_get_standing_name(const struct cmabulk_entry *entry);

/**
 * @}
 *
 * @defgroup request Request
 *
 * What is wanted. A setter checks what can be checked without a pool; the rest is checked when
 * allocating. Every setter returns `-EBUSY` while an allocate is running with the request.
 * @{
 */

/** @brief How expensive the kernel may be. Each includes the ones before it. */
enum cmabulk_request_effort {
	/** Only what is free or moves at the first try. */
	CMABULK_REQUEST_EFFORT_FAST = 0,
	/** Also wait for pages, retry, and try pageblocks that look pinned. */
	CMABULK_REQUEST_EFFORT_NORMAL = 1,
	/** Also take the chunks around pages that do not move. */
	CMABULK_REQUEST_EFFORT_HARD = 2,
};

/** @brief Timeout of a new request, in microseconds. */
#define CMABULK_REQUEST_TIMEOUT_DEFAULT	 UINT64_C(20000000)
/** @brief No timeout. */
#define CMABULK_REQUEST_TIMEOUT_INFINITE UINT64_MAX

/**
 * @brief Make a request: order 0, no count, one buffer, effort hard, 20 s, all or nothing.
 * @param ret Returns a new request.
 * @return 0 or `-ENOMEM`.
 */
int cmabulk_request_new(struct cmabulk_request **ret) CMABULK_MUST_CHECK;

/** @brief Take a reference. */
struct cmabulk_request *cmabulk_request_ref(struct cmabulk_request *request);

/** @brief Drop a reference. @return NULL. */
struct cmabulk_request *cmabulk_request_unref(struct cmabulk_request *request);

/**
 * @brief Name the pool to take from.
 * @param name Name of the pool; copied. NULL (the default) leaves the choice to whoever serves
 *             the request; in direct mode it is the pool with most free pages.
 * @return 0, or `-EINVAL`: no pool can have that name.
 */
int cmabulk_request_set_pool(struct cmabulk_request *request, const char *name);

/**
 * @brief Say which device it is for, instead of a pool: the daemon knows from which pools its memory comes, and takes
 *        the first of them that can serve this.
 * @param device The name of its `[Device]` group in cmabulkd.conf(5), its node as `/dev/video0`, its path below
 *               `/sys/devices`, `/sys/class` or `/sys/bus`, or as `video4linux:video0`; copied. NULL (the default)
 *               is none.
 * @return 0, or `-EINVAL`: not 1 to 1023 bytes of UTF-8 without control characters.
 */
int cmabulk_request_set_device(struct cmabulk_request *request, const char *device);

/**
 * @brief Say how large a chunk is.
 * @param order A chunk is 2^order pages.
 * @return 0, or `-EINVAL`: above 30.
 */
int cmabulk_request_set_order(struct cmabulk_request *request, unsigned int order);

/**
 * @brief Say how many chunks are wanted.
 * @param chunks At least 1.
 * @return 0, or `-EINVAL`: zero.
 */
int cmabulk_request_set_count(struct cmabulk_request *request, uint64_t chunks);

/**
 * @brief Say over how many buffers to spread the chunks.
 * @param buffers At least 1; the daemon takes up to 16384. 4800 chunks in 25 buffers are 192 each; what does not
 *                divide evenly goes to the first ones, one chunk each.
 * @return 0, or `-EINVAL`: zero.
 */
int cmabulk_request_set_buffers(struct cmabulk_request *request, unsigned int buffers);

/**
 * @brief Say how chunks must be aligned.
 * @param order Each chunk starts at a multiple of 2^order pages; below the chunks' own order (as
 *              0, the default) it means that.
 * @return 0, or `-EINVAL`: above 30.
 */
int cmabulk_request_set_align(struct cmabulk_request *request, unsigned int order);

/**
 * @brief Say how far to go.
 * @param effort The last effort to try; the cheaper ones are always tried first.
 * @return 0, or `-EINVAL`: not one of enum cmabulk_request_effort.
 */
int cmabulk_request_set_effort(struct cmabulk_request *request, enum cmabulk_request_effort effort);

/**
 * @brief Say how long all efforts together may take.
 * @param usec Microseconds, or #CMABULK_REQUEST_TIMEOUT_INFINITE. The daemon has a maximum of its own,
 *             `MaxTimeoutSec` in cmabulkd.conf(5).
 * @return 0, or `-EINVAL`: zero.
 */
int cmabulk_request_set_timeout(struct cmabulk_request *request, uint64_t usec);

/**
 * @brief Say how few chunks are still of use.
 * @param chunks At least 1. With fewer, everything is given back. Default: the count, all or
 *               nothing.
 * @return 0, or `-EINVAL`: zero.
 */
int cmabulk_request_set_minimum(struct cmabulk_request *request, uint64_t chunks);

/**
 * @brief Say what it is for; shown to administrators, and the start of the buffers' names.
 * @param label Up to 63 bytes of UTF-8 without control characters; copied. NULL is "".
 * @return 0, or `-EINVAL`.
 */
int cmabulk_request_set_label(struct cmabulk_request *request, const char *label);

/**
 * @brief Direct mode only (through the daemon such a request fails with `-EPERM`): say for whom it is.
 * Default: this process and its real user.
 * @param uid User.
 * @param pid Process, 0 for none.
 * @return 0, or `-EINVAL`: (uid_t)-1 or a negative pid.
 */
int cmabulk_request_set_owner(struct cmabulk_request *request, uid_t uid, pid_t pid);

/**
 * @brief Direct mode only (through the daemon such a request fails with `-EPERM`): a number that the books will show
 * beside the buffers. Default: 0.
 * @param cookie Any number; cmabulk_entry_get_cookie() returns it.
 * @return 0.
 */
int cmabulk_request_set_cookie(struct cmabulk_request *request, uint64_t cookie);

/**
 * @brief Direct mode only (through the daemon such a request fails with `-EPERM`): the account that the books
 * will show. Default: none.
 * @param account Up to 63 bytes of UTF-8 without control characters; copied. NULL is "".
 * @return 0, or `-EINVAL`.
 */
int cmabulk_request_set_account(struct cmabulk_request *request, const char *account);

/** @brief Name of the pool asked for, or NULL. */
const char *cmabulk_request_get_pool(const struct cmabulk_request *request);

/** @brief The device it is for, or NULL. */
const char *cmabulk_request_get_device(const struct cmabulk_request *request);

/** @brief Order of a chunk. */
unsigned int cmabulk_request_get_order(const struct cmabulk_request *request);

/** @brief Chunks wanted, 0 when not yet said. */
uint64_t cmabulk_request_get_count(const struct cmabulk_request *request);

/** @brief Buffers to spread over. */
unsigned int cmabulk_request_get_buffers(const struct cmabulk_request *request);

/** @brief Order the chunks are aligned to: at least their own. */
unsigned int cmabulk_request_get_align(const struct cmabulk_request *request);

/** @brief Last effort to try. */
enum cmabulk_request_effort cmabulk_request_get_effort(const struct cmabulk_request *request);

/** @brief Timeout in microseconds, or #CMABULK_REQUEST_TIMEOUT_INFINITE. */
uint64_t cmabulk_request_get_timeout(const struct cmabulk_request *request);

/** @brief Chunks that are still of use: the count unless set. */
uint64_t cmabulk_request_get_minimum(const struct cmabulk_request *request);

/** @brief What it is for, "" if not said. */
const char *cmabulk_request_get_label(const struct cmabulk_request *request);

/**
 * @brief Cancel the allocate that runs with this request, from another thread or a signal handler.
 *
 * The allocate stops before the next range or page of memory, gives everything back and returns
 * #CMABULK_ALLOCATION_CANCELLED. A request stays cancelled, so that it does not matter who comes
 * first: an allocate with a cancelled request returns at once, until
 * cmabulk_request_rearm(). Async-signal-safe; preserves errno.
 */
void cmabulk_request_cancel(struct cmabulk_request *request);

/** @brief Make a cancelled request usable again. @return 0, or `-EBUSY`. */
int cmabulk_request_rearm(struct cmabulk_request *request);

/**
 * @}
 *
 * @defgroup allocation Allocation
 * @{
 */

/** @brief How an allocate ended. */
enum cmabulk_allocation_status {
	/** Every chunk asked for is there. */
	CMABULK_ALLOCATION_COMPLETE = 0,
	/** No effort permitted finds more. */
	CMABULK_ALLOCATION_PARTIAL = 1,
	/** The timeout was over before everything was there. */
	CMABULK_ALLOCATION_TIMED_OUT = 2,
	/** cmabulk_request_cancel(); there are no buffers. */
	CMABULK_ALLOCATION_CANCELLED = 3,
};

/** @brief Why an allocate came short: what would have to be different. */
enum cmabulk_allocation_cause {
	CMABULK_ALLOCATION_CAUSE_UNKNOWN = -1, /**< not said, or one of later versions */
	CMABULK_ALLOCATION_CAUSE_NONE = 0, /**< it did not */
	CMABULK_ALLOCATION_CAUSE_QUOTA = 1, /**< the account's maximum */
	CMABULK_ALLOCATION_CAUSE_GUARANTEE = 2, /**< what is left is guaranteed to others */
	CMABULK_ALLOCATION_CAUSE_EXHAUSTED = 3, /**< others have it */
	CMABULK_ALLOCATION_CAUSE_PINNED = 4, /**< pages that look pinned */
	CMABULK_ALLOCATION_CAUSE_BUSY = 5, /**< pages that would not move */
	CMABULK_ALLOCATION_CAUSE_NO_MEMORY = 6, /**< nowhere to move pages to */
	CMABULK_ALLOCATION_CAUSE_INTERRUPTED =
		7, /**< by its end or a cancel, before all was tried */
	CMABULK_ALLOCATION_CAUSE_GONE = 8, /**< the pool */
	CMABULK_ALLOCATION_CAUSE_FAILED = 9, /**< anything else: the error says */
};

/**
 * @brief What one step did: one try with one effort. Fields are only ever added at the end.
 *
 * A *block* is a pageblock. The fields after `elapsed_usec` are the kernel's report.
 */
struct cmabulk_step {
	uint32_t effort; /**< enum cmabulk_request_effort */
	int32_t error; /**< 0, or the negative errno it ended with */
	uint64_t requested; /**< chunks asked for */
	uint64_t granted; /**< chunks it got */
	uint64_t elapsed_usec; /**< time it took */
	uint64_t blocks_surveyed; /**< blocks looked at */
	uint64_t blocks_free; /**< of those: free as a whole */
	uint64_t blocks_movable; /**< of those: to be had by moving pages */
	uint64_t blocks_suspect; /**< of those: with a page that looks pinned or busy */
	uint64_t blocks_taken; /**< of those: partly or wholly handed out already */
	uint64_t pages_to_migrate; /**< pages in use in the ranges tried (an estimate) */
	uint64_t ranges_planned; /**< ranges the plan listed */
	uint64_t ranges_tried; /**< ranges claimed */
	uint64_t ranges_failed; /**< ranges that did not come as a whole */
	uint64_t chunks_free; /**< chunks that came from free memory */
	uint64_t chunks_moved; /**< chunks that came after moving pages */
	uint64_t chunks_salvaged; /**< chunks that came from around pages that do not move */
	uint64_t skipped_suspect; /**< chunks this effort left alone: suspect */
	uint64_t skipped_busy; /**< chunks that would not come, or at whose pages a device was */
	uint64_t skipped_taken; /**< chunks in other CMA users' hands */
	uint64_t skipped_no_memory; /**< chunks left alone: nowhere to move pages to */
	uint64_t skipped_isolated; /**< chunks in pageblocks somebody else had isolated */
	uint64_t survey_ns; /**< nanoseconds spent on the survey */
	uint64_t plan_ns; /**< nanoseconds spent on the plan */
	uint64_t drain_ns; /**< nanoseconds spent draining per-CPU lists */
	uint64_t claim_ns; /**< nanoseconds spent isolating, migrating, grabbing */
	uint64_t salvage_ns; /**< part of claim_ns spent inside pageblocks */
	uint64_t total_ns; /**< nanoseconds from start to end, with waiting for writeback */
};

/** @brief Take a reference. */
struct cmabulk_allocation *cmabulk_allocation_ref(struct cmabulk_allocation *allocation);

/** @brief Drop a reference; the last one drops the buffers'. @return NULL. */
struct cmabulk_allocation *cmabulk_allocation_unref(struct cmabulk_allocation *allocation);

/** @brief How it ended. */
enum cmabulk_allocation_status
cmabulk_allocation_get_status(const struct cmabulk_allocation *allocation);

/** @brief Name of its status: "complete", "partial", "timed-out" or "cancelled"; static. */
const char *cmabulk_allocation_get_status_name(const struct cmabulk_allocation *allocation);

/**
 * @brief Why it came short.
 * @return 0 when complete, `-EBUSY` (nothing more to be had), `-ENOMEM` (nowhere to move pages to, or no
 *         memory for the kernel's books), `-ENODEV` (the pool went away), `-ETIME` (timed out) or
 *         `-ECANCELED`.
 */
int cmabulk_allocation_get_error(const struct cmabulk_allocation *allocation);

/** @brief That as a sentence, with what the daemon knows about it; "" when complete. */
const char *cmabulk_allocation_get_reason(const struct cmabulk_allocation *allocation);

/**
 * @brief What it came short of: of all that was in the way, what was most.
 * @return One of enum cmabulk_allocation_cause, or a number of later versions.
 *         #CMABULK_ALLOCATION_CAUSE_NONE when complete. In direct mode quota and guarantee do not occur.
 */
enum cmabulk_allocation_cause
cmabulk_allocation_get_cause(const struct cmabulk_allocation *allocation);

/**
 * @brief Name of the cause.
 * @return "quota", "guarantee", "exhausted", "pinned", "busy", "no-memory", "interrupted", "gone", "failed"
 *         or "unknown"; "" when complete. Static.
 */
const char *cmabulk_allocation_get_cause_name(const struct cmabulk_allocation *allocation);

/**
 * @brief What to do about it.
 * @return A short sentence without full stop, or "" when there is nothing to advise; static.
 */
const char *cmabulk_allocation_get_hint(const struct cmabulk_allocation *allocation);

/** @brief What its memory is: as cmabulk_pool_get_kind_name(). */
const char *cmabulk_allocation_get_kind_name(const struct cmabulk_allocation *allocation);

/** @brief Name of the pool it is from; "" if it was cancelled before one was chosen. */
const char *cmabulk_allocation_get_pool(const struct cmabulk_allocation *allocation);

/** @brief Order of its chunks. */
unsigned int cmabulk_allocation_get_order(const struct cmabulk_allocation *allocation);

/** @brief Chunks asked for. */
uint64_t cmabulk_allocation_get_requested(const struct cmabulk_allocation *allocation);

/** @brief Chunks in its buffers: 0 when fewer than the minimum could be had. */
uint64_t cmabulk_allocation_get_granted(const struct cmabulk_allocation *allocation);

/** @brief Chunks that could be had, also when they were too few and given back. */
uint64_t cmabulk_allocation_get_claimed(const struct cmabulk_allocation *allocation);

/** @brief Of those claimed, chunks that cmabulk_connection_prepare() had claimed ahead; 0 in direct mode. */
uint64_t cmabulk_allocation_get_prepared(const struct cmabulk_allocation *allocation);

/** @brief Bytes in its buffers. */
uint64_t cmabulk_allocation_get_size(const struct cmabulk_allocation *allocation);

/** @brief Microseconds from the call until its buffers were made. */
uint64_t cmabulk_allocation_get_elapsed_usec(const struct cmabulk_allocation *allocation);

/** @brief Microseconds of those that it waited for other requests; 0 in direct mode. */
uint64_t cmabulk_allocation_get_queued_usec(const struct cmabulk_allocation *allocation);

/** @brief Number of buffers. */
unsigned int cmabulk_allocation_get_n_buffers(const struct cmabulk_allocation *allocation);

/** @brief Buffer number @p index, borrowed: ref it to keep it longer. NULL if there is none. */
struct cmabulk_buffer *cmabulk_allocation_get_buffer(const struct cmabulk_allocation *allocation,
						     unsigned int index);

/** @brief Number of steps taken in the pool it is from; those in pools that went meanwhile are not among them. */
unsigned int cmabulk_allocation_get_n_steps(const struct cmabulk_allocation *allocation);

/**
 * @brief What step number @p index did.
 * @param ret Returns it.
 * @param size `sizeof(*ret)`; fields that this library does not know are set to 0.
 * @return 0, or `-ERANGE`: there is no such step.
 */
int cmabulk_allocation_get_step(const struct cmabulk_allocation *allocation, unsigned int index,
				struct cmabulk_step *ret, size_t size) CMABULK_MUST_CHECK;

/**
 * @}
 *
 * @defgroup buffer Buffer
 *
 * A dma-buf and the layout of its chunks. In the buffer the chunks follow each other without
 * gaps; in memory each chunk is contiguous and aligned, and two of them may be far apart.
 * All of it is zero at first.
 * @{
 */

/** @brief Bits that say what the CPU is going to do. */
enum cmabulk_buffer_access {
	CMABULK_BUFFER_READ = 1,
	CMABULK_BUFFER_WRITE = 2,
	CMABULK_BUFFER_READ_WRITE = 3,
};

/**
 * @brief Make a buffer object of a dma-buf received from elsewhere.
 * @param fd File descriptor of a dma-buf, or of the memfd of a simulated pool; duplicated, the caller
 *           keeps its own.
 * @param chunk_size Bytes in a chunk, as whoever sent it says; 0 if not known, the chunk
 *                   getters then return 0.
 * @param ret Returns a new buffer.
 * @return 0, or
 *  - `-EBADF`: not a file descriptor;
 *  - `-ENOTTY`: neither a dma-buf nor a memfd sealed against shrinking;
 *  - `-EINVAL`: the chunk size is not a power of two of at least a page, or the buffer's size not a multiple of it;
 *  - `-EMFILE`: no file descriptor left.
 */
int cmabulk_buffer_import(int fd, uint64_t chunk_size,
			  struct cmabulk_buffer **ret) CMABULK_MUST_CHECK;

/** @brief Take a reference. */
struct cmabulk_buffer *cmabulk_buffer_ref(struct cmabulk_buffer *buffer);

/**
 * @brief Drop a reference; the last one closes the file descriptor. The memory goes back to
 * the pool when nobody has it open, mapped or imported any more. @return NULL.
 */
struct cmabulk_buffer *cmabulk_buffer_unref(struct cmabulk_buffer *buffer);

/** @brief Its file descriptor: borrowed, close-on-exec, valid as long as the buffer is. */
int cmabulk_buffer_get_fd(const struct cmabulk_buffer *buffer);

/**
 * @brief Duplicate its file descriptor.
 * @return A new file descriptor, close-on-exec, the caller's; or `-EMFILE`.
 */
int cmabulk_buffer_dup_fd(const struct cmabulk_buffer *buffer) CMABULK_MUST_CHECK;

/** @brief 1 for a memfd of a simulated pool, which no device can import; 0 for a dma-buf. */
int cmabulk_buffer_is_simulated(const struct cmabulk_buffer *buffer);

/** @brief Size in bytes. */
uint64_t cmabulk_buffer_get_size(const struct cmabulk_buffer *buffer);

/** @brief Number of chunks. */
uint64_t cmabulk_buffer_get_chunks(const struct cmabulk_buffer *buffer);

/** @brief Bytes in a chunk. */
uint64_t cmabulk_buffer_get_chunk_size(const struct cmabulk_buffer *buffer);

/** @brief Order of a chunk, in pages. */
unsigned int cmabulk_buffer_get_order(const struct cmabulk_buffer *buffer);

/** @brief Bytes the physical start of every chunk is a multiple of: at least a chunk's size. */
uint64_t cmabulk_buffer_get_alignment(const struct cmabulk_buffer *buffer);

/**
 * @brief Where in the buffer a chunk starts.
 * @param index Number of the chunk.
 * @param ret Returns the offset in bytes.
 * @return 0, or `-ERANGE`: there is no such chunk.
 */
int cmabulk_buffer_get_chunk_offset(const struct cmabulk_buffer *buffer, uint64_t index,
				    uint64_t *ret) CMABULK_MUST_CHECK;

/** @brief Inode number of the dma-buf: the same for everybody who has it open. */
uint64_t cmabulk_buffer_get_inode(const struct cmabulk_buffer *buffer);

/** @brief Id in the pool's books (see cmabulk_entry_get_id()), 0 for an imported buffer. */
uint64_t cmabulk_buffer_get_id(const struct cmabulk_buffer *buffer);

/** @brief Name it was given when made, "" for an imported buffer. */
const char *cmabulk_buffer_get_name(const struct cmabulk_buffer *buffer);

/**
 * @brief Map all of it.
 * @param access What the mapping is for: enum cmabulk_buffer_access.
 * @param ret Returns its address; give it to cmabulk_buffer_unmap(). The mapping keeps the memory, with
 *            or without the buffer object.
 * @return 0, or
 *  - `-EINVAL`: not one of enum cmabulk_buffer_access;
 *  - `-EACCES`: the file descriptor was opened for less;
 *  - `-EOVERFLOW`: larger than the address space;
 *  - `-ENOMEM`: no room in the address space.
 */
int cmabulk_buffer_map(const struct cmabulk_buffer *buffer, enum cmabulk_buffer_access access,
		       void **ret) CMABULK_MUST_CHECK;

/**
 * @brief Undo cmabulk_buffer_map().
 * @param address As it returned; NULL does nothing.
 * @return 0, or `-EINVAL`: no mapping begins at such an address.
 */
int cmabulk_buffer_unmap(const struct cmabulk_buffer *buffer, void *address);

/**
 * @brief Before the CPU touches a mapping: wait for devices, and make it see what they wrote. There is
 * nothing to do for a simulated buffer.
 * @param access What the CPU is going to do: enum cmabulk_buffer_access.
 * @return 0, or `-EINVAL`: not one of enum cmabulk_buffer_access; or what the kernel returns for
 *         `DMA_BUF_IOCTL_SYNC`. `-EINTR` and `-EAGAIN` are tried again inside.
 */
int cmabulk_buffer_begin_cpu_access(const struct cmabulk_buffer *buffer,
				    enum cmabulk_buffer_access access) CMABULK_MUST_CHECK;

/**
 * @brief After the CPU touched a mapping: make devices see what it wrote.
 * @param access As given to cmabulk_buffer_begin_cpu_access().
 * @return As cmabulk_buffer_begin_cpu_access().
 */
int cmabulk_buffer_end_cpu_access(const struct cmabulk_buffer *buffer,
				  enum cmabulk_buffer_access access);

/**
 * @}
 *
 * @defgroup account Account
 *
 * What the daemon lets one of its accounts have of one pool, and what that has.
 * @{
 */

/** @brief Take a reference. */
struct cmabulk_account *cmabulk_account_ref(struct cmabulk_account *account);

/** @brief Drop a reference. @return NULL. */
struct cmabulk_account *cmabulk_account_unref(struct cmabulk_account *account);

/** @brief Drop every reference in a NULL-terminated array, and the array; takes NULL. */
void cmabulk_account_array_free(struct cmabulk_account **accounts);

/** @brief Name of the account, as configured; with "@GID" or "@all", when users shared it and it is not any more. */
const char *cmabulk_account_get_name(const struct cmabulk_account *account);

/** @brief Name of the pool. */
const char *cmabulk_account_get_pool(const struct cmabulk_account *account);

/**
 * @brief The user whose it is.
 * @param ret Returns the user.
 * @return 0, or `-ENODATA`: all its users share it.
 */
int cmabulk_account_get_uid(const struct cmabulk_account *account, uid_t *ret) CMABULK_MUST_CHECK;

/** @brief 1 for the account of those who have no other, else 0. */
int cmabulk_account_is_default(const struct cmabulk_account *account);

/** @brief Bytes in its live buffers, and those set aside for its requests. */
uint64_t cmabulk_account_get_used(const struct cmabulk_account *account);

/** @brief Bytes it is guaranteed, those it has included: they are kept free of all others. */
uint64_t cmabulk_account_get_minimum(const struct cmabulk_account *account);

/** @brief Bytes it may have. */
uint64_t cmabulk_account_get_maximum(const struct cmabulk_account *account);

/** @brief Its live buffers. */
uint64_t cmabulk_account_get_n_buffers(const struct cmabulk_account *account);

/** @brief Buffers it may have. */
uint64_t cmabulk_account_get_maximum_buffers(const struct cmabulk_account *account);

/** @brief Its requests that wait or are being filled, without those of cmabulk_connection_prepare(). */
uint64_t cmabulk_account_get_n_pending(const struct cmabulk_account *account);

/** @brief Requests it may have waiting. */
uint64_t cmabulk_account_get_maximum_pending(const struct cmabulk_account *account);

/**
 * @brief How often it has a turn, compared with others; 0: it is not configured any more, or is of a group
 * now that its user, who asks, is not in. Nothing else that is configured is known then, and is 0, too.
 */
uint64_t cmabulk_account_get_weight(const struct cmabulk_account *account);

/** @brief How many of its keys were changed while the daemon runs. */
unsigned int cmabulk_account_get_n_changes(const struct cmabulk_account *account);

/** @brief Key number @p index of these, from 0 on, as "MaxBytes"; NULL: there are not so many. */
const char *cmabulk_account_get_change(const struct cmabulk_account *account, unsigned int index);

/** @brief 1 when key number @p index is kept for the daemon's next start, else 0. */
int cmabulk_account_is_change_persistent(const struct cmabulk_account *account, unsigned int index);

/**
 * @}
 *
 * @defgroup counters Counters
 *
 * What happened in a pool, or to one account of it, as the daemon counted: numbers that only grow, from 0
 * when the daemon starts, the pool comes, or the account is not kept any more.
 * @{
 */

/** @brief The plain ones. Fields are only ever added at the end. */
struct cmabulk_counter_values {
	uint64_t admitted; /**< requests that were not refused */
	uint64_t complete; /**< of those: got all */
	uint64_t partial; /**< of those: no more could be had */
	uint64_t timed_out; /**< of those: the time was over */
	uint64_t cancelled; /**< of those: not wanted any more */
	uint64_t chunks_asked; /**< by those that were admitted */
	uint64_t bytes_asked; /**< the same in bytes */
	uint64_t chunks_granted; /**< in buffers */
	uint64_t bytes_granted; /**< the same in bytes */
	uint64_t bytes_released; /**< in buffers that are gone, those from before the daemon included */
	uint64_t queued_usec; /**< time that requests waited before they were first filled */
	uint64_t worker_usec; /**< time that filling them took */
	uint64_t interrupts; /**< fills that were interrupted */
	uint64_t give_backs; /**< times a request gave back what it had, to others or to wait */
	uint64_t resyncs; /**< of a pool: times its events were not enough, and its books were read anew */
	uint64_t latency_usec; /**< of a pool: sum of what the buckets count */
};

/** @brief Take a reference. */
struct cmabulk_counters *cmabulk_counters_ref(struct cmabulk_counters *counters);

/** @brief Drop a reference. @return NULL. */
struct cmabulk_counters *cmabulk_counters_unref(struct cmabulk_counters *counters);

/** @brief Drop every reference in a NULL-terminated array, and the array; takes NULL. */
void cmabulk_counters_array_free(struct cmabulk_counters **counters);

/** @brief Name of the pool. */
const char *cmabulk_counters_get_pool(const struct cmabulk_counters *counters);

/** @brief Name of the account; "" when they are the pool's, which are the sums of all accounts. */
const char *cmabulk_counters_get_account(const struct cmabulk_counters *counters);

/**
 * @brief The user whose account it is.
 * @param ret Returns the user.
 * @return 0, or `-ENODATA`: all its users share it, or they are a pool's.
 */
int cmabulk_counters_get_uid(const struct cmabulk_counters *counters,
			     uid_t *ret) CMABULK_MUST_CHECK;

/**
 * @brief The plain ones.
 * @param ret Returns them.
 * @param size `sizeof(*ret)`; fields that this library does not know are set to 0.
 */
void cmabulk_counters_get_values(const struct cmabulk_counters *counters,
				 struct cmabulk_counter_values *ret, size_t size);

/**
 * @brief How many requests were refused for a reason; those of which there were none are not there.
 * @param index Number of the reason, from 0 on.
 * @param ret_reason Returns "quota", "buffers", "size" and the like: see org.cmabulk1(5).
 * @param ret_count Returns the number of requests.
 * @return 0, or `-ERANGE`: there are no more.
 */
int cmabulk_counters_get_refusal(const struct cmabulk_counters *counters, unsigned int index,
				 const char **ret_reason, uint64_t *ret_count) CMABULK_MUST_CHECK;

/**
 * @brief How many fills of an effort ended how; those of which there were none are not there.
 * @param index Number of the pair, from 0 on.
 * @param ret_effort Returns "fast", "normal" or "hard".
 * @param ret_result Returns "complete", "busy" and the like: see org.cmabulk1(5).
 * @param ret_count Returns the number of fills.
 * @return 0, or `-ERANGE`: there are no more.
 */
int cmabulk_counters_get_fill(const struct cmabulk_counters *counters, unsigned int index,
			      const char **ret_effort, const char **ret_result,
			      uint64_t *ret_count) CMABULK_MUST_CHECK;

/**
 * @brief How long requests took, from being asked until they ended; of a pool alone.
 * @param index Number of the bucket, from 0 on.
 * @param ret_usec Returns its bound: at most so many microseconds, and more than the one before;
 *                 `UINT64_MAX` for the last.
 * @param ret_count Returns the number of requests in this bucket.
 * @return 0, or `-ERANGE`: there are no more.
 */
int cmabulk_counters_get_bucket(const struct cmabulk_counters *counters, unsigned int index,
				uint64_t *ret_usec, uint64_t *ret_count) CMABULK_MUST_CHECK;

/**
 * @}
 *
 * @defgroup daemon Daemon
 * @{
 */

/** @brief Take a reference. */
struct cmabulk_daemon *cmabulk_daemon_ref(struct cmabulk_daemon *daemon);

/** @brief Drop a reference. @return NULL. */
struct cmabulk_daemon *cmabulk_daemon_unref(struct cmabulk_daemon *daemon);

/** @brief Its version: "MAJOR.MINOR.PATCH". */
const char *cmabulk_daemon_get_version(const struct cmabulk_daemon *daemon);

/** @brief 1 if its pools are simulated: no memory of any device; else 0. */
int cmabulk_daemon_is_simulated(const struct cmabulk_daemon *daemon);

/** @brief Number of things that were wrong with its configuration. */
unsigned int cmabulk_daemon_get_n_problems(const struct cmabulk_daemon *daemon);

/** @brief The one number @p index, a sentence that names file, group and key; NULL if there is none. */
const char *cmabulk_daemon_get_problem(const struct cmabulk_daemon *daemon, unsigned int index);

/**
 * @}
 *
 * For `__attribute__((cleanup(...)))`.
 */
static inline void cmabulk_connection_unrefp(struct cmabulk_connection **connection)
{
	cmabulk_connection_unref(*connection);
}

static inline void cmabulk_request_unrefp(struct cmabulk_request **request)
{
	cmabulk_request_unref(*request);
}

static inline void cmabulk_call_unrefp(struct cmabulk_call **call)
{
	cmabulk_call_unref(*call);
}

static inline void cmabulk_event_unrefp(struct cmabulk_event **event)
{
	cmabulk_event_unref(*event);
}

static inline void cmabulk_pool_unrefp(struct cmabulk_pool **pool)
{
	cmabulk_pool_unref(*pool);
}

static inline void cmabulk_pool_array_freep(struct cmabulk_pool ***pools)
{
	cmabulk_pool_array_free(*pools);
}

static inline void cmabulk_pool_name_array_freep(char ***names)
{
	cmabulk_pool_name_array_free(*names);
}

static inline void cmabulk_entry_unrefp(struct cmabulk_entry **entry)
{
	cmabulk_entry_unref(*entry);
}

static inline void cmabulk_entry_array_freep(struct cmabulk_entry ***entries)
{
	cmabulk_entry_array_free(*entries);
}

static inline void cmabulk_allocation_unrefp(struct cmabulk_allocation **allocation)
{
	cmabulk_allocation_unref(*allocation);
}

static inline void cmabulk_buffer_unrefp(struct cmabulk_buffer **buffer)
{
	cmabulk_buffer_unref(*buffer);
}

static inline void cmabulk_account_unrefp(struct cmabulk_account **account)
{
	cmabulk_account_unref(*account);
}

static inline void cmabulk_account_array_freep(struct cmabulk_account ***accounts)
{
	cmabulk_account_array_free(*accounts);
}

static inline void cmabulk_counters_unrefp(struct cmabulk_counters **counters)
{
	cmabulk_counters_unref(*counters);
}

static inline void cmabulk_counters_array_freep(struct cmabulk_counters ***counters)
{
	cmabulk_counters_array_free(*counters);
}

static inline void cmabulk_daemon_unrefp(struct cmabulk_daemon **daemon)
{
	cmabulk_daemon_unref(*daemon);
}

#ifdef __cplusplus
}
#endif

#endif /* CMABULK_H */
