/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The library in direct mode: how an allocation is cancelled, and how not. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include "lib-direct.h"

static void test_cancelled_before(struct direct *direct, gconstpointer data)
{
	cmabulk_request_cancel(direct->request);
	for (int i = 0; i < 2; i++) {
		g_assert_cmpint(direct_allocate(direct), ==, CMABULK_ALLOCATION_CANCELLED);
		g_assert_cmpint(cmabulk_allocation_get_error(direct->allocation), ==, -ECANCELED);
		g_assert_cmpuint(cmabulk_allocation_get_n_steps(direct->allocation), ==, 0);
		direct_release(direct);
	}
	g_assert_cmpint(cmabulk_request_rearm(direct->request), ==, 0);
	g_assert_cmpint(direct_allocate(direct), ==, CMABULK_ALLOCATION_COMPLETE);
}

struct canceller {
	struct cmabulk_request *request;
	pthread_t thread;
	guint delay_usec;
	gint stop;
};

/* Again and again: the first may come between two steps, which the kernel knows nothing of. */
static void *canceller_run(void *data)
{
	struct canceller *canceller = data;

	g_usleep(canceller->delay_usec);
	while (!g_atomic_int_get(&canceller->stop)) {
		cmabulk_request_cancel(canceller->request);
		g_usleep(2000);
	}
	return NULL;
}

/* At random moments, so that some come before, some within and some after a step. */
static void test_cancelled_from_a_thread(struct direct *direct, gconstpointer data)
{
	g_autoptr(GRand) random = machine_random(2);
	int rounds = machine_scale(20, 6);
	struct direct_pressure pressure;
	guint within = 0;

	direct_pressure_make(&pressure, &direct->area);
	cmabulk_request_set_count(direct->request, direct_pool_chunks(direct));
	for (int i = 0; i < rounds; i++) {
		struct canceller canceller = {
			.request = direct->request,
			.delay_usec = random_below(random, machine_scale(100000, 500000)),
		};
		int ret;

		ret = pthread_create(&canceller.thread, NULL, canceller_run, &canceller);
		g_assert_cmpint(ret, ==, 0);
		ret = direct_allocate(direct);
		g_atomic_int_set(&canceller.stop, 1);
		pthread_join(canceller.thread, NULL);
		g_assert_true(ret == CMABULK_ALLOCATION_CANCELLED ||
			      ret == CMABULK_ALLOCATION_PARTIAL);
		g_assert_cmpuint(cmabulk_allocation_get_n_buffers(direct->allocation), ==, 0);
		if (ret == CMABULK_ALLOCATION_CANCELLED) {
			struct cmabulk_step step = { 0 };
			guint steps = cmabulk_allocation_get_n_steps(direct->allocation);

			if (steps && !cmabulk_allocation_get_step(direct->allocation, steps - 1,
								  &step, sizeof(step)))
				within += step.error == -EINTR;
		}
		direct_release(direct);
		g_assert_cmpint(cmabulk_request_rearm(direct->request), ==, 0);
	}
	g_print("# %u of %d were cancelled within a step\n", within, rounds);
	g_assert_cmpuint(within, >, 0);
	direct_pressure_end(&pressure);
}

static struct cmabulk_request *signalled_request;

static void cancel_on_signal(int number)
{
	cmabulk_request_cancel(signalled_request);
}

static void *signal_run(void *data)
{
	struct canceller *canceller = data;

	while (!g_atomic_int_get(&canceller->stop)) {
		kill(getpid(), SIGUSR1);
		g_usleep(2000);
	}
	return NULL;
}

/* The handler runs in whichever thread gets the signal: it may take no lock. */
static void test_cancelled_from_a_handler(struct direct *direct, gconstpointer data)
{
	struct sigaction action = { .sa_handler = cancel_on_signal };
	struct canceller canceller = { .request = direct->request };
	int ret;

	signalled_request = direct->request;
	g_assert_no_errno(sigaction(SIGUSR1, &action, NULL));
	ret = pthread_create(&canceller.thread, NULL, signal_run, &canceller);
	g_assert_cmpint(ret, ==, 0);
	for (int i = 0; i < 20; i++) {
		ret = direct_allocate(direct);
		g_assert_true(ret == CMABULK_ALLOCATION_CANCELLED ||
			      ret == CMABULK_ALLOCATION_COMPLETE);
		direct_release(direct);
		cmabulk_request_rearm(direct->request);
	}
	g_atomic_int_set(&canceller.stop, 1);
	pthread_join(canceller.thread, NULL);
	action.sa_handler = SIG_DFL;
	g_assert_no_errno(sigaction(SIGUSR1, &action, NULL));
}

/* Signals that have nothing to do with it do not make it come short. */
static void ignore_signal(int number)
{
}

static void test_signals_do_not_hurt(struct direct *direct, gconstpointer data)
{
	const struct itimerval often = { { 0, 1000 }, { 0, 1000 } };
	const struct itimerval never = { 0 };
	struct sigaction action = { .sa_handler = ignore_signal };

	g_assert_no_errno(sigaction(SIGALRM, &action, NULL));
	g_assert_no_errno(setitimer(ITIMER_REAL, &often, NULL));
	for (int i = 0; i < 5; i++) {
		cmabulk_request_set_buffers(direct->request, BUFFERS);
		g_assert_cmpint(direct_allocate(direct), ==, CMABULK_ALLOCATION_COMPLETE);
		for (guint j = 0; j < BUFFERS; j++)
			direct_use_buffer(cmabulk_allocation_get_buffer(direct->allocation, j), j);
		direct_release(direct);
	}
	g_assert_no_errno(setitimer(ITIMER_REAL, &never, NULL));
	action.sa_handler = SIG_DFL;
	g_assert_no_errno(sigaction(SIGALRM, &action, NULL));
}

void direct_add_cancellations(void)
{
	DIRECT_ADD("is-cancelled/before", test_cancelled_before);
	DIRECT_ADD("is-cancelled/from-a-thread", test_cancelled_from_a_thread);
	DIRECT_ADD("is-cancelled/from-a-handler", test_cancelled_from_a_handler);
	DIRECT_ADD("is-cancelled/signals-do-not-hurt", test_signals_do_not_hurt);
}
