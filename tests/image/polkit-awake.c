// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Wakes polkitd where it would sleep through a wakeup: loaded before its libraries in the test system.
 *
 * polkit has rules evaluated by a thread, and waits for it at most 15 seconds. Until 122, which Debian 12 has, that
 * thread says that it is done without the mutex of the condition: if that is between the waiting one's look and its
 * sleep, nobody wakes it. It sleeps for the whole 15 seconds, answers nobody meanwhile, and takes a rule that was
 * evaluated long ago for one that ran away. 123 has the mutex locked ("duktape: prevent wrongful termination of runaway
 * thread"). On two emulated processors it took some twenty runs of all the tests until one of them met it.
 *
 * A wait may end without a wakeup, and polkit looks again when it does: here that is every 20 ms.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <time.h>

/* In nanoseconds. */
#define NAP    20000000L
#define SECOND 1000000000L

static struct timespec after_nap(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	time.tv_nsec += NAP;
	if (time.tv_nsec >= SECOND) {
		time.tv_nsec -= SECOND;
		time.tv_sec++;
	}
	return time;
}

static bool is_before(const struct timespec *one, const struct timespec *other)
{
	if (one->tv_sec != other->tv_sec)
		return one->tv_sec < other->tv_sec;
	return one->tv_nsec < other->tv_nsec;
}

/*
 * In place of the C library's. polkit's times are of the monotonic clock.
 * Whom its rules start would have this, too: here they start nobody.
 */
int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
			   const struct timespec *until)
{
	struct timespec soon = after_nap();
	int error;

	if (!is_before(&soon, until))
		return pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, until);
	error = pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, &soon);
	return error == ETIMEDOUT ? 0 : error;
}
