// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the daemon replies to Allocate. Whatever it says is checked before it is believed. */
#include <linux/cmabulk.h>

#include "buffer.h"
#include "bus-dictionary.h"
#include "bus-reply.h"
#include "cause.h"
#include "spread.h"
#include "text.h"

/* As large as errnos are; beyond are the kernel's own. */
#define ERRNO_MAX 4095

/* The dictionary as it comes. */
struct report {
	const char *pool;
	const char *kind;
	const char *reason;
	const char *cause;
	int32_t error;
	uint64_t claimed;
	uint64_t prepared;
	uint64_t queued_usec;
	uint64_t chunk_size;
	uint64_t alignment;
	uint64_t serial;
	struct bus_announced *layout;
	size_t n_layout;
	struct cmabulk_step *steps;
	size_t n_steps;
};

static void report_clear(struct report *report)
{
	free(report->layout);
	free(report->steps);
}

static int read_announced(sd_bus_message *message, void *userdata)
{
	struct report *report = userdata;
	struct bus_announced announced;
	struct bus_announced *layout;
	int r = bus_read_result(sd_bus_message_read(message, "ttts", &announced.id,
						    &announced.inode, &announced.chunks,
						    &announced.name));

	if (r < 0)
		return r;
	layout = reallocarray(report->layout, report->n_layout + 1, sizeof(*layout));
	if (!layout)
		return -ENOMEM;
	report->layout = layout;
	layout[report->n_layout++] = announced;
	return 0;
}

static int read_layout(sd_bus_message *message, void *target)
{
	return bus_read_array(message, "(ttts)", read_announced, target);
}

struct step {
	const char *lost_with_pool;
	const char *effort;
	int32_t error;
	struct cmabulk_step step;
};

#define STEP_FIELD(name, field)                                     \
	{                                                           \
		name, "t", offsetof(struct step, step.field), false \
	}

static const struct bus_field step_fields[] = {
	{ "pool", "s", offsetof(struct step, lost_with_pool), false },
	{ "effort", "s", offsetof(struct step, effort), true },
	{ "error", "i", offsetof(struct step, error), true },
	{ "requested", "t", offsetof(struct step, step.requested), true },
	{ "granted", "t", offsetof(struct step, step.granted), true },
	{ "elapsed-usec", "t", offsetof(struct step, step.elapsed_usec), true },
	STEP_FIELD("blocks-surveyed", blocks_surveyed),
	STEP_FIELD("blocks-free", blocks_free),
	STEP_FIELD("blocks-movable", blocks_movable),
	STEP_FIELD("blocks-suspect", blocks_suspect),
	STEP_FIELD("blocks-taken", blocks_taken),
	STEP_FIELD("pages-to-migrate", pages_to_migrate),
	STEP_FIELD("ranges-planned", ranges_planned),
	STEP_FIELD("ranges-tried", ranges_tried),
	STEP_FIELD("ranges-failed", ranges_failed),
	STEP_FIELD("chunks-free", chunks_free),
	STEP_FIELD("chunks-moved", chunks_moved),
	STEP_FIELD("chunks-salvaged", chunks_salvaged),
	STEP_FIELD("skipped-suspect", skipped_suspect),
	STEP_FIELD("skipped-busy", skipped_busy),
	STEP_FIELD("skipped-taken", skipped_taken),
	STEP_FIELD("skipped-no-memory", skipped_no_memory),
	STEP_FIELD("skipped-isolated", skipped_isolated),
	STEP_FIELD("survey-ns", survey_ns),
	STEP_FIELD("plan-ns", plan_ns),
	STEP_FIELD("drain-ns", drain_ns),
	STEP_FIELD("claim-ns", claim_ns),
	STEP_FIELD("salvage-ns", salvage_ns),
	STEP_FIELD("total-ns", total_ns),
};

static int parse_error(int32_t error, int *ret)
{
	if (error < -ERRNO_MAX || error > ERRNO_MAX)
		return -EPROTO;
	*ret = -abs(error);
	return 0;
}

/* Efforts of later versions have no number here. */
static uint32_t parse_effort(const char *text)
{
	if (strcmp(text, "fast") == 0)
		return CMABULK_REQUEST_EFFORT_FAST;
	if (strcmp(text, "normal") == 0)
		return CMABULK_REQUEST_EFFORT_NORMAL;
	return strcmp(text, "hard") == 0 ? CMABULK_REQUEST_EFFORT_HARD : UINT32_MAX;
}

