// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is wanted, checked as it is said, and the handle to stop wanting it. */
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>

#include "pool.h"
#include "request.h"
#include "text.h"

/* Far above what any kernel has, low enough that no shift overflows. */
#define ORDER_LIMIT 30

EXPORT int cmabulk_request_new(struct cmabulk_request **ret)
{
	struct cmabulk_request *request = calloc(1, sizeof(*request));

	if (!request)
		return -ENOMEM;
	request->references = 1;
	request->reservation = -1;
	request->wakeup = -1;
	request->buffers = 1;
	request->effort = CMABULK_REQUEST_EFFORT_HARD;
	request->timeout_usec = CMABULK_REQUEST_TIMEOUT_DEFAULT;
	*ret = request;
	return 0;
}

static void request_destroy(struct cmabulk_request *request)
{
	free(request);
}

DEFINE_REFERENCE(cmabulk_request, request_destroy)

int request_begin(struct cmabulk_request *request)
{
	return atomic_exchange(&request->running, true) ? -EBUSY : 0;
}

void request_end(struct cmabulk_request *request)
{
	atomic_store(&request->running, false);
}

int request_check(const struct cmabulk_request *request)
{
	if (request->count == 0 || request->buffers > request->count ||
	    request->minimum > request->count || (request->has_pool && request->has_device))
		return -EINVAL;
	return 0;
}

int request_check_pool(const struct cmabulk_request *request, const struct cmabulk_pool *pool)
{
	uint64_t pages;
	uint64_t bytes;

	if (request->order < pool->min_order || request->order > pool->max_order ||
	    request->align > pool->max_order)
		return -EINVAL;
	if (__builtin_mul_overflow(request->count, UINT64_C(1) << request->order, &pages) ||
	    __builtin_mul_overflow(pages, pool->page_size, &bytes))
		return -EOVERFLOW;
	return pages > pool->pages ? -E2BIG : 0;
}

static void publish(struct cmabulk_request *request, atomic_int *where, int fd)
{
	atomic_store(where, fd);
	while (fd < 0 && atomic_load(&request->cancelling) > 0)
		sched_yield();
}

void request_publish(struct cmabulk_request *request, int reservation)
{
	publish(request, &request->reservation, reservation);
}

void request_publish_wakeup(struct cmabulk_request *request, int wakeup)
{
	publish(request, &request->wakeup, wakeup);
}

void request_forget_wakeup(struct cmabulk_request *request)
{
	atomic_store(&request->wakeup, -1);
	atomic_store(&request->cancelling, 0);
}

static void wake_up(int wakeup)
{
	static const uint64_t one = 1;

	/* It can only fail when the count is full: then whoever waits is woken already. */
	if (write(wakeup, &one, sizeof(one)) < 0)
		return;
}

EXPORT void cmabulk_request_cancel(struct cmabulk_request *request)
{
	int saved_errno = errno;
	int reservation;
	int wakeup;

	atomic_store(&request->cancelled, true);
	atomic_fetch_add(&request->cancelling, 1);
	reservation = atomic_load(&request->reservation);
	if (reservation >= 0)
		ioctl(reservation, CMABULK_IOC_INTERRUPT);
	wakeup = atomic_load(&request->wakeup);
	if (wakeup >= 0)
		wake_up(wakeup);
	atomic_fetch_sub(&request->cancelling, 1);
	errno = saved_errno;
}

/* Setters: nothing may change under a running allocate. */
static int check_idle(struct cmabulk_request *request)
{
	return atomic_load(&request->running) ? -EBUSY : 0;
}

static int check_set(struct cmabulk_request *request, bool valid)
{
	return valid ? check_idle(request) : -EINVAL;
}

EXPORT int cmabulk_request_rearm(struct cmabulk_request *request)
{
	int r = check_idle(request);

	if (r < 0)
		return r;
	atomic_store(&request->cancelled, false);
	return 0;
}

EXPORT int cmabulk_request_set_pool(struct cmabulk_request *request, const char *name)
{
	int r = check_set(request, !name || text_is_pool_name(name));

	if (r < 0)
		return r;
	request->has_pool = name;
	strcpy(request->pool, name ? name : "");
	return 0;
}

EXPORT int cmabulk_request_set_device(struct cmabulk_request *request, const char *device)
{
	int r = check_set(request, !device || text_is_device(device));

	if (r < 0)
		return r;
	request->has_device = device;
	strcpy(request->device, device ? device : "");
	return 0;
}

