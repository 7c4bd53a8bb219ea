// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * a{sv} of Allocate and of Prepare: strict, because a key that is ignored is a request that was not
 * understood.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "bus.h"
#include "clock.h"
#include "effort.h"
#include "errors.h"
#include "preparation.h"
#include "text.h"

struct fields {
	uint64_t count;
	uint32_t order;
	uint32_t buffers;
	const char *pool;
	const char *device;
	uint32_t align;
	const char *effort;
	uint64_t minimum;
	uint64_t timeout_usec;
	const char *label;
	uint64_t expire_usec;
};

/* The calls that have a key. */
#define ALLOCATE (1u << 0)
#define PREPARE	 (1u << 1)

/* Bits of what was given, in the order of the table. */
enum field {
	COUNT,
	ORDER,
	BUFFERS,
	POOL,
	DEVICE,
	ALIGN,
	EFFORT,
	MINIMUM,
	TIMEOUT,
	LABEL,
	EXPIRE,
	N_FIELDS
};

static const struct {
	const char *key;
	const char *type;
	const char *type_name;
	size_t offset;
	unsigned int calls;
} table[N_FIELDS] = {
	[COUNT] = { "count", "t", "a 64-bit number", offsetof(struct fields, count),
		    ALLOCATE | PREPARE },
	[ORDER] = { "order", "u", "a 32-bit number", offsetof(struct fields, order),
		    ALLOCATE | PREPARE },
	[BUFFERS] = { "buffers", "u", "a 32-bit number", offsetof(struct fields, buffers),
		      ALLOCATE },
	[POOL] = { "pool", "s", "a string", offsetof(struct fields, pool), ALLOCATE | PREPARE },
	[DEVICE] = { "device", "s", "a string", offsetof(struct fields, device),
		     ALLOCATE | PREPARE },
	[ALIGN] = { "align", "u", "a 32-bit number", offsetof(struct fields, align),
		    ALLOCATE | PREPARE },
	[EFFORT] = { "effort", "s", "a string", offsetof(struct fields, effort),
		     ALLOCATE | PREPARE },
	[MINIMUM] = { "minimum", "t", "a 64-bit number", offsetof(struct fields, minimum),
		      ALLOCATE },
	[TIMEOUT] = { "timeout-usec", "t", "a 64-bit number", offsetof(struct fields, timeout_usec),
		      ALLOCATE },
	[LABEL] = { "label", "s", "a string", offsetof(struct fields, label), ALLOCATE | PREPARE },
	[EXPIRE] = { "expire-usec", "t", "a 64-bit number", offsetof(struct fields, expire_usec),
		     PREPARE },
};

/* "count, order, ... and label" */
static char *list_keys(unsigned int calls)
{
	g_autoptr(GPtrArray) keys = g_ptr_array_new();
	g_autofree char *most = NULL;
	const char *last;

	for (int i = 0; i < N_FIELDS; i++)
		if (table[i].calls & calls)
			g_ptr_array_add(keys, (char *)table[i].key);
	last = keys->pdata[keys->len - 1];
	keys->pdata[keys->len - 1] = NULL;
	most = g_strjoinv(", ", (char **)keys->pdata);
	return g_strdup_printf("%s and %s", most, last);
}

static int find_field(const char *key, unsigned int calls, sd_bus_error *error)
{
	char excerpt[TEXT_EXCERPT_MAX];
	g_autofree char *keys = NULL;

	for (int i = 0; i < N_FIELDS; i++)
		if ((table[i].calls & calls) && strcmp(table[i].key, key) == 0)
			return i;
	keys = list_keys(calls);
	return sd_bus_error_setf(error, CMABULK_ERROR_INVALID_ARGUMENT,
				 "a request has no key '%s'; it has %s", text_excerpt(excerpt, key),
				 keys);
}

static int read_field(sd_bus_message *call, unsigned int calls, struct fields *fields,
		      unsigned int *given, sd_bus_error *error)
{
	char excerpt[TEXT_EXCERPT_MAX];
	const char *key, *found;
	int field, r;

	r = sd_bus_message_read(call, "s", &key);
	if (r < 0)
		return r;
	field = find_field(key, calls, error);
	if (field < 0)
		return field;
	if (*given & 1u << field)
		return sd_bus_error_setf(error, CMABULK_ERROR_INVALID_ARGUMENT,
					 "%s is in the request twice", key);
	r = sd_bus_message_peek_type(call, NULL, &found);
	if (r < 0)
		return r;
	if (strcmp(found, table[field].type) != 0)
		return sd_bus_error_setf(error, CMABULK_ERROR_INVALID_ARGUMENT,
					 "%s has to be %s, type '%s', but is of type '%s'", key,
					 table[field].type_name, table[field].type,
					 text_excerpt(excerpt, found));
	*given |= 1u << field;
	return sd_bus_message_read(call, "v", table[field].type,
				   (char *)fields + table[field].offset);
}

static int read_fields(sd_bus_message *call, unsigned int calls, struct fields *fields,
		       unsigned int *given, sd_bus_error *error)
{
	int r = sd_bus_message_enter_container(call, 'a', "{sv}");

	while (r >= 0 && (r = sd_bus_message_enter_container(call, 'e', "sv")) > 0) {
		r = read_field(call, calls, fields, given, error);
		if (r >= 0)
			r = sd_bus_message_exit_container(call);
	}
	return r < 0 ? r : sd_bus_message_exit_container(call);
}

