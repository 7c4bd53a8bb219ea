// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a request may say, how it fits a pool, and how it is cancelled. */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "pool.h"
#include "request.h"
#include "spread.h"
#include "suites.h"

static struct cmabulk_request *make(void)
{
	struct cmabulk_request *request = NULL;

	g_assert_cmpint(cmabulk_request_new(&request), ==, 0);
	return request;
}

static void defaults(void)
{
	struct cmabulk_request *request CLEANUP(cmabulk_request_unrefp) = make();

	g_assert_null(cmabulk_request_get_pool(request));
	g_assert_null(cmabulk_request_get_device(request));
	g_assert_cmpuint(cmabulk_request_get_order(request), ==, 0);
	g_assert_cmpuint(cmabulk_request_get_align(request), ==, 0);
	g_assert_cmpuint(cmabulk_request_get_count(request), ==, 0);
	g_assert_cmpuint(cmabulk_request_get_buffers(request), ==, 1);
	g_assert_cmpint(cmabulk_request_get_effort(request), ==, CMABULK_REQUEST_EFFORT_HARD);
	g_assert_cmpuint(cmabulk_request_get_timeout(request), ==, 20000000);
	g_assert_cmpuint(cmabulk_request_get_minimum(request), ==, 0);
	g_assert_cmpstr(cmabulk_request_get_label(request), ==, "");
	g_assert_cmpint(request_check(request), ==, -EINVAL);
}

static void setters_keep_what_is_valid(void)
{
	struct cmabulk_request *request CLEANUP(cmabulk_request_unrefp) = make();

	g_assert_cmpint(cmabulk_request_set_pool(request, "video"), ==, 0);
	g_assert_cmpint(cmabulk_request_set_order(request, 4), ==, 0);
	g_assert_cmpint(cmabulk_request_set_count(request, 4800), ==, 0);
	g_assert_cmpint(cmabulk_request_set_buffers(request, 25), ==, 0);
	g_assert_cmpint(cmabulk_request_set_align(request, 6), ==, 0);
	g_assert_cmpint(cmabulk_request_set_timeout(request, 1), ==, 0);
	g_assert_cmpint(cmabulk_request_set_minimum(request, 4000), ==, 0);
	g_assert_cmpint(cmabulk_request_set_label(request, "frames"), ==, 0);
	g_assert_cmpint(cmabulk_request_set_account(request, "media"), ==, 0);
	g_assert_cmpint(cmabulk_request_set_owner(request, 1000, 0), ==, 0);
	g_assert_cmpint(cmabulk_request_set_cookie(request, UINT64_MAX), ==, 0);
	g_assert_cmpstr(cmabulk_request_get_pool(request), ==, "video");
	g_assert_cmpuint(cmabulk_request_get_align(request), ==, 6);
	g_assert_cmpuint(cmabulk_request_get_minimum(request), ==, 4000);
	g_assert_cmpint(request_check(request), ==, 0);
}

static void setters_refuse_what_is_not(void)
{
	g_autofree char *too_long = g_strnfill(1024, 'x');
	struct cmabulk_request *request CLEANUP(cmabulk_request_unrefp) = make();

	g_assert_cmpint(cmabulk_request_set_pool(request, "../null"), ==, -EINVAL);
	g_assert_cmpint(cmabulk_request_set_pool(request, ""), ==, -EINVAL);
	g_assert_cmpint(cmabulk_request_set_device(request, ""), ==, -EINVAL);
	g_assert_cmpint(cmabulk_request_set_device(request, "/dev/a\nb"), ==, -EINVAL);
	g_assert_cmpint(cmabulk_request_set_device(request, too_long), ==, -EINVAL);
	g_assert_null(cmabulk_request_get_device(request));
	g_assert_cmpint(cmabulk_request_set_order(request, 31), ==, -EINVAL);
	g_assert_cmpint(cmabulk_request_set_count(request, 0), ==, -EINVAL);
	g_assert_cmpint(cmabulk_request_set_buffers(request, 0), ==, -EINVAL);
	g_assert_cmpint(cmabulk_request_set_align(request, UINT32_MAX), ==, -EINVAL);
	g_assert_cmpint(cmabulk_request_set_effort(request, (enum cmabulk_request_effort)3), ==,
			-EINVAL);
	g_assert_cmpint(cmabulk_request_set_effort(request, (enum cmabulk_request_effort) - 1), ==,
			-EINVAL);
	g_assert_cmpint(cmabulk_request_set_timeout(request, 0), ==, -EINVAL);
	g_assert_cmpint(cmabulk_request_set_minimum(request, 0), ==, -EINVAL);
	g_assert_cmpint(cmabulk_request_set_label(request, "a\nb"), ==, -EINVAL);
	g_assert_cmpint(cmabulk_request_set_account(request, "\xff"), ==, -EINVAL);
	g_assert_cmpint(cmabulk_request_set_owner(request, (uid_t)-1, 0), ==, -EINVAL);
	g_assert_cmpint(cmabulk_request_set_owner(request, 0, -1), ==, -EINVAL);
}

