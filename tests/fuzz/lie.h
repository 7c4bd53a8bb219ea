/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a daemon says: the input says of each value whether it is true, and what it is else. No input at all is the truth. */
#ifndef TESTS_FUZZ_LIE_H
#define TESTS_FUZZ_LIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-bus.h>

struct input {
	const uint8_t *data;
	size_t size;
	uint64_t last_id; /* of what was listed */
};

/* Ends the program, so that the input is kept. */
void check(bool holds, const char *what);
void must(int r);

/* 0 when all was read: an empty input is true. */
uint8_t lie_next(struct input *input);
/* One that is true, near to it, or anything. */
uint64_t lie_number(struct input *input, uint64_t right);
const char *lie_text(struct input *input, const char *right);

/* An entry of a{sv}; or none, or two, or one of another type. @type: t, u, i or b. */
void lie_append_number(sd_bus_message *message, struct input *input, const char *name,
		       const char *type, uint64_t right);
void lie_append_text(sd_bus_message *message, struct input *input, const char *name,
		     const char *right);

#endif
