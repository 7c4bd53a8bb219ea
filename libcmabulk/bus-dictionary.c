// SPDX-License-Identifier: LGPL-2.1-or-later
/* Dictionaries of the daemon, read by tables of their fields. */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "bus-dictionary.h"

static int read_value(sd_bus_message *message, const struct bus_field *field, void *target)
{
	int r = sd_bus_message_enter_container(message, SD_BUS_TYPE_VARIANT, field->signature);

	r = bus_read_result(r);
	if (r < 0)
		return r;
	if (field->read)
		r = field->read(message, target);
	else
		r = bus_read_result(sd_bus_message_read_basic(message, field->signature[0],
							      (char *)target + field->offset));
	if (r < 0)
		return r;
	return sd_bus_message_exit_container(message) < 0 ? -EPROTO : 0;
}

struct reading {
	const struct bus_field *fields;
	size_t count;
	void *target;
	uint64_t seen; /* a bit per field */
};

static int read_known(sd_bus_message *message, struct reading *reading, size_t index)
{
	uint64_t bit = UINT64_C(1) << index;

	if (reading->seen & bit)
		return -EPROTO;
	reading->seen |= bit;
	return read_value(message, &reading->fields[index], reading->target);
}

static int read_entry(sd_bus_message *message, void *userdata)
{
	struct reading *reading = userdata;
	const char *name;
	int r = bus_read_result(sd_bus_message_read_basic(message, SD_BUS_TYPE_STRING, &name));

	if (r < 0)
		return r;
	for (size_t i = 0; i < reading->count; i++)
		if (strcmp(reading->fields[i].name, name) == 0)
			return read_known(message, reading, i);
	return bus_read_result(sd_bus_message_skip(message, "v"));
}

static int check_needed(const struct reading *reading)
{
	for (size_t i = 0; i < reading->count; i++)
		if (reading->fields[i].is_needed && !(reading->seen & UINT64_C(1) << i))
			return -EPROTO;
	return 0;
}

int bus_read_dictionary(sd_bus_message *message, const struct bus_field *fields, size_t count,
			void *target)
{
	struct reading reading = { .fields = fields, .count = count, .target = target };
	int r = bus_read_array(message, "{sv}", read_entry, &reading);

	return r < 0 ? r : check_needed(&reading);
}

/* What kind of container, and of what, a complete type is; elements of other types are read as they are. */
static int enter_element(sd_bus_message *message, const char *contents)
{
	char inner[64] = "";
	size_t length = strlen(contents);

	if (contents[0] != '{' && contents[0] != '(')
		return sd_bus_message_at_end(message, false) ? 0 : 1;
	memcpy(inner, contents + 1, length - 2);
	return sd_bus_message_enter_container(
		message, contents[0] == '{' ? SD_BUS_TYPE_DICT_ENTRY : SD_BUS_TYPE_STRUCT, inner);
}

static int exit_element(sd_bus_message *message, const char *contents)
{
	if (contents[0] != '{' && contents[0] != '(')
		return 0;
	return sd_bus_message_exit_container(message);
}

int bus_read_array(sd_bus_message *message, const char *contents,
		   int (*read)(sd_bus_message *message, void *userdata), void *userdata)
{
	int r = sd_bus_message_enter_container(message, SD_BUS_TYPE_ARRAY, contents);

	r = bus_read_result(r);
	if (r < 0)
		return r;
	while ((r = enter_element(message, contents)) > 0) {
		r = read(message, userdata);
		if (r < 0)
			return r;
		if (exit_element(message, contents) < 0)
			return -EPROTO;
	}
	if (r < 0)
		return r == -ENOMEM ? r : -EPROTO;
	return sd_bus_message_exit_container(message) < 0 ? -EPROTO : 0;
}

int bus_read_strings(sd_bus_message *message, char ***ret)
{
	int r = sd_bus_message_read_strv(message, ret);

	if (r == -ENOMEM)
		return r;
	return r < 0 ? -EPROTO : 0;
}