static void null_takes_back(void)
{
	struct cmabulk_request *request CLEANUP(cmabulk_request_unrefp) = make();

	cmabulk_request_set_pool(request, "video");
	cmabulk_request_set_label(request, "frames");
	cmabulk_request_set_device(request, "/dev/video0");
	g_assert_cmpstr(cmabulk_request_get_device(request), ==, "/dev/video0");
	g_assert_cmpint(cmabulk_request_set_device(request, NULL), ==, 0);
	g_assert_null(cmabulk_request_get_device(request));
	g_assert_cmpint(cmabulk_request_set_pool(request, NULL), ==, 0);
	g_assert_cmpint(cmabulk_request_set_label(request, NULL), ==, 0);
	g_assert_null(cmabulk_request_get_pool(request));
	g_assert_cmpstr(cmabulk_request_get_label(request), ==, "");
}

static void parts_must_go_together(void)
{
	struct cmabulk_request *request CLEANUP(cmabulk_request_unrefp) = make();

	cmabulk_request_set_count(request, 10);
	cmabulk_request_set_buffers(request, 11);
	g_assert_cmpint(request_check(request), ==, -EINVAL);
	cmabulk_request_set_buffers(request, 10);
	g_assert_cmpint(request_check(request), ==, 0);
	cmabulk_request_set_minimum(request, 11);
	g_assert_cmpint(request_check(request), ==, -EINVAL);
	cmabulk_request_set_minimum(request, 10);
	cmabulk_request_set_pool(request, "video");
	g_assert_cmpint(request_check(request), ==, 0);
	cmabulk_request_set_device(request, "/dev/video0");
	g_assert_cmpint(request_check(request), ==, -EINVAL);
	cmabulk_request_set_pool(request, NULL);
	g_assert_cmpint(request_check(request), ==, 0);
}

static int check_against_pool(unsigned int order, unsigned int align, uint64_t count)
{
	struct cmabulk_request *request CLEANUP(cmabulk_request_unrefp) = make();
	struct cmabulk_pool pool = {
		.page_size = 4096,
		.min_order = 1,
		.max_order = 10,
		.pages = 102400,
	};

	cmabulk_request_set_order(request, order);
	cmabulk_request_set_align(request, align);
	cmabulk_request_set_count(request, count);
	return request_check_pool(request, &pool);
}

static void it_must_fit_the_pool(void)
{
	g_assert_cmpint(check_against_pool(4, 0, 6400), ==, 0);
	g_assert_cmpint(check_against_pool(10, 10, 100), ==, 0);
	g_assert_cmpint(check_against_pool(0, 0, 1), ==, -EINVAL);
	g_assert_cmpint(check_against_pool(11, 0, 1), ==, -EINVAL);
	g_assert_cmpint(check_against_pool(4, 11, 1), ==, -EINVAL);
	g_assert_cmpint(check_against_pool(4, 0, 6401), ==, -E2BIG);
	g_assert_cmpint(check_against_pool(4, 0, UINT64_MAX / 16), ==, -EOVERFLOW);
	g_assert_cmpint(check_against_pool(4, 0, UINT64_MAX), ==, -EOVERFLOW);
}

