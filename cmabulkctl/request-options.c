// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the options of a verb say of a request. */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "request-options.h"
#include "size.h"

int request_option_refuse(const char *name, const char *value, const char *expected)
{
	cli_usage("--%s: '%s' is not %s", name, value, expected);
	return -EINVAL;
}

static int take_effort(struct cmabulk_request *request, const char *value)
{
	for (unsigned int effort = 0; effort <= CMABULK_REQUEST_EFFORT_HARD; effort++)
		if (strcmp(value, effort_name(effort)) == 0)
			return cmabulk_request_set_effort(request,
							  (enum cmabulk_request_effort)effort) < 0 ?
				       -EINVAL :
				       1;
	return request_option_refuse("effort", value, "fast, normal or hard");
}

static int take_pool(struct cmabulk_request *request, const char *value)
{
	return cmabulk_request_set_pool(request, value) < 0 ?
		       request_option_refuse("pool", value, "a name that a pool can have") :
		       1;
}

static int take_device(struct cmabulk_request *request, const char *value)
{
	return cmabulk_request_set_device(request, value) < 0 ?
		       request_option_refuse("device", value, "a name that a device can have") :
		       1;
}

static int take_label(struct cmabulk_request *request, const char *value)
{
	return cmabulk_request_set_label(request, value) < 0 ?
		       request_option_refuse("label", value,
					     "up to 63 bytes of UTF-8 without control characters") :
		       1;
}

int request_option_number(const char *name, const char *value, uint64_t max, uint64_t *ret)
{
	return number_parse(value, max, ret) < 0 ?
		       request_option_refuse(name, value, "a number in range") :
		       1;
}

int request_option_time(const char *name, const char *value, uint64_t *ret_usec)
{
	return time_parse(value, ret_usec) < 0 || *ret_usec == 0 ?
		       request_option_refuse(name, value,
					     "a time as 500ms, 20s, 2min or infinity") :
		       1;
}

static int take_number(struct cmabulk_request *request, const char *name, const char *value,
		       int (*set)(struct cmabulk_request *request, unsigned int number))
{
	uint64_t number;
	int r = request_option_number(name, value, INT32_MAX, &number);

	if (r < 0)
		return r;
	return set(request, (unsigned int)number) < 0 ?
		       request_option_refuse(name, value, "a number in range") :
		       1;
}

int request_option_take(struct cmabulk_request *request, enum request_option option,
			const char *value)
{
	switch (option) {
	case REQUEST_OPTION_POOL:
		return take_pool(request, value);
	case REQUEST_OPTION_DEVICE:
		return take_device(request, value);
	case REQUEST_OPTION_ORDER:
		return take_number(request, "order", value, cmabulk_request_set_order);
	case REQUEST_OPTION_ALIGN:
		return take_number(request, "align", value, cmabulk_request_set_align);
	case REQUEST_OPTION_EFFORT:
		return take_effort(request, value);
	case REQUEST_OPTION_LABEL:
		return take_label(request, value);
	default:
		return -EINVAL;
	}
}

int request_options_check(const struct cmabulk_request *request)
{
	if (cmabulk_request_get_pool(request) && cmabulk_request_get_device(request))
		return cli_usage("--pool and --device exclude each other");
	return EXIT_OK;
}

int request_set_amount(struct cmabulk_request *request, bool is_ordered, const char *text,
		       uint64_t *ret_chunk_size)
{
	int order = is_ordered ? (int)cmabulk_request_get_order(request) : -1;
	uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	struct amount amount;
	unsigned int chunk_order;
	uint64_t chunks;

	if (amount_parse(text, &amount) < 0)
		return cli_usage("'%s' is not a count as 4800, a size as 300M, or both as 4800x64K",
				 text);
	if (amount_resolve(&amount, order, page_size, &chunks, &chunk_order) < 0)
		return cli_usage("'%s': a chunk is a power of two of pages of %zu bytes, and must "
				 "be what --order says",
				 text, (size_t)page_size);
	if (cmabulk_request_set_order(request, chunk_order) < 0 ||
	    cmabulk_request_set_count(request, chunks) < 0)
		return cli_usage("'%s' is out of range", text);
	*ret_chunk_size = page_size << chunk_order;
	return EXIT_OK;
}
