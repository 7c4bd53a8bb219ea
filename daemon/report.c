// SPDX-License-Identifier: LGPL-2.1-or-later
/* How an allocation ended, as Allocate tells it. */
#include <errno.h>
#include <string.h>

#include <glib.h>

#include "bus.h"
#include "clock.h"
#include "effort.h"
#include "report.h"
#include "text.h"

static const char *status_name(enum broker_status status)
{
	static const char *const names[] = {
		[BROKER_COMPLETE] = "complete",
		[BROKER_PARTIAL] = "partial",
		[BROKER_TIMED_OUT] = "timed-out",
		[BROKER_CANCELLED] = "cancelled",
	};

	return names[status];
}

const char *report_cause_name(enum broker_cause cause)
{
	static const char *const names[] = {
		[BROKER_CAUSE_NONE] = "",
		[BROKER_CAUSE_QUOTA] = "quota",
		[BROKER_CAUSE_GUARANTEE] = "guarantee",
		[BROKER_CAUSE_EXHAUSTED] = "exhausted",
		[BROKER_CAUSE_PINNED] = "pinned",
		[BROKER_CAUSE_BUSY] = "busy",
		[BROKER_CAUSE_NO_MEMORY] = "no-memory",
		[BROKER_CAUSE_INTERRUPTED] = "interrupted",
		[BROKER_CAUSE_GONE] = "gone",
		[BROKER_CAUSE_FAILED] = "failed",
	};

	return names[cause];
}

/* Of a request that was never judged the order may be anything. */
static uint64_t bytes_of_order(const struct report *report, unsigned int order)
{
	if (order >= 64 || report->page_size > UINT64_MAX >> order)
		return UINT64_MAX;
	return report->page_size << order;
}

char *report_get_sentence(const struct report *report)
{
	char size[TEXT_SIZE_MAX];

	if (report->reason)
		return g_strdup(report->reason);
	switch (-report->error) {
	case 0:
		return g_strdup("");
	case EBUSY:
		return g_strdup_printf("pool %s had no more chunks of %s that could be freed",
				       report->pool,
				       text_size(size, bytes_of_order(report, report->order)));
	case ETIME:
		return g_strdup(
			"the time was over; give it more, or ask for less effort or fewer chunks");
	case EDQUOT:
		return g_strdup("the account's maximum was reached");
	case ENOSPC:
		return g_strdup_printf("what is left of pool %s is guaranteed to other accounts",
				       report->pool);
	case ENOMEM:
		return g_strdup("there was no free memory to move what is in the way to");
	case ECANCELED:
		return g_strdup("it was cancelled");
	case ENODEV:
		return g_strdup_printf("pool %s went away", report->pool);
	case EMFILE:
	case ENFILE:
		return g_strdup("the daemon has no file descriptors left for so many buffers");
	default:
		return g_strdup(strerror(-report->error));
	}
}

static int append_layout(sd_bus_message *message, const struct report *report)
{
	int r = sd_bus_message_open_container(message, 'e', "sv");

	if (r >= 0)
		r = sd_bus_message_append(message, "s", "layout");
	if (r >= 0)
		r = sd_bus_message_open_container(message, 'v', "a(ttts)");
	if (r >= 0)
		r = sd_bus_message_open_container(message, 'a', "(ttts)");
	for (unsigned int i = 0; i < report->n_buffers && r >= 0; i++) {
		const struct pool_buffer *buffer = &report->buffers[i];

		r = sd_bus_message_append(message, "(ttts)", buffer->id, buffer->inode,
					  buffer->chunks, buffer->name);
	}
	for (unsigned int i = 0; i < 3 && r >= 0; i++)
		r = sd_bus_message_close_container(message);
	return r;
}

/* Most of it is 0 most of the time, and each entry costs the bus more than it tells: that is left out. */
static int append_kernel_report(sd_bus_message *message, const struct cmabulk_report *report)
{
	const struct {
		const char *key;
		uint64_t value;
	} fields[] = {
		{ "blocks-surveyed", report->blocks_surveyed },
		{ "blocks-free", report->blocks_free },
		{ "blocks-movable", report->blocks_movable },
		{ "blocks-suspect", report->blocks_suspect },
		{ "blocks-taken", report->blocks_taken },
		{ "pages-to-migrate", report->pages_to_migrate },
		{ "ranges-planned", report->ranges_planned },
		{ "ranges-tried", report->ranges_tried },
		{ "ranges-failed", report->ranges_failed },
		{ "chunks-free", report->chunks_free },
		{ "chunks-moved", report->chunks_moved },
		{ "chunks-salvaged", report->chunks_salvaged },
		{ "skipped-suspect", report->skipped_suspect },
		{ "skipped-busy", report->skipped_busy },
		{ "skipped-taken", report->skipped_taken },
		{ "skipped-no-memory", report->skipped_no_memory },
		{ "skipped-isolated", report->skipped_isolated },
		{ "survey-ns", report->survey_ns },
		{ "plan-ns", report->plan_ns },
		{ "drain-ns", report->drain_ns },
		{ "claim-ns", report->claim_ns },
		{ "salvage-ns", report->salvage_ns },
		{ "total-ns", report->total_ns },
	};
	int r = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(fields) && r >= 0; i++)
		if (fields[i].value > 0)
			r = bus_append_u64(message, fields[i].key, fields[i].value);
	return r;
}