EXPORT int cmabulk_request_set_order(struct cmabulk_request *request, unsigned int order)
{
	int r = check_set(request, order <= ORDER_LIMIT);

	if (r < 0)
		return r;
	request->order = order;
	return 0;
}

EXPORT int cmabulk_request_set_count(struct cmabulk_request *request, uint64_t chunks)
{
	int r = check_set(request, chunks > 0);

	if (r < 0)
		return r;
	request->count = chunks;
	return 0;
}

EXPORT int cmabulk_request_set_buffers(struct cmabulk_request *request, unsigned int buffers)
{
	int r = check_set(request, buffers > 0);

	if (r < 0)
		return r;
	request->buffers = buffers;
	return 0;
}

EXPORT int cmabulk_request_set_align(struct cmabulk_request *request, unsigned int order)
{
	int r = check_set(request, order <= ORDER_LIMIT);

	if (r < 0)
		return r;
	request->align = order;
	return 0;
}

EXPORT int cmabulk_request_set_effort(struct cmabulk_request *request,
				      enum cmabulk_request_effort effort)
{
	int r = check_set(request, (unsigned int)effort <= CMABULK_REQUEST_EFFORT_HARD);

	if (r < 0)
		return r;
	request->effort = effort;
	return 0;
}

EXPORT int cmabulk_request_set_timeout(struct cmabulk_request *request, uint64_t usec)
{
	int r = check_set(request, usec > 0);

	if (r < 0)
		return r;
	request->timeout_usec = usec;
	return 0;
}

EXPORT int cmabulk_request_set_minimum(struct cmabulk_request *request, uint64_t chunks)
{
	int r = check_set(request, chunks > 0);

	if (r < 0)
		return r;
	request->minimum = chunks;
	return 0;
}

EXPORT int cmabulk_request_set_label(struct cmabulk_request *request, const char *label)
{
	int r = check_set(request, !label || text_is_label(label, sizeof(request->label)));

	if (r < 0)
		return r;
	strcpy(request->label, label ? label : "");
	return 0;
}

EXPORT int cmabulk_request_set_account(struct cmabulk_request *request, const char *account)
{
	int r = check_set(request, !account || text_is_label(account, sizeof(request->account)));

	if (r < 0)
		return r;
	strcpy(request->account, account ? account : "");
	return 0;
}

EXPORT int cmabulk_request_set_owner(struct cmabulk_request *request, uid_t uid, pid_t pid)
{
	int r = check_set(request, uid != (uid_t)-1 && pid >= 0);

	if (r < 0)
		return r;
	request->has_owner = true;
	request->owner_uid = uid;
	request->owner_pid = pid;
	return 0;
}

EXPORT int cmabulk_request_set_cookie(struct cmabulk_request *request, uint64_t cookie)
{
	int r = check_idle(request);

	if (r < 0)
		return r;
	request->cookie = cookie;
	return 0;
}

EXPORT const char *cmabulk_request_get_pool(const struct cmabulk_request *request)
{
	return request->has_pool ? request->pool : NULL;
}

EXPORT const char *cmabulk_request_get_device(const struct cmabulk_request *request)
{
	return request->has_device ? request->device : NULL;
}

EXPORT unsigned int cmabulk_request_get_order(const struct cmabulk_request *request)
{
	return request->order;
}

EXPORT uint64_t cmabulk_request_get_count(const struct cmabulk_request *request)
{
	return request->count;
}

EXPORT unsigned int cmabulk_request_get_buffers(const struct cmabulk_request *request)
{
	return request->buffers;
}

EXPORT unsigned int cmabulk_request_get_align(const struct cmabulk_request *request)
{
	return request->align > request->order ? request->align : request->order;
}

EXPORT enum cmabulk_request_effort cmabulk_request_get_effort(const struct cmabulk_request *request)
{
	return request->effort;
}

EXPORT uint64_t cmabulk_request_get_timeout(const struct cmabulk_request *request)
{
	return request->timeout_usec;
}

EXPORT uint64_t cmabulk_request_get_minimum(const struct cmabulk_request *request)
{
	return request->minimum ? request->minimum : request->count;
}

EXPORT const char *cmabulk_request_get_label(const struct cmabulk_request *request)
{
	return request->label;
}
