// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which strings may be names of pools and devices, labels, accounts and kinds. Pure. */
#include <linux/cmabulk.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

bool text_is_pool_name(const char *text)
{
	static const char permitted[] = "abcdefghijklmnopqrstuvwxyz"
					"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
					"0123456789_.-";
	size_t length = strlen(text);

	return length > 0 && length < CMABULK_POOL_NAME_LEN && text[0] != '.' &&
	       strspn(text, permitted) == length;
}

/* Bytes in the sequence that starts with @lead, 0 when none can. */
static size_t sequence_length(unsigned char lead)
{
	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead < 0xe0)
		return 2;
	if (lead >= 0xe0 && lead < 0xf0)
		return 3;
	if (lead >= 0xf0 && lead < 0xf5)
		return 4;
	return 0;
}

static bool is_continuation(char byte)
{
	return ((unsigned char)byte & 0xc0) == 0x80;
}

/* Bytes in the character at @text, 0 when it is not UTF-8. */
static size_t character_length(const char *text, uint32_t *ret_character)
{
	size_t length = sequence_length((unsigned char)*text);
	uint32_t character;

	if (length == 0)
		return 0;
	character = (unsigned char)*text & (length == 1 ? 0x7f : 0x7f >> length);
	for (size_t i = 1; i < length; i++) {
		if (!is_continuation(text[i]))
			return 0;
		character = character << 6 | ((unsigned char)text[i] & 0x3f);
	}
	if ((length == 3 && character < 0x800) || (length == 4 && character < 0x10000) ||
	    (character >= 0xd800 && character < 0xe000) || character > 0x10ffff)
		return 0;
	*ret_character = character;
	return length;
}

bool text_is_label(const char *text, size_t size)
{
	if (strnlen(text, size) == size)
		return false;
	while (*text) {
		uint32_t character;
		size_t length = character_length(text, &character);

		if (length == 0 || character < 0x20 || (character >= 0x7f && character < 0xa0))
			return false;
		text += length;
	}
	return true;
}

bool text_is_device(const char *text)
{
	return *text && text_is_label(text, TEXT_DEVICE_LEN);
}

const char *text_kind(const char *text)
{
	if (strcmp(text, "kmod") == 0)
		return "kmod";
	return strcmp(text, "sim") == 0 ? "sim" : "unknown";
}

void text_buffer_name(char *ret, size_t size, const char *label, unsigned int index,
		      unsigned int count)
{
	char suffix[16] = "";
	size_t length = strlen(label);
	size_t room;

	if (length > 0 && count > 1)
		snprintf(suffix, sizeof(suffix), "-%u", index);
	room = size - 1 - strlen(suffix);
	if (length > room)
		for (length = room; length > 0 && is_continuation(label[length]);)
			length--;
	snprintf(ret, size, "%.*s%s", (int)length, label, suffix);
}