static int read_step(sd_bus_message *message, void *userdata)
{
	struct report *report = userdata;
	struct step step = { 0 };
	struct cmabulk_step *steps;
	int r = bus_read_dictionary(message, step_fields, ARRAY_SIZE(step_fields), &step);

	if (r >= 0)
		r = parse_error(step.error, &step.step.error);
	if (r < 0 || step.lost_with_pool)
		return r;
	step.step.effort = parse_effort(step.effort);
	steps = reallocarray(report->steps, report->n_steps + 1, sizeof(*steps));
	if (!steps)
		return -ENOMEM;
	report->steps = steps;
	steps[report->n_steps++] = step.step;
	return 0;
}

static int read_steps(sd_bus_message *message, void *target)
{
	return bus_read_array(message, "a{sv}", read_step, target);
}

static const struct bus_field report_fields[] = {
	{ "pool", "s", offsetof(struct report, pool), true },
	{ "kind", "s", offsetof(struct report, kind), true },
	{ "reason", "s", offsetof(struct report, reason), false },
	{ "cause", "s", offsetof(struct report, cause), false },
	{ "error", "i", offsetof(struct report, error), true },
	{ "claimed", "t", offsetof(struct report, claimed), true },
	{ "prepared", "t", offsetof(struct report, prepared), false },
	{ "queued-usec", "t", offsetof(struct report, queued_usec), false },
	{ "chunk-size", "t", offsetof(struct report, chunk_size), true },
	{ "alignment", "t", offsetof(struct report, alignment), true },
	{ "serial", "t", offsetof(struct report, serial), true },
	{ "layout", "a(ttts)", 0, true, read_layout },
	{ "steps", "aa{sv}", 0, false, read_steps },
};

static int parse_status(const char *text, enum cmabulk_allocation_status *ret)
{
	static const char *const names[] = {
		[CMABULK_ALLOCATION_COMPLETE] = "complete",
		[CMABULK_ALLOCATION_PARTIAL] = "partial",
		[CMABULK_ALLOCATION_TIMED_OUT] = "timed-out",
		[CMABULK_ALLOCATION_CANCELLED] = "cancelled",
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(names[i], text) == 0) {
			*ret = (enum cmabulk_allocation_status)i;
			return 0;
		}
	}
	return -EPROTO;
}

/* Does what was granted add up, and could it be mapped? */
static int check_layout(const struct report *report, uint64_t granted, uint32_t n_buffers)
{
	uint64_t sum = 0;
	uint64_t bytes;

	if (report->n_layout != n_buffers)
		return -EPROTO;
	for (size_t i = 0; i < report->n_layout; i++) {
		const struct bus_announced *announced = &report->layout[i];

		if (announced->chunks == 0 || announced->chunks > granted - sum ||
		    strlen(announced->name) >= CMABULK_BUFFER_NAME_LEN)
			return -EPROTO;
		sum += announced->chunks;
	}
	if (sum != granted || __builtin_mul_overflow(granted, report->chunk_size, &bytes) ||
	    bytes > INT64_MAX)
		return -EPROTO;
	return 0;
}

static bool is_power_of_two(uint64_t number)
{
	return number > 0 && (number & (number - 1)) == 0;
}

/* What was asked for: what comes must be that, or less and say so. */
struct asked {
	uint64_t count;
	uint32_t order;
	uint32_t buffers;
};

/* Fewer than asked for when not all of them could be made: then it is not complete. */
static bool is_number_of_buffers(const struct asked *asked, enum cmabulk_allocation_status status,
				 uint64_t granted, uint32_t n_buffers)
{
	uint32_t most = spread_buffers(granted, asked->buffers);

	if (status == CMABULK_ALLOCATION_COMPLETE)
		return n_buffers == most;
	return n_buffers <= most && (n_buffers > 0) == (granted > 0);
}

static int check_report(const struct report *report, const struct asked *asked,
			enum cmabulk_allocation_status status, uint64_t granted, uint32_t n_buffers)
{
	uint64_t chunk_size = (uint64_t)sysconf(_SC_PAGESIZE) << asked->order;

	if (!text_is_pool_name(report->pool) || report->chunk_size != chunk_size ||
	    !is_power_of_two(report->alignment) || report->alignment < chunk_size)
		return -EPROTO;
	if ((status == CMABULK_ALLOCATION_COMPLETE) != (granted == asked->count) ||
	    (status == CMABULK_ALLOCATION_COMPLETE) != (report->error == 0) ||
	    granted > report->claimed || report->claimed > asked->count ||
	    report->prepared > report->claimed)
		return -EPROTO;
	if (!is_number_of_buffers(asked, status, granted, n_buffers))
		return -EPROTO;
	return check_layout(report, granted, n_buffers);
}

