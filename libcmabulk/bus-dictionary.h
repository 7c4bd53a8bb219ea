/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Dictionaries (a{sv}) of the daemon, read strictly but with an eye to later
 * versions: what is known must have its type and come once, what is not known is
 * skipped.
 */
#ifndef LIBCMABULK_BUS_DICTIONARY_H
#define LIBCMABULK_BUS_DICTIONARY_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include <systemd/sd-bus.h>

struct bus_field {
	const char *name;
	/* s: const char *, lives as long as the message; t: uint64_t; u: uint32_t; i: int32_t; b: int */
	const char *signature;
	size_t offset; /* of that in the target */
	bool is_needed;
	/* Of any other signature: reads the value; @target is that of the dictionary. */
	int (*read)(sd_bus_message *message, void *target);
};

/* Fields at most, in one table. */
#define BUS_FIELDS_MAX 64

/* What is not there is left alone. -EPROTO, -ENOMEM. */
int bus_read_dictionary(sd_bus_message *message, const struct bus_field *fields, size_t count,
			void *target);

/* A field of type as; -EPROTO, -ENOMEM. */
int bus_read_strings(sd_bus_message *message, char ***ret);

/* Calls @read for every element of an array of @contents; -EPROTO, or what @read says. */
int bus_read_array(sd_bus_message *message, const char *contents,
		   int (*read)(sd_bus_message *message, void *userdata), void *userdata);

/* What sd-bus says of a message it cannot read as asked, in the library's words; 0 is an end come too early. */
static inline int bus_read_result(int r)
{
	if (r > 0)
		return 0;
	return r == -ENOMEM ? r : -EPROTO;
}

#endif
