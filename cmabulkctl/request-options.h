/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the options of a verb say of a request; each complains about what it does not take. */
#ifndef CMABULKCTL_REQUEST_OPTIONS_H
#define CMABULKCTL_REQUEST_OPTIONS_H

#include "cli.h"

/* "--NAME: 'VALUE' is not EXPECTED"; returns -EINVAL. */
int request_option_refuse(const char *name, const char *value, const char *expected);

/* Options of that name: 1, or -EINVAL. */
int request_option_effort(struct cmabulk_request *request, const char *value);
int request_option_pool(struct cmabulk_request *request, const char *value);
int request_option_device(struct cmabulk_request *request, const char *value);
int request_option_label(struct cmabulk_request *request, const char *value);
/* What a name= of a number is: 1 and *@ret, or -EINVAL. */
int request_option_number(const char *name, const char *value, uint64_t max, uint64_t *ret);
int request_option_time(const char *name, const char *value, uint64_t *ret_usec);

/* Of all options together, when they were read: an exit code. */
int request_options_check(const struct cmabulk_request *request);

/* The amount after the options, with @order, or -1: an exit code. */
int request_set_amount(struct cmabulk_request *request, int order, const char *text,
		       uint64_t *ret_chunk_size);

#endif
