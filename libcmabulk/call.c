// SPDX-License-Identifier: LGPL-2.1-or-later
/* An allocate that runs while its caller does something else: what the caller sees of it. */
#include "bus-call.h"
#include "call.h"
#include "request.h"

int call_new(struct cmabulk_call **ret)
{
	struct cmabulk_call *call = calloc(1, sizeof(*call));

	if (!call)
		return -ENOMEM;
	call->references = 1;
	*ret = call;
	return 0;
}

static void free_request(struct cmabulk_call *call)
{
	if (!call->request)
		return;
	request_end(call->request);
	call->request = cmabulk_request_unref(call->request);
}

static void call_destroy(struct cmabulk_call *call)
{
	if (call->asking)
		bus_call_abandon(call);
	free_request(call);
	cmabulk_allocation_unref(call->allocation);
	free(call->sentence);
	free(call);
}

DEFINE_REFERENCE(cmabulk_call, call_destroy)

void call_end(struct cmabulk_call *call, int result, struct cmabulk_allocation *allocation,
	      char *sentence)
{
	call->is_done = true;
	call->result = result;
	call->allocation = allocation;
	call->sentence = sentence;
	free_request(call);
}

EXPORT int cmabulk_call_is_done(const struct cmabulk_call *call)
{
	return call->is_done;
}

EXPORT int cmabulk_call_finish(const struct cmabulk_call *call, struct cmabulk_allocation **ret)
{
	if (!call->is_done)
		return -EALREADY;
	if (call->result < 0)
		return call->result;
	*ret = cmabulk_allocation_ref(call->allocation);
	return (int)cmabulk_allocation_get_status(call->allocation);
}

EXPORT const char *cmabulk_call_get_error_message(const struct cmabulk_call *call)
{
	if (!call->is_done || call->result == 0)
		return "";
	return call->sentence ? call->sentence : cmabulk_error_get_message(call->result);
}
