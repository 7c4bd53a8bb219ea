/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a connection was told. */
#ifndef LIBCMABULK_EVENT_H
#define LIBCMABULK_EVENT_H

#include <linux/cmabulk.h>

#include "cmabulk.h"
#include "util.h"

/* Of fixed size: to keep one needs no memory. */
struct event_record {
	enum cmabulk_event_type type;
	char pool[CMABULK_POOL_NAME_LEN]; /* "": of none */
	/* What its type has not is zero. */
	uint64_t buffer_id;
	uint64_t inode;
	enum cmabulk_event_level level;
	uint64_t bytes;
	uint64_t n_lost;
};

struct cmabulk_event {
	atomic_uint references;
	struct event_record record;
};

int event_new(const struct event_record *record, struct cmabulk_event **ret);

/* What the D-Bus interface calls it. */
enum cmabulk_event_level event_parse_level(const char *text);

#endif