/* @pool NULL: it was in the report's own. */
static int append_step(sd_bus_message *message, const struct broker_step *step, const char *pool)
{
	int r = sd_bus_message_open_container(message, 'a', "{sv}");

	if (r >= 0 && pool)
		r = bus_append_string(message, "pool", pool);
	if (r >= 0)
		r = bus_append_string(message, "effort", effort_name(step->effort));
	if (r >= 0)
		r = bus_append_i32(message, "error", -step->error);
	if (r >= 0)
		r = bus_append_u64(message, "requested", step->requested);
	if (r >= 0)
		r = bus_append_u64(message, "granted", step->granted);
	if (r >= 0)
		r = bus_append_u64(message, "elapsed-usec", step->elapsed_ns / NSEC_PER_USEC);
	if (r >= 0)
		r = append_kernel_report(message, &step->report);
	return r < 0 ? r : sd_bus_message_close_container(message);
}

static int append_steps(sd_bus_message *message, const struct report *report)
{
	int r = sd_bus_message_open_container(message, 'e', "sv");

	if (r >= 0)
		r = sd_bus_message_append(message, "s", "steps");
	if (r >= 0)
		r = sd_bus_message_open_container(message, 'v', "aa{sv}");
	if (r >= 0)
		r = sd_bus_message_open_container(message, 'a', "a{sv}");
	for (size_t i = 0; i < report->steps.count && r >= 0; i++) {
		const struct report_step *step = &report->steps.steps[i];

		r = append_step(message, &step->step, step->is_lost ? step->pool : NULL);
	}
	for (unsigned int i = 0; i < 3 && r >= 0; i++)
		r = sd_bus_message_close_container(message);
	return r;
}

static int append_times(sd_bus_message *message, const struct report *report)
{
	int r = bus_append_u64(message, "queued-usec", report->queued_ns / NSEC_PER_USEC);

	return r < 0 ? r :
		       bus_append_u64(message, "elapsed-usec", report->elapsed_ns / NSEC_PER_USEC);
}

static int append_result(sd_bus_message *message, const struct report *report, uint64_t serial)
{
	g_autofree char *sentence = report_get_sentence(report);
	int r = bus_append_string(message, "pool", report->pool);

	if (r >= 0)
		r = bus_append_string(message, "kind", report->kind);
	if (r >= 0)
		r = bus_append_u32(message, "order", report->order);
	if (r >= 0)
		r = bus_append_u64(message, "requested", report->requested);
	if (r >= 0)
		r = bus_append_u64(message, "claimed", report->claimed);
	if (r >= 0 && report->ahead > 0)
		r = bus_append_u64(message, "prepared", report->ahead);
	if (r >= 0)
		r = bus_append_i32(message, "error", -report->error);
	if (r >= 0 && report->cause != BROKER_CAUSE_NONE)
		r = bus_append_string(message, "cause", report_cause_name(report->cause));
	if (r >= 0)
		r = bus_append_string(message, "reason", sentence);
	if (r >= 0)
		r = bus_append_u64(message, "chunk-size", bytes_of_order(report, report->order));
	if (r >= 0)
		r = bus_append_u64(message, "alignment", bytes_of_order(report, report->align));
	return r < 0 ? r : bus_append_u64(message, "serial", serial);
}

static int append_report(sd_bus_message *message, const struct report *report, uint64_t serial)
{
	int r = sd_bus_message_open_container(message, 'a', "{sv}");

	if (r >= 0)
		r = append_result(message, report, serial);
	if (r >= 0)
		r = append_times(message, report);
	if (r >= 0)
		r = append_layout(message, report);
	if (r >= 0)
		r = append_steps(message, report);
	return r < 0 ? r : sd_bus_message_close_container(message);
}

int report_compose(const struct report *report, sd_bus_message *call, const char *path,
		   uint64_t serial, sd_bus_message **ret)
{
	sd_bus_message *message = NULL;
	int r = sd_bus_message_new_method_return(call, &message);

	if (r >= 0)
		r = sd_bus_message_append(message, "ostu", path, status_name(report->status),
					  report->granted, report->n_buffers);
	if (r >= 0)
		r = append_report(message, report, serial);
	if (r < 0) {
		sd_bus_message_unref(message);
		return r;
	}
	*ret = message;
	return 0;
}

uint64_t report_get_bytes(const struct report *report)
{
	return READER_BYTES_REPLY + 64 * (uint64_t)report->n_buffers + 1024 * report->steps.count;
}
