// SPDX-License-Identifier: LGPL-2.1-or-later
/* What came of a request: filled in by a backend, then only read. */
#include "allocation.h"
#include "buffer.h"
#include "cause.h"

int allocation_new(const char *pool, struct cmabulk_allocation **ret)
{
	struct cmabulk_allocation *allocation = calloc(1, sizeof(*allocation));

	if (!allocation)
		return -ENOMEM;
	allocation->references = 1;
	allocation->kind = "kmod";
	allocation->pool = strdup(pool);
	if (!allocation->pool) {
		free(allocation);
		return -ENOMEM;
	}
	*ret = allocation;
	return 0;
}

static void unref_buffers(struct cmabulk_allocation *allocation)
{
	while (allocation->n_buffers > 0)
		cmabulk_buffer_unref(allocation->buffers[--allocation->n_buffers]);
}

static void allocation_destroy(struct cmabulk_allocation *allocation)
{
	unref_buffers(allocation);
	free(allocation->buffers);
	free(allocation->steps);
	free(allocation->pool);
	free(allocation->reason);
	free(allocation);
}

DEFINE_REFERENCE(cmabulk_allocation, allocation_destroy)

int allocation_add_step(struct cmabulk_allocation *allocation, struct cmabulk_step **ret)
{
	struct cmabulk_step *steps =
		reallocarray(allocation->steps, allocation->n_steps + 1, sizeof(*steps));

	if (!steps)
		return -ENOMEM;
	allocation->steps = steps;
	*ret = &steps[allocation->n_steps++];
	**ret = (struct cmabulk_step){ 0 };
	return 0;
}

int allocation_make_room(struct cmabulk_allocation *allocation, unsigned int count)
{
	struct cmabulk_buffer **buffers = reallocarray(allocation->buffers,
						       (size_t)allocation->n_buffers + count,
						       sizeof(struct cmabulk_buffer *));

	if (!buffers)
		return -ENOMEM;
	allocation->buffers = buffers;
	return 0;
}

void allocation_add_buffer(struct cmabulk_allocation *allocation, struct cmabulk_buffer *buffer)
{
	allocation->buffers[allocation->n_buffers++] = buffer;
	allocation->granted += buffer->chunks;
	allocation->size += buffer->size;
}

void allocation_cancel(struct cmabulk_allocation *allocation)
{
	unref_buffers(allocation);
	allocation->granted = 0;
	allocation->size = 0;
	allocation->status = CMABULK_ALLOCATION_CANCELLED;
	allocation->error = -ECANCELED;
	allocation->cause = CMABULK_ALLOCATION_CAUSE_INTERRUPTED;
	free(allocation->reason);
	allocation->reason = NULL;
}

EXPORT enum cmabulk_allocation_status
cmabulk_allocation_get_status(const struct cmabulk_allocation *allocation)
{
	return allocation->status;
}

EXPORT const char *cmabulk_allocation_get_status_name(const struct cmabulk_allocation *allocation)
{
	/* The strings of the D-Bus interface. */
	switch (allocation->status) {
	case CMABULK_ALLOCATION_COMPLETE:
		return "complete";
	case CMABULK_ALLOCATION_PARTIAL:
		return "partial";
	case CMABULK_ALLOCATION_TIMED_OUT:
		return "timed-out";
	case CMABULK_ALLOCATION_CANCELLED:
		return "cancelled";
	default:
		return "unknown";
	}
}

EXPORT int cmabulk_allocation_get_error(const struct cmabulk_allocation *allocation)
{
	return allocation->error;
}

EXPORT const char *cmabulk_allocation_get_reason(const struct cmabulk_allocation *allocation)
{
	if (allocation->error == 0)
		return "";
	return allocation->reason ? allocation->reason :
				    cmabulk_error_get_message(allocation->error);
}

EXPORT enum cmabulk_allocation_cause
cmabulk_allocation_get_cause(const struct cmabulk_allocation *allocation)
{
	return allocation->cause;
}

EXPORT const char *cmabulk_allocation_get_cause_name(const struct cmabulk_allocation *allocation)
{
	return cause_name(allocation->cause);
}

EXPORT const char *cmabulk_allocation_get_hint(const struct cmabulk_allocation *allocation)
{
	/* Who cancelled it knows. */
	const char *hint = allocation->error == -ECANCELED ? "" : cause_hint(allocation->cause);

	return *hint ? hint : cmabulk_error_get_hint(allocation->error);
}

EXPORT const char *cmabulk_allocation_get_kind_name(const struct cmabulk_allocation *allocation)
{
	return allocation->kind;
}

EXPORT const char *cmabulk_allocation_get_pool(const struct cmabulk_allocation *allocation)
{
	return allocation->pool;
}

EXPORT unsigned int cmabulk_allocation_get_order(const struct cmabulk_allocation *allocation)
{
	return allocation->order;
}

EXPORT uint64_t cmabulk_allocation_get_requested(const struct cmabulk_allocation *allocation)
{
	return allocation->requested;
}

EXPORT uint64_t cmabulk_allocation_get_granted(const struct cmabulk_allocation *allocation)
{
	return allocation->granted;
}

EXPORT uint64_t cmabulk_allocation_get_claimed(const struct cmabulk_allocation *allocation)
{
	return allocation->claimed;
}

EXPORT uint64_t cmabulk_allocation_get_prepared(const struct cmabulk_allocation *allocation)
{
	return allocation->prepared;
}

EXPORT uint64_t cmabulk_allocation_get_size(const struct cmabulk_allocation *allocation)
{
	return allocation->size;
}

EXPORT uint64_t cmabulk_allocation_get_elapsed_usec(const struct cmabulk_allocation *allocation)
{
	return allocation->elapsed_usec;
}

EXPORT uint64_t cmabulk_allocation_get_queued_usec(const struct cmabulk_allocation *allocation)
{
	return allocation->queued_usec;
}

EXPORT unsigned int cmabulk_allocation_get_n_buffers(const struct cmabulk_allocation *allocation)
{
	return allocation->n_buffers;
}

EXPORT struct cmabulk_buffer *
cmabulk_allocation_get_buffer(const struct cmabulk_allocation *allocation, unsigned int index)
{
	return index < allocation->n_buffers ? allocation->buffers[index] : NULL;
}

EXPORT unsigned int cmabulk_allocation_get_n_steps(const struct cmabulk_allocation *allocation)
{
	return allocation->n_steps;
}

EXPORT int cmabulk_allocation_get_step(const struct cmabulk_allocation *allocation,
				       unsigned int index, struct cmabulk_step *ret, size_t size)
{
	if (index >= allocation->n_steps)
		return -ERANGE;
	copy_versioned(ret, size, &allocation->steps[index], sizeof(*allocation->steps));
	return 0;
}