static bool is_token(const char *token)
{
	size_t length = strspn(token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_");

	return length > 0 && length <= ALLOCATION_TOKEN_MAX && token[length] == '\0';
}

/* Fits what the kernel keeps, and does not disturb whoever prints it. */
static bool is_label(const char *label)
{
	if (strlen(label) >= CMABULK_LABEL_LEN)
		return false;
	for (const char *c = label; *c; c = g_utf8_next_char(c))
		if (g_unichar_iscntrl(g_utf8_get_char(c)))
			return false;
	return true;
}

static int read_effort(const char *effort, unsigned int *ret, sd_bus_error *error)
{
	char excerpt[TEXT_EXCERPT_MAX];

	if (effort_parse(effort, ret) >= 0)
		return 0;
	return sd_bus_error_setf(error, CMABULK_ERROR_INVALID_ARGUMENT,
				 "effort is fast, normal or hard, not '%s'",
				 text_excerpt(excerpt, effort));
}

static int check_numbers(const struct broker_ask *ask, sd_bus_error *error)
{
	if (ask->chunks == 0)
		return sd_bus_error_setf(error, CMABULK_ERROR_INVALID_ARGUMENT,
					 "count, the number of chunks, is missing or 0");
	if (ask->buffers == 0 || ask->buffers > ask->chunks)
		return sd_bus_error_setf(error, CMABULK_ERROR_INVALID_ARGUMENT,
					 "buffers is %u and has to be from 1 to count, %" PRIu64,
					 ask->buffers, ask->chunks);
	if (ask->buffers > ALLOCATION_BUFFERS_MAX)
		return sd_bus_error_setf(
			error, CMABULK_ERROR_INVALID_ARGUMENT,
			"buffers is %u, and a request has at most %u: make several", ask->buffers,
			ALLOCATION_BUFFERS_MAX);
	if (ask->minimum == 0 || ask->minimum > ask->chunks)
		return sd_bus_error_setf(error, CMABULK_ERROR_INVALID_ARGUMENT,
					 "minimum is %" PRIu64 " and has to be from 1 to count, "
					 "%" PRIu64,
					 ask->minimum, ask->chunks);
	return 0;
}

static int convert(const struct fields *fields, unsigned int given, struct allocation_ask *ret,
		   sd_bus_error *error)
{
	ret->pool = fields->pool;
	ret->device = fields->device;
	ret->label = fields->label;
	/* The largest number stands for none given; who gives it wants as long as may be. */
	ret->timeout_usec = (given & 1u << TIMEOUT) ? MIN(fields->timeout_usec, UINT64_MAX - 1) :
						      UINT64_MAX;
	ret->ask.order = fields->order;
	ret->ask.align = MAX(fields->align, fields->order);
	ret->ask.chunks = fields->count;
	ret->ask.minimum = (given & 1u << MINIMUM) ? fields->minimum : fields->count;
	ret->ask.buffers = fields->buffers;
	if (fields->pool && fields->device)
		return sd_bus_error_setf(error, CMABULK_ERROR_INVALID_ARGUMENT,
					 "pool and device exclude each other: a device has its "
					 "pools, in its order");
	if (!is_label(fields->label))
		return sd_bus_error_setf(
			error, CMABULK_ERROR_INVALID_ARGUMENT,
			"label has to be at most %u bytes without control characters",
			CMABULK_LABEL_LEN - 1);
	if (read_effort(fields->effort, &ret->ask.effort, error) < 0)
		return -EINVAL;
	return check_numbers(&ret->ask, error);
}

static int read_request(sd_bus_message *call, unsigned int calls, struct fields *fields,
			struct allocation_ask *ret, sd_bus_error *error)
{
	unsigned int given = 0;
	int r = sd_bus_message_read(call, "s", &ret->token);

	if (r < 0)
		return r;
	if (!is_token(ret->token))
		return sd_bus_error_setf(error, CMABULK_ERROR_INVALID_ARGUMENT,
					 "a token is 1 to %u letters, digits and underscores",
					 ALLOCATION_TOKEN_MAX);
	r = read_fields(call, calls, fields, &given, error);
	return r < 0 ? r : convert(fields, given, ret, error);
}

int bus_request_read(sd_bus_message *call, struct allocation_ask *ret, sd_bus_error *error)
{
	struct fields fields = { .buffers = 1, .effort = "hard", .label = "" };

	return read_request(call, ALLOCATE, &fields, ret, error);
}

int bus_request_read_ahead(sd_bus_message *call, struct allocation_ask *ret, sd_bus_error *error)
{
	/* Nobody waits for it: it is not worth making others wait. */
	struct fields fields = {
		.buffers = 1,
		.effort = "normal",
		.label = "",
		.expire_usec = PREPARATION_USEC,
	};
	int r = read_request(call, PREPARE, &fields, ret, error);

	if (r < 0)
		return r;
	if (fields.expire_usec == 0)
		return sd_bus_error_setf(error, CMABULK_ERROR_INVALID_ARGUMENT,
					 "expire-usec is 0, the time that what is claimed ahead is "
					 "kept: leave it out for %" PRIu64 " s",
					 (uint64_t)(PREPARATION_USEC / USEC_PER_SEC));
	ret->ask.is_ahead = true;
	ret->ask.minimum = 1;
	ret->timeout_usec = MIN(fields.expire_usec, UINT64_MAX - 1);
	return 0;
}

bool bus_request_is_ahead(sd_bus_message *call)
{
	return sd_bus_message_is_method_call(call, NULL, "Prepare") > 0;
}

bool bus_request_is(sd_bus_message *call, const char *token)
{
	const char *found;
	bool is_it = (sd_bus_message_is_method_call(call, NULL, "Allocate") > 0 ||
		      bus_request_is_ahead(call)) &&
		     sd_bus_message_rewind(call, true) >= 0 &&
		     sd_bus_message_read(call, "s", &found) > 0 && strcmp(found, token) == 0;

	sd_bus_message_rewind(call, true);
	return is_it;
}
