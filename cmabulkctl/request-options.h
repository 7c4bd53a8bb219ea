/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the options of a verb say of a request; each complains about what it does not take. */
#ifndef CMABULKCTL_REQUEST_OPTIONS_H
#define CMABULKCTL_REQUEST_OPTIONS_H

#include "cli.h"

/* The first options of every verb that makes a request; its own follow from REQUEST_OPTION_COUNT on. */
enum request_option {
	REQUEST_OPTION_POOL,
	REQUEST_OPTION_DEVICE,
	REQUEST_OPTION_ORDER,
	REQUEST_OPTION_ALIGN,
	REQUEST_OPTION_EFFORT,
	REQUEST_OPTION_LABEL,
	REQUEST_OPTION_COUNT,
};

/* Their descriptions, in a table; the verb says what its defaults are. */
#define REQUEST_OPTIONS(default_effort, default_label)                                             \
	[REQUEST_OPTION_POOL] = { "pool", "NAME",                                                  \
				  "take from this pool (default: the one with most free)" },       \
	[REQUEST_OPTION_DEVICE] = { "device", "DEVICE",                                            \
				    "take from the first pool of this device" },                   \
	[REQUEST_OPTION_ORDER] = { "order", "N", "chunks of 2^N pages (default: chunks of 64K)" }, \
	[REQUEST_OPTION_ALIGN] = { "align", "N",                                                   \
				   "align every chunk to 2^N pages (default: its own size)" },     \
	[REQUEST_OPTION_EFFORT] = { "effort", "EFFORT",                                            \
				    "go up to fast, normal or hard (default: " default_effort      \
				    ")" },                                                         \
	[REQUEST_OPTION_LABEL] = { "label", "TEXT",                                                \
				   "say what it is for (default: " default_label ")" }

/* Takes one of them: 1, or -EINVAL. */
int request_option_take(struct cmabulk_request *request, enum request_option option,
			const char *value);
/* What options of a verb's own do with their values: 1, or -EINVAL. */
int request_option_refuse(const char *name, const char *value, const char *expected);
int request_option_number(const char *name, const char *value, uint64_t max, uint64_t *ret);
int request_option_time(const char *name, const char *value, uint64_t *ret_usec);

/* Of all options together, when they were read: an exit code. */
int request_options_check(const struct cmabulk_request *request);

/* The amount after the options, which may say the order unless an option did: an exit code. */
int request_set_amount(struct cmabulk_request *request, bool is_ordered, const char *text,
		       uint64_t *ret_chunk_size);

#endif
