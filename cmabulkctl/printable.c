// SPDX-License-Identifier: LGPL-2.1-or-later
/* Text that somebody else chose, as it may go to a terminal. */
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "cli.h"
#include "printable.h"

/* Printable, says the locale; what follows is shown in another order than it has. */
static bool turns_direction(wchar_t sign)
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
		} else if (!iswprint((wint_t)sign) || turns_direction(sign)) {
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