static enum cmabulk_allocation_cause parse_cause(const struct report *report)
{
	if (report->error == 0)
		return CMABULK_ALLOCATION_CAUSE_NONE;
	/* It came short, so there is one. */
	if (!report->cause || !*report->cause)
		return CMABULK_ALLOCATION_CAUSE_UNKNOWN;
	return cause_parse(report->cause);
}

static int make_allocation(struct report *report, enum cmabulk_allocation_status status,
			   const struct asked *asked, struct cmabulk_allocation **ret)
{
	struct cmabulk_allocation *allocation CLEANUP(cmabulk_allocation_unrefp) = NULL;
	int r = allocation_new(report->pool, &allocation);

	if (r >= 0)
		r = parse_error(report->error, &allocation->error);
	if (r < 0)
		return r;
	if (report->reason && *report->reason) {
		allocation->reason = strdup(report->reason);
		if (!allocation->reason)
			return -ENOMEM;
	}
	allocation->kind = text_kind(report->kind);
	allocation->status = status;
	allocation->cause = parse_cause(report);
	allocation->order = asked->order;
	allocation->requested = asked->count;
	allocation->claimed = report->claimed;
	allocation->prepared = report->prepared;
	allocation->queued_usec = report->queued_usec;
	allocation->steps = TAKE(report->steps);
	allocation->n_steps = (unsigned int)report->n_steps;
	r = allocation_make_room(allocation, (unsigned int)report->n_layout);
	if (r < 0)
		return r;
	*ret = TAKE(allocation);
	return 0;
}

int bus_reply_read(struct bus_reply *reply, sd_bus_message *message, uint64_t count, uint32_t order,
		   uint32_t buffers)
{
	const struct asked asked = { .count = count, .order = order, .buffers = buffers };
	struct report report CLEANUP(report_clear) = { 0 };
	enum cmabulk_allocation_status status;
	const char *status_text;
	uint64_t granted;
	uint32_t n_buffers;
	int r;

	if (sd_bus_message_has_signature(message, "ostua{sv}ah") <= 0)
		return -EPROTO;
	r = bus_read_result(sd_bus_message_read(message, "ostu", &reply->path, &status_text,
						&granted, &n_buffers));
	if (r >= 0)
		r = parse_status(status_text, &status);
	if (r >= 0)
		r = bus_read_dictionary(message, report_fields, ARRAY_SIZE(report_fields), &report);
	if (r >= 0)
		r = check_report(&report, &asked, status, granted, n_buffers);
	if (r >= 0)
		r = make_allocation(&report, status, &asked, &reply->allocation);
	if (r < 0)
		return r;
	reply->sender = sd_bus_message_get_sender(message);
	reply->layout = TAKE(report.layout);
	reply->n_buffers = n_buffers;
	reply->chunk_size = report.chunk_size;
	reply->alignment = report.alignment;
	reply->serial = report.serial;
	reply->order = order;
	return 0;
}

void bus_reply_clear(struct bus_reply *reply)
{
	cmabulk_allocation_unref(reply->allocation);
	free(reply->layout);
}

static int read_buffer(sd_bus_message *message, void *userdata)
{
	struct bus_reply *reply = userdata;
	struct cmabulk_buffer *buffer;
	struct buffer_layout layout;
	const struct bus_announced *announced;
	int fd; /* the message's */
	int r = bus_read_result(sd_bus_message_read_basic(message, SD_BUS_TYPE_UNIX_FD, &fd));

	if (r < 0)
		return r;
	if (reply->allocation->n_buffers == reply->n_buffers)
		return -EPROTO;
	announced = &reply->layout[reply->allocation->n_buffers];
	layout = (struct buffer_layout){
		.chunks = announced->chunks,
		.chunk_size = reply->chunk_size,
		.order = reply->order,
		.alignment = reply->alignment,
	};
	r = buffer_receive(fd, &layout, reply->allocation->kind, &buffer);
	if (r < 0)
		return r;
	buffer->id = announced->id;
	strcpy(buffer->name, announced->name);
	allocation_add_buffer(reply->allocation, buffer);
	return 0;
}

int bus_reply_read_buffers(struct bus_reply *reply, sd_bus_message *message)
{
	unsigned int before = reply->allocation->n_buffers;
	int r = bus_read_array(message, "h", read_buffer, reply);

	if (r < 0)
		return r;
	return before < reply->n_buffers && reply->allocation->n_buffers == before ? -EPROTO : 0;
}
