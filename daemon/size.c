// SPDX-License-Identifier: LGPL-2.1-or-later
/* Sizes, amounts, durations and other values as administrators write them. Pure. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "size.h"

#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC  UINT64_C(1000000)

/* The digits at @text; no sign, no blanks, no other base. */
static int parse_digits(const char *text, uint64_t *ret, const char **ret_end)
{
	uint64_t number;
	char *end;

	if (!g_ascii_isdigit(*text))
		return -EINVAL;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno == ERANGE)
		return -ERANGE;
	*ret = number;
	*ret_end = end;
	return 0;
}

/*
 * What may follow the point of a decimal, in parts of @one: digits that @one has no place for
 * are lost.
 */
static int parse_fraction(const char *text, uint64_t one, uint64_t *ret, const char **ret_end)
{
	uint64_t parts = 0;

	if (!g_ascii_isdigit(*text))
		return -EINVAL;
	for (; g_ascii_isdigit(*text); text++) {
		one /= 10;
		parts += one * (uint64_t)(*text - '0');
	}
	*ret = parts;
	*ret_end = text;
	return 0;
}

int number_parse(const char *text, uint64_t minimum, uint64_t maximum, uint64_t *ret)
{
	const char *end;
	uint64_t number;
	int r = parse_digits(text, &number, &end);

	if (r < 0)
		return r;
	if (*end)
		return -EINVAL;
	if (number < minimum || number > maximum)
		return -ERANGE;
	*ret = number;
	return 0;
}

int boolean_parse(const char *text, bool *ret)
{
	static const char *const words[][2] = {
		{ "no", "yes" },
		{ "false", "true" },
		{ "off", "on" },
		{ "0", "1" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
		for (int value = 0; value <= 1; value++)
			if (g_ascii_strcasecmp(text, words[i][value]) == 0) {
				*ret = value;
				return 0;
			}
	return -EINVAL;
}

/* Bits that a suffix shifts by; -EINVAL. */
static int suffix_shift(const char *suffix)
{
	static const char letters[] = "KMGT";
	const char *letter;

	if (!*suffix)
		return 0;
	letter = strchr(letters, g_ascii_toupper(*suffix));
	if (!letter || suffix[1])
		return -EINVAL;
	return 10 * (int)(letter - letters + 1);
}

int size_parse(const char *text, uint64_t *ret_bytes)
{
	const char *suffix;
	uint64_t number;
	int shift;
	int r = parse_digits(text, &number, &suffix);

	if (r < 0)
		return r;
	shift = suffix_shift(suffix);
	if (shift < 0)
		return shift;
	if (__builtin_mul_overflow(number, UINT64_C(1) << shift, &number))
		return -ERANGE;
	*ret_bytes = number;
	return 0;
}

static int parse_share(const char *text, struct amount *ret)
{
	uint64_t hundredths = 0;
	uint64_t percent;
	const char *end;
	int r = parse_digits(text, &percent, &end);

	if (r >= 0 && *end == '.')
		r = parse_fraction(end + 1, 100, &hundredths, &end);
	if (r < 0)
		return r;
	if (strcmp(end, "%") != 0)
		return -EINVAL;
	if (percent > 100 || 100 * percent + hundredths > 10000)
		return -ERANGE;
	*ret = (struct amount){ .is_share = true, .bytes = 100 * percent + hundredths };
	return 0;
}

int amount_parse(const char *text, struct amount *ret)
{
	struct amount amount = { 0 };
	int r;

	if (strchr(text, '%'))
		return parse_share(text, ret);
	r = size_parse(text, &amount.bytes);
	if (r < 0)
		return r;
	*ret = amount;
	return 0;
}

/* The unit at @text, seconds if there is none. */
static int parse_unit(const char *text, uint64_t *ret_usec, const char **ret_end)
{
	static const struct {
		const char *name;
		uint64_t usec;
	} units[] = {
		{ "", USEC_PER_SEC },	      { "us", 1 },
		{ "ms", USEC_PER_MSEC },      { "s", USEC_PER_SEC },
		{ "min", 60 * USEC_PER_SEC }, { "h", 3600 * USEC_PER_SEC },
	};
	size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz");

	for (size_t i = 0; i < G_N_ELEMENTS(units); i++)
		if (strlen(units[i].name) == length && strncmp(units[i].name, text, length) == 0) {
			*ret_usec = units[i].usec;
			*ret_end = text + length;
			return 0;
		}
	return -EINVAL;
}

/* A number and its unit. */
static int parse_term(const char *text, uint64_t *ret_usec, const char **ret_end)
{
	uint64_t millionths = 0;
	const char *end;
	uint64_t number;
	uint64_t unit;
	int r = parse_digits(text, &number, &end);

	if (r >= 0 && *end == '.')
		r = parse_fraction(end + 1, 1000000, &millionths, &end);
	if (r >= 0)
		r = parse_unit(end, &unit, &end);
	if (r < 0)
		return r;
	if (__builtin_mul_overflow(number, unit, &number) ||
	    __builtin_add_overflow(number, millionths * unit / 1000000, &number))
		return -ERANGE;
	*ret_usec = number;
	*ret_end = end;
	return 0;
}

int duration_parse(const char *text, uint64_t *ret_usec)
{
	uint64_t total = 0;

	if (strcmp(text, "infinity") == 0) {
		*ret_usec = UINT64_MAX;
		return 0;
	}
	do {
		uint64_t usec;
		int r = parse_term(text, &usec, &text);

		if (r < 0)
			return r;
		/* UINT64_MAX is infinity, which nobody wrote. */
		if (__builtin_add_overflow(total, usec, &total) || total == UINT64_MAX)
			return -ERANGE;
		if (*text && *text != ' ')
			return -EINVAL;
		text += strspn(text, " ");
	} while (*text);
	*ret_usec = total;
	return 0;
}