static void nothing_changes_under_an_allocate(void)
{
	struct cmabulk_request *request CLEANUP(cmabulk_request_unrefp) = make();

	g_assert_cmpint(request_begin(request), ==, 0);
	g_assert_cmpint(request_begin(request), ==, -EBUSY);
	g_assert_cmpint(cmabulk_request_set_count(request, 1), ==, -EBUSY);
	g_assert_cmpint(cmabulk_request_rearm(request), ==, -EBUSY);
	request_end(request);
	g_assert_cmpint(cmabulk_request_set_count(request, 1), ==, 0);
}

static void cancelled_until_rearmed(void)
{
	struct cmabulk_request *request CLEANUP(cmabulk_request_unrefp) = make();

	errno = EPIPE;
	cmabulk_request_cancel(request);
	g_assert_cmpint(errno, ==, EPIPE);
	g_assert_true(request_is_cancelled(request));
	cmabulk_request_cancel(request);
	g_assert_cmpint(cmabulk_request_rearm(request), ==, 0);
	g_assert_false(request_is_cancelled(request));
}

static void *cancel_for_ever(void *userdata)
{
	struct cmabulk_request *request = userdata;

	while (!atomic_load(&request->running))
		cmabulk_request_cancel(request);
	return NULL;
}

/* Once a descriptor is taken away no canceller may still use it: the window is tried often. */
static void no_canceller_outlives_a_descriptor(void)
{
	struct cmabulk_request *request CLEANUP(cmabulk_request_unrefp) = make();
	GThread *threads[4];

	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		threads[i] = g_thread_new("cancel", cancel_for_ever, request);
	for (int i = 0; i < 20000; i++) {
		request_publish(request, 0);
		request_publish(request, -1);
		g_assert_cmpint(atomic_load(&request->reservation), ==, -1);
	}
	g_assert_cmpint(request_begin(request), ==, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		g_thread_join(threads[i]);
	g_assert_cmpuint(atomic_load(&request->cancelling), ==, 0);
}

static void spread_evenly(void)
{
	g_assert_cmpuint(spread_buffers(4800, 25), ==, 25);
	for (unsigned int i = 0; i < 25; i++)
		g_assert_cmpuint(spread_chunks(4800, 25, i), ==, 192);
}

static void spread_covers_everything(void)
{
	for (uint64_t chunks = 1; chunks < 200; chunks++) {
		for (unsigned int wanted = 1; wanted < 40; wanted++) {
			unsigned int buffers = spread_buffers(chunks, wanted);
			uint64_t sum = 0;

			for (unsigned int i = 0; i < buffers; i++) {
				uint64_t share = spread_chunks(chunks, buffers, i);

				g_assert_cmpuint(share, >=, chunks / buffers);
				g_assert_cmpuint(share, <=, chunks / buffers + 1);
				g_assert_cmpuint(share, >, 0);
				sum += share;
			}
			g_assert_cmpuint(sum, ==, chunks);
		}
	}
}

void add_requests(void)
{
	g_test_add_func("/request/defaults", defaults);
	g_test_add_func("/request/setters-keep-what-is-valid", setters_keep_what_is_valid);
	g_test_add_func("/request/setters-refuse-what-is-not", setters_refuse_what_is_not);
	g_test_add_func("/request/null-takes-back", null_takes_back);
	g_test_add_func("/request/parts-must-go-together", parts_must_go_together);
	g_test_add_func("/request/it-must-fit-the-pool", it_must_fit_the_pool);
	g_test_add_func("/request/nothing-changes-under-an-allocate",
			nothing_changes_under_an_allocate);
	g_test_add_func("/request/cancelled-until-rearmed", cancelled_until_rearmed);
	g_test_add_func("/request/no-canceller-outlives-a-descriptor",
			no_canceller_outlives_a_descriptor);
	g_test_add_func("/request/spread-evenly", spread_evenly);
	g_test_add_func("/request/spread-covers-everything", spread_covers_everything);
}
