// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a daemon says: true, near to it, or anything. */
#include <stdio.h>
#include <stdlib.h>

#include "lie.h"

void check(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

void must(int r)
{
	check(r >= 0, "the message can be made");
}

uint8_t lie_next(struct input *input)
{
	if (input->size == 0)
		return 0;
	input->size--;
	return *input->data++;
}

uint64_t lie_number(struct input *input, uint64_t right)
{
	uint8_t choice = lie_next(input);
	uint64_t any = 0;

	if (choice < 128)
		return right;
	if (choice < 224)
		return right + (uint64_t)choice - 176;
	for (unsigned int i = 0; i < sizeof(any); i++)
		any = any << 8 | lie_next(input);
	return any;
}

const char *lie_text(struct input *input, const char *right)
{
	static const char *const others[] = {
		"",	     "complete",
		"partial",   "timed-out",
		"cancelled", "sim",
		"kmod",	     "hard",
		"quota",     "a-name-that-is-longer-than-any-buffer-can-have",
		"../video",  "\xc3\xa4",
	};
	uint8_t choice = lie_next(input);

	return choice < 128 ? right : others[choice % (sizeof(others) / sizeof(*others))];
}

static void append_value(sd_bus_message *message, const char *name, const char *type,
			 uint64_t value)
{
	switch (*type) {
	case 't':
		must(sd_bus_message_append(message, "{sv}", name, type, value));
		break;
	case 'b':
		must(sd_bus_message_append(message, "{sv}", name, type, (int)(value & 1)));
		break;
	default:
		must(sd_bus_message_append(message, "{sv}", name, type, (uint32_t)value));
		break;
	}
}

void lie_append_number(sd_bus_message *message, struct input *input, const char *name,
		       const char *type, uint64_t right)
{
	uint8_t choice = lie_next(input);
	uint64_t value = lie_number(input, right);

	/* Left out, said twice, or of another type. */
	if (choice >= 240)
		return;
	if (choice >= 224)
		must(sd_bus_message_append(message, "{sv}", name, "d", 1.5));
	else
		append_value(message, name, type, value);
	if (choice >= 208 && choice < 224)
		must(sd_bus_message_append(message, "{sv}", name, "t", value));
}

void lie_append_text(sd_bus_message *message, struct input *input, const char *name,
		     const char *right)
{
	uint8_t choice = lie_next(input);

	if (choice < 240)
		must(sd_bus_message_append(message, "{sv}", name, "s", lie_text(input, right)));
}
