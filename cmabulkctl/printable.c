// SPDX-License-Identifier: LGPL-2.1-or-later
/* Text that somebody else chose, as it may go to a terminal. */
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "cli.h"
#include "printable.h"

/* Printable, says the locale; what follows is shown in another order than it has. */
static bool turns_direction(unsigned int sign)
{
	return sign == 0x061c || sign == 0x200e || sign == 0x200f ||
	       (sign >= 0x202a && sign <= 0x202e) || (sign >= 0x2066 && sign <= 0x2069);
}

void printable_make(char *text)
{
	size_t left = strlen(text);
	mbstate_t state = { 0 };
	char *end = text;

	while (left > 0) {
		wchar_t sign;
		size_t size = mbrtowc(&sign, text, left, &state);

		if (size > left) {
			size = 1;
			state = (mbstate_t){ 0 };
			*end++ = '?';
		} else if (!iswprint((wint_t)sign) || turns_direction((unsigned int)sign)) {
			*end++ = '?';
		} else {
			memmove(end, text, size);
			end += size;
		}
		text += size;
		left -= size;
	}
	*end = '\0';
}

static size_t length_of(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc0 || first >= 0xf8)
		return 0;
	return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* Bytes of the sign that begins here, which has to be as long as it says; 0: it is none. */
static size_t decode(const unsigned char *text, unsigned int *ret)
{
	static const unsigned int least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = length_of(*text);
	unsigned int sign = length > 1 ? *text & (0xffu >> (length + 1)) : *text;

	for (size_t i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		sign = sign << 6 | (text[i] & 0x3f);
	}
	*ret = sign;
	if (sign < least[length] || sign > 0x10ffff || (sign >= 0xd800 && sign < 0xe000))
		return 0;
	return length;
}

static bool is_harmful(unsigned int sign)
{
	return (sign >= 0x7f && sign < 0xa0) || sign == 0x2028 || sign == 0x2029 ||
	       turns_direction(sign);
}

void printable_write_json(const char *json, FILE *file)
{
	const unsigned char *text = (const unsigned char *)json;

	while (*text) {
		unsigned int sign = 0xfffd;
		size_t length = decode(text, &sign);

		if (length == 0)
			fputs("\\ufffd", file);
		else if (is_harmful(sign))
			fprintf(file, "\\u%04x", sign);
		else
			fwrite(text, 1, length, file);
		text += length > 0 ? length : 1;
	}
	fputc('\n', file);
}
