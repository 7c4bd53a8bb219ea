/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How an allocation ended, as Allocate tells it. */
#ifndef CMABULKD_REPORT_H
#define CMABULKD_REPORT_H

#include <systemd/sd-bus.h>

#include "pool.h"
#include "report-step.h"

struct report {
	char pool[CMABULK_POOL_NAME_LEN];
	const char *kind;
	enum broker_status status;
	int error; /* 0 or negative errno */
	enum broker_cause cause;
	const char *reason; /* NULL: what the error means */
	unsigned int order;
	unsigned int align;
	uint64_t page_size;
	uint64_t requested;
	uint64_t claimed;
	uint64_t granted;
	uint64_t ahead; /* of those claimed, by Prepare */
	uint64_t queued_ns;
	uint64_t elapsed_ns;
	struct report_steps steps;
	struct pool_buffer *buffers; /* fds that were delivered are -1 */
	unsigned int n_buffers;
};

/* The reply to @call but for its fds, whose array ends it. */
int report_compose(const struct report *report, sd_bus_message *call, const char *path,
		   uint64_t serial, sd_bus_message **ret);
/* "quota", "busy" and the like; "" for none. */
const char *report_cause_name(enum broker_cause cause);
/* Why it came short; g_free(). */
char *report_get_sentence(const struct report *report);
/* About what such a reply takes. */
uint64_t report_get_bytes(const struct report *report);

#endif
